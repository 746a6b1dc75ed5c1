"""The table of methods: what each asks of a model, which knobs it has, what a person should know about it. Rows are
data.

The screen offers what `methods_for` returns; `run` refuses the rest. Adding a method is one function and one row.
Importing this loads nothing heavy: a row names its function by a string, as a model's row names its loader.
"""

import importlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import BadRequest
from workbench.explanation.choices import FILLS, MARGINALS

if TYPE_CHECKING:
    from workbench.explanation.question import ChipMap, Question


NEEDS = {
    "gradients": "a model with gradients",
    "places": "a network whose last layer still has places",
    "attention": "a vision transformer",
    "gate": "a network with gates of its own",
    "selector": "a selector trained beside the model",
    "parts": "a parsed face",
    "pair": "two faces and a recogniser",
}
"""What a method may need, in words for the person who is refused."""


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting of a method. A number has low and high (whole numbers where `default` is one), a choice has
    `choices`."""

    name: str
    title: str
    default: int | float | str
    low: float = 0
    high: float = 0
    step: float = 1
    choices: tuple[str, ...] = ()

    def check(self, value: Any) -> int | float | str:
        """The value in the knob's type. Raises BadRequest, saying what is allowed, for anything else."""
        if self.choices:
            if value not in self.choices:
                raise BadRequest(f"{self.title}: expected one of {', '.join(self.choices)}, got {str(value)[:40]!r}.")
            return str(value)
        whole = isinstance(self.default, int)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not self.low <= value <= self.high
            or (whole and value != int(value))
        ):
            kind = "a whole number" if whole else "a number"
            raise BadRequest(
                f"{self.title}: expected {kind} from {self.low:g} to {self.high:g}, got {str(value)[:40]!r}."
            )
        return int(value) if whole else float(value)


@dataclass(frozen=True, slots=True)
class Method:
    """One way to a heatmap.

    function: "module:name" inside `workbench.explanation`. needs: words of NEEDS. asks_target: False for maps that are
    the same whatever is asked.
    """

    id: str
    title: str
    sentence: str
    function: str
    needs: frozenset[str] = frozenset()
    knobs: tuple[Knob, ...] = ()
    asks_target: bool = True

    def settle(self, given: Mapping[str, Any]) -> dict[str, int | float | str]:
        """All knobs with their values, defaults where none is given. Raises BadRequest for a knob that does not
        exist."""
        known = {knob.name: knob for knob in self.knobs}
        for name in given:
            if name not in known:
                raise BadRequest(f"{self.title} has no knob {str(name)[:40]!r}; it has: {', '.join(known) or 'none'}.")
        return {name: knob.check(given.get(name, knob.default)) for name, knob in known.items()}


_FILL = Knob("fill", "What covers", "blur", choices=FILLS)
_SMOOTH = Knob("smooth", "Smoothed by (percent of the side)", 1.5, 0, 10, 0.5)
_BASELINE = Knob("fill", "Compared with", "blur", choices=tuple(fill for fill in FILLS if fill != "layer"))

ROWS = (
    Method(
        "grad_cam",
        "Grad-CAM",
        "Fast and coarse: the places of the last layer that raise the score.",
        "activations:grad_cam",
        frozenset({"gradients", "places"}),
    ),
    Method(
        "grad_cam_plus_plus",
        "Grad-CAM++",
        "As Grad-CAM, fairer to several or small places.",
        "activations:grad_cam_plus_plus",
        frozenset({"gradients", "places"}),
    ),
    Method(
        "eigen_cam",
        "Eigen-CAM",
        "What the last layer sees most; the same whatever is asked.",
        "activations:eigen_cam",
        frozenset({"gradients", "places"}),
        asks_target=False,
    ),
    Method(
        "integrated_gradients",
        "Integrated gradients",
        "Pixel by pixel; sums to the score's rise over a face without detail, and says by how much it misses.",
        "gradients:integrated_gradients",
        frozenset({"gradients"}),
        (Knob("steps", "Steps", 50, 8, 300), _BASELINE),
    ),
    Method(
        "smooth_grad",
        "SmoothGrad",
        "Which pixels the score reacts to most; strength, not direction.",
        "gradients:smooth_grad",
        frozenset({"gradients"}),
        (Knob("samples", "Noisy copies", 25, 2, 200), Knob("noise", "Noise", 0.1, 0.01, 0.5, 0.01)),
    ),
    Method(
        "occlusion",
        "Occlusion",
        "Covers a square, asks again. The plainest method, and often the clearest.",
        "perturbation:occlusion",
        frozenset(),
        (
            Knob("window", "Window (pixels of the chip; 0: a quarter)", 0, 0, 128),
            Knob("stride", "Stride (0: a sixteenth)", 0, 0, 64),
            _FILL,
        ),
    ),
    Method(
        "rise",
        "RISE",
        "Random soft masks, weighted by the score they leave; black box.",
        "perturbation:rise",
        frozenset(),
        (
            Knob("masks", "Masks", 2000, 50, 8000, 50),
            Knob("grid", "Cells a side", 7, 3, 16),
            Knob("share", "Share visible", 0.5, 0.1, 0.9, 0.05),
            Knob("fill", "What covers", "grey", choices=FILLS),
        ),
    ),
    Method(
        "part_shapley",
        "Shapley values of the parts",
        "How much each parsed part (mouth, brows, hair …) contributes; adds up exactly.",
        "shapley:part_shapley",
        frozenset({"parts"}),
        (Knob("permutations", "Permutations", 25, 2, 500), _FILL),
    ),
    Method(
        "attention_rollout",
        "Attention rollout",
        "Where a vision transformer gathers from; the same whatever is asked.",
        "rollout:attention_rollout",
        frozenset({"attention"}),
        asks_target=False,
    ),
    Method(
        "gradient_rollout",
        "Gradient-weighted attention rollout",
        "As attention rollout, with every head weighed by how much it raises the score; it depends on what is asked.",
        "attention_relevance:gradient_rollout",
        frozenset({"attention", "gradients"}),
    ),
    Method(
        "layer_relevance",
        "Layer-wise relevance (AttnLRP)",
        "Hands a transformer's score back layer by layer to the patches; signed.",
        "attention_relevance:layer_relevance",
        frozenset({"attention", "gradients"}),
    ),
    Method(
        "excitation",
        "Excitation backprop",
        "Sends probability back through the network: which pixels excited the answer, never against it.",
        "excitation_maps:excitation_backprop",
        frozenset({"gradients"}),
        (_SMOOTH,),
    ),
    Method(
        "contrastive_excitation",
        "Contrastive excitation backprop",
        "As excitation backprop, less what would excite the opposite answer (two people, or not this class).",
        "excitation_maps:contrastive_excitation",
        frozenset({"gradients"}),
        (Knob("cut", "Weakest mass cut off (percent)", 0, 0, 90, 5), _SMOOTH),
    ),
    Method(
        "own_gates",
        "The network's own gates",
        "How far the network itself let each patch or part through; the same whatever is asked.",
        "gate:own_gates",
        frozenset({"gate"}),
        asks_target=False,
    ),
    Method(
        "comet",
        "Trained selector (COMET)",
        "What a network trained beside this one keeps so that its answer stays and cannot be found in the rest.",
        "selected:selected",
        frozenset({"selector"}),
    ),
    Method(
        "signed_holes",
        "Signed holes (similarity)",
        "Random holes in one face: where covering parts two faces, and where it brings them together.",
        "likeness:signed_holes",
        frozenset({"pair"}),
        (
            Knob("masks", "Masks", 500, 50, 8000, 50),
            Knob("grid", "Cells a side", 7, 3, 16),
            Knob("share", "Share visible", 0.8, 0.2, 0.95, 0.05),
            _FILL,
        ),
    ),
    Method(
        "patch_flow",
        "Patch flow (DeepFace-EMD)",
        "Which place of one face answers which of the other; red adds more than its share to their likeness.",
        "patch_flow:patch_flow",
        frozenset({"pair", "gradients", "places"}),
        (
            Knob("grid", "Patches a side", 4, 2, 8),
            Knob("weights", "What a patch weighs", "apc", choices=MARGINALS),
        ),
        asks_target=False,
    ),
    Method(
        "weighted_subtree",
        "Weighted subtrees (excitation)",
        "Excitation backprop from the one number of every layer that most makes the two alike.",
        "excitation_maps:weighted_subtree",
        frozenset({"pair", "gradients"}),
        (Knob("subtrees", "Layers", 64, 1, 200), _SMOOTH),
    ),
    Method(
        "sparse_holes",
        "Sparse holes (DISE)",
        "A few small holes where excitation backprop expects them to matter; black box with foresight.",
        "sparse_holes:sparse_holes",
        frozenset({"pair", "gradients"}),
        (Knob("masks", "Masks", 500, 50, 8000, 50), Knob("holes", "Holes in each", 2, 1, 8)),
    ),
)

METHODS: dict[str, Method] = {row.id: row for row in ROWS}


def find(method_id: str) -> Method:
    """The method of this id. Raises BadRequest, naming those there are."""
    if not isinstance(method_id, str) or method_id not in METHODS:
        raise BadRequest(f"There is no method {str(method_id)[:40]!r}; expected one of: {', '.join(METHODS)}.")
    return METHODS[method_id]


def methods_for(abilities: Collection[str], *, parts: bool = True, pair: bool = False) -> tuple[Method, ...]:
    """The methods that fit a model, in the table's order.

    abilities: of the model, `anatomy(model).abilities`. parts: a parser is at hand; pair: two faces are compared.
    """
    has = set(abilities) | ({"parts"} if parts else set()) | ({"pair"} if pair else set())
    return tuple(row for row in ROWS if row.needs <= has)


def run(
    method: Method, question: "Question", abilities: Collection[str], knobs: Mapping[str, Any], *, pair: bool = False
) -> "ChipMap":
    """The map a method draws. Raises BadRequest when the model lacks what it needs or a knob is wrong, Cancelled when
    asked to."""
    settled = method.settle(knobs)
    fits = methods_for(abilities, parts=question.regions is not None, pair=pair)
    if method not in fits:
        lacking = [NEEDS[need] for need in sorted(method.needs) if need in NEEDS]
        raise BadRequest(
            f"{method.title} needs {' and '.join(lacking)}. Here you can use: {', '.join(row.title for row in fits)}."
        )
    if settled.get("fill") == "layer" and "layers" not in abilities:
        raise BadRequest(
            "Layer masking works on convolutional networks; choose the fill blur, grey or mean for this model."
        )
    module, _, name = method.function.partition(":")
    draw = getattr(importlib.import_module(f"workbench.explanation.{module}"), name)
    drawn: ChipMap = draw(question, **settled)
    return drawn
