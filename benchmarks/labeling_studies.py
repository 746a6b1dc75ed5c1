"""What ten studies at once cost a vote, beside one: CPU time of the desk, in turn in one process, so that a loaded
machine does not matter.

    python benchmarks/labeling_studies.py [--rounds 6] [--votes 200]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import labeling_server as labeling  # noqa: E402
import numpy as np  # noqa: E402

from workbench.labeling.hub.hub import LocalHub  # noqa: E402
from workbench.labeling.hub.outbox import Outbox  # noqa: E402
from workbench.labeling.serving.desk import Desk  # noqa: E402
from workbench.labeling.serving.tokens import Sealer  # noqa: E402
from workbench.labeling.store.store import Store  # noqa: E402
from workbench.labeling.study.reading import load_items  # noqa: E402
from workbench.labeling.study.study import load_study, parse_study  # noqa: E402

STUDIES, RATERS = 10, 10


class Visit:
    """A rater at a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._items: list[dict[str, Any]] = []
        self._rater = desk.enter({"agree": True, "version": "v1"})["rater"]
        self._take([])

    def vote(self) -> None:
        """Answer the next item."""
        item = self._items.pop(0)
        self._take([{"lease": item["token"], "answer": "same_3", "response_ms": 1200}])

    def _take(self, votes: list[dict[str, Any]]) -> None:
        have = [item["id"] for item in self._items]
        told = self._desk.sync({"rater": self._rater, "votes": votes, "want": 4, "have": have})
        assert all(vote["state"] == "recorded" for vote in told["votes"]), told
        self._items += told["items"]


def desks(folder: Path, count: int) -> list[Desk]:
    """So many studies on one database, each with a thousand pairs."""
    first = load_study(labeling.write_study(folder / "study", 1000, 10))
    store = Store(folder / "labels.db")
    outbox = Outbox(store, LocalHub(folder / "hub"))
    outbox.ready = True
    made = []
    for number in range(count):
        study = parse_study(first.text.replace('name = "loss"', f'name = "loss-{number}"'), first.folder)
        items = load_items(study)
        store.add_study(study, items)
        desk = Desk(study, items, store, outbox, Sealer(b"s" * 32))
        desk._pace.take = lambda rater, now: None  # type: ignore[method-assign] # faster than people
        made.append(desk)
    return made


def cpu(visits: list[Visit], votes: int) -> float:
    """Milliseconds of processor time a vote."""
    began = time.process_time()
    for number in range(votes):
        visits[number % len(visits)].vote()
    return 1000 * (time.process_time() - began) / votes


def main() -> None:
    """Print the two and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--votes", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        one = desks(Path(scratch) / "one", 1)
        ten = desks(Path(scratch) / "ten", STUDIES)
        few = [Visit(one[0]) for _ in range(RATERS)]
        many = [Visit(ten[number % STUDIES]) for number in range(RATERS)]
        for visits in (few, many):
            cpu(visits, 40)
        pairs = [(cpu(few, args.votes), cpu(many, args.votes)) for _ in range(args.rounds)]
    ratios = [second / first for first, second in pairs]
    print("| studies | CPU ms a vote, median | least | most |\n|---|---|---|---|")
    for name, column in (("one", 0), ("ten", 1)):
        times = [pair[column] for pair in pairs]
        print(f"| {name} | {np.median(times):.2f} | {min(times):.2f} | {max(times):.2f} |")
    print(f"\nten to one: {np.median(ratios):.2f}, over {args.rounds} rounds {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
