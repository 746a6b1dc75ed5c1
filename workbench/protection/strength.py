"""How plainly a protection may be seen, by name or by number. Knows no photo."""

from dataclasses import dataclass

from workbench.errors import BadRequest
from workbench.protection.fields import Bounds
from workbench.protection.search import Plan

LEVELS = (1.0, 1.5, 2.0, 3.0)
"""The visibilities of a curve, from hardly seen side by side to plain to see."""

LONGER = 70
"""Steps of each further level when more than the last of `LEVELS` may be seen."""


@dataclass(frozen=True, slots=True)
class Strength:
    """A visibility: bounds of the field, and the plan of the search that climbs to it."""

    bounds: Bounds
    plan: Plan

    @property
    def level(self) -> float:
        """The visibility allowed."""
        return self.plan.levels[-1]

    @staticmethod
    def of(level: float) -> "Strength":
        """The strength of any visibility from 0.3 to 6; the search climbs to it over the lower `LEVELS`. Beyond
        the last of these every step up takes longer: wider bounds with as many steps found less."""
        if not 0.3 <= level <= 6:
            raise BadRequest(f"strength: expected a visibility from 0.3 to 6, got {level:g}.")
        more = LONGER if level > LEVELS[-1] else Plan().more
        return Strength(Bounds(), Plan((*(step for step in LEVELS if step < level - 0.01), level), more=more))


STRENGTHS: dict[str, Strength] = {
    "light": Strength.of(1.5),
    "middle": Strength.of(2.0),
    "strong": Strength.of(5.0),
}
"""By name: light is what most people would post, middle shows beside the original, strong is plain to see."""


def strength_of(strength: str | float) -> Strength:
    """A strength by its name or by its visibility, also as text. Raises BadRequest for another word or number."""
    if isinstance(strength, str) and strength in STRENGTHS:
        return STRENGTHS[strength]
    try:
        return Strength.of(float(strength))
    except (TypeError, ValueError) as error:
        names = ", ".join(STRENGTHS)
        raise BadRequest(
            f"strength: expected one of {names}, or a visibility from 0.3 to 6, got {str(strength)[:40]!r}."
        ) from error


def whole_curve(strength: str | float) -> float:
    """The visibility up to which a curve climbs that is to hold this strength: the last of `LEVELS`, or beyond it."""
    return max(LEVELS[-1], strength_of(strength).level)
