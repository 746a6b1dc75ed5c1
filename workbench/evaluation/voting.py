"""From a folder per person that nobody verified to pairs that recognisers voted for: the Rapid Test on kept answers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from workbench.errors import BadRequest
from workbench.evaluation.answers import Answers, unpack
from workbench.evaluation.folders import photos_in
from workbench.evaluation.truth import Case, Pair, Truth
from workbench.evaluation.unlabelled import BLIND, Refused, Voted, normalised, vote
from workbench.tasks.recognition import similarities

MOST_ACROSS = 20_000
"""Pairs of two searched people that are compared; more are drawn by chance."""
_TOLD = 12


def read_unverified(folder: Path, parts: tuple[str, ...]) -> Truth:
    """A folder per person, its photos what a search gave. The truth has no pairs yet: `voted` finds them."""
    cases = tuple(
        Case(photo.relative_to(folder).as_posix(), photo, person=photo.relative_to(folder).parts[0])
        for photo in photos_in(folder)
        if len(photo.relative_to(folder).parts) > 1
    )
    return Truth("pairs", "a folder per person, verified by nobody", cases)


def voted(truth: Truth, kept: Mapping[str, Answers], metrics: Mapping[str, str]) -> Truth:
    """The same photos with pairs as most recognisers see them, and notes on who was left out and what is not seen.

    kept: vectors by recogniser; metrics: how each compares. Raises BadRequest for fewer than two recognisers and when
    nobody passes.
    """
    if len(kept) < 2:
        raise BadRequest("Without labels recognisers judge each other: name two or more, best three, with --model.")
    vectors = {model: _vectors(truth, answers) for model, answers in kept.items()}
    shared = [case for case in truth.cases if all(case.id in found for found in vectors.values())]
    people: dict[str, list[Case]] = {}
    for case in shared:
        people.setdefault(case.person, []).append(case)
    found = judge({who: [case.id for case in cases] for who, cases in people.items()}, vectors, metrics)
    passed = {each.person: each for each in found if isinstance(each, Voted)}
    if not passed:
        reasons = "; ".join(f"{each.person}: {each.why}" for each in found if isinstance(each, Refused))
        raise BadRequest(f"Nobody's folder passes the test. {reasons[:600]}")
    own = {case.id: bool(mark) for who in passed for case, mark in zip(people[who], passed[who].own, strict=True)}
    cases = tuple(replace(case, person=case.person if own.get(case.id) else "") for case in truth.cases)
    pairs = (*_within(people, passed), *_across([case for case in shared if own.get(case.id)]))
    return replace(truth, cases=cases, pairs=pairs, notes=(*truth.notes, *_notes(found, own)))


def judge(
    people: Mapping[str, Sequence[str]], vectors: Mapping[str, Mapping[str, np.ndarray]], metrics: Mapping[str, str]
) -> list[Voted | Refused]:
    """The vote on every person. people: person → ids of the photos. vectors: recogniser → id → (d,)."""
    names = [who for who, ids in people.items() if len(ids) > 1]
    scaled: dict[str, list[np.ndarray]] = {}
    for model, found in vectors.items():
        scaled[model] = normalised([_matrix([found[id_] for id_ in people[who]], metrics[model]) for who in names])
    votes = [vote(who, {model: scaled[model][i] for model in vectors}) for i, who in enumerate(names)]
    return [*votes, *(Refused(who, "fewer than 2 faces") for who in people if len(people[who]) < 2)]


def _vectors(truth: Truth, answers: Answers) -> dict[str, np.ndarray]:
    rows = {case.id: answers.row(case) for case in truth.cases}
    return {id_: unpack(row["value"]) for id_, row in rows.items() if not row["error"]}


def _matrix(vectors: Sequence[np.ndarray], metric: str) -> np.ndarray:
    table = np.stack(vectors)
    first, second = np.triu_indices(len(table), 1)
    found = np.zeros((len(table), len(table)))
    found[first, second] = found[second, first] = similarities(table[first], table[second], metric)
    return found


def _within(people: Mapping[str, Sequence[Case]], passed: Mapping[str, Voted]) -> list[Pair]:
    """Pairs of a search: of the person, and of the person and somebody else. Two others may be anybody."""
    pairs = []
    for who, voted_ in passed.items():
        for (a, one), (b, two) in combinations(zip(people[who], voted_.own.tolist(), strict=True), 2):
            if one or two:
                pairs.append(Pair(a.id, b.id, one and two))
    return pairs


def _across(cases: Sequence[Case]) -> list[Pair]:
    """Pairs of two people searched for, of one group where groups are given."""
    first, second = np.triu_indices(len(cases), 1)
    people = np.unique([case.person for case in cases], return_inverse=True)[1]
    groups = np.unique(["\t".join(map(str, sorted(case.groups.items()))) for case in cases], return_inverse=True)[1]
    chosen = np.flatnonzero((people[first] != people[second]) & (groups[first] == groups[second]))
    if len(chosen) > MOST_ACROSS:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, MOST_ACROSS, replace=False))
    return [Pair(cases[first[i]].id, cases[second[i]].id, False) for i in chosen]


def _notes(found: Sequence[Voted | Refused], own: Mapping[str, bool]) -> list[str]:
    refused = [each for each in found if isinstance(each, Refused)]
    votes = np.concatenate([np.array(list(each.by.values())) for each in found if isinstance(each, Voted)], axis=1)
    agree = float((votes == votes[0]).all(0).mean())
    told = "; ".join(f"{each.person} ({each.why})" for each in refused[:_TOLD])
    more = f"; and {len(refused) - _TOLD} more" if len(refused) > _TOLD else ""
    return [
        "Nobody verified these photos. Who is who is the majority of the recognisers measured here, so every figure is "
        "an estimate: docs/unlabelled.md says by how much it was off where the truth was known.",
        f"{len(found) - len(refused)} of {len(found)} people passed, with {sum(own.values())} photos of themselves and "
        f"{len(own) - sum(own.values())} voted somebody else's; all recognisers agree on {100 * agree:.1f} % of them.",
        *([f"Left out: {told}{more}."] if refused else []),
        *(f"Not seen: {sentence}" for sentence in BLIND),
    ]
