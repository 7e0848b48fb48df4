"""An engine made of a model folder: networks on their device, the segmenter asked for, the template."""

from __future__ import annotations

import hashlib
import json

from MRExtrapLib.anatomy.segmentation import Segmenter
from MRExtrapLib.anatomy.synthseg import SynthSeg, find_synthseg
from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.engine import Engine, EngineIdentity, LatentCodec, Notices, VolumeSegmenter
from MRExtrapLib.forecast.keeping import KeepingCodec
from MRExtrapLib.imaging.intensity import IntensityContract
from MRExtrapLib.imaging.template import Template, bundled_template
from MRExtrapLib.model.catalogue import find_model
from MRExtrapLib.model.codec import Codec
from MRExtrapLib.model.device import Device, pick_device
from MRExtrapLib.model.folder import Model, load_model
from MRExtrapLib.model.latent_cache import LatentCache
from MRExtrapLib.model.manifest import KNOWLEDGE_FILES, VOLUMES_FILE, weights_file
from MRExtrapLib.model.segmenter import SegmenterNetwork
from MRExtrapLib.model.typed_json import to_json
from MRExtrapLib.progression.coarse import stored_prior
from MRExtrapLib.progression.knowledge import Knowledge, parse_knowledge
from MRExtrapLib.training.progression import fingerprint_of

WITHOUT_KNOWLEDGE = (
    "there are no calibrated intervals, no rates beside such people's, no judged changes, and no measure of "
    "how unlike the known ones a scan is."
)
"""What a forecast lacks then."""


def load_engine(
    model: str | None = None,
    device: str = "auto",
    segmenter: str = "own",
    latents: LatentCache | None = None,
) -> Engine:
    """The engine of a model, by name or folder; the bundled one by default.

    Args:
        model: an installed model's name, or a model folder.
        device: auto, cpu, cuda or mps.
        segmenter: "own", or "synthseg" for FreeSurfer's mri_synthseg. A model without one of its own (an
            imported autoencoder) borrows that of the bundled model.
        latents: where latents are kept for the next time; None keeps none.

    Raises:
        ModelError: the model is missing, changed, or lacks what is asked of it.
        InputError: this computer has no such device, or mri_synthseg is not on the PATH.
    """
    synthseg = SynthSeg(find_synthseg()) if segmenter == "synthseg" else None
    place = pick_device(device)
    loaded = load_model(find_model(model))
    _require_scale(loaded)
    template = _template_of(loaded)
    lender = loaded if loaded.segmenter or synthseg else load_model(find_model())
    found: VolumeSegmenter = synthseg or _own_segmenter(lender, place, template)
    identity = EngineIdentity(
        model=loaded.name,
        model_sha256=loaded.sha256,
        segmenter=synthseg.words if synthseg else "own" if lender is loaded else f"of {lender.name}",
        device=place.words,
        weights_sha256=" ".join(fingerprint_of(model) for model in dict.fromkeys((loaded, lender))),
        segmenter_sha256="" if synthseg else lender.manifest.files[weights_file("segmenter")],
        knowledge_sha256=_knowledge_sha256(loaded, lender),
    )
    notices = Notices()
    codec: LatentCodec = Codec(loaded.autoencoder, loaded.grid.shape, place, notices.tell)
    if latents is not None:
        codec = KeepingCodec(codec, latents, loaded.sha256, place.words)
    prior = None if loaded.progression is None else stored_prior(loaded.progression)
    knowledge = _knowledge_of(loaded, identity.segmenter, notices)
    return Engine(codec, found, template, identity, prior=prior, knowledge=knowledge, notices=notices)


def _knowledge_of(model: Model, segmenter: str, notices: Notices) -> Knowledge | None:
    """What the model knows of volumes as they are measured; where it is nothing, the notices say why."""
    if model.volumes is None:
        notices.tell(f"The model {model.name} knows nothing of regional volumes: {WITHOUT_KNOWLEDGE}")
        return None
    if segmenter != "own":  # another segmenter draws other borders
        notices.tell(
            f"Volumes are measured by the segmenter {segmenter}, not by one of the model {model.name}, "
            f"so that nothing counts that it knows of them: {WITHOUT_KNOWLEDGE}"
        )
        return None
    return parse_knowledge(model.volumes, VOLUMES_FILE)


def _knowledge_sha256(*models: Model) -> str:
    """Of all that predictions depend on beside weights: priors, calibration, and how networks are built."""
    facts: list[object] = []
    for model in dict.fromkeys(models):
        files = [model.manifest.files.get(file) for file in KNOWLEDGE_FILES]
        facts += [files, to_json(model.manifest.networks)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _own_segmenter(model: Model, device: Device, template: Template) -> Segmenter:
    if not isinstance(model.segmenter, SegmenterNetwork):
        msg = f"The model {model.name} has no segmenter; choose another model, or --segmenter synthseg."
        raise ModelError(msg)
    return Segmenter(model.segmenter, device, template)


def _require_scale(model: Model) -> None:
    if model.manifest.intensity != IntensityContract():
        msg = (
            f"The model {model.name} was trained on another scale of brightness ({model.manifest.intensity}) "
            f"than this version makes ({IntensityContract()}); install a model made for this version."
        )
        raise ModelError(msg)


def _template_of(model: Model) -> Template:
    template = bundled_template()
    if model.template != template.name:
        msg = (
            f"The model {model.name} works in the space of the template {model.template}, which this version "
            f"does not have (it has {template.name}); install a model made for it."
        )
        raise ModelError(msg)
    if not model.grid.is_same_as(template.grid):
        msg = (
            f"The model {model.name} works on a grid of {model.grid.words}, but this version brings every "
            f"scan to {template.grid.words}, around {template.name}; install a model made for that grid."
        )
        raise ModelError(msg)
    return template
