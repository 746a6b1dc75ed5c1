"""What answers that say more than a class come to: expressions with their place on the affect grid, action units,
placed points, drawn masks.

Every function takes counted judgements of one task. Intervals draw items. Knows no page and reads no file: a map or a
mask to compare with is handed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import krippendorff
import numpy as np
import pandas as pd

from workbench.labeling.statistics.judgements import kinds, one_task
from workbench.labeling.study import details
from workbench.labeling.study.tasktypes import find_task
from workbench.metrics.roc import Interval, interval, resample

Layer = Callable[[str], np.ndarray | None]
"""Item id → its mask or heatmap, (h, w) float64 of 0..1; None where there is none."""
SMALLEST = 10
"""Items below which a group has no figure of its own."""
NOTHING = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, slots=True, eq=False)
class Formed:
    """form: of the task. measures: a row per measure: what, value, low, high, items, of (what the value is). per_item:
    a row per item, its columns by form. words: a sentence on each thing to know before reading. shares: of drawn
    answers, item → which share of people drew each cell, (h, w), and the model's mask in the same cells or None."""

    form: str
    measures: pd.DataFrame
    per_item: pd.DataFrame = field(default_factory=pd.DataFrame)
    words: tuple[str, ...] = ()
    shares: dict[str, tuple[np.ndarray, np.ndarray | None]] = field(default_factory=dict)


def formed(
    rows: pd.DataFrame, items: pd.DataFrame, asked: Sequence[str] = (), layer: Layer | None = None, rounds: int = 300
) -> Formed | None:
    """What the answers come to; None for a task whose answers are classes alone.

    rows: judgements that count. items: column item, and pictures where what made a mask or map is to be told apart.
    asked: points or units of the study. layer: what the model drew. rounds: of the bootstrap over items.
    """
    form = find_task(one_task(rows)).form
    if form == "expression":
        return _expressions(rows, rounds)
    if form == "units":
        return _units(rows, asked, rounds)
    if form == "points":
        return _points(rows, asked, rounds)
    return _drawn(rows, items, form, layer, rounds) if form else None


def _expressions(rows: pd.DataFrame, rounds: int) -> Formed:
    told = [details.feeling(answer) for answer in rows["answer"]]
    table = pd.DataFrame(
        {
            "item": rows["item"].astype(str).to_numpy(),
            "expression": kinds(rows).to_numpy(),
            **{name: [getattr(one, name) for one in told] for name in ("intensity", "valence", "arousal")},
        }
    )
    grouped = table.groupby("item")
    per_item = grouped[["intensity", "valence", "arousal"]].mean()
    per_item["spread"] = np.sqrt(grouped[["valence", "arousal"]].var(ddof=0).sum(axis=1))
    per_item.insert(0, "expression", grouped["expression"].agg(_most))
    per_item["raters"] = grouped.size()
    measures = [("Expression", *_alpha(table, "expression", "nominal", rounds))]
    measures += [(n.capitalize(), *_alpha(table, n, "interval", rounds)) for n in ("intensity", "valence", "arousal")]
    words = "Valence runs from unpleasant (−4) to pleasant (+4), arousal from calm (−4) to excited (+4)."
    return Formed("expression", _measures(measures, "Krippendorff’s alpha"), per_item.reset_index(), (words,))


def _most(names: pd.Series) -> str:
    """The commonest, of equal ones the first by name."""
    counts = names.value_counts()
    return str(min(counts.index[counts == counts.max()]))


def _units(rows: pd.DataFrame, asked: Sequence[str], rounds: int) -> Formed:
    told = [set(details.units(answer)) for answer in rows["answer"]]
    item = rows["item"].astype(str).to_numpy()
    table = pd.DataFrame({"item": item} | {name: [int(name) in one for one in told] for name in asked})
    shares = table.groupby("item")[list(asked)].mean()
    measures = [(f"AU{name} {details.UNITS[int(name)]}", *_alpha(table, name, "nominal", rounds)) for name in asked]
    made = _measures(measures, "Krippendorff’s alpha")
    made.insert(1, "seen", table[list(asked)].mean().to_numpy())
    words = "Seen: the share of all answers that mark the unit. An alpha needs answers that differ: – where none did."
    return Formed("units", made, shares.rename(columns=lambda name: f"AU{name}").reset_index(), (words,))


def _points(rows: pd.DataFrame, asked: Sequence[str], rounds: int) -> Formed:
    places = np.array([[(np.nan, np.nan) if p is None else p for p in details.points(a)] for a in rows["answer"]])
    names, item = np.unique(rows["item"].astype(str), return_inverse=True)
    measures, columns = [], {"item": names}
    for n, point in enumerate(asked):
        mean, spread, count = _about(places[:, n], item, len(names))
        columns |= {f"{point} x": mean[:, 0], f"{point} y": mean[:, 1], f"{point} spread": spread}
        known = np.where(count >= 2, spread, np.nan)
        measures.append((point, mean_over(known, rounds), int((count >= 2).sum())))
    words = (
        "Spread: how far answers lie from the others’ mean place, root mean square, in percent of the picture’s "
        "longer way (width or height taken as one); items with two raters or more."
    )
    return Formed("points", _measures(measures, "Spread, %"), pd.DataFrame(columns), (words,))


def _about(places: np.ndarray, item: np.ndarray, items: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each item's mean place, (items, 2) shares; how far answers lie from the mean of the others, percent; how many."""
    seen = ~np.isnan(places[:, 0])
    count = np.bincount(item[seen], minlength=items)
    sums = np.stack([np.bincount(item[seen], places[seen, axis], items) for axis in (0, 1)], axis=1)
    mean = np.divide(sums, count[:, None], out=np.full((items, 2), np.nan), where=count[:, None] > 0)
    others = count[item[seen]] - 1
    rest = np.divide(
        sums[item[seen]] - places[seen],
        others[:, None],
        out=np.full((seen.sum(), 2), np.nan),
        where=others[:, None] > 0,
    )
    far = ((places[seen] - rest) ** 2).sum(axis=1)
    total = np.bincount(item[seen], np.nan_to_num(far), items)
    spread = 100 * np.sqrt(np.divide(total, count, out=np.full(items, np.nan), where=count > 1))
    return mean, spread, count


def _drawn(rows: pd.DataFrame, items: pd.DataFrame, form: str, layer: Layer | None, rounds: int) -> Formed:
    makers, groups = _makers(items), _groups(items)
    found, shares = [], {}
    for item, own in rows.groupby(rows["item"].astype(str)):
        model = layer(str(item)) if layer else None
        masks = _masks(own["answer"], model)
        if not len(masks):
            continue
        share = masks.mean(axis=0)
        own_mask = None if model is None else _as_mask(share, model, form)
        shares[str(item)] = (share, own_mask)
        among = _among(masks)
        against = float("nan") if own_mask is None else _iou(consensus(share), own_mask)
        fine = float((kinds(own) == "fine").mean())
        own_row = (str(item), groups.get(str(item), ""), makers.get(str(item), ""), len(masks))
        found.append((*own_row, among, against, fine, float(share.mean())))
    names = ["item", "group", "made by", "raters", "among people", "model", "fine", "area"]
    table = pd.DataFrame(found, columns=names)
    return Formed(form, _compared(table, form, rounds), table, (_DRAWN_WORDS[form],), shares)


_DRAWN_WORDS = {
    "mask": "IoU of the model’s mask with what more than half of the people drew, and of each rater’s with that of the "
    "others: the most a model can be asked for. Who says “it fits” has drawn the model’s mask.",
    "attention": "IoU of the map with what more than half of the people drew (all that any of them drew, where no cell "
    "has half), both over the same area: the map’s strongest cells. By chance: a place thrown at random, area / (2 − "
    "area). Among people: each rater’s with that of the others.",
}


def _masks(answers: pd.Series, model: np.ndarray | None) -> np.ndarray:
    """(n, h, w) bool of one item; an answer that leaves the model's mask as it is stands for it, where it is known."""
    drawn = [details.drawn(answer) if details.MARK in answer else None for answer in answers]
    size = _size([one.shape for one in drawn if one is not None], None if model is None else model.shape)
    if size is None:
        return np.zeros((0, 1, 1), bool)
    own = None if model is None else resized(model, size) >= 0.5
    kept = [own if one is None else one for one in drawn]
    return np.array([one for one in kept if one is not None and one.shape == size])


def _size(drawn: Sequence[tuple[int, ...]], model: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The size most people drew in, of equally common ones that nearest the model's form, then the largest: a browser
    follows the picture, so another size was sent past it, and must not put honest answers aside."""
    if not drawn:
        return model
    tall = 1.0 if model is None else model[0] / model[1]

    def weight(size: tuple[int, ...]) -> tuple[float, ...]:
        apart = 0.0 if model is None else abs(float(np.log(size[0] / size[1] / tall)))
        return drawn.count(size), -apart, size[0] * size[1], size[0]

    return max(sorted(set(drawn)), key=weight)


def _makers(items: pd.DataFrame) -> dict[str, str]:
    """Item → what made its last picture, where that is told."""
    if "pictures" not in items.columns:
        return {}
    pairs = zip(items["item"].astype(str), items["pictures"], strict=True)
    return {item: str(p[-1][2]) for item, p in pairs if len(p) > 1 and len(p[-1]) > 2 and p[-1][2]}


def _groups(items: pd.DataFrame) -> dict[str, str]:
    """Item → its group, where there are several of them."""
    if "group" not in items.columns or items["group"].nunique() < 2:
        return {}
    return dict(zip(items["item"].astype(str), items["group"].astype(str), strict=True))


def _among(masks: np.ndarray) -> float:
    """Mean IoU of each rater's mask with what more than half of the others drew; NaN for one rater."""
    if len(masks) < 2:
        return float("nan")
    total = masks.sum(axis=0)
    return float(np.mean([_iou(one, consensus((total - one) / (len(masks) - 1))) for one in masks]))


def consensus(share: np.ndarray) -> np.ndarray:
    """(h, w) bool: what more than half drew; all that anybody drew, where no cell has half."""
    most = share > 0.5
    return most if most.any() else share > 0


def _as_mask(share: np.ndarray, model: np.ndarray, form: str) -> np.ndarray:
    """The model's mask in the cells that people drew in; of a map, as many of its strongest cells as people drew."""
    own = resized(model, share.shape)
    if form == "mask":
        return np.asarray(own >= 0.5)
    order = np.argsort(-own.ravel(), kind="stable")[: int(consensus(share).sum())]
    top = np.zeros(own.size, bool)
    top[order] = True
    return top.reshape(own.shape)


def resized(layer: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(h, w) float64 at another size, means over areas when it shrinks."""
    import cv2

    return np.asarray(cv2.resize(layer.astype(np.float64), (shape[1], shape[0]), interpolation=cv2.INTER_AREA))


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def _compared(table: pd.DataFrame, form: str, rounds: int) -> pd.DataFrame:
    measures = [("People among themselves", mean_over(table["among people"].to_numpy(), rounds), len(table))]
    if table["model"].notna().any():
        for name, own in table.groupby("made by"):
            what = f"{name or ('The mask' if form == 'mask' else 'The map')} and people"
            measures.append((what, mean_over(own["model"].to_numpy(), rounds), int(own["model"].notna().sum())))
            for group, some in own[own["model"].notna()].groupby("group"):
                if group and len(some) >= SMALLEST:
                    measures.append((f"{what}, {group}", mean_over(some["model"].to_numpy(), rounds), len(some)))
    if form == "attention":
        area = table["area"].to_numpy()
        measures.append(("By chance", mean_over(area / (2 - area), rounds), len(table)))
    made = _measures(measures, "IoU")
    if form == "mask" and len(table):
        fine = mean_over(table["fine"].to_numpy(), rounds)
        last = ("Said to fit as it is", fine.value, fine.low, fine.high, len(table), "share")
        made.loc[len(made)] = list(last)
    return made


def _alpha(table: pd.DataFrame, column: str, level: str, rounds: int) -> tuple[Interval, int]:
    """Krippendorff's alpha of one column over items, and how many items have two answers."""
    from workbench.labeling.statistics.agreement import alpha_replicates

    domain, answer = np.unique(table[column].to_numpy(), return_inverse=True)
    numbers = np.arange(len(domain), dtype=float) if level == "nominal" else domain.astype(float)
    items, item = np.unique(table["item"].to_numpy(), return_inverse=True)
    counts = np.bincount(item * len(domain) + answer, minlength=len(items) * len(domain))
    counts = counts.reshape(len(items), len(domain))
    counts = counts[counts.sum(axis=1) >= 2]
    if (counts.sum(axis=0) > 0).sum() < 2:
        return NOTHING, len(counts)
    value = krippendorff.alpha(value_counts=counts, value_domain=numbers, level_of_measurement=level)
    return interval(value, alpha_replicates(counts, numbers, level, resample(len(counts), rounds, 0))), len(counts)


def mean_over(values: np.ndarray, rounds: int) -> Interval:
    """The mean over items that have a value, and its interval over items."""
    known = values[np.isfinite(values)].astype(float)
    if not len(known):
        return NOTHING
    return interval(float(known.mean()), resample(len(known), rounds, 0) @ known / len(known))


def _measures(rows: Sequence[tuple[str, Interval, int]], of: str) -> pd.DataFrame:
    table = [(what, found.value, found.low, found.high, items, of) for what, found, items in rows]
    return pd.DataFrame(table, columns=["what", "value", "low", "high", "items", "of"])
