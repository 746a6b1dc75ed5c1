"""How fast the Hub's recognisers run here, beside their authors' own classes when those are at hand, and how far the
answers lie apart.

    python benchmarks/hub_recognisers.py [--official FOLDER] [--only NAME ...] [--threads 2] [--runs 7]
    python benchmarks/hub_recognisers.py --parity        (writes the section "parity" of the figures from the golden
    files)

FOLDER holds checkouts under the names of their repositories: AdaFace, facenet-pytorch, InsightFace_Pytorch, CR-FIQA.
Weights are filled from their names (`tests/golden/fill.py`): speed does not depend on training. Ours and theirs get the
same weights, the same chip and the same process, and are timed in turn.
"""

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from measure import in_turn, record_speed, report
from torch import nn

from tests.golden.archive import Golden, apart
from tests.models.patterns import pattern
from workbench.catalog import MODELS
from workbench.models.attributes import face_quality
from workbench.models.expressions import pyfeat
from workbench.models.recognisers import arcface_ir, facenet, insight_mobile


@dataclass(frozen=True)
class Network:
    """One network: its golden, its row, our loader, and where the authors' class is and how it is built."""

    golden: str
    row: str
    load: Callable[..., Any]
    checkout: str
    file: str
    build: Callable[[ModuleType], nn.Module]
    side: int = 112
    outputs: tuple[str, ...] = ("output",)


def networks() -> list[Network]:
    """What is measured."""

    def adaface(depth: int) -> Network:
        name = f"adaface-ir{depth}"
        build = lambda module: getattr(module, f"IR_{depth}")((112, 112))  # noqa: E731
        return Network(
            name,
            f"{name}-webface4m",
            arcface_ir.load_adaface,
            "AdaFace",
            "net.py",
            build,
            112,
            ("vector", "output", "norm"),
        )

    insight = ("InsightFace_Pytorch", "model.py")
    return [
        *(adaface(depth) for depth in (18, 50, 101)),
        Network(
            "ir152",
            "ir152",
            arcface_ir.load_ir152,
            *insight,
            lambda m: m.Backbone(152, 0.6, "ir"),
            112,
            ("vector", "output"),
        ),
        Network("irse50", "irse50", arcface_ir.load_irse50, *insight, lambda m: m.Backbone(50, 0.6, "ir_se")),
        Network("insight-mobile", "mobileface", insight_mobile.load, *insight, lambda m: m.MobileFaceNet(512)),
        Network(
            "facenet",
            "facenet-vggface2",
            facenet.load,
            "facenet-pytorch",
            "models/inception_resnet_v1.py",
            _facenet,
            160,
            (),
        ),
        Network(
            "crfiqa-r50",
            "crfiqa-s",
            face_quality.load_crfiqa,
            "CR-FIQA",
            "backbones/iresnet.py",
            lambda m: m.iresnet50(num_features=512, qs=1, use_se=False),
            112,
            ("vector", "quality"),
        ),
    ]


def _facenet(module: ModuleType) -> nn.Module:
    network = module.InceptionResnetV1(classify=True, num_classes=8631)
    network.register_forward_pre_hook(lambda self, inputs: setattr(self, "classify", False))
    return network


def _ours(network: Network) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return network.load(MODELS[network.row], {"weights": Golden(network.golden).file(Path(folder))}, "cpu")


def _measured(network: Network, official: Path | None, runs: int) -> dict[str, Any]:
    model = _ours(network)
    chips = torch.from_numpy(pattern(1, network.side)).permute(0, 3, 1, 2).contiguous().float()
    works: dict[str, Callable[[], Any]] = {"ours": _inferring(model.network, chips)}
    source = official / network.checkout / network.file if official else None
    if source is not None and source.is_file():
        theirs = network.build(_module(source))
        theirs.load_state_dict(
            {name.removeprefix("model.net."): value for name, value in Golden(network.golden).weights().items()}
        )
        works["theirs"] = _inferring(theirs.eval(), chips / 127.5 - 1)
    times = in_turn(works, runs, 1)
    row: dict[str, Any] = {"model": network.row, "side": network.side} | {
        f"{name} ms": time["median"] for name, time in times.items()
    }
    if "theirs" in times:
        row["times faster"] = round(times["theirs"]["median"] / times["ours"]["median"], 2)
    return row


def _inferring(work: Callable[..., Any], chips: torch.Tensor) -> Callable[[], Any]:
    def run() -> Any:
        with torch.inference_mode():
            return work(chips)

    return run


def _module(path: Path) -> ModuleType:
    """A file of a checkout as a module, inside a package of its folder, so that its relative imports work."""
    package = ModuleType(f"official_{path.parent.name.replace('-', '_')}")
    package.__path__ = [str(path.parent)]
    sys.modules[package.__name__] = package
    spec = importlib.util.spec_from_file_location(f"{package.__name__}.{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def parity(only: list[str]) -> None:
    """Write how far ours lies from every golden into the figures."""
    from workbench.sources import figures

    def note(name: str, found: dict[str, float]) -> None:
        most = max(found.values())
        figures.update(
            "parity", {name: {"headline": f"{most:.1e} from the authors' code", "relative": most, "cases": found}}
        )
        print(f"{name:32} {most:.1e}", flush=True)

    for network in networks():
        if only and not network.golden.startswith(tuple(only)):
            continue
        golden, model = Golden(network.golden), _ours(network)
        answers = [model.raw(chip) for chip in pattern(2, network.side)]
        found = {name: apart(np.stack([answer[name] for answer in answers]), golden[name]) for name in network.outputs}
        if network.golden == "facenet":
            found = {f"output {side}": apart(_vectors(model, side), golden[f"output_{side}"]) for side in (160, 224)}
        note(network.golden, found)
    if not only or "pyfeat-multitask".startswith(tuple(only)):
        golden = Golden("pyfeat-multitask")
        with tempfile.TemporaryDirectory() as folder:
            model = pyfeat.load(MODELS["pyfeat-multitask"], {"weights": golden.file(Path(folder))}, "cpu")
        answers = [model.raw(chip) for chip in pattern(2, 256)]
        note(
            "pyfeat-multitask",
            {name: apart(np.stack([answer[name] for answer in answers]), golden[name]) for name in answers[0]},
        )


def _vectors(model: Any, side: int) -> np.ndarray:
    with torch.inference_mode():
        return model.forward(torch.from_numpy(pattern(2, side)).permute(0, 3, 1, 2).contiguous().float()).numpy()


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
        parity(arguments.only)
        return
    torch.set_num_threads(arguments.threads)
    official = Path(arguments.official) if arguments.official else None
    chosen = [
        network for network in networks() if not arguments.only or network.golden.startswith(tuple(arguments.only))
    ]
    rows = [_measured(network, official, arguments.runs) for network in chosen]
    report("hub_recognisers", rows)
    if arguments.record:
        record_speed({row["model"]: (row["ours ms"], f"at {row['side']} px") for row in rows})


if __name__ == "__main__":
    main()
