"""How far landmark models, finders and repairs lie from their authors' code, at full size and on filled weights.

    python benchmarks/face_models.py [--only NAME ...]

Asks the goldens of tests/golden whose names are rows and writes the section "parity" of the figures.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from safetensors.torch import save_file

from tests.golden.archive import Golden, apart
from tests.golden.inputs import photo
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.models.finders import fan, retinaface, spiga
from workbench.models.portraits import restoreformer
from workbench.sources import figures
from workbench.sources.fetching import verify


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
    for row in parser.parse_args().only:
        with tempfile.TemporaryDirectory() as folder:
            most = MEASURES[row](row, Path(folder))
        said = f"{most:.1e} from the authors' code" + (" in float64" if row.startswith("restoreformer") else "")
        figures.update("parity", {row: {"headline": said, "relative": most}})
        print(f"{row:28} {most:.1e}", flush=True)


if __name__ == "__main__":
    main()
