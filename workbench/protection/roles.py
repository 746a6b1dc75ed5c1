"""Who is attacked and who judges: rules that the screen and the command line share. Knows ids, no models."""

from collections.abc import Callable, Iterable, Sequence

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, ModelMissing
from workbench.thresholds import calibrated

ATTACKED = ("dlib", "mobilefacenet")
"""Attacked when the person has not chosen, as far as they are here; the others judge."""


def calibrated_here(
    specs: Iterable[ModelSpec],
    available: Callable[[str], bool],
    threshold: Callable[[str], float | None] = calibrated,
) -> list[str]:
    """Ids of the recognisers that are on this machine, have gradients and a calibrated threshold. Raises ModelMissing
    when none is."""
    here = [spec.id for spec in specs if spec.gradients and threshold(spec.id) is not None and available(spec.id)]
    if not here:
        raise ModelMissing("No recogniser is on this machine. Run: python -m workbench models fetch")
    return here


def usual_roles(here: Sequence[str]) -> tuple[list[str], list[str]]:
    """Whom to attack and who judges when the person has not chosen: with two recognisers, one each."""
    attacked = [model for model in here if model in ATTACKED] or list(here[:1])
    return attacked, [model for model in here if model not in attacked]


def checked_roles(here: Sequence[str], attacked: Sequence[str], judges: Sequence[str]) -> tuple[list[str], list[str]]:
    """The asked roles. Raises BadRequest for an unknown recogniser, none attacked, or one in both roles."""
    for model in (*attacked, *judges):
        if model not in here:
            raise BadRequest(
                f"{str(model)[:60]!r} cannot take part: it is unknown, not on this machine, or has no calibrated "
                f"threshold (python -m workbench models calibrate makes one). "
                f"Here: {', '.join(here)}."
            )
    if not attacked:
        raise BadRequest("Choose at least one recogniser to protect from.")
    if both := sorted(set(attacked) & set(judges)):
        raise BadRequest(
            f"{', '.join(both)}: a recogniser that is attacked cannot judge. Take it out of one of the two."
        )
    return list(attacked), list(judges)
