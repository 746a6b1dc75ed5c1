"""How far landmark models, finders and repairs lie from their authors' code, at full size and on filled weights.

    python benchmarks/face_models.py [--only NAME ...]
    python benchmarks/face_models.py --official FOLDER [--only NAME ...] [--runs 5]

The first asks the goldens of tests/golden whose names are rows and writes the section "parity" of the figures. The
second counts the processor time of one forward pass beside the authors' classes, of the same weights and in turn, one
thread; FOLDER holds checkouts under the names of their repositories (Pytorch_Retinaface, SPIGA,
RestoreFormerPlusPlus).
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from measure import in_turn, report
from safetensors.torch import save_file

from tests.golden.archive import Golden, apart
from tests.golden.inputs import photo
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.models.finders import fan, retinaface, spiga
from workbench.models.portraits import restoreformer
from workbench.sources import figures
from workbench.sources.fetching import verify

Pair = tuple[Callable[[], torch.Tensor], Callable[[], torch.Tensor]]
"""Ours and theirs, ready to be asked."""


def of_fan(row: str, folder: Path) -> float:
    """FAN's heatmaps."""
    torch.save(Golden(row).weights(), folder / "fan.pth")
    maps = fan.load(MODELS[row], {"weights": folder / "fan.pth"}, "cpu").raw(photo(3, 256, 256))["heatmaps"]
    return apart(maps[::9, ::5, ::5], Golden(row)["heatmaps"])


def of_spiga(row: str, folder: Path) -> float:
    """SPIGA's points and pose, on a mean face that is nobody's."""
    golden, count = Golden(row), spiga.SHAPES[row].points
    weights = golden.weights()
    weights |= {
        "pose_fc.weight": weights["pose_fc.weight"] * 0.01,
        "diagonal_mask": ~torch.eye(count, dtype=torch.bool),
    }
    weights["pose_fc.bias"] = torch.tensor([20.0, -10.0, 5.0, 0.02, -0.03, 4.0])
    save_file(weights, folder / "weights.safetensors")
    mean = np.random.Generator(np.random.PCG64(5)).uniform(-0.5, 0.5, (count, 3)).astype(np.float32).tolist()
    (folder / "mean.txt").write_text("\n".join(f"{n}|{-x!r}|{-y!r}|{z!r}" for n, (z, x, y) in enumerate(mean)))
    (folder / "order.json").write_text(json.dumps({"ldm_ids": list(range(count))}))
    names = {"weights": "weights.safetensors", "shape": "mean.txt", "order": "order.json"}
    model = spiga.load(MODELS[row], {role: folder / name for role, name in names.items()}, "cpu")
    found = model.raw(photo(3, 256, 256))
    return max(apart(found[name], golden[name]) for name in ("points", "pose"))


def of_retinaface(row: str, folder: Path) -> float:
    """RetinaFace's boxes, probabilities and points, of every anchor."""
    torch.save(Golden(row).weights(), folder / "retinaface.pth")
    bench, golden = Workbench.from_env(), Golden(row)
    files = {file.role: verify(file, bench.settings) for file in bench.spec("blazeface").files}
    found = retinaface.load(MODELS[row], files | {"retinaface": folder / "retinaface.pth"}, "cpu").raw(
        photo(3, 90, 133)
    )
    names = "boxes", "scores", "points"
    return max(apart(found[name].reshape(golden[name].shape), golden[name]) for name in names)


def of_restoreformer(row: str, folder: Path) -> float:
    """RestoreFormer's pixels, ours and theirs in float64: so many layers of filled weights multiply the last digits of
    float32 until they are 8e-5 apart."""
    torch.save(Golden(row).weights(), folder / "weights.ckpt")
    network = restoreformer.load(MODELS[row], {"weights": folder / "weights.ckpt"}, "cpu").network.double()
    pixels = torch.from_numpy(photo(6, 512, 512)).permute(2, 0, 1)[None].double()
    with torch.inference_mode():
        found = network((pixels.float() / 127.5 - 1).double())[0].numpy()
    return apart(found[:, ::16, ::16], Golden(row)["picture"])


def their_retinaface(official: Path) -> Pair:
    """RetinaFace on a picture of 640 × 480."""
    sys.path.insert(0, str(official / "Pytorch_Retinaface"))
    from models.retinaface import RetinaFace  # type: ignore[import-not-found]

    layers = {"stage1": 1, "stage2": 2, "stage3": 3}
    told = {"name": "mobilenet0.25", "pretrain": False, "return_layers": layers, "in_channel": 32, "out_channel": 64}
    theirs = RetinaFace(cfg=told, phase="test").eval()
    ours = retinaface.RetinaNet().eval()
    _alike(ours, theirs)
    pixels = torch.from_numpy(photo(3, 480, 640)).permute(2, 0, 1)[None].float() - 110
    return lambda: ours(pixels)[0], lambda: theirs(pixels)[0]


def their_spiga(official: Path) -> Pair:
    """SPIGA's 98 points on a crop of 256."""
    sys.path.insert(0, str(official / "SPIGA"))
    from spiga.models.spiga import SPIGA  # type: ignore[import-not-found]

    theirs = SPIGA(num_landmarks=98, num_edges=15).eval()
    ours = spiga.SpigaNet(spiga.SHAPES["spiga-98"]).eval()
    _alike(ours, theirs)
    chips = torch.from_numpy(photo(3, 256, 256)).permute(2, 0, 1)[None].float() / 255
    mean, camera = torch.randn(98, 3) / 5, torch.tensor([[96.0, 0, 32], [0, 96.0, 32], [0, 0, 1]])
    given = (chips, mean[None], camera[None])
    return lambda: ours(chips, mean)[0], lambda: theirs(given)["Landmarks"][-1]


def their_restoreformer(official: Path) -> Pair:
    """RestoreFormer++ on a square of 256, half of its usual side."""
    sys.path.insert(0, str(official / "RestoreFormerPlusPlus" / "RestoreFormer" / "modules" / "vqvae"))
    from vqvae_arch import VQVAEGANMultiHeadTransformer  # type: ignore[import-not-found]

    theirs = VQVAEGANMultiHeadTransformer().eval()
    ours = restoreformer.RestoreNet(restoreformer.SHAPES["restoreformer-plus"]).eval()
    _alike(ours, theirs)
    pixels = torch.from_numpy(photo(6, 256, 256)).permute(2, 0, 1)[None].float() / 127.5 - 1
    return lambda: ours(pixels), lambda: theirs(pixels)[0]


THEIRS = {"retinaface": their_retinaface, "spiga-98": their_spiga, "restoreformer-plus": their_restoreformer}


def _alike(ours: torch.nn.Module, theirs: torch.nn.Module) -> None:
    """Ours gets their weights, by name."""
    weights = {name: value for name, value in theirs.state_dict().items() if name in ours.state_dict()}
    ours.load_state_dict(weights)


def speed(official: Path, only: list[str], runs: int) -> None:
    """A table of milliseconds of processor time, ours and theirs, and how far the answers lie apart."""
    torch.set_num_threads(1)
    found = []
    for row in [name for name in THEIRS if name in only]:
        ours, theirs = THEIRS[row](official)
        with torch.inference_mode():
            times = in_turn({"ours": ours, "theirs": theirs}, runs, 1, time.process_time)
            most = apart(ours().numpy(), theirs().numpy())
        best = {name: round(each["min"]) for name, each in times.items()}
        row_of = {"model": row, "ours ms": best["ours"], "theirs ms": best["theirs"]}
        found.append(row_of | {"times faster": round(best["theirs"] / best["ours"], 2), "apart": f"{most:.1e}"})
        print(found[-1], flush=True)
    report("face_models", found)


MEASURES: dict[str, Callable[[str, Path], float]] = {
    "fan-68": of_fan,
    "spiga-98": of_spiga,
    "spiga-68": of_spiga,
    "retinaface": of_retinaface,
    "restoreformer-plus": of_restoreformer,
    "restoreformer": of_restoreformer,
}


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=list(MEASURES))
    parser.add_argument("--official", type=Path, help="folder with the authors' checkouts")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    if given.official:
        speed(given.official, given.only, given.runs)
        return
    for row in given.only:
        with tempfile.TemporaryDirectory() as folder:
            most = MEASURES[row](row, Path(folder))
        said = f"{most:.1e} from the authors' code" + (" in float64" if row.startswith("restoreformer") else "")
        figures.update("parity", {row: {"headline": said, "relative": most}})
        print(f"{row:28} {most:.1e}", flush=True)


if __name__ == "__main__":
    main()
