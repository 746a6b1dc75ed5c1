"""Variants of a sheet: a queue of recipes, each a line of choices that differ from the first, drawn one after another.

`style=film strength=0.6` is one variant, `seed=3` another; a line of seeds alone, `3, 14, 15`, is one each. The same
noise is drawn for every variant, so that what differs is what was chosen.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from workbench import checks
from workbench.errors import BadRequest
from workbench.portraits import WISHES, Recipe, read_wishes
from workbench.scenes import Scene

MOST, LONGEST = 16, 4_000
"""Variants, and characters of their text."""
HIGHEST_SEED, HIGHEST = 2**31 - 1, 1000
"""A seed, and steps or guidance."""
LEFT = "left to the model"
"""What a variant says of a value that the first recipe names and it does not."""

OWN = ("prompt", "seed", "steps", "guidance")
SCENE = tuple(each.name for each in fields(Scene))
NAMES = (*OWN, *SCENE, *WISHES)
"""What a variant may change: the recipe's own values, those of its scene, and its wishes."""
NUMBERS = {"seed": int, "steps": int, "guidance": float, "strength": float, "size": int}
"""What is read as a number here; wishes are read where they are known."""


def read(text: str, recipe: Recipe) -> list[Recipe]:
    """A recipe per line that is not empty; none for an empty text. Raises BadRequest for what is no choice, for a value
    that is none, and for more than 16 variants."""
    if len(text) > LONGEST:
        raise BadRequest(f"Variants: {len(text):,} characters; {LONGEST:,} are read.")
    lines = [line for each in text.splitlines() for line in _split(each.strip())]
    if len(lines) > MOST:
        raise BadRequest(f"Variants: expected at most {MOST}, got {len(lines)}.")
    return [_changed(line, recipe) for line in lines]


def _split(line: str) -> list[str]:
    """A line of numbers is a seed each."""
    if not line:
        return []
    if re.fullmatch(r"[\d\s,]+", line):
        return [f"seed={seed}" for seed in re.findall(r"\d+", line)]
    return [line]


def _changed(line: str, recipe: Recipe) -> Recipe:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise BadRequest(
            f"Variant {line[:60]!r}: {error}. Put words with spaces in quotes: prompt='in a park'."
        ) from None
    told: dict[str, Any] = dict(_pair(word) for word in words)
    wished = [f"{name}={value}" for name, value in told.items() if name in WISHES]
    own = [f"{name}={value}" for name, value in recipe.wishes.made.items()]
    scene = replace(recipe.scene, **{name: told[name] for name in SCENE if name in told})
    changes = {name: told[name] for name in OWN if name in told}
    if not 0 <= changes.get("seed", 0) <= HIGHEST_SEED:
        raise BadRequest(f"Variant {line[:60]!r}: expected a seed of 0 to {HIGHEST_SEED:,}.")
    for name in ("steps", "guidance"):
        checks.number(name, changes.get(name, 0), 0, HIGHEST)
    return replace(recipe, **changes, wishes=read_wishes([*own, *wished]), scene=scene)


def _pair(word: str) -> tuple[str, Any]:
    name, sign, value = word.partition("=")
    if not sign or name not in NAMES:
        raise BadRequest(f"A variant is made of NAME=VALUE, with a name of {', '.join(NAMES)}; got {word[:60]!r}.")
    try:
        return name, NUMBERS[name](value) if name in NUMBERS else value
    except ValueError:
        raise BadRequest(f"{name}: expected a number, got {value[:40]!r}.") from None


def in_words(recipe: Recipe, first: Recipe) -> str:
    """What differs from the first recipe, as a line; its seed where nothing does."""
    own, other = recipe.told(), first.told()
    changed = [name for name in own | other if own.get(name) != other.get(name)]
    told = [f"{name} {own.get(name) or (0 if name == 'seed' else LEFT)}" for name in changed]
    return ", ".join(told) or f"seed {recipe.seed}"


def told(recipes: Sequence[Recipe], first: Recipe, each: int) -> tuple[str, ...]:
    """A line per picture, of variants with so many pictures each."""
    return tuple(in_words(recipe, first) for recipe in recipes for _ in range(each))
