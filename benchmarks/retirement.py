"""How many votes are saved when items are retired as soon as they are certain, at what accuracy: simulated raters.

    python benchmarks/retirement.py [--studies 10] [--pairs 400]

Every pair gets 9 raters; fixed plans keep the first 3, 5, 7 or 9 of them, retirement stops each pair when certain.
Accuracy is the majority's (a tie counts half), against the truth the simulation knows. Says what the rule can do under
its assumptions, nothing about people.
"""

import argparse

import numpy as np
import pandas as pd
from measure import report

from workbench.labeling.statistics import aggregate, simulation
from workbench.labeling.statistics.judgements import counted

MOST = 9
CROWDS = {
    "60 careful raters": {"careful": 60},
    "54 careful, 6 who guess": {"careful": 54, "random": 6},
    "36 careful, 24 who guess": {"careful": 36, "random": 24},
}


def right(rows: pd.DataFrame, truth: pd.Series) -> float:
    """The majority's share of right items."""
    label = aggregate.majority(rows)["label"].reindex(truth.index)
    return float(((label == truth).sum() + 0.5 * label.isna().sum()) / len(truth))


def first(rows: pd.DataFrame, votes: int) -> pd.DataFrame:
    """Every item's first so many judgements."""
    return rows[rows.groupby("item").cumcount() < votes]


def main() -> None:
    """Simulate, and print a table per crowd."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=400)
    asked = parser.parse_args()
    for crowd, wanted in CROWDS.items():
        found: dict[str, list[tuple[float, float]]] = {}
        for seed in range(asked.studies):
            rng = np.random.default_rng(seed)
            items = pd.DataFrame(
                {"item": [f"p{n:04d}" for n in range(asked.pairs)], "same": rng.random(asked.pairs) < 0.5}
            )
            raters = simulation.make_raters(seed=seed, **wanted)
            plan = simulation.Plan(per_item=MOST, hardness=0.6)
            rows = counted(simulation.simulate(items, raters, plan, seed))
            rows = rows.sample(frac=1, random_state=seed)  # raters come in any order
            truth = items.set_index("item")["same"].map({True: "same", False: "different"})
            truth = truth[truth.index.isin(rows["item"])]
            plans = {f"fixed, {votes} raters": first(rows, votes) for votes in (3, 5, 7, MOST)}
            plans |= {
                f"until {certain:.0%} certain, 3 to {MOST}": simulation.stopped(rows, certain=certain)
                for certain in (0.9, 0.95, 0.99)
            }
            for name, kept in plans.items():
                found.setdefault(name, []).append((len(kept) / len(truth), right(kept, truth)))
        fixed = np.mean(found[f"fixed, {MOST} raters"], axis=0)
        told = []
        for name, values in found.items():
            votes, accuracy = np.mean(values, axis=0)
            told.append(
                {"plan": name, "votes per pair": round(votes, 2), "right %": round(100 * accuracy, 1)}
                | {"saved %": round(100 * (1 - votes / fixed[0])), "points lost": round(100 * (fixed[1] - accuracy), 1)}
            )
        report(crowd, told)


if __name__ == "__main__":
    main()
