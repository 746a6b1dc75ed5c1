"""Repair after drawing: an optional last step, and how far it took each face from the one that was drawn.

A network that repairs puts other faces' detail where it sees damage. So every repaired picture is measured twice: how
like the drawn picture it still is, and how like the person, before and after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.generation.report import TITLES, Report
from workbench.portraits import Repairer
from workbench.tasks.recognition import FaceRecogniser, similarities
from workbench.thresholds import Metric
from workbench.values import Face
from workbench.watch import Watch


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """How like the drawn picture each repaired one is, by one recogniser.

    scores: (n,) cosine or distance, NaN where a face is missing in either. threshold: in that unit; None when not
    calibrated.
    before, after: mean likeness to the first person they were compared with, of the same pictures; None without any.
    """

    recogniser: str
    metric: Metric
    threshold: float | None
    scores: np.ndarray
    before: float | None
    after: float | None

    @property
    def kept(self) -> np.ndarray:
        """(n,) bool: still taken for the face that was drawn."""
        if self.threshold is None:
            return np.zeros(len(self.scores), bool)
        return np.asarray(self.metric.matches(self.scores, self.threshold))

    def words(self) -> str:
        """The drift as a sentence."""
        seen = np.isfinite(self.scores)
        title = TITLES.get(self.recogniser, self.recogniser)
        if not seen.any():
            return f"Repair, by {title}: no face to compare in what was drawn and what was repaired."
        worst = self.scores[seen].max() if self.metric.word == "distance" else self.scores[seen].min()
        told = (
            f"Repair, by {title}: mean {self.metric.word} of a repaired picture to the drawn one "
            f"{self.scores[seen].mean():.2f} (farthest {worst:.2f})"
        )
        if self.threshold is not None:
            told += f"; {int(self.kept.sum())} of {int(seen.sum())} are still taken for the face that was drawn"
        if self.before is not None and self.after is not None:
            told += f"; to the person {self.before:.2f} before, {self.after:.2f} after"
        return told + "."


def repaired(
    pictures: Sequence[np.ndarray], faces: Sequence[Face | None], repairer: Repairer, watch: Watch | None = None
) -> list[np.ndarray]:
    """Each picture with its face repaired; one without a face stays as it is. Raises Cancelled."""
    watch, done = watch or Watch(), []
    for number, (picture, face) in enumerate(zip(pictures, faces, strict=True)):
        watch.tell(number / max(len(faces), 1), f"repairing {number + 1} of {len(faces)}")
        done.append(picture if face is None else repairer(picture, face))
    return done


def drifts(before: Report, after: Report, recognisers: Mapping[str, FaceRecogniser]) -> tuple[Drift, ...]:
    """How far the repair went, by each recogniser. before, after: the same pictures in the same order."""
    return tuple(_drift(name, model, before, after) for name, model in recognisers.items())


def _drift(name: str, model: FaceRecogniser, before: Report, after: Report) -> Drift:
    first, second = before.vectors[name], after.vectors[name]
    scores = np.full(len(first), np.nan)
    if first.shape == second.shape and first.shape[1]:
        seen = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
        alike = similarities(first[seen].astype(np.float64), second[seen].astype(np.float64), model.metric)
        scores[seen] = [model.metric.similarity(float(value)) for value in alike]
    means = [_to_person(report, name, np.isfinite(scores)) for report in (before, after)]
    return Drift(name, model.metric, model.threshold, scores, *means)


def _to_person(report: Report, name: str, seen: np.ndarray) -> float | None:
    row = next((likeness for likeness in report.likenesses if likeness.recogniser == name), None)
    values = np.array([]) if row is None else row.scores[seen & np.isfinite(row.scores)]
    return float(values.mean()) if len(values) else None


def with_drifts(rows: Sequence[dict[str, Any]], drifts: Sequence[Drift]) -> list[dict[str, Any]]:
    """A report's rows, each with how like the drawn picture the repaired one is."""
    added = [
        {
            f"{drift.recogniser}, repaired to drawn": round(float(drift.scores[place]), 5)
            if np.isfinite(drift.scores[place])
            else None
            for drift in drifts
        }
        for place in range(len(rows))
    ]
    return [row | more for row, more in zip(rows, added, strict=True)]
