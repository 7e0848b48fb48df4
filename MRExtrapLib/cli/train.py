"""`mrextrap train segmenter|autoencoder|progression|calibration`: the parts of a model."""

from __future__ import annotations

import argparse

from MRExtrapLib.cli import train_autoencoder, train_calibration, train_progression, train_segmenter


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `train` and what can be trained to the command line."""
    parser = subparsers.add_parser("train", help="train a network on a folder of scans")
    parts = parser.add_subparsers(
        dest="part", required=True, metavar="segmenter|autoencoder|progression|calibration"
    )
    train_segmenter.add_parser(parts)
    train_autoencoder.add_parser(parts)
    train_progression.add_parser(parts)
    train_calibration.add_parser(parts)
