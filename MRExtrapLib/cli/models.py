"""`mrextrap models`: list, show, import, verify and remove models."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.errors import InputError

if TYPE_CHECKING:
    from MRExtrapLib.model.catalogue import Catalogue, Entry
    from MRExtrapLib.model.manifest import Manifest


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `models` and its own commands to the command line."""
    parser = subparsers.add_parser("models", help="list, show, import, verify and remove models")
    commands = parser.add_subparsers(dest="models_command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="the models at hand")
    listing.set_defaults(run=run_list)
    for name, words, run in (
        ("show", "all that a model says of itself", run_show),
        ("verify", "check every byte and every weight of a model", run_verify),
    ):
        one = commands.add_parser(name, help=words)
        one.add_argument("model", nargs="?", metavar="NAME|DIR", help="default: the bundled model")
        one.set_defaults(run=run)
    removing = commands.add_parser("remove", help="delete a model that you installed")
    removing.add_argument("model", metavar="NAME")
    removing.set_defaults(run=run_remove)
    _add_import(commands)


def run_list(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap models list`."""
    entries = _catalogue(arguments).entries()
    if not entries:
        print("No model is installed; `mrextrap models import` installs one.")
    rows = [_row(entry) for entry in entries]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    for row in rows:
        print(
            "  ".join(
                (*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])
            ).rstrip()
        )
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap models show`."""
    from MRExtrapLib.model.integrity import read_manifest

    folder = _catalogue(arguments).find(arguments.model)
    manifest, sha256 = read_manifest(folder)
    for name, value in _facts(manifest, folder, sha256):
        print(f"{name + ':':<12} {value}")
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap models verify`."""
    from MRExtrapLib.model.folder import verify
    from MRExtrapLib.model.integrity import unlisted_files

    folder = _catalogue(arguments).find(arguments.model)
    manifest = verify(folder)
    print(f"{manifest.name}: all {len(manifest.files)} files are as model.json says, and the networks load.")
    if ignored := unlisted_files(folder, manifest):
        print(f"Not part of the model and never read: {', '.join(ignored)}")
    return 0


def run_remove(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap models remove`."""
    print(f"Removed {_catalogue(arguments).remove(arguments.model)}")
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap models import`."""
    from MRExtrapLib.model.manifest import MANIFEST_FILE

    catalogue = _catalogue(arguments)
    source: Path = arguments.source
    if (source / MANIFEST_FILE).is_file():
        if arguments.config or arguments.name:
            msg = f"{source} is a model folder, which brings its own configuration and name; leave both out."
            raise InputError(msg)
        folder = catalogue.install(source)
    else:
        folder = _import_weights(arguments, catalogue)
    print(f"Installed {folder.name} in {folder}; use it with --model {folder.name}")
    return 0


def _add_import(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "import",
        help="install a model folder, or the weights of a MONAI AutoencoderKL with their configuration",
    )
    parser.add_argument(
        "source", type=Path, metavar="STATE.pt|DIR", help="weights (PyTorch, safetensors) or a folder"
    )
    parser.add_argument(
        "--config", type=Path, metavar="CONFIG.json", help="MONAI's constructor arguments or bundle"
    )
    parser.add_argument("--name", help="of the new model; default: that of the file")
    parser.add_argument("--licence", default="unknown", help="of the weights, such as Apache-2.0")
    parser.add_argument(
        "--shape",
        type=int,
        nargs=3,
        metavar=("X", "Y", "Z"),
        help="grid it was trained on; any but the template's, the default, is refused",
    )
    parser.add_argument("--spacing-mm", type=float, metavar="MM", help="size of its voxels; likewise")
    parser.set_defaults(run=run_import)


def _import_weights(arguments: argparse.Namespace, catalogue: Catalogue) -> Path:
    from MRExtrapLib.imaging.template import BUNDLED, bundled_template
    from MRExtrapLib.model.importing import ImportRequest, grid_of, import_monai, model_grid

    if not arguments.source.is_file():
        msg = f"{arguments.source} is neither a file of weights nor a model folder; check the path."
        raise InputError(msg)
    if arguments.config is None:
        msg = f"The weights in {arguments.source} need their configuration; add --config CONFIG.json."
        raise InputError(msg)
    template = bundled_template()
    shape = tuple(arguments.shape) if arguments.shape else None
    grid = grid_of(template.grid, shape, arguments.spacing_mm)
    if not grid.is_same_as(template.grid):
        msg = (
            f"MRExtrap brings every scan to {template.grid.words}, so it cannot use an autoencoder trained "
            f"on {grid.words}; import weights that were trained on that grid."
        )
        raise InputError(msg)
    name = (
        arguments.name or re.sub(r"[^A-Za-z0-9._-]+", "-", arguments.source.stem).strip(".-_") or "imported"
    )
    request = ImportRequest(
        arguments.source,
        arguments.config,
        name,
        model_grid(grid, template.name, BUNDLED),
        arguments.licence,
    )
    return import_monai(request, catalogue)


def _catalogue(arguments: argparse.Namespace) -> Catalogue:
    """The models of this computer, or those that a test gives."""
    from MRExtrapLib.model.catalogue import Catalogue

    return getattr(arguments, "catalogue", None) or Catalogue()


def _row(entry: Entry) -> tuple[str, str, str, str]:
    where = "bundled" if entry.is_bundled else "installed"
    if entry.manifest is None:
        return entry.name, where, "broken", entry.problem
    return entry.name, where, " + ".join(entry.manifest.networks), entry.manifest.description


def _facts(manifest: Manifest, folder: Path, sha256: str) -> list[tuple[str, str]]:
    facts = [
        ("name", manifest.name),
        ("description", manifest.description or "none"),
        ("folder", str(folder)),
        ("sha256", sha256),
        ("licence", manifest.licence),
        ("grid", manifest.grid.grid.words),
        ("template", manifest.grid.template),
    ]
    facts += [(role, spec.architecture) for role, spec in manifest.networks.items()]
    facts += [("regions", ", ".join(manifest.regions))] if manifest.regions else []
    facts += [("trained", f"{run.network}: {run.command}") for run in manifest.training]
    facts += [("quality", f"{m.quantity} {m.value:g} {m.unit} ({m.data})") for m in manifest.quality]
    facts += [("source", f"{one.name}, {one.licence}. {one.reference}") for one in manifest.sources]
    return facts
