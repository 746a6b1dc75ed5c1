"""By how much error rates are off that recognisers estimate of each other without labels, where the truth is known.

    python benchmarks/unlabelled.py [--vectors M.csv ...]

Simulated: people as unit vectors in 64 dimensions; a photo is its person plus a disturbance, part of which all
recognisers share. A folder holds 12 photos, some of them of strangers. Every number is over all simulated folders.
--vectors: the same on photos named Ann_Lee_0002.jpg: faces.csv files of `people FOLDER --largest`, one per recogniser.
People with at least six photos; their folders are filled up with strangers.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from measure import report

from workbench.evaluation.unlabelled import Voted
from workbench.evaluation.voting import judge

MODELS = ("a", "b", "c")
FACES, SIZE = 12, 64


def simulated(
    people: int, polluted: float, disturbed: float, shared: float, seed: int
) -> tuple[dict[str, list[str]], dict[str, bool], dict[str, dict[str, np.ndarray]]]:
    """Folders, who is really the person, and vectors by recogniser. disturbed: length of a disturbance beside the
    person's 1; it differs between photos, so some are hard. shared: part of its variance all recognisers have."""
    rng = np.random.default_rng(seed)
    folders: dict[str, list[str]] = {}
    own: dict[str, bool] = {}
    vectors: dict[str, dict[str, np.ndarray]] = {model: {} for model in MODELS}
    for who in range(people):
        person = _unit(rng.normal(size=SIZE))
        for photo in range(FACES):
            id_ = f"{who}/{photo}"
            folders.setdefault(str(who), []).append(id_)
            own[id_] = photo >= round(polluted * FACES)
            centre = person if own[id_] else _unit(rng.normal(size=SIZE))
            length = disturbed * rng.lognormal(0, 0.4)
            common = rng.normal(size=SIZE)
            for model in MODELS:
                noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=SIZE)
                vectors[model][id_] = centre + length * noise / np.sqrt(SIZE)
    return folders, own, vectors


def compared(
    folders: Mapping[str, list[str]], own: Mapping[str, bool], vectors: Mapping[str, Mapping[str, np.ndarray]]
) -> list[str]:
    """Cells: people who passed, wrong votes, and true and estimated error rates at the true FMR of 1 %."""
    found = {
        each.person: each
        for each in judge(folders, vectors, dict.fromkeys(vectors, "cosine"))
        if isinstance(each, Voted)
    }
    said = {id_: bool(mark) for who in found for id_, mark in zip(folders[who], found[who].own, strict=True)}
    wrong = np.mean([said[id_] != own[id_] for id_ in said]) if said else float("nan")
    rates = []
    for model in vectors:
        table_ = np.stack([_unit(vectors[model][id_]) for ids in folders.values() for id_ in ids])
        scores = table_ @ table_.T
        same, different = _scores(scores, folders, own, list(folders))
        threshold = np.quantile(different, 0.99)
        if not found:
            rates.append([np.mean(same < threshold), 0.01, np.nan, np.nan])
            continue
        guessed_same, guessed_different = _scores(scores, folders, said, list(found))
        rates.append(
            [
                np.mean(same < threshold),
                0.01,
                np.mean(guessed_same < threshold),
                np.mean(guessed_different >= threshold),
            ]
        )
    true_miss, _, miss, match = np.mean(rates, axis=0)
    return [
        f"{len(found)} of {len(folders)}",
        f"{100 * wrong:.1f} %",
        f"{100 * true_miss:.1f} %",
        f"{100 * miss:.1f} %",
        f"{100 * (miss - true_miss):+.1f}",
        f"{100 * match:.2f} %",
        f"{100 * (match - 0.01):+.2f}",
    ]


def _scores(
    scores: np.ndarray, folders: Mapping[str, list[str]], own: Mapping[str, bool], people: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of pairs of one person, and of two: in one search, or of two people searched for."""
    ids = [id_ for photos in folders.values() for id_ in photos]
    folder = np.array([number for number, photos in enumerate(folders.values()) for _ in photos])
    asked = np.isin(folder, [list(folders).index(who) for who in people])
    mark = np.array([own.get(id_, False) for id_ in ids])
    first, second = np.triu_indices(len(ids), 1)
    usable = asked[first] & asked[second]
    inside = folder[first] == folder[second]
    same = usable & inside & mark[first] & mark[second]
    different = usable & np.where(inside, mark[first] != mark[second], mark[first] & mark[second])
    return scores[first[same], second[same]], scores[first[different], second[different]]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def real(paths: list[Path], polluted: float, seed: int = 0) -> list[str]:
    """People with six photos or more, their folders filled up with strangers' single photos."""
    from people import read_rows

    from workbench.metrics.pairs import person

    vectors = {path.stem: read_rows(path) for path in paths}
    shared = sorted(set.intersection(*(set(found) for found in vectors.values())))
    by_person: dict[str, list[str]] = {}
    for id_ in shared:
        by_person.setdefault(person(id_), []).append(id_)
    singles = [ids[0] for ids in by_person.values() if len(ids) == 1]
    rng = np.random.default_rng(seed)
    rng.shuffle(singles)
    folders: dict[str, list[str]] = {}
    own: dict[str, bool] = {}
    for who, ids in by_person.items():
        if len(ids) < 6:
            continue
        taken = [singles.pop() for _ in range(round(polluted / (1 - polluted) * len(ids)))]
        folders[who] = [*ids, *taken]
        own |= {**dict.fromkeys(ids, True), **dict.fromkeys(taken, False)}
    return compared(folders, own, vectors)


COLUMNS = ["people passed", "wrong votes", "FNMR true", "estimated", "bias, points", "FMR estimated (true 1 %)", "bias"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    rows = []
    for disturbed in (0.6, 0.9, 1.2):
        for polluted in (0.0, 0.1, 0.25, 0.4):
            for shared in (0.0, 0.5, 0.9):
                cells = compared(*simulated(120, polluted, disturbed, shared, 1))
                rows.append([f"{disturbed}", f"{100 * polluted:.0f} %", f"{100 * shared:.0f} %", *cells])
    names = ("disturbance", "strangers", "shared", *COLUMNS)
    report("Simulated", [dict(zip(names, row, strict=True)) for row in rows])
    if args.vectors:
        told = [[f"{100 * polluted:.0f} %", *real(args.vectors, polluted)] for polluted in (0.0, 0.1, 0.25, 0.4)]
        report("Photos", [dict(zip(("strangers", *COLUMNS), row, strict=True)) for row in told])


if __name__ == "__main__":
    main()
