"""`mrextrap doctor`: what this computer and this installation have, to copy into a question."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from MRExtrapLib import __version__
from MRExtrapLib.cli.demo import SAMPLE, sample_scans
from MRExtrapLib.errors import InputError, ModelError, fit_to_copy


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `doctor` to the command line."""
    parser = subparsers.add_parser("doctor", help="check this installation; the answer is fit to copy")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap doctor`: 0 when all is well, 3 when a model is broken or none is there."""
    findings = list(diagnose())
    for name, words, _ in findings:
        print(f"{name:<12} {words}")
    return 0 if all(is_well for _, _, is_well in findings) else 3


def diagnose() -> Iterator[tuple[str, str, bool]]:
    """What was looked at, what was found in words, and whether it is well.

    Paths in the home folder begin with ~, so that the words name nobody.
    """
    for name, words, is_well in _findings():
        yield name, fit_to_copy(words), is_well


def _findings() -> Iterator[tuple[str, str, bool]]:
    yield "mrextrap", f"{__version__} in {Path(__file__).resolve().parents[1]}", True
    yield "python", f"{platform.python_version()} {sys.executable}", True
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}", True
    yield "processor", f"{os.cpu_count()} cores", True
    yield "memory", _memory_words(), True
    yield from _software()
    yield from _models()
    yield _latents()
    yield _sample()


def _software() -> Iterator[tuple[str, str, bool]]:
    from MRExtrapLib.forecast.provenance import software_versions

    versions = software_versions()
    yield "packages", ", ".join(f"{name} {found}" for name, found in versions.items()), True
    try:
        import torch

        from MRExtrapLib.model.device import has_native_bf16, pick_device
    except (ImportError, OSError) as error:
        yield "torch", f"does not load ({error}); install it again", False
        return
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no"
    mps = "yes" if torch.backends.mps.is_available() else "no"
    bf16 = "yes" if has_native_bf16() else "no"
    threads = torch.get_num_threads()
    yield "devices", f"CUDA {cuda}; MPS {mps}; native bfloat16 {bf16}; {threads} threads", True
    yield "uses", f"{pick_device('auto').words} by default", True


def _models() -> Iterator[tuple[str, str, bool]]:
    from MRExtrapLib.model.catalogue import Catalogue
    from MRExtrapLib.model.folder import verify

    entries = Catalogue().entries()
    if not entries:
        yield "model", "none found; install one with mrextrap models import", False
    for entry in entries:
        try:
            verify(entry.folder)
        except ModelError as error:
            yield "model", f"{entry.name} in {entry.folder}: {error}", False
        else:
            yield "model", f"{entry.name} in {entry.folder}: verified", True


def _latents() -> tuple[str, str, bool]:
    from MRExtrapLib.model.latent_cache import LatentCache

    cache = LatentCache()
    megabytes, most = cache.size_bytes / 1e6, cache.most_bytes / 1e6
    words = f"{cache.count} of scans, {megabytes:.0f} of at most {most:.0f} MB, in {cache.folder}"
    return "latents", f"{words}; may be deleted", True


def _sample() -> tuple[str, str, bool]:
    try:
        return "sample", f"{len(sample_scans())} scans in {SAMPLE}", True
    except InputError as error:
        return "sample", str(error), False


def _memory_words() -> str:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        gibibytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        return f"{gibibytes:.1f} GiB"
    return "unknown"
