"""Does a photo defended after FaceShield still serve a deepfake? Face finding, who it is taken for, re-pose, drawn
portraits.

    python benchmarks/deepfake.py DATA --work FOLDER [--people 8]

DATA holds photos named person_0001.jpg, two of each person; people of the half that no threshold was calibrated on.
dlib and MobileFaceNet are attacked, with and without MTCNN's P-Net; SFace and FaceRes were not seen. One line per
person is kept in the work folder, and what is there is not made again.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch

from workbench.bench import Workbench
from workbench.cli.protect_evaluation import TWO_BY_TWO
from workbench.errors import WorkbenchError
from workbench.generation.repose import Scene as Posed
from workbench.generation.repose_moves import Edit
from workbench.metrics.roc import wilson
from workbench.portraits import Recipe
from workbench.protection.evaluation import Subject, largest, margin, open_subject, pairs
from workbench.protection.judge import find_again, jpeg
from workbench.protection.outcome import measured, placed
from workbench.protection.scene import make_scene
from workbench.protection.shield import shield
from workbench.protection.views import views
from workbench.settings import Settings
from workbench.tasks.parsing import parse
from workbench.tasks.recognition import embed, score

JUDGES = TWO_BY_TWO[1]
PORTRAIT = "identity-prior-64"


def defended(bench: Workbench, one: Subject) -> dict[str, tuple[np.ndarray, float]]:
    """By the name of the defence, the photo and its visibility."""
    scene = make_scene([one.photo], [one.face], [one.parsing])
    eyes = views([bench.model(name) for name in TWO_BY_TWO[0]], scene)
    proposals = bench.model("mtcnn").cascade.proposals if bench.available("mtcnn") else None
    made = {"as it came": (one.photo, 0.0)}
    for name, network in (("identity", None), ("identity and P-Net", proposals)):
        if name != "identity" and network is None:
            continue
        photo = placed(one.photo, scene, shield(scene, eyes, network))
        made[name] = photo, measured(one.photo, photo, scene)["visibility"]
    return made


def read(bench: Workbench, one: Subject, photo: np.ndarray) -> dict[str, Any]:
    """What a deepfake tool would get out of a photo that was saved as JPEG 75."""
    saved = jpeg(photo, 75)
    told: dict[str, Any] = {
        f"found by {spec.id}": find_again(saved, one.face.box, bench.finder(spec.id)) is not None
        for spec in bench.here("detection")
    }
    face = find_again(saved, one.face.box, bench.finder())
    if face is None:
        return told
    for name in JUDGES:
        model = bench.model(name)
        told[name] = margin(score(embed(saved, face, model), one.others[name]), float(model.threshold), model.metric)
    told["re-posed"] = _still_a_face(bench, Posed(saved, face).draw(Edit(yaw=15)).image)
    model = bench.portrait(PORTRAIT)
    vector = embed(saved, face, bench.model(model.recogniser)).vector
    for name in JUDGES:
        told[f"portrait {name}"] = _alike(bench, model(vector[None], Recipe(seed=1))[0], one, name)
    return told


def _still_a_face(bench: Workbench, picture: np.ndarray) -> bool:
    try:
        largest(picture, bench.finder())
    except WorkbenchError:
        return False
    return True


def _alike(bench: Workbench, picture: np.ndarray, one: Subject, name: str) -> float | None:
    """The margin of a drawn portrait against the person's other photo."""
    import cv2

    model, large = bench.model(name), cv2.resize(picture, (256, 256), interpolation=cv2.INTER_CUBIC)
    try:
        drawn = embed(large, largest(large, bench.finder()), model)
    except WorkbenchError:
        return None
    return margin(score(drawn, one.others[name]), float(model.threshold), model.metric)


def report(rows: list[dict[str, Any]]) -> None:
    """The table."""
    for defence in dict.fromkeys(row["defence"] for row in rows):
        some = [row for row in rows if row["defence"] == defence]
        print(f"\n{defence}: visibility {np.mean([row['visibility'] for row in some]):.2f}")
        for key in dict.fromkeys(key for row in some for key in row if key not in ("person", "defence", "visibility")):
            values = [row.get(key) for row in some]
            yes = sum(bool(value) if isinstance(value, bool) else value is not None and value >= 0 for value in values)
            found = wilson(yes, len(values))
            numbers = [value for value in values if value is not None and not isinstance(value, bool)]
            mean = f", mean margin {np.mean(numbers):.2f}" if numbers else ""
            print(f"  {key}: {yes}/{len(values)} ({100 * found.low:.0f}–{100 * found.high:.0f} %){mean}")


def main() -> None:
    """Defend, read, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--people", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(1)
    bench = Workbench(Settings.from_env(os.environ))
    args.work.mkdir(parents=True, exist_ok=True)
    path = args.work / "deepfake.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    models = [bench.model(name) for names in TWO_BY_TWO for name in names]
    for pair in pairs(args.data, "odd", args.people):
        if any(row["person"] == pair.person for row in rows):
            continue
        try:
            one = open_subject(
                pair, models, bench.finder(), lambda photo, faces: parse(photo, bench.model("compact"), faces),
                bench.settings,
            )  # fmt: skip
        except WorkbenchError as error:
            print(f"  {pair.person}: {error}", file=sys.stderr)
            continue
        for name, (photo, seen) in defended(bench, one).items():
            row = {"person": pair.person, "defence": name, "visibility": seen, **read(bench, one, photo)}
            rows.append(row)
            with path.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
    report(rows)


if __name__ == "__main__":
    main()
