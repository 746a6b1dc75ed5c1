"""How far the recognisers of the field lie from their authors' code, and how fast they are beside it.

    python benchmarks/field_models.py --parity [--only NAME ...]
    python benchmarks/field_models.py --official FOLDER [--only NAME ...] [--threads 1] [--runs 5]

The first asks every golden of tests/golden/recognisers and writes the section "parity" of the figures. The second needs
checkouts under the names of their repositories (`OFFICIAL`), and timm where their code imports it. Weights are filled
from their names; ours and theirs get the same, in one process, and are timed in turn.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from hub_recognisers import _inferring, _module
from measure import in_turn, report
from torch import nn

from tests.golden.archive import HERE, Golden, apart
from tests.models.patterns import pattern
from workbench.catalog import MODELS

Build = Callable[[ModuleType], nn.Module]
GREY = torch.tensor([0.299, 0.587, 0.114])[:, None, None]


def _vit(width: int, depth: int) -> Build:
    return lambda m: m.VisionTransformer(
        img_size=112, patch_size=9, num_classes=512, embed_dim=width, depth=depth, num_heads=8, mask_ratio=0.1
    )


def _edge(name: str, rank: float) -> Build:
    def build(m: ModuleType) -> nn.Module:
        network = m.get_timmfrv2(name, batchnorm=False)
        return m.replace_linear_with_lowrank_2(network, rank_ratio=rank) if rank else network

    return build


_EDGE, _FIRST, _SECOND = "edgeface/backbones/timmfr.py", "facelivt.py", "facelivtv2.py"
OFFICIAL: dict[str, tuple[str, Build]] = {
    "lvface-t": ("LVFace/backbones/vit.py", _vit(256, 12)),
    "lvface-s": ("LVFace/backbones/vit.py", _vit(512, 12)),
    "transface-s": ("TransFace/backbones/vit.py", _vit(512, 12)),
    "edgeface-base": (_EDGE, _edge("edgenext_base", 0)),
    "edgeface-s": (_EDGE, _edge("edgenext_small", 0.5)),
    "edgeface-xs": (_EDGE, _edge("edgenext_x_small", 0.6)),
    "edgeface-xxs": (_EDGE, _edge("edgenext_xx_small", 0)),
    "facelivt-s": (f"FaceLiVT/backbones/{_FIRST}", lambda m: m.facelivt_s()),
    "facelivt-m": (f"FaceLiVT/backbones/{_FIRST}", lambda m: m.facelivt_m()),
    "facelivt2-xs": (f"FaceLiVT/backbones/{_SECOND}", lambda m: m.facelivtv2_xs()),
    "facelivt2-s": (f"FaceLiVT/backbones/{_SECOND}", lambda m: m.facelivtv2_s()),
    "facelivt2-m": (f"FaceLiVT/backbones/{_SECOND}", lambda m: m.facelivtv2_m()),
    "facelivt2-l": (f"FaceLiVT/backbones/{_SECOND}", lambda m: m.facelivtv2_l()),
    "lightcnn-9": ("LightCNN/light_cnn.py", lambda m: m.LightCNN_9Layers(num_classes=5)),
    "lightcnn-29v2": ("LightCNN/light_cnn.py", lambda m: m.LightCNN_29Layers_v2(num_classes=5)),
    "lightcnn-v4": ("LightCNN/light_cnn_v4.py", lambda m: m.LightCNN_V4(None)),
    "sphereface2-sfnet20": ("opensphere/opensphere/module/backbone/sfnet.py", lambda m: m.sfnet20()),
    "hsface-10k": (
        "SOTA-Face-Recognition-Train-and-Test/model/iresnet.py",
        lambda m: m.iresnet("50", mode="se"),
    ),
}
"""Row → the file of its authors' class, and how it is built."""


def rows(only: list[str]) -> list[str]:
    """Goldens that are rows of the catalogue."""
    names = sorted(path.stem for path in (HERE / "recognisers").glob("*.npz"))
    return [name for name in names if name in MODELS and (not only or name.startswith(tuple(only)))]


def ours(row: str) -> Any:
    """The row's model on filled weights."""
    module, _, name = MODELS[row].load.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        files = {"weights": Golden(f"recognisers/{row}").file(Path(folder))}
        return getattr(import_module(module), name)(MODELS[row], files, "cpu")


def parity(only: list[str]) -> None:
    """Write how far every row is from its golden into the figures."""
    from workbench.sources import figures

    for row in rows(only):
        model, golden = ours(row), Golden(f"recognisers/{row}")
        found = np.stack([model.raw(chip)["vector"] for chip in pattern(2, model.size)])
        most = apart(found, golden["vector"])
        figures.update("parity", {row: {"headline": f"{most:.1e} from the authors' code", "relative": most}})
        print(f"{row:28} {most:.1e}", flush=True)


def _seen(row: str, chips: torch.Tensor) -> torch.Tensor:
    """What the authors' class is given: their normalised pixels."""
    if row == "lightcnn-v4":
        return chips.flip(1) / 255
    return (chips * GREY).sum(1, keepdim=True) / 255 if row.startswith("lightcnn") else chips / 127.5 - 1


def speed(official: Path, only: list[str], runs: int) -> None:
    """A table of milliseconds, ours and theirs."""
    found = []
    for row in rows(only):
        if row not in OFFICIAL or not (official / OFFICIAL[row][0]).is_file():
            continue
        path, build = OFFICIAL[row]
        model, theirs = ours(row), build(_module(official / path)).eval()
        theirs.load_state_dict(Golden(f"recognisers/{row}").weights())
        chips = torch.from_numpy(pattern(1, model.size)).permute(0, 3, 1, 2).contiguous().float()
        works = {"ours": _inferring(model.network, chips), "theirs": _inferring(theirs, _seen(row, chips))}
        times = in_turn(works, runs, 1)
        best = {name: time["min"] for name, time in times.items()}
        found.append(
            {"model": row, "ours ms": best["ours"], "theirs ms": best["theirs"]}
            | {"times faster": round(best["theirs"] / best["ours"], 2)}
        )
    report("field_models", found)


def main() -> None:
    """Measure what is asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parity", action="store_true")
    parser.add_argument("--official", type=Path, help="folder with the authors' checkouts")
    parser.add_argument("--only", nargs="*", default=[], help="rows, or starts of rows")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.official:
        speed(arguments.official, arguments.only, arguments.runs)
    else:
        parity(arguments.only)


if __name__ == "__main__":
    main()
