"""An evaluation's rows as the tables papers print: PSR per judge, the leave-one-out matrix, robustness, looks. Plain
numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.protection.evaluation import CLEAN, Rows, Tally, tally

Bounds = Mapping[str, tuple[float, str]]
"""Model id to threshold and metric."""

LOOKS = ("visibility", "ssim", "psnr", "skin_change", "skin_tint", "patchiness", "seconds")


def leave_one_out(rows: Rows, method: str, bounds: Bounds, treatment: str = "JPEG 75") -> list[dict[str, Any]]:
    """One row per attacked set: every recogniser's tally, and whether it was attacked."""
    clean = {row["person"]: row for row in rows.of(CLEAN)}
    table = []
    for attacked in sorted({tuple(row["attacked"]) for row in rows.of(method)}):
        found = list(rows.of(method, "+".join(attacked)))
        judged = {model: tally(found, clean, model, bound, treatment) for model, bound in bounds.items()}
        table.append(
            {"attacked": attacked, **{model: entry(one, model not in attacked) for model, one in judged.items()}}
        )
    return table


def entry(one: Tally, unseen: bool) -> dict[str, Any]:
    """A tally as plain numbers."""
    left = float(np.mean(one.margins)) if one.margins else float("nan")
    return {
        "psr": round(one.psr, 1),
        "n": one.n,
        "protected": one.protected,
        "lost": one.lost,
        "margin": round(left, 3),
        "unseen": unseen,
    }


def unseen(rows: Rows, method: str, bounds: Bounds, treatment: str = "JPEG 75") -> dict[str, dict[str, Any]]:
    """Of each recogniser, its entry as a judge, from the first set that did not attack it."""
    found: dict[str, dict[str, Any]] = {}
    for row in leave_one_out(rows, method, bounds, treatment):
        for model in bounds:
            if row[model]["unseen"] and model not in found:
                found[model] = row[model]
    return found


def mean_psr(judges: Mapping[str, Mapping[str, Any]]) -> float:
    """The mean PSR over judges, each counting the same."""
    return float(np.mean([one["psr"] for one in judges.values()])) if judges else float("nan")


def robustness(rows: Rows, method: str, bounds: Bounds) -> dict[str, dict[str, float]]:
    """By treatment, the PSR of every unseen judge."""
    kinds = next((list(row["scores"]) for row in rows.of(method)), [])
    return {kind: {model: one["psr"] for model, one in unseen(rows, method, bounds, kind).items()} for kind in kinds}


def looks(rows: Rows, method: str) -> dict[str, float]:
    """Means of what the changes look like, and of the seconds per photo."""
    found = list(rows.of(method))
    return {key: round(float(np.mean([row[key] for row in found])), 3) for key in LOOKS} if found else {}


def summary(rows: Rows, bounds: Bounds) -> dict[str, Any]:
    """Everything an evaluation says, by method."""
    methods = sorted({method for _, method, _ in rows.rows} - {CLEAN})
    return {
        "people": len({person for person, method, _ in rows.rows if method == CLEAN}),
        "methods": {
            method: {
                "unseen": unseen(rows, method, bounds),
                "mean_unseen_psr": round(mean_psr(unseen(rows, method, bounds)), 1),
                "matrix": leave_one_out(rows, method, bounds),
                "robustness": robustness(rows, method, bounds),
                "looks": looks(rows, method),
            }
            for method in methods
        },
    }


def printed(found: Mapping[str, Any]) -> str:
    """A summary as Markdown."""
    parts = [f"{found['people']} people"]
    for method, figures in found["methods"].items():
        models = list(figures["unseen"])
        head = f"\n### {method}: mean over unseen judges {figures['mean_unseen_psr']:.1f} %\n"
        parts += [head, markdown(["attacked", *models], [_line(row, models) for row in figures["matrix"]])]
        parts += [
            "",
            markdown(
                ["after", *models],
                [
                    [kind, *(f"{judged.get(m, float('nan')):.0f}" for m in models)]
                    for kind, judged in figures["robustness"].items()
                ],
            ),
        ]
        parts += ["", ", ".join(f"{key} {value}" for key, value in figures["looks"].items())]
    return "\n".join(parts)


def _line(row: Mapping[str, Any], models: Sequence[str]) -> list[str]:
    def cell(one: Mapping[str, Any]) -> str:
        lost = f", {one['lost']} lost" if one["lost"] else ""
        text = f"{one['psr']:.0f} % ({one['protected']}/{one['n']}{lost})"
        return f"**{text}**" if one["unseen"] else text

    return [" + ".join(row["attacked"]) or "nothing", *(cell(row[model]) for model in models)]


def markdown(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    first = list(head)
    return "\n".join(
        "| " + " | ".join(line) + " |" for line in [first, ["---"] * len(first), *(list(line) for line in lines)]
    )
