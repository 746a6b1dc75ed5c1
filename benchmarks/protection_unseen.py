"""How well a strength protects from a recogniser it never saw: leave-one-out on many people, each judged by one.

    python benchmarks/protection_unseen.py run DATA --work FOLDER [--people 100] [--strength light] [--judges ID …]
    python benchmarks/protection_unseen.py report --work FOLDER

DATA holds photos named person_0001.jpg; people are of the half that no threshold was calibrated on and no setting was
chosen on. Person k is judged by recogniser k mod 4 and protected against the other three. Counted are those whom their
judge matches with their second photo before, and after a plain JPEG 75. Read is the saved file, saved again as JPEG 75,
its face found and aligned again, against the second photo and against the very photo it was made from. It goes on where
it stopped; the saved files stay in the work folder, for other recognisers to read.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch

from workbench import images
from workbench.bench import Workbench
from workbench.errors import WorkbenchError
from workbench.makeup.looks import find
from workbench.metrics.roc import wilson
from workbench.protection.evaluation import Pair, Rows, Subject, margin, open_subject, pairs
from workbench.protection.fields import ToneField
from workbench.protection.judge import find_again, jpeg, opened
from workbench.protection.outcome import QUALITY, measured, placed
from workbench.protection.scene import Scene, make_scene
from workbench.protection.search import Stage, search
from workbench.protection.strength import Strength, strength_of
from workbench.protection.views import views
from workbench.protection.visibility import luma
from workbench.settings import Settings
from workbench.tasks.attributes import read_attributes
from workbench.tasks.parsing import parse
from workbench.tasks.recognition import embed, score

JUDGES = ("sface", "faceres", "mobilefacenet", "dlib")
"""Who judges person 0, 1, 2, 3, 4, …, in turn."""

LOOK = "neutral"

Row = dict[str, Any]


class Round:
    """One judge's people: protected against the other three recognisers, batch by batch, and read by the judge."""

    def __init__(self, bench: Workbench, judge: str, strength: Strength, work: Path) -> None:
        self.bench, self.strength, self.work = bench, strength, work
        self.judge: Any = bench.model(judge)
        self.attacked = [bench.model(name) for name in JUDGES if name != judge]
        self.rows = Rows(work / "unseen.jsonl")

    def run(self, people: Iterable[Pair], size: int) -> None:
        """Protect those who have no row yet, `size` at a time."""
        waiting: list[tuple[Subject, float]] = []
        for pair in people:
            if self._done(pair) or (found := self._counted(pair)) is None:
                continue
            waiting.append(found)
            if len(waiting) == size:
                self._protect(waiting)
                waiting = []
        if waiting:
            self._protect(waiting)

    def _method(self, level: float) -> str:
        return f"visibility {level:g}"

    def _done(self, pair: Pair) -> bool:
        key = "+".join(model.spec.id for model in self.attacked)
        level = self.strength.plan.levels[-1]
        return any((pair.person, method, key) in self.rows for method in (self._method(level), "left out"))

    def _add(self, pair: Pair, method: str, **figures: Any) -> None:
        attacked = [model.spec.id for model in self.attacked]
        row = {"person": pair.person, "method": method, "attacked": attacked, "judge": self.judge.spec.id, **figures}
        self.rows.add(row)
        print(row["person"], row["judge"], method, figures.get("second"), figures.get("same"), flush=True)

    def _counted(self, pair: Pair) -> tuple[Subject, float] | None:
        """The subject and the judge's margin before; None: it does not count, which is kept as a row."""
        bench = self.bench
        try:
            one = open_subject(pair, [self.judge], bench.finder(), self._parsed, bench.settings)
        except WorkbenchError as error:
            self._add(pair, "left out", reason=str(error))
            return None
        before = self._margin(embed(one.photo, one.face, self.judge), one.others[self.judge.spec.id])
        plain = self._read(jpeg(one.photo, 75), one)
        if before < 0 or plain is None or plain[0] < 0:
            self._add(pair, "left out", reason="not matched before, or not after a plain JPEG 75")
            return None
        return one, before

    def _parsed(self, photo: np.ndarray, faces: Sequence[Any]) -> Any:
        return parse(photo, self.bench.parser(), faces)

    def _protect(self, people: list[tuple[Subject, float]]) -> None:
        subjects = [one for one, _ in people]
        started = time.process_time()
        scene = make_scene(
            [one.photo for one in subjects], [one.face for one in subjects], [one.parsing for one in subjects]
        )
        field = ToneField(scene, self.strength.bounds, find(LOOK))
        found = search(field, scene, views(self.attacked, scene), self.strength.plan)
        seconds = (time.process_time() - started) / len(subjects)
        for row, (one, before) in enumerate(people):
            for stage in found.stages:
                self._judge(scene, stage, row, one, before, seconds)

    def _judge(self, scene: Scene, stage: Stage, row: int, one: Subject, before: float, seconds: float) -> None:
        data = images.encode_jpeg(placed(one.photo, scene, stage, row), QUALITY)
        file = self.work / "photos" / f"{one.pair.person}-{stage.level:g}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        look = placed(one.photo, scene, stage, row, painted=False)
        read = self._read(jpeg(opened(data), 75), one)
        second, same = read if read else (None, None)
        figures = measured(one.photo, opened(data), scene, row, look)
        self._add(
            one.pair,
            self._method(stage.level),
            before=round(before, 4),
            second=second,
            same=same,
            brightness=round(brightness(scene, row), 1),
            woman=round(self._woman(one), 3),
            cpu=round(seconds, 1),
            **{name: round(float(value), 4) for name, value in figures.items()},
        )

    def _read(self, photo: np.ndarray, one: Subject) -> tuple[float, float] | None:
        """The judge's margins with the second photo and with the very same one; None: the face is not found again."""
        face = find_again(photo, one.face.box, self.bench.finder())
        if face is None:
            return None
        seen, own = embed(photo, face, self.judge), embed(one.photo, one.face, self.judge)
        return round(self._margin(seen, one.others[self.judge.spec.id]), 4), round(self._margin(seen, own), 4)

    def _woman(self, one: Subject) -> float:
        """0..1, as a network estimates it, which may be wrong about the person."""
        return float(read_attributes(one.photo, one.face, self.bench.attributes("gender")).values[0])

    def _margin(self, first: Any, second: Any) -> float:
        return margin(score(first, second), float(self.judge.threshold), self.judge.metric)


def brightness(scene: Scene, row: int) -> float:
    """Mean grey level of a face's bare skin."""
    skin = scene.skin[row, 0].numpy() > 0.5
    return float(luma(scene.pixels[row : row + 1])[0, 0].numpy()[skin].mean()) if skin.any() else float("nan")


def run(people: Sequence[Pair], rounds: Sequence[Round], size: int) -> None:
    """Protect and read: all judges a batch in turn, so that a run that is cut off has read for each alike."""
    for start in range(0, len(people), 4 * size):
        for one in rounds:
            number = JUDGES.index(one.judge.spec.id)
            one.run(people[start + number : start + 4 * size : 4], size)


def share(rows: Sequence[Row], kind: str) -> str:
    """How many of these the judge no longer matches, with Wilson's interval; a lost face is no success."""
    good, count = sum(row[kind] is not None and row[kind] < 0 for row in rows), len(rows)
    if not count:
        return "–"
    found = wilson(good, count)
    return f"{good}/{count}, {100 * good / count:.0f} % ({100 * found.low:.0f}–{100 * found.high:.0f})"


def mean_over_judges(rows: Sequence[Row], kind: str, draws: int = 2000) -> str:
    """The mean over judges, each counting the same, with a bootstrap's interval over people within each judge."""
    hits = [
        np.array([row[kind] is not None and row[kind] < 0 for row in rows if row["judge"] == who]) for who in JUDGES
    ]
    if not all(len(one) for one in hits):
        return "–"
    random = np.random.default_rng(0)
    means = [np.mean([random.choice(one, len(one)).mean() for one in hits]) for _ in range(draws)]
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{100 * np.mean([one.mean() for one in hits]):.0f} % ({100 * low:.0f}–{100 * high:.0f})"


def report(work: Path) -> None:
    """Print a table per visibility, and one by sex and skin for each."""
    found = Rows(work / "unseen.jsonl")
    methods = sorted({method for _, method, _ in found.rows} - {"left out"}, key=lambda name: float(name.split()[1]))
    print(f"left out: {len(list(found.of('left out')))}")
    for method in methods:
        rows = list(found.of(method))
        print(f"\n{method}: {len(rows)} people, {sum(row['second'] is None for row in rows)} faces lost")
        for kind in ("second", "same"):
            each = "; ".join(f"{who} {share([row for row in rows if row['judge'] == who], kind)}" for who in JUDGES)
            print(f"  {kind} photo: {share(rows, kind)}; mean over judges {mean_over_judges(rows, kind)}; {each}")
        for name, chosen in groups(rows):
            print(f"  {name}: second {share(chosen, 'second')}; same {share(chosen, 'same')}")
        for name in ("visibility", "ssim", "cpu"):
            print(f"  {name}: median {np.median([row[name] for row in rows]):.3f}")


def groups(rows: Sequence[Row]) -> Iterable[tuple[str, list[Row]]]:
    """By sex as a network estimates it, and by thirds of the skin's brightness."""
    edges = np.quantile([row["brightness"] for row in rows], (1 / 3, 2 / 3))
    tests: dict[str, Callable[[Row], bool]] = {
        "women": lambda row: row["woman"] >= 0.5,
        "men": lambda row: row["woman"] < 0.5,
        f"darkest third, up to {edges[0]:.0f}": lambda row: row["brightness"] <= edges[0],
        "middle third": lambda row: edges[0] < row["brightness"] <= edges[1],
        f"lightest third, from {edges[1]:.0f}": lambda row: row["brightness"] > edges[1],
    }
    return [(name, [row for row in rows if test(row)]) for name, test in tests.items()]


def main() -> None:
    """Run one mode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("run", "report"))
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--strength", default="light")
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--judges", nargs="+", choices=JUDGES, default=JUDGES, help="only the people of these judges")
    args = parser.parse_args()
    if args.mode == "run":
        torch.set_num_threads(1)
        bench = Workbench(Settings.from_env(os.environ))
        strength = strength_of(args.strength)
        rounds = [Round(bench, judge, strength, args.work) for judge in args.judges]
        run(pairs(args.data, "odd", args.people), rounds, args.batch)
    report(args.work)


if __name__ == "__main__":
    main()
