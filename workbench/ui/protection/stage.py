"""Who may be drawn in a photo or clip, made ready once, and the recognisers that judge it."""

from weakref import WeakKeyDictionary

from workbench.bench import Workbench
from workbench.protection.drawn import DrawnFace
from workbench.protection.replacing import Stage
from workbench.ui.protection.parts import recognisers

_people: "WeakKeyDictionary[Workbench, tuple[DrawnFace, ...]]" = WeakKeyDictionary()
"""The drawn people of each workbench: finding their faces takes seconds, and they are always the same."""


def stage(bench: Workbench) -> Stage:
    """What replacing faces needs, of the models here. Raises ModelMissing, NoFace, and BadRequest without a
    recogniser."""
    from workbench.protection.cast import cast

    parser = bench.parser()
    if bench not in _people:
        _people[bench] = cast(bench.generator(), bench.finder(), parser)
    return Stage(_people[bench], parser, tuple(bench.recogniser(model) for _, model in recognisers(bench)))
