"""Turns a checkpoint into the file that ships, and measures the embedded parsers on the pictures kept aside.

Measuring goes the whole way a user's photo goes: file, detector, mesh, parser, label map at the photo's size.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from training import parser_data
from workbench.bench import Workbench
from workbench.images import decode
from workbench.metrics.parsing import Tally
from workbench.models.parsers.compact_network import STEPS, Network
from workbench.models.parsers.compact_torch import PRIOR
from workbench.parts import INDEX, MIRROR, PARTS
from workbench.settings import Settings
from workbench.sources import figures
from workbench.tasks.detection import find_faces
from workbench.tasks.parsing import parse

FULL_PRECISION = ("running_mean", "running_var", PRIOR)
"""Tensors that keep 32 bits; all others ship with 16."""


LENT = {"earring": 1.0}
"""By how much, in log odds, pasting a part onto other faces makes the network expect it too often; found on the
validation pictures."""


def export(network: Network, prior: Tensor, side: int, path: Path) -> None:
    """Writes the averaged network, the correction of its prior (19,) and the input side that suits it, as
    safetensors."""
    if side % STEPS or prior.shape != (len(PARTS),):
        raise ValueError(
            f"Expected a side in steps of {STEPS} and {len(PARTS)} priors, got {side} and {tuple(prior.shape)}."
        )
    tensors = {name: value for name, value in network.state_dict().items() if value.is_floating_point()} | {
        PRIOR: prior
    }
    small = {
        name: value.float().contiguous() if name.endswith(FULL_PRECISION) else value.half().contiguous()
        for name, value in tensors.items()
    }
    partial = path.with_suffix(".partial")
    save_file(small, partial, {"side": str(side), "parts": " ".join(PARTS)})
    partial.replace(path)


def correction(weights: Tensor, taken_back: float) -> Tensor:
    """(19,): what is added to the log probabilities, because training showed rare parts too often or weighed them too
    much.

    taken_back: how much of the loss's class weights, 0 to 1. The lent earrings come on top (`LENT`).
    """
    prior = -taken_back * torch.log(weights)
    for part, extra in LENT.items():
        prior[INDEX[part]] -= extra
    return prior


def from_checkpoint(path: Path) -> Network:
    """The averaged network of a checkpoint."""
    network = Network()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
    return network.eval()


def validation(data: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures and masks that no training run has seen, decoded one by one."""
    from PIL import Image

    stems = tuple(sorted(path.stem for path in (data / "images").glob("*.jpg")))
    masks = [np.asarray(Image.open(data / "masks" / f"{stem}.png")) for stem in stems]
    areas = np.stack([np.bincount(mask.ravel(), minlength=len(PARTS)) for mask in masks])
    settings = Settings.from_env({})
    for index in parser_data.split(stems, areas)[1]:
        yield decode(data / "images" / f"{stems[index]}.jpg", settings), masks[index]


def evaluate(
    bench: Workbench, model: str, data: Path, progress: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """`metrics_parts.Tally.figures` of one parser on the validation pictures at their own size, and how many showed no
    face.

    A picture without a face counts as parsed all background, as the command line writes it with `--no-face background`.
    righted_pooled_f1, righted_picture_f1: the same against masks whose exchanged sides (`sides_exchanged`) are put
    right.
    """
    finder, parser, tally, righted, missed = bench.finder(), bench.model(model), Tally(), Tally(), 0
    for done, (image, mask) in enumerate(validation(data), start=1):
        faces = find_faces(image, finder)
        labels = parse(image, parser, faces).labels
        missed += not faces
        tally.add(mask, labels)
        righted.add(np.array(MIRROR, np.uint8)[mask] if parser_data.sides_exchanged(mask) else mask, labels)
        progress(done)
    better = {f"righted_{name}": righted.figures()[name] for name in ("pooled_f1", "picture_f1")}
    return tally.figures() | better | {"without_face": missed}


def record(model: str, found: dict[str, Any], path: Path = figures.FIGURES) -> None:
    """Writes one model's figures where the README's table and the weights card read them."""
    rounded = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in found.items()
        if name not in ("f1", "iou")
    }
    rounded["parts"] = {
        part: {"f1": round(found["f1"][part], 4), "iou": round(found["iou"][part], 4)} for part in found["f1"]
    }
    rounded["headline"] = (
        f"F1 {found['pooled_f1']:.3f} pooled, {found['picture_f1']:.3f} per picture, mIoU {found['miou']:.3f} "
        f"({found['pictures']} validation pictures, background included)"
    )
    figures.update("parsing", {model: rounded}, path)


def card_table(entry: dict[str, Any]) -> str:
    """The rows of the weights card: part, F1, IoU, from one model's recorded figures."""
    rows = [f"| {part} | {values['f1']:.3f} | {values['iou']:.3f} |" for part, values in entry["parts"].items()]
    return "\n".join(["| Part | F1 | IoU |", "|---|---|---|", *rows])


def table(found: dict[str, dict[str, Any]]) -> str:
    """A table for the terminal: one row per part, one pair of columns per model."""
    head = "part".ljust(18) + "".join(f"{model + ' F1':>14}{'IoU':>8}" for model in found)
    rows = [
        part.ljust(18)
        + "".join(
            f"{row['f1'][part]:14.3f}{row['iou'][part]:8.3f}" if part in row["f1"] else " " * 22
            for row in found.values()
        )
        for part in PARTS
    ]
    rows += [
        name.ljust(18) + "".join(f"{row[key]:14.3f}{'':8}" for row in found.values())
        for name, key in (("pooled mean F1", "pooled_f1"), ("mean per picture", "picture_f1"), ("mean IoU", "miou"))
    ]
    return "\n".join([head, *rows])
