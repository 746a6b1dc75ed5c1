"""Which pictures pass for real: how often people take a made picture for the photograph, per maker."""

import pandas as pd

from workbench.labeling.statistics.forms import mean_over
from workbench.labeling.statistics.judgements import one_task
from workbench.labeling.study.tasktypes import picked
from workbench.metrics.roc import Interval


def taken_for_real(rows: pd.DataFrame, items: pd.DataFrame, rounds: int = 300) -> pd.DataFrame:
    """A row per maker of the made picture ("all" first): made by, pairs, answers, fooled, low, high.

    rows: judgements that count, of `real_of_two`. items: columns item, pictures and truth, the real picture's name
    ("image_1"); items without it are left out. fooled: share of answers that name the made one, 0..1, each pair
    weighing alike; ½ means that nobody can tell. Intervals draw pairs. Empty for other tasks.
    """
    if one_task(rows) != "real_of_two" or "pictures" not in items.columns:
        return pd.DataFrame()
    real = {str(i): picked(str(t)) for i, t in zip(items["item"], items["truth"], strict=True)}
    makers = {
        str(i): [str(p[2]) if len(p) > 2 else "" for p in ps]
        for i, ps in zip(items["item"], items["pictures"], strict=True)
    }
    table = pd.DataFrame({"item": rows["item"].astype(str), "chosen": rows["answer"].map(lambda a: picked(str(a))[0])})
    table = table[[bool(real.get(item)) for item in table["item"]]]
    if not len(table):
        return pd.DataFrame()
    table["fooled"] = [chosen != real[item][0] for item, chosen in zip(table["item"], table["chosen"], strict=True)]
    shares = table.groupby("item")["fooled"].agg(["mean", "size"])
    shares["made by"] = [makers[str(item)][1 - real[str(item)][0]] for item in shares.index]
    groups = [("all", shares), *((name, own) for name, own in shares.groupby("made by") if name)]
    return pd.DataFrame([_row(str(name), own, mean_over(own["mean"].to_numpy(), rounds)) for name, own in groups])


def _row(name: str, own: pd.DataFrame, found: Interval) -> dict[str, object]:
    counts = {"made by": name, "pairs": len(own), "answers": int(own["size"].sum())}
    return counts | {"fooled": found.value, "low": found.low, "high": found.high}
