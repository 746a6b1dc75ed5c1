"""How fast the Hub's models run here, beside their authors' own classes when those are at hand, and how far the answers
lie apart.

    python benchmarks/hub_models.py [--official FOLDER] [--only NAME ...] [--threads 2] [--runs 7]
    python benchmarks/hub_models.py --parity        (writes the section "parity" of the figures from the golden files)

FOLDER holds checkouts under the names of their repositories: SegFace, facexformer, face-parsing.PyTorch. Weights are
filled from their names (`tests/golden/fill.py`): speed does not depend on training. Ours and theirs get the same
weights, the same input and the same process, and are timed in turn. Goal: SegFace mobilenet at 512 px in 0.6 s, Swin-B
in 2.5 s, and never slower than theirs.
"""

import argparse
import dataclasses
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from measure import in_turn, record_speed, report

from tests.golden.digest import Pictures
from tests.golden.inputs import tensor
from workbench.catalog import MODELS
from workbench.catalog.spec import ModelSpec

Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Family:
    """One network: its golden's name, the side of its input, our forward pass and, given a checkout, the authors'."""

    name: str
    side: int
    ours: Callable[[dict[str, torch.Tensor]], Forward]
    theirs: Callable[[dict[str, torch.Tensor]], Forward] | None = None
    checkout: str = ""
    weights: Callable[[], dict[str, torch.Tensor]] | None = None

    def filled(self) -> dict[str, torch.Tensor]:
        """Weights from their names."""
        return self.weights() if self.weights else Pictures(self.name).weights()


def _loaded(module: str, id: str, weights: dict[str, torch.Tensor]) -> Any:
    """A model of weights that are no file."""
    family: Any = importlib.import_module(f"workbench.models.parsers.{module}")
    read, family.read = family.read, lambda path: weights
    spec: ModelSpec = dataclasses.replace(MODELS["facexformer"], id=id)
    try:
        return family.load(spec, {"weights": Path(__file__)}, "cpu")
    finally:
        family.read = read


@contextmanager
def _importing(folder: Path) -> Iterator[None]:
    """Modules of a checkout for a moment: their names (`network`, `model`, `resnet`) are nobody's afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(folder) in str(getattr(sys.modules[name], "__file__", None) or ""):
                del sys.modules[name]


def _untrained(module: Any, *names: str) -> None:
    """Constructors without their download of ImageNet weights."""
    from torchvision import models

    def plain(make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *a, **k: make(weights=None)

    for name in names:
        setattr(module, name, plain(getattr(models, name)))


def _segface_official(backbone: str) -> Callable[[dict[str, torch.Tensor]], Forward]:
    def make(weights: dict[str, torch.Tensor]) -> Forward:
        module = importlib.import_module("network.models.segface_celeb")
        _untrained(module, "swin_b", "swin_v2_b", "convnext_base", "mobilenet_v3_large", "efficientnet_v2_m")
        network = module.SegFaceCeleb(512, backbone)
        network.load_state_dict(weights, strict=True)
        dataset = torch.tensor([0])
        return lambda pixels: network.eval()(pixels, {}, dataset)

    return make


def _segface(backbone: str, theirs: str) -> Family:
    name = f"segface-{backbone}-celeba"
    return Family(
        name,
        512,
        lambda weights: _loaded("segface", f"{name}-512", weights).network,
        _segface_official(theirs),
        "SegFace",
    )


def _facexformer_official(weights: dict[str, torch.Tensor]) -> Forward:
    module = importlib.import_module("network.models.facexformer")
    _untrained(module, "swin_b")
    network = module.FaceXFormer()
    network.load_state_dict(weights, strict=True)
    task = torch.tensor([0])
    return lambda pixels: network.eval()(pixels, None, task)[-1]


def _facexformer(weights: dict[str, torch.Tensor]) -> Forward:
    network = _loaded("facexformer", "facexformer", weights).network
    return lambda pixels: network(pixels)["logits"]


def _bisenet_official(weights: dict[str, torch.Tensor]) -> Forward:
    import torch.utils.model_zoo as zoo

    download, zoo.load_url = zoo.load_url, lambda *a, **k: {}
    try:
        network = importlib.import_module("model").BiSeNet(19)
    finally:
        zoo.load_url = download
    network.load_state_dict(weights, strict=True)
    return lambda pixels: network.eval()(pixels)[0]


def _rtnet(weights: dict[str, torch.Tensor]) -> Forward:
    network = _loaded("rtnet", "rtnet50-11", weights).network
    return lambda pixels: network(pixels, (1.0, 1.2))


def families() -> list[Family]:
    """What is measured."""
    return [
        _segface("mobilenet", "mobilenet"),
        _segface("swinb", "swin_base"),
        _segface("swinv2b", "swinv2_base"),
        _segface("convnext", "convnext_base"),
        _segface("efficientnet", "efficientnet"),
        Family("facexformer", 224, _facexformer, _facexformer_official, "facexformer"),
        Family(
            "bisenet-zll-resnet18",
            512,
            lambda weights: _loaded("bisenet", "bisenet-zll-resnet18", weights).network,
            _bisenet_official,
            "face-parsing.PyTorch",
        ),
        Family("segformer-b5", 512, lambda weights: _loaded("segformer", "segformer-b5", weights).network),
        Family("rtnet50-11", 513, _rtnet),
    ]


def _measured(family: Family, official: Path | None, runs: int) -> dict[str, Any]:
    weights = family.filled()
    pixels = torch.from_numpy(tensor(5, (1, 3, family.side, family.side)))
    forwards: dict[str, Forward] = {"ours": family.ours(weights)}
    if family.theirs and official and (official / family.checkout).is_dir():
        with _importing(official / family.checkout):
            forwards["theirs"] = family.theirs(weights)
    with torch.inference_mode():
        answers = {name: forward(pixels.clone()) for name, forward in forwards.items()}
    row: dict[str, Any] = {"model": family.name, "side": family.side}
    if "theirs" in answers:
        row["apart"] = f"{float((answers['ours'] - answers['theirs']).abs().max() / answers['theirs'].abs().max()):.1e}"
    works = {"ours": _inferring(forwards["ours"], pixels)} | (
        {"theirs": _plain(forwards["theirs"], pixels)} if "theirs" in forwards else {}
    )
    times = in_turn(works, runs, 1)
    for name, time in times.items():
        row[f"{name} ms"] = time["median"]
    if "theirs" in times:
        row["times faster"] = round(times["theirs"]["median"] / times["ours"]["median"], 2)
    return row


def _inferring(forward: Forward, pixels: torch.Tensor) -> Callable[[], None]:
    def work() -> None:
        with torch.inference_mode():
            forward(pixels)

    return work


def _plain(forward: Forward, pixels: torch.Tensor) -> Callable[[], None]:
    """As the authors' scripts call it: without gradients. Some of their classes write into their input, so each call
    gets a copy."""

    def work() -> None:
        with torch.no_grad():
            forward(pixels.clone())

    return work


def parity() -> None:
    """Write how far ours lies from every golden into the figures, under the ids of the models it vouches for."""
    from tests.golden.hub_parsers import FAMILIES, differences, rows
    from workbench.sources import figures

    for name in FAMILIES:
        found = differences(name)
        apart = max(found.values())
        entry = {"headline": f"{apart:.1e} from the authors' code", "golden": name, "relative": apart, "cases": found}
        figures.update("parity", dict.fromkeys(rows(name), entry))
        print(f"{name:32} {apart:.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--official", type=Path, default=os.environ.get("WORKBENCH_OFFICIAL"), help="folder with the authors' checkouts"
    )
    parser.add_argument("--only", nargs="*", default=[], help="names, or starts of names, of what to measure")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--parity", action="store_true", help="measure the distance to the goldens instead of speed")
    parser.add_argument(
        "--record", action="store_true", help="keep the times for the README's table: on a quiet machine only"
    )
    arguments = parser.parse_args()
    if arguments.parity:
        parity()
        return
    torch.set_num_threads(arguments.threads)
    official = Path(arguments.official) if arguments.official else None
    chosen = [family for family in families() if not arguments.only or family.name.startswith(tuple(arguments.only))]
    rows = [_measured(family, official, arguments.runs) for family in chosen]
    report("hub_models", rows)
    if arguments.record:
        record_speed({row["model"]: (row["ours ms"], f"at {row['side']} px") for row in rows})


if __name__ == "__main__":
    main()
