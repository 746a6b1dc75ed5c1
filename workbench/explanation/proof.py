"""The panel beside every heatmap: what it does to the score, whether it is the model's, which parts it marks, what
people say."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from workbench.explanation import controls
from workbench.explanation.agreement import Share, cam_cos, chance_iou, correlation, iou, part_shares
from workbench.explanation.curves import Curves, curves
from workbench.explanation.human_masks import LOOK_AT, human_mask
from workbench.explanation.more_tests import MoreTests, more_tests
from workbench.explanation.question import ChipMap, Question
from workbench.explanation.randomisation import Draw, Randomisation, randomisation_check
from workbench.explanation.units import UNITS, units_map
from workbench.explanation.verdict import Verdict, judge
from workbench.watch import Watch

RANDOMS = 50
"""Random maps that a verdict rests on."""


@dataclass(frozen=True, slots=True)
class HumanAgreement:
    """How a map agrees with what defines the expression. cam_cos: cosine with the action units' map. iou, correlation:
    with the Friesen–Ekman regions. chance: what a map without knowledge reaches in IoU."""

    expression: str
    cam_cos: float
    iou: float
    correlation: float
    chance: float


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """Everything that is measured of one map.

    curves: its rows are the map, edges, the middle blob, then the random maps. shares: None without a parsed face.
    human: None for a target that no action units define, or a face without landmarks. randomisation: None when it was
    not asked for. more: ROAD, infidelity and sensitivity, where they were asked for.
    """

    verdict: Verdict
    curves: Curves
    shares: tuple[Share, ...] | None
    human: HumanAgreement | None
    randomisation: Randomisation | None
    more: MoreTests | None = None

    def figures(self) -> dict[str, Any]:
        """Every number by name, flat, for one row of a table."""
        row: dict[str, Any] = {"verdict": self.verdict.word, "gain": self.verdict.gain}
        row |= {
            "deletion_auc": float(self.curves.deletion_auc[0]),
            "insertion_auc": float(self.curves.insertion_auc[0]),
        }
        row |= {
            "gain_chance_p95": self.verdict.chance,
            "gain_edges": self.verdict.edges,
            "gain_middle": self.verdict.middle,
        }
        row |= {"randoms_beaten": self.verdict.beaten}
        if self.randomisation is not None:
            row |= {"depends_on_weights": self.randomisation.passed}
            row |= {
                "randomised_spearman": self.randomisation.spearman[-1] if self.randomisation.spearman else float("nan")
            }
            row |= {"randomised_sizes": self.randomisation.sizes[-1] if self.randomisation.sizes else float("nan")}
            row |= {"randomised_ssim": self.randomisation.ssim[-1] if self.randomisation.ssim else float("nan")}
        if self.human is not None:
            row |= {f"human_{name}": value for name, value in asdict(self.human).items() if name != "expression"}
        if self.more is not None:
            row |= asdict(self.more)
        for share in self.shares or ():
            row[f"heat_{share.part}"] = share.heat
        return row


def prove(
    question: Question,
    heat: ChipMap,
    draw: Draw | None = None,
    *,
    mesh: np.ndarray | None = None,
    steps: int = 12,
    randoms: int = RANDOMS,
    fill: str = "blur",
    stages: int = 4,
    redraw: Draw | None = None,
) -> Proof:
    """Measure a map. draw: makes it again (for the randomisation check; None leaves that out). mesh: (478, 2+) in chip
    pixels.

    redraw: makes the map again for ROAD, infidelity and sensitivity; None leaves these out.
    fill: what covers pixels in the curves; "layer" is allowed where the model is convolutional. Raises Cancelled.
    """
    watch, share = question.watch, 0.7 if draw else 1.0
    if redraw is not None:
        further, watch = watch.part(0.6, 1.0), watch.part(0.0, 0.6)
    found = measure_curves(question, heat.values, steps, randoms, fill, watch.part(0.0, share))
    gains = found.gain
    verdict = judge(gains[0], gains[3:], gains[1], gains[2], empty=not heat.values.any())
    check = randomisation_check(question, draw, heat, stages, watch.part(share, 1.0)) if draw else None
    shares = None if question.regions is None else part_shares(heat.values, question.regions)
    more = None if redraw is None else more_tests(replace(question, watch=further), heat, redraw)
    question.watch.tell(1.0, "done")
    return Proof(verdict, found, shares, human_agreement(heat.values, question.target.label, mesh), check, more)


def measure_curves(question: Question, heat: np.ndarray, steps: int, randoms: int, fill: str, watch: Watch) -> Curves:
    """The curves of a map and its controls: edges, middle, random maps, in this order."""
    known = [heat, controls.edges(question.pixels), controls.middle(question.size)]
    return curves(question, [*known, *controls.random_like(heat, randoms, question.seed)], steps, fill, watch)


def human_agreement(heat: np.ndarray, expression: str, mesh: np.ndarray | None) -> HumanAgreement | None:
    """The map against action units and Friesen–Ekman regions; None where these are not defined."""
    if mesh is None or expression not in UNITS or expression not in LOOK_AT:
        return None
    size, warm = heat.shape[0], np.maximum(heat, 0)
    mask = human_mask(mesh, size, expression)
    units = units_map(mesh, size, expression)
    return HumanAgreement(
        expression, cam_cos(warm, units), iou(warm, mask), correlation(warm, mask.astype(np.float32)), chance_iou(mask)
    )
