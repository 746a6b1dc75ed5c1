"""Builds same and different pairs from a folder with one folder per person, balanced over groups, hard ones on
request."""

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from workbench.errors import StudyError
from workbench.labeling.study.items import SUFFIXES, Item, Picture, inside

_POOL = 20_000
"""Most candidate pairs that are ranked per group when hard pairs are wanted."""


def build_pairs(
    folder: Path,
    same: int,
    different: int,
    *,
    hard: float = 0.0,
    embeddings: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
    root: Path | None = None,
) -> list[Item]:
    """Pairs from `folder/PERSON/*.jpg` or `folder/GROUP/PERSON/*.jpg`: `same` of one person, `different` of two of one
    group.

    Each group gets the same number, give or take one. hard: this share is what a recogniser finds hardest: the least
    alike of one person, the most alike of two; it needs `embeddings`, file name (relative to `root`) → vector. root:
    the study's folder, which file names are relative to (default: `folder`). The same seed gives the same pairs.
    Raises StudyError when the folder holds too few people or pictures.
    """
    root = (root or folder).resolve()
    if not folder.resolve().is_relative_to(root):
        raise StudyError(f"{folder.name!r} lies outside the study's folder; copy it inside.")
    groups = _people(inside(root, folder.resolve().relative_to(root).as_posix()), root)
    if hard and embeddings is None:
        raise StudyError("Hard pairs need embeddings; pass those of a recogniser, or set hard = 0.")
    rng = random.Random(seed)
    chosen: list[Item] = []
    for is_same, wanted in ((True, same), (False, different)):
        for group, count in zip(groups, _spread(wanted, len(groups)), strict=True):
            pool = _same_pairs(groups[group]) if is_same else _different_pairs(groups[group], rng)
            pairs = _choose(pool, count, hard, embeddings, is_same, rng)
            if len(pairs) < count:
                raise StudyError(
                    f"{group or folder.name}: {count} {'same' if is_same else 'different'} pairs were asked for, "
                    f"its pictures make {len(pairs)}. Ask for fewer or add pictures."
                )
            chosen += [_item(pair, group, is_same, len(chosen) + n) for n, pair in enumerate(pairs)]
    rng.shuffle(chosen)
    return chosen


Pair = tuple[tuple[str, str], tuple[str, str]]
"""Two (person, file)."""


def _people(folder: Path, root: Path) -> dict[str, dict[str, list[str]]]:
    """Group → person → files; the group is "" when the people's folders lie directly in `folder`."""
    groups: dict[str, dict[str, list[str]]] = {}
    for path in sorted(folder.rglob("*")):
        depth = len(path.relative_to(folder).parts)
        if path.suffix.lower() not in SUFFIXES or depth not in (2, 3):
            continue
        group = path.parent.parent.name if depth == 3 else ""
        groups.setdefault(group, {}).setdefault(path.parent.name, []).append(path.relative_to(root).as_posix())
    if not groups:
        raise StudyError(
            f"{folder.name}: expected one folder per person with pictures in it (or folders of groups of people)."
        )
    return groups


def _spread(total: int, parts: int) -> list[int]:
    return [total // parts + (n < total % parts) for n in range(parts)]


def _same_pairs(people: Mapping[str, Sequence[str]]) -> list[Pair]:
    return [((person, a), (person, b)) for person, files in people.items() for a, b in combinations(files, 2)]


def _different_pairs(people: Mapping[str, Sequence[str]], rng: random.Random) -> list[Pair]:
    """All pairs of two people's pictures, or a random sample of them when there are very many."""
    files = [(person, file) for person, own in people.items() for file in own]
    if len(files) * (len(files) - 1) // 2 <= 2 * _POOL:
        return [(a, b) for a, b in combinations(files, 2) if a[0] != b[0]]
    found: set[Pair] = set()
    for _ in range(4 * _POOL):
        a, b = sorted(rng.sample(files, 2))
        if a[0] != b[0]:
            found.add((a, b))
    return sorted(found)[:_POOL]


def _choose(
    pool: list[Pair],
    count: int,
    hard: float,
    embeddings: Mapping[str, np.ndarray] | None,
    is_same: bool,
    rng: random.Random,
) -> list[Pair]:
    rng.shuffle(pool)
    hardest: list[Pair] = []
    if hard and embeddings is not None:
        ranked = sorted(pool, key=lambda pair: _cosine(embeddings, pair), reverse=not is_same)
        hardest = ranked[: round(count * hard)]
    taken = set(hardest)
    rest = [pair for pair in pool if pair not in taken]
    return hardest + _varied(rest, count - len(hardest))


def _varied(pool: list[Pair], count: int) -> list[Pair]:
    """The first `count`, everybody once before anybody twice, so that one person with many pictures does not fill the
    study."""
    used: dict[str, int] = {}
    chosen: list[Pair] = []
    waiting = pool
    while waiting and len(chosen) < count:
        limit = len(chosen) and max(used.values(), default=0)
        later = []
        for pair in waiting:
            people = {pair[0][0], pair[1][0]}
            if len(chosen) < count and all(used.get(person, 0) <= limit for person in people):
                chosen.append(pair)
                used.update({person: used.get(person, 0) + 1 for person in people})
            else:
                later.append(pair)
        waiting = later
    return chosen


def _cosine(embeddings: Mapping[str, np.ndarray], pair: Pair) -> float:
    missing = [file for _, file in pair if file not in embeddings]
    if missing:
        raise StudyError(f"The embeddings have no vector for {missing[0]!r}.")
    a, b = (np.asarray(embeddings[file], float) for _, file in pair)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-12))


def _item(pair: Pair, group: str, is_same: bool, number: int) -> Item:
    (first, a), (second, b) = pair
    truth = "same" if is_same else "different"
    return Item(
        f"{truth}-{number:05d}", (Picture(a), Picture(b)), group, truth=truth, conflict=tuple(sorted({first, second}))
    )
