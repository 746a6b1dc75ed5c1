"""Part maps against true part maps: F1, IoU and boundary F per part, pooled and per picture, with intervals and per
group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from workbench.errors import BadRequest
from workbench.evaluation.truth import IGNORED
from workbench.evaluation.weighing import Draws, Statistic
from workbench.metrics.parsing import confusion, f1, iou, truth_counts
from workbench.metrics.roc import Interval
from workbench.parts import INDEX, MIRROR, PARTS

TOLERANCES = ("2 px", "1 %")
"""How far apart two boundaries may lie and still agree: two pixels, or a hundredth of the picture's diagonal."""
_COUNT = len(PARTS)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What one picture counts. table: (19, 19) int64, pixels by true part (row) and predicted part (column).

    edges: (2, 19, 4) int64 per tolerance and part: predicted edge pixels near a true edge, all predicted, true edge
    pixels near a predicted one, all true. exchanged: the picture agrees better with left and right changed over.
    """

    id: str
    table: np.ndarray
    edges: np.ndarray
    exchanged: bool

    @property
    def score(self) -> float:
        """Mean F1 over the parts of the picture's truth."""
        return float(f1(self.table)[truth_counts(self.table) > 0].mean())


def judge(id: str, truth: np.ndarray, predicted: np.ndarray, parts: Sequence[str]) -> Picture:
    """Compare one picture. truth: (H, W) uint8, IGNORED where nothing counts. predicted: (h, w) uint8, brought to the
    truth's size when the shapes are alike.

    A predicted part that is not among the data set's `parts` counts as background. Raises BadRequest for a mask of
    another shape.
    """
    if truth.shape != predicted.shape:
        (height, width), (h, w) = truth.shape, predicted.shape
        if abs(height / width - h / w) > 0.02 * h / w:
            raise BadRequest(f"{id}: the mask is {width} × {height}, the photo {w} × {h}: another shape.")
        predicted = cv2.resize(predicted, (width, height), interpolation=cv2.INTER_NEAREST)
    known = np.array([name in parts or name == "background" for name in PARTS])
    predicted = np.where(known, np.arange(_COUNT), 0).astype(np.uint8)[predicted]
    counted = truth != IGNORED
    if not counted.any():
        raise BadRequest(f"{id}: nothing in the mask has a name that is known.")
    table = confusion(truth[counted], predicted[counted])
    mirrored = confusion(np.array(MIRROR, np.uint8)[truth[counted]], predicted[counted])
    present = truth_counts(table) > 0
    better = f1(mirrored)[truth_counts(mirrored) > 0].mean() - f1(table)[present].mean()
    return Picture(id, table, _edges(truth, predicted), bool(better > 0.02))


def _edges(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    reach = (2, max(1, round(0.01 * float(np.hypot(*truth.shape)))))
    found = np.zeros((2, _COUNT, 4), np.int64)
    for part in sorted(set(np.unique(truth).tolist()) | set(np.unique(predicted).tolist())):
        if part in (0, IGNORED):
            continue
        mine, theirs = _outline(predicted == part), _outline(truth == part)
        for place, far in enumerate(reach):
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * far + 1, 2 * far + 1))
            near_truth, near_mine = (cv2.dilate(edge.astype(np.uint8), kernel) > 0 for edge in (theirs, mine))
            found[place, part] = (mine & near_truth).sum(), mine.sum(), (theirs & near_mine).sum(), theirs.sum()
    return found


def _outline(mask: np.ndarray) -> np.ndarray:
    """A mask's own pixels that touch another part; the picture's border is no edge."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    return np.asarray(mask & (inner == 0))


def boundary_f(edges: np.ndarray) -> np.ndarray:
    """(…, 4) → (…,): the harmonic mean of edge precision and recall (Csurka et al. 2013, section 3); NaN if no edge."""
    hit, all_mine, reached, all_true = np.moveaxis(edges.astype(np.float64), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hit / all_mine, reached / all_true
        found = 2 * precision * recall / (precision + recall)
    one_sided = (all_mine + all_true > 0) & ((all_mine == 0) | (all_true == 0) | (hit + reached == 0))
    return np.where(one_sided, 0.0, found)


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """All pictures of one model, counted. The order is that of the cases, and the same for every model compared."""

    pictures: tuple[Picture, ...]

    @property
    def tables(self) -> np.ndarray:
        """(n, 19, 19) float64."""
        return np.stack([picture.table for picture in self.pictures]).astype(np.float64)

    @property
    def present(self) -> np.ndarray:
        """(19,) bool: parts that occur in the truth."""
        return np.asarray(self.tables.sum((0, 2)) > 0)

    def statistics(self) -> dict[str, Statistic]:
        """What is reported, by name: pooled F1, F1 per picture, mIoU, pixel accuracy."""
        tables, scores, here = self.tables, np.array([p.score for p in self.pictures]), self.present

        def pooled(measure: object) -> Statistic:
            def of(weights: np.ndarray) -> np.ndarray:
                summed = np.tensordot(weights.astype(np.float64), tables, axes=1)
                return np.array([_measure(measure, table)[here].mean() if table.any() else np.nan for table in summed])

            return of

        def accuracy(weights: np.ndarray) -> np.ndarray:
            right, every = np.trace(tables, axis1=1, axis2=2), tables.sum((1, 2))
            return _ratio(weights @ right, weights @ every)

        def per_picture(weights: np.ndarray) -> np.ndarray:
            return _ratio(weights @ scores, weights.sum(1))

        return {
            "pooled F1": pooled(f1),
            "F1 per picture": per_picture,
            "mIoU": pooled(iou),
            "pixel accuracy": accuracy,
        }

    def parts(self, draws: Draws) -> dict[str, dict[str, Interval]]:
        """Part → F1, IoU and boundary F at both tolerances, each with its interval."""
        tables, edges = self.tables, np.stack([picture.edges for picture in self.pictures]).astype(np.float64)
        own, both = np.diagonal(tables, axis1=1, axis2=2), tables.sum(1) + tables.sum(2)
        found: dict[str, dict[str, Interval]] = {}
        for name in (name for name in PARTS if self.present[INDEX[name]]):
            i = INDEX[name]
            row = {
                "F1": draws.of(_share(2 * own[:, i], both[:, i])),
                "IoU": draws.of(_share(own[:, i], (both - own)[:, i])),
            }
            for place, tolerance in enumerate(TOLERANCES if i else ()):
                row[f"boundary F, {tolerance}"] = draws.of(_edge_score(edges[:, place, i]))
            found[name] = row
        return found

    def exchanged(self) -> list[str]:
        """Ids of pictures whose truth, or prediction, seems to have left and right the wrong way round."""
        return [picture.id for picture in self.pictures if picture.exchanged]

    def worst(self, count: int = 20) -> list[Picture]:
        """The pictures with the lowest F1, lowest first."""
        return sorted(self.pictures, key=lambda picture: picture.score)[:count]


def mistaken(parsed: Parsed, most: int = 12) -> list[tuple[str, str, float]]:
    """(true part, predicted part, share of the true part's pixels), the largest confusions first."""
    table = parsed.tables.sum(0)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None)[:most]
    places = [np.unravel_index(at, shares.shape) for at in order]
    return [(PARTS[a], PARTS[b], float(shares[a, b])) for a, b in places if shares[a, b] > 0.005]


def as_row(picture: Picture) -> Mapping[str, object]:
    """A line of the table per picture."""
    scores = f1(picture.table)
    parts = {f"f1 {PARTS[i]}": round(float(scores[i]), 4) for i in np.flatnonzero(truth_counts(picture.table))}
    return {"file": picture.id, "f1": round(picture.score, 4), "sides exchanged": picture.exchanged, **parts}


def _share(above: np.ndarray, below: np.ndarray) -> Statistic:
    return lambda weights: _ratio(weights @ above, weights @ below)


def _edge_score(edges: np.ndarray) -> Statistic:
    return lambda weights: boundary_f(weights @ edges)


def _measure(measure: object, table: np.ndarray) -> np.ndarray:
    return np.asarray(measure(table))  # type: ignore[operator]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=np.asarray(below) > 0)
