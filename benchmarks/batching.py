"""Would several visitors' faces through a network together cost less than one after the other?

    python benchmarks/batching.py --runs 15

Each network alone, on the astronaut's face, one, two and four at a time in turns: processor milliseconds for a face,
and how many times cheaper four together are. Below about 1.2 it does not pay to let anybody wait for others.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from measure import in_turn, report  # noqa: E402

from workbench.bench import Workbench  # noqa: E402
from workbench.tasks.detection import find_faces  # noqa: E402

AT_ONCE = (1, 2, 4)
TORCH = ("fer", "compact-expression", "age", "gender", "sface", "dlib")
"""Networks of parse, embed and analyse whose input is a square around a face."""


def networks(bench: Workbench) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """What is measured: a name, and what runs it on so many faces at once."""
    from skimage import data

    image = data.astronaut()
    face = find_faces(image, bench.finder())[0]
    parser: Any = bench.parser("compact")
    matrix, side = parser.window(face, image.shape)
    crop = parser.input(image, face.mesh, matrix, (side, side))
    planes = np.ascontiguousarray(crop.transpose(2, 0, 1))
    if (quick := parser._quick) is not None:
        from workbench.models.parsers.compact_int8 import codes

        session, coded = quick._session, codes(planes)
        print("8 bits take a batch of", session.get_inputs()[0].shape[0])
        yield "compact parser, ONNX 8 bits", lambda n: session.run(None, {"x": np.stack([coded] * n)})
    yield "compact parser, torch", lambda n: parser._torch.logits(np.stack([crop] * n))
    for name in TORCH:
        yield f"{name}, torch", functools.partial(_forward, bench.model(name), image, face)


def _forward(model: Any, image: np.ndarray, face: Any, count: int) -> Any:
    import torch

    chip = torch.from_numpy(np.ascontiguousarray(model.crop(image, face))).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        return model.forward(chip.expand(count, -1, -1, -1).contiguous())


def main() -> None:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name, run in networks(Workbench.from_env()):
        works: dict[str, Callable[[], Any]] = {f"{count}": functools.partial(run, count) for count in AT_ONCE}
        try:
            times = in_turn(works, runs=asked.runs, warm_up=2, clock=time.process_time)
        except Exception as error:  # noqa: BLE001 - a file of one face says so in its runtime's own words
            rows.append({"network": name, "ms for one": str(error)[:60]})
            continue
        each = {count: times[f"{count}"]["median"] / count for count in AT_ONCE}
        told = {f"ms each, {count} at once": value for count, value in each.items()}
        rows.append({"network": name, **told, "four over one": round(each[1] / each[4], 2)})
    report("batching", rows)


if __name__ == "__main__":
    main()
