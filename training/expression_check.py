"""Measures expression models on the people kept aside, and every way of being unsure with one expression left out.

    python -m training.expression_check DATA --lfw OTHER --work FOLDER [--record] [--open]

DATA: what the compact net learnt from; its test part is measured. OTHER: 370 labelled photos of 251 other people,
measured only. Measuring goes the whole way of a user's photo: file, detector, crop, net. Groups are guesses of two
networks (`gender`, `age`), not what anyone said of themselves. --open fits five more last layers, each without one
expression, and measures how well that expression is told from the others. --record writes weights/figures.json.
"""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training import lfw
from training.expression import Plan, ask, calibrate, look, published, rows_of, train
from training.expression_data import Faces, prepare, read_labels, split
from workbench import images
from workbench.bench import Workbench
from workbench.metrics.calibration import reliability
from workbench.metrics.roc import auc_interval, bootstrap
from workbench.models.expressions.compact_expression import ORDER, RULES, certainty
from workbench.settings import Settings
from workbench.sources import figures
from workbench.tasks.detection import find_faces

MODELS = ("compact-expression", "face-api-expression", "fer")
THREE = ("neutral", "happy", "surprise")
OLDER = 45.0
"""Years, as the age network guesses, from which a face counts as older."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What models said of labelled photos. values: (n, k) probabilities by model. groups: words by guess, (n,) each.

    sure: (n,) whether the compact net was sure.
    """

    words: np.ndarray
    people: np.ndarray
    values: dict[str, np.ndarray]
    groups: dict[str, np.ndarray]
    sure: np.ndarray


def main() -> None:
    """Measure, print and, if asked, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--lfw", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--open", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    bench, labels = Workbench(Settings.from_env(os.environ)), read_labels(args.data / "labels.csv")
    parts = split(labels)
    aside = {file: row for file, row in labels.items() if parts[row[1]] == "test"}
    other = {file: (word, file.rpartition("_")[0]) for file, word in lfw.labels(args.lfw).items()}
    found: dict[str, Any] = {}
    for name, folder, rows in (("aside", args.data, aside), ("other", args.lfw, other)):
        answers = answer(folder, rows, args.work / f"answers-{name}.npz", bench)
        for model in MODELS:
            found.setdefault(model, {})[name] = measure(answers, model, bench.spec(model).labels)
        found["compact-expression"][name]["unsure"] = unsure(answers)
    if args.open:
        faces = prepare(args.data, labels, args.work / "faces.npz", bench)
        beyond = prepare(args.lfw, other, args.work / "other" / "faces.npz", bench)
        for name, pulled in (("open", False), ("open_pulled", True)):
            found["compact-expression"][name] = open_set(faces, parts, args.work, bench.settings, pulled, beyond)
        found["compact-expression"]["mistakes"] = mistakes(faces, parts, args.work, bench.settings)
    print(found)
    if args.record:
        figures.update("expression_aside", {name: {"headline": headline(row), **row} for name, row in found.items()})


def headline(row: Mapping[str, Any]) -> str:
    """The one line of a model."""
    aside = row["aside"]
    (three, low, high), balanced = aside["three"], aside["five_balanced"]
    return (
        f"3 expressions {three:.3f} [{low:.3f}, {high:.3f}], n {aside['three_photos']}; "
        f"5 balanced {balanced[0]:.3f} [{balanced[1]:.3f}, {balanced[2]:.3f}], n {aside['photos']}"
    )


def answer(folder: Path, rows: Mapping[str, tuple[str, str]], kept: Path, bench: Workbench) -> Answers:
    """Every model's answer to each photo with a face, made once and kept."""
    if not kept.is_file():
        _ask_all(folder, rows, kept, bench)
    with np.load(kept, allow_pickle=False) as stored:
        at = [rows[file] for file in stored["files"].tolist()]
        values = {name: stored[name] for name in MODELS}
        groups = {
            "gender": np.where(stored["gender"][:, 0] > 0.5, "looks female", "looks male"),
            "age": np.where(stored["age"][:, 0] >= OLDER, "looks 45 or older", "looks younger"),
        }
        words, people = (np.array(list(column)) for column in zip(*at, strict=True))
        return Answers(words, people, values, groups, stored["certainty"] >= bench.model("compact-expression").bar)


def _ask_all(folder: Path, rows: Mapping[str, tuple[str, str]], kept: Path, bench: Workbench) -> None:
    names = (*MODELS, "gender", "age")
    finder, models = bench.model("blazeface"), {name: bench.model(name) for name in names}
    files: list[str] = []
    values: dict[str, list[Any]] = {name: [] for name in (*names, "certainty")}
    for file in sorted(rows):
        photo = images.decode(folder / "images" / file, bench.settings)
        face = next((face for face in find_faces(photo, finder) if face.mesh is not None), None)
        if face is None:
            continue
        files.append(file)
        for name, model in models.items():
            values[name].append(model.batch(model.crop(photo, face)[None])[0])
        sure = models["compact-expression"]
        values["certainty"].append(sure.certainty(sure.crop(photo, face)[None])[0])
    kept.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {name: np.array(row) for name, row in values.items()}
    np.savez_compressed(kept, files=np.array(files), **arrays)


def measure(answers: Answers, model: str, labels: tuple[str, ...]) -> dict[str, Any]:
    """Accuracy on three and five expressions, balanced accuracy, calibration and confusion, with intervals by person.

    three, five: the answer may be any of the model's labels. *_only: the model may choose among those three or five
    only, which is kinder to models that know seven.
    """
    known = np.isin(answers.words, ORDER)
    words, people, values = answers.words[known], answers.people[known], answers.values[model][known]
    columns = [labels.index(word) for word in ORDER]
    five = values[:, columns] / values[:, columns].sum(1, keepdims=True)
    said, only = np.array(labels)[values.argmax(1)], np.array(ORDER)[five.argmax(1)]
    three = np.isin(words, THREE)
    picked = np.array(THREE)[values[:, [labels.index(word) for word in THREE]].argmax(1)]
    trust = reliability(values.max(1), (said == words).astype(float), 15)
    found: dict[str, Any] = {
        "photos": int(known.sum()),
        "people": len(set(people.tolist())),
        "other_labels": int((~known).sum()),
        "three": _share((said == words)[three], people[three]),
        "three_only": _share((picked == words)[three], people[three]),
        "three_photos": int(three.sum()),
        "five": _share(said == words, people),
        "five_only": _share(only == words, people),
        "five_balanced": _balanced(said, words, people),
        "five_balanced_only": _balanced(only, words, people),
        "ece": [round(trust.error, 4), *_ece_interval(values.max(1), said == words, people)],
        "said_mean": round(float(values.max(1).mean()), 4),
        "reliability": [
            [round(float(x), 3) for x in row] for row in zip(trust.said, trust.happened, trust.count, strict=True)
        ],
        "recall": {
            word: [int((words == word).sum()), *_share((said == word)[words == word], people[words == word])]
            for word in ORDER
        },
        "order": list(labels),
        "confusion": {word: [int(((words == word) & (said == answer)).sum()) for answer in labels] for word in ORDER},
    }
    found["groups"] = {
        group: {
            "photos": int((of[known] == group).sum()),
            "five": _share((said == words)[of[known] == group], people[of[known] == group]),
            "three": _share((said == words)[three & (of[known] == group)], people[three & (of[known] == group)]),
        }
        for of in answers.groups.values()
        for group in sorted(set(of.tolist()))
    }
    return found


def _rounded(value: Any) -> list[float]:
    return [round(x, 4) for x in (value.value, value.low, value.high)]


def _share(right: np.ndarray, people: np.ndarray) -> list[float]:
    return (
        _rounded(bootstrap(lambda rows: float(right[rows].mean()), len(right), clusters=people)) if len(right) else []
    )


def _balanced(said: np.ndarray, words: np.ndarray, people: np.ndarray) -> list[float]:
    def mean_recall(rows: np.ndarray) -> float:
        shares = [(said[rows] == word)[words[rows] == word].mean() for word in ORDER if (words[rows] == word).any()]
        return float(np.mean(shares))

    return _rounded(bootstrap(mean_recall, len(words), clusters=people))


def _ece_interval(chance: np.ndarray, right: np.ndarray, people: np.ndarray) -> list[float]:
    def error(rows: np.ndarray) -> float:
        return reliability(chance[rows], right[rows].astype(float), 15).error

    return _rounded(bootstrap(error, len(right), clusters=people, rounds=300))[1:]


def unsure(answers: Answers) -> dict[str, Any]:
    """What the verdict does: how many photos are called unsure, and accuracy of those that are not."""
    labels = np.array(ORDER)
    said = labels[answers.values["compact-expression"][:, [ORDER.index(word) for word in ORDER]].argmax(1)]
    known = np.isin(answers.words, ORDER)
    right = said == answers.words
    return {
        "unsure": _share(~answers.sure[known], answers.people[known]),
        "unsure_of_other_labels": [int((~answers.sure[~known]).sum()), int((~known).sum())],
        "accuracy_when_sure": _share(right[known & answers.sure], answers.people[known & answers.sure]),
        "accuracy_when_unsure": _share(right[known & ~answers.sure], answers.people[known & ~answers.sure]),
        "wrong_called_unsure": _share(~answers.sure[known & ~right], answers.people[known & ~right]),
    }


def open_set(
    faces: Faces,
    parts: Mapping[str, str],
    work: Path,
    settings: Settings,
    pulled: bool = False,
    beyond: Faces | None = None,
) -> dict[str, Any]:
    """AUROC of each rule for telling faces of an expression left out of training from faces of the four others.

    pulled: towards the published last layers, which knew the expression left out: flattering. Otherwise towards 0; the
    trunks knew it all the same.

    choice: known are validation faces, unknown are the left-out expression's faces of train and validation people; the
    rule is chosen by its mean. test: both of test people. beyond: faces of another data set, of which nothing was
    learnt: both of them, as `other`.
    """
    found: dict[str, Any] = {}
    where, words = np.array([parts[person] for person in faces.people]), np.array(faces.words)
    network, prior = published(settings)
    seen = look(network, faces.squares, Plan().views, work)
    for word in ORDER:
        train(network, prior if pulled else torch.zeros_like(prior), faces, parts, seen, Plan(), word)
        calibrate(network, faces, parts, seen[0], word)
        for name, aside in (("choice", ("train", "validation")), ("test", ("test",))):
            known = rows_of(faces, parts, aside[-1], word)
            unknown = np.flatnonzero((words == word) & np.isin(where, aside))
            sides = ask(network, seen[0][:, np.concatenate([known, unknown])])
            truth = np.arange(len(known) + len(unknown)) < len(known)
            row = {rule: _rounded(auc_interval(certainty(*sides, rule), truth)) for rule in RULES}
            found.setdefault(name, {})[word] = {"known": len(known), "unknown": len(unknown), **row}
        if beyond is not None:
            found.setdefault("other", {})[word] = _of_others(network, beyond, word, work)
    for name in list(found):
        found[f"{name}_mean"] = {
            rule: round(float(np.mean([found[name][word][rule][0] for word in ORDER])), 4) for rule in RULES
        }
    return found


def _of_others(network: Any, beyond: Faces, word: str, work: Path) -> dict[str, Any]:
    """The same on the faces of another data set: those of `word` against those of the four others."""
    words = np.array(beyond.words)
    rows = np.flatnonzero(np.isin(words, ORDER))
    sides = ask(network, look(network, beyond.squares, 0, work / "other")[0][:, rows])
    truth = words[rows] != word
    shares = {rule: _rounded(auc_interval(certainty(*sides, rule), truth)) for rule in RULES}
    return {"known": int(truth.sum()), "unknown": int((~truth).sum()), **shares}


def mistakes(faces: Faces, parts: Mapping[str, str], work: Path, settings: Settings) -> dict[str, Any]:
    """AUROC of each rule for telling the net's right answers from its wrong ones, on the validation and the test
    part."""
    network, prior = published(settings)
    seen = look(network, faces.squares, Plan().views, work)
    train(network, prior, faces, parts, seen, Plan())
    calibrate(network, faces, parts, seen[0])
    found: dict[str, Any] = {}
    for part in ("validation", "test"):
        rows = rows_of(faces, parts, part)
        sides = ask(network, seen[0][:, rows])
        right = torch.stack(sides).mean(0).argmax(1).numpy() == faces.labels[rows]
        shares = {rule: _rounded(auc_interval(certainty(*sides, rule), right)) for rule in RULES}
        found[part] = {"right": int(right.sum()), "wrong": int((~right).sum()), **shares}
    return found


if __name__ == "__main__":
    main()
