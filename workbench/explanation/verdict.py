"""Does a heatmap know anything? The rule, and the sentence that tells a person."""

from dataclasses import dataclass

import numpy as np

EVIDENCE, CHANCE, NOTHING = "evidence", "no better than chance here", "no evidence"
LEVEL = 95
"""Percentile of the random maps that a map has to pass."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """word: one of EVIDENCE, CHANCE, NOTHING. gain: insertion area less deletion area of the map; the others are of the
    controls.

    beaten: how many of the random maps it beats.
    """

    word: str
    sentence: str
    gain: float
    chance: float
    edges: float
    middle: float
    beaten: int
    randoms: int

    @property
    def counts(self) -> bool:
        """Whether the map counts as evidence."""
        return self.word == EVIDENCE


def judge(gain: float, random_gains: np.ndarray, edge_gain: float, middle_gain: float, empty: bool) -> Verdict:
    """The verdict on a map: evidence when it passes the 95th percentile of the random maps and the edge map."""
    chance = float(np.percentile(random_gains, LEVEL))
    beaten = int((gain > random_gains).sum())
    figures = (float(gain), chance, float(edge_gain), float(middle_gain), beaten, len(random_gains))
    if empty:
        return Verdict(
            NOTHING, "No evidence: the map is empty. Nothing that was tried on this face changes this score.", *figures
        )
    better_than_chance, better_than_edges = gain > chance, gain > edge_gain
    score = f"{gain:.3f} against {chance:.3f} for the best random maps (95th percentile of {len(random_gains)})"
    if better_than_chance and better_than_edges:
        sentence = (
            f"Evidence: what this map marks moves the score more than chance and mere edges do: {score}, "
            f"{edge_gain:.3f} for edges."
        )
        if middle_gain >= gain:
            sentence += (
                f" But a plain blob in the middle does as well ({middle_gain:.3f}): the map may say little more "
                f"than “the face”."
            )
        return Verdict(EVIDENCE, sentence, *figures)
    if better_than_chance:
        why = (
            f"it beats random maps ({score}), but an edge detector that knows nothing of the model does as well "
            f"({edge_gain:.3f})"
        )
    else:
        why = f"random maps of the same smoothness do as well ({score}; it beats {beaten} of them)"
    return Verdict(CHANCE, f"No better than chance here: {why}. Do not read a reason out of this picture.", *figures)
