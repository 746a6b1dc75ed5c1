"""The report's section on answers that say more than a class: expressions on the affect grid, action units, points,
masks, where people would look."""

from html import escape

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from workbench.labeling.report import page, plots
from workbench.labeling.report.page import Pictures, card, figure, section, table
from workbench.labeling.report.palette import LIGHT, Look, draw, explain, name_axes
from workbench.labeling.statistics.forms import Formed, consensus, resized
from workbench.labeling.study.details import REACH
from workbench.metrics.roc import Interval

TITLES = {
    "expression": "Expressions",
    "units": "Action units",
    "points": "Points",
    "mask": "Masks",
    "attention": "Where people would look",
}
SHOWN = 8
"""Pictures on the page, those first on which model and people agree least."""
PEOPLE, MODEL = (255, 60, 190), (40, 200, 255)


def form_figures(found: Formed, look: Look = LIGHT) -> dict[str, Figure]:
    """The measures with their intervals, and for expressions the items on the affect grid."""
    made = {"form": _measures_figure(found, look)}
    if found.form == "expression":
        made["affect"] = _affect_figure(found.per_item, look)
    return made


def form_section(found: Formed, drawn: dict[str, Figure], pictures: Pictures | None) -> str:
    """Words, figures, the table of measures, pictures if they may be shown, and every item."""
    names = {"what": "Measure", "seen": "Seen", "value": "Value", "low": "Low", "high": "High", "items": "Items"}
    parts = [
        page.paragraphs(" ".join(found.words)),
        page.grid(
            [
                figure(drawn, "affect", "Items by what people felt in them"),
                figure(drawn, "form", "Measures with 95 % intervals over items"),
                card(table(found.measures, names | {"of": "Unit"})),
            ]
        ),
        _gallery(found, pictures),
        page.folded("Every item", card(table(found.per_item.head(500)))),
    ]
    return section(TITLES[found.form], "".join(parts))


def fooled_section(fooled: pd.DataFrame) -> str:
    """How often a made picture was taken for the photograph."""
    words = (
        "How often people took the made picture for the photograph; half means that nobody can tell. Each pair weighs "
        "alike; intervals draw pairs."
    )
    names = {"made by": "Made by", "pairs": "Pairs", "answers": "Answers", "fooled": "Taken for real"}
    return section("Real or made", page.paragraphs(words) + card(table(fooled, names | {"low": "Low", "high": "High"})))


def _measures_figure(found: Formed, look: Look) -> Figure:
    rows = found.measures[found.measures["of"] == found.measures["of"].iloc[0]]
    drawn, axes = draw(look, 0.9 + 0.3 * len(rows))
    values = [Interval(row.value, row.low, row.high) for row in rows.itertuples()]
    plots.forest(axes, look, [str(name)[:34] for name in rows["what"]], values, look.colour(0))
    name_axes(axes, look, f"{rows['of'].iloc[0]} and 95 % interval", "")
    return drawn


def _affect_figure(per_item: pd.DataFrame, look: Look) -> Figure:
    drawn, axes = draw(look, 4.2)
    axes.axhline(0, color=look.muted, linewidth=0.8)
    axes.axvline(0, color=look.muted, linewidth=0.8)
    marks = ("o", "^", "s", "D", "v", "P", "X", "*")
    for n, (name, own) in enumerate(per_item.groupby("expression")):
        axes.scatter(
            own["valence"],
            own["arousal"],
            s=34,
            marker=marks[n % 8],
            color=look.colour(n),
            linewidths=0,
            label=str(name),
        )
    axes.set_xlim(-REACH - 0.4, REACH + 0.4)
    axes.set_ylim(-REACH - 0.4, REACH + 0.4)
    axes.set_aspect("equal")
    name_axes(axes, look, "Valence: unpleasant to pleasant", "Arousal: calm to excited")
    explain(axes, look, "upper left")
    return drawn


def _gallery(found: Formed, pictures: Pictures | None) -> str:
    """Photos with the outline of what people drew and of what the model says."""
    if pictures is None or not found.shares:
        return ""
    order = found.per_item.sort_values(["model", "item"], kind="stable")["item"]
    shown = [_pair(str(item), found, pictures) for item in order if str(item) in found.shares][:SHOWN]
    key = "Outlined: pink what most people drew, blue what the model says."
    return f'<p class="muted">{key}</p><div class="gallery">{"".join(shown)}</div>' if any(shown) else ""


def _pair(item: str, found: Formed, pictures: Pictures) -> str:
    images = pictures(item)
    if not images:
        return ""
    photo = images[0].copy()
    share, model = found.shares[item]
    outline(photo, consensus(share), PEOPLE)
    if model is not None:
        outline(photo, model, MODEL)
    row = found.per_item[found.per_item["item"] == item].iloc[0]
    agreed = "" if np.isnan(row["model"]) else f", IoU with the model {row['model']:.2f}"
    told = f'<p class="muted">{escape(item)}: {int(row["raters"])} raters{agreed}</p>'
    face = f'<div class="faces"><img src="{page.thumbnail(photo)}" alt="{escape(item)}"></div>'
    return f'<div class="pair">{face}{told}</div>'


def outline(photo: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Draw a mask's edge into (h, w, 3) uint8, in place; the mask may have another size."""
    inside = resized(mask.astype(float), photo.shape[:2]) >= 0.5
    edge = np.zeros_like(inside)
    edge[1:] |= inside[1:] != inside[:-1]
    edge[:, 1:] |= inside[:, 1:] != inside[:, :-1]
    width = max(1, max(photo.shape[:2]) // 200)
    for step in range(1, width):
        edge |= np.roll(edge, step, axis=0) | np.roll(edge, step, axis=1)
    photo[edge] = colour
