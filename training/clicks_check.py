"""How many clicks a part needs: simulated on the pictures kept aside, with the network and without.

    python -m training.clicks_check --data DIR [--pictures 25] [--most 15] [--record FILE]

NoC@0.90 and NoC@0.95 (Sofiiuk et al., RITM, arXiv 2102.06583): the mean number of clicks, each in the middle of the
largest fault, until a part reaches that intersection over union; parts that never do count as the most there were. The
first mask is the compact parser's, the way a person's photo goes; a part that is good enough needs none.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from training import parser_data
from training.clicks_draw import SMALLEST, next_click
from workbench.bench import Workbench
from workbench.images import decode
from workbench.models.parsers.flooding import grown
from workbench.parts import INDEX, MIRROR, PARTS
from workbench.tasks.clicks import refine
from workbench.tasks.detection import find_faces
from workbench.tasks.parsing import parse

GOALS = (0.90, 0.95)

Clicks = list[tuple[int, int, int]]
Step = Callable[[np.ndarray, Clicks], np.ndarray]
"""The mask so far and all clicks, to the next mask."""


def needed(mask: np.ndarray, truth: np.ndarray, step: Step, most: int) -> tuple[list[int], list[float], list[float]]:
    """Clicks to each of `GOALS`, the IoU after each click, and each click's seconds."""
    clicks: Clicks = []
    agreed, spent = [_iou(mask, truth)], []
    while agreed[-1] < GOALS[-1] and len(clicks) < most:
        click = next_click(mask, truth)
        if click is None:
            break
        clicks.append((int(click[0]), int(click[1]), int(click[2])))
        begun = time.perf_counter()
        mask = step(mask, clicks)
        spent.append(time.perf_counter() - begun)
        agreed.append(_iou(mask, truth))
    counts = [next((number for number, iou in enumerate(agreed) if iou >= goal), most) for goal in GOALS]
    return counts, agreed, spent


def _iou(mask: np.ndarray, truth: np.ndarray) -> float:
    return float((mask & truth).sum() / max((mask | truth).sum(), 1))


def measure(bench: Workbench, data: Path, pictures: int, most: int) -> dict[str, object]:
    """Figures by part and method."""
    stems = tuple(sorted(path.stem for path in (data / "images").glob("*.jpg")))
    masks = [np.asarray(Image.open(data / "masks" / f"{stem}.png")) for stem in stems]
    areas = np.stack([np.bincount(mask.ravel(), minlength=len(PARTS)) for mask in masks])
    held = parser_data.split(stems, areas)[1]
    model, parser = bench.clicks(), bench.parser("compact")
    counts: dict[str, dict[str, list[list[int]]]] = defaultdict(lambda: defaultdict(list))
    after: dict[str, list[list[float]]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    for index in held[:: max(len(held) // pictures, 1)][:pictures]:
        image = decode(data / "images" / f"{stems[index]}.jpg", bench.settings)
        truth = np.array(MIRROR, np.uint8)[masks[index]] if parser_data.sides_exchanged(masks[index]) else masks[index]
        faces = find_faces(image, bench.finder())
        if not faces:
            continue
        labels, features = parse(image, parser, faces[:1]).labels, model.look(image, faces[0])
        for part in np.flatnonzero(np.bincount(truth.ravel(), minlength=len(PARTS)) >= SMALLEST):
            if not part:
                continue
            name = PARTS[part]

            def clicked(mask: np.ndarray, clicks: Clicks, name: str = name) -> np.ndarray:
                mended, changed = refine(image, model, features, name, mask, clicks)  # noqa: B023
                return np.where(changed, mended == INDEX[name], mask)

            steps: dict[str, Step] = {"network": clicked, "without": lambda mask, clicks: grown(image, mask, clicks)}  # noqa: B023
            for method, step in steps.items():
                found, agreed, spent = needed(labels == part, truth == part, step, most)
                counts[method][name].append(found)
                after[method].append([agreed[min(n, len(agreed) - 1)] for n in range(6)])
                seconds[method] += spent
    return {
        "pictures": pictures,
        "most": most,
        "parts": {
            name: {
                "count": len(rows),
                **{method: np.mean(counts[method][name], axis=0).round(2).tolist() for method in counts},
            }
            for name, rows in counts["network"].items()
        },
        "all": {
            method: np.mean([row for rows in by.values() for row in rows], axis=0).round(2).tolist()
            for method, by in counts.items()
        },
        "iou_after": {method: np.mean(rows, axis=0).round(4).tolist() for method, rows in after.items()},
        "median_ms": {method: round(1000 * float(np.median(rows)), 1) for method, rows in seconds.items()},
    }


def table(found: dict[str, object]) -> str:
    """Markdown: part, how many there were, NoC@0.90 and NoC@0.95 with the network and without."""
    lines = [
        "| Part | Pictures | NoC@0.90 network | without | NoC@0.95 network | without |",
        "|---|---|---|---|---|---|",
    ]
    parts: dict[str, dict[str, list[float]]] = found["parts"]  # type: ignore[assignment]
    for name, row in sorted(parts.items()):
        net, other = row["network"], row["without"]
        lines.append(f"| {name} | {row['count']} | {net[0]} | {other[0]} | {net[1]} | {other[1]} |")
    both: dict[str, list[float]] = found["all"]  # type: ignore[assignment]
    net, other = both["network"], both["without"]
    lines.append(f"| all | | {net[0]} | {other[0]} | {net[1]} | {other[1]} |")
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="folder with images/ and masks/")
    options.add_argument("--pictures", type=int, default=25, help="of the 100 validation pictures")
    options.add_argument("--most", type=int, default=15, help="clicks after which a part is given up")
    options.add_argument("--record", type=Path, metavar="FILE", help="write the figures as JSON")
    given = options.parse_args()
    found = measure(Workbench.from_env(), given.data, given.pictures, given.most)
    print(table(found))
    print(json.dumps({name: found[name] for name in ("iou_after", "median_ms")}))
    if given.record:
        given.record.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
