"""Turns a training checkpoint into safetensors once: only the network's weights, mapped instead of read when they are
loaded.

A checkpoint of SegFace or FaceXFormer holds the optimiser's two moments beside every weight; a third of it is the
network.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from workbench.catalog.spec import File, ModelSpec
from workbench.errors import BadRequest, BadWeights, SourceUnreachable
from workbench.models.files import checkpoint
from workbench.settings import Settings
from workbench.sources import fetching as sources

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".tar", ".torch")


@dataclass(frozen=True, slots=True)
class Converted:
    """What one conversion did. before, after: bytes. weights: how many. new: False when it had been done before."""

    source: str
    path: Path
    before: int
    after: int
    weights: int
    new: bool = True


def convert(spec: ModelSpec, settings: Settings) -> tuple[Converted, ...]:
    """Convert every PyTorch file of a model that is on this machine; the originals stay.

    Raises BadRequest when the model has none, BadWeights when a file is damaged or holds more than weights,
    SourceUnreachable when the disk is full.
    """
    files = tuple(_convertible(spec.files))
    if not files:
        raise BadRequest(
            f"{spec.title} has no PyTorch checkpoint to convert: its files are "
            f"{', '.join(f.source for f in spec.files)}."
        )
    return tuple(_convert(file, settings) for file in files)


def _convertible(files: Iterable[File]) -> Iterable[File]:
    return (file for file in files if file.source.endswith(SUFFIXES))


def _convert(file: File, settings: Settings) -> Converted:
    target = sources.converted_place(file, settings)
    if sources.converted(file, settings):
        return Converted(file.source, target, 0, target.stat().st_size, len(checkpoint.read(target)), new=False)
    original = sources.verify(file, settings)
    weights = {name: value.contiguous().clone() for name, value in checkpoint.read(original).items()}
    part = target.with_suffix(".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        save_file(weights, part, metadata={"format": "pt", "converted_from": file.source})
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SourceUnreachable(
            f"{target.name} could not be written ({error.strerror}). Free some room under {settings.cache}."
        ) from error
    _compare(weights, checkpoint.read(part), original)
    os.replace(part, target)
    sources.note_converted(file, sources.sha256(target), sources.sha256(original), settings)
    return Converted(file.source, target, original.stat().st_size, target.stat().st_size, len(weights))


def _compare(wanted: checkpoint.Weights, found: checkpoint.Weights, original: Path) -> None:
    if set(wanted) != set(found) or not all(torch.equal(wanted[name], found[name]) for name in wanted):
        raise BadWeights(
            f"{original.name}: what was written does not equal what was read. Nothing was replaced; try again."
        )
