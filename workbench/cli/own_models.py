"""The actions of `models` for models of one's own: add, check, remove."""

import argparse
import re
import time
from typing import Any

import numpy as np

from workbench.batch.files import write_atomically
from workbench.bench import Workbench
from workbench.catalog import own, own_file
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, WorkbenchError
from workbench.settings import Settings
from workbench.values import Face

_TABLE = re.compile(r"^\s*\[\[\s*model\s*\]\]", re.MULTILINE)


def add(args: argparse.Namespace, settings: Settings) -> int:
    """Check a file's rows and append them to models.toml in the data folder."""
    rows = own.read(args.file)
    own_file.keep(args.file.read_text(encoding="utf-8"), rows, settings)
    for row in rows:
        print(f"{row.id}: {row.task}, {row.title}. Try it: python -m workbench models check {row.id}")
    return 0


def remove(args: argparse.Namespace, settings: Settings) -> int:
    """Take rows out of models.toml."""
    kept = own.kept(settings)
    text = kept.read_text(encoding="utf-8") if kept.is_file() else ""
    starts = [found.start() for found in _TABLE.finditer(text)]
    blocks = [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=False)]
    names = [entry.get("id") for entry in own.entries(kept)] if blocks else []
    if missing := [name for name in args.ids if name not in names]:
        raise BadRequest(f"{missing[0]} is not in {kept.name}; there are {', '.join(map(str, names)) or 'none'}.")
    left = [block for block, name in zip(blocks, names, strict=True) if name not in args.ids]
    if left:
        write_atomically(kept, (text[: starts[0]] + "".join(left)).encode())
    else:
        kept.unlink()
    print(f"{len(names) - len(left)} removed; their files were not touched.")
    return 0


def check(args: argparse.Namespace, settings: Settings) -> int:
    """Load each model and say what it makes of a face: shapes, label mapping, speed, licences, and what looks wrong."""
    bench, failed = Workbench(settings), 0
    image, face = _astronaut(bench)
    for name in args.ids:
        spec = bench.spec(name)
        print(f"{spec.id}: {spec.title}\n  weights: {spec.weights_license or 'unknown'}; data: {spec.data_license}")
        try:
            for line in _told(bench, spec, image, face):
                print(f"  {line}")
        except WorkbenchError as error:
            failed += 1
            print(f"  failed: {error}")
    return 1 if failed else 0


def _astronaut(bench: Workbench) -> tuple[np.ndarray, Face]:
    """NASA's portrait of an astronaut, public domain, and the face in it."""
    from skimage import data

    from workbench.tasks.detection import one_face

    image: np.ndarray = data.astronaut()
    return image, one_face(image, bench.finder())


def _told(bench: Workbench, spec: ModelSpec, image: np.ndarray, face: Face) -> list[str]:
    begun = time.perf_counter()
    model = bench.model(spec.id)
    lines = [f"loaded in {time.perf_counter() - begun:.1f} s"]
    tellers = {"parsing": _parsing, "recognition": _recognition, "expression": _labels, "attributes": _labels}
    tellers |= {"quality": _quality, "detection": _detection}
    if spec.task not in tellers:
        return [*lines, f"a model of the task {spec.task}: loaded, nothing more is checked"]
    begun = time.perf_counter()
    found = tellers[spec.task](bench, model, image, face)
    return [*lines, *found, f"{(time.perf_counter() - begun) * 1000:.0f} ms for what is said above"]


def _parsing(bench: Workbench, model: Any, image: np.ndarray, face: Face) -> list[str]:
    from workbench.parts import MIRROR, PARTS
    from workbench.tasks.parsing import parse

    labels = parse(image, model, [face]).labels
    seen = [f"{PARTS[i]} {(labels == i).sum()}" for i in np.unique(labels) if i]
    lines = [f"pixels: {', '.join(seen) or 'none'}"]
    if told := getattr(model, "parts", None):
        names = model.spec.labels
        unknown = [name for name, part in zip(names, told, strict=True) if not part]
        lines.append("labels: " + ", ".join(f"{a} → {b}" for a, b in zip(names, told, strict=True) if b))
        if unknown:
            lines.append(f"labels of its own, counted as background: {', '.join(unknown)}")
    from workbench.tasks.detection import one_face

    turned = np.ascontiguousarray(image[:, ::-1])
    mirrored = parse(turned, model, [one_face(turned, bench.finder())]).labels[:, ::-1]
    lines += _flip(labels, np.array(MIRROR, np.uint8)[mirrored], mirrored)
    swapped = parse(np.ascontiguousarray(image[..., ::-1]), model, [face]).labels
    reference = parse(image, bench.parser(), [face]).labels
    ours, theirs = (float((each == reference).mean()) for each in (labels, swapped))
    lines.append(f"agreement with {bench.parser().spec.id}: {ours:.1%}; with red and blue exchanged {theirs:.1%}")
    if theirs > ours + 0.02:
        lines.append('LOOK: it agrees better with red and blue exchanged; is input.order = "bgr" right?')
    return lines


def _flip(labels: np.ndarray, righted: np.ndarray, kept: np.ndarray) -> list[str]:
    """A mirrored photo must give mirrored sides."""
    face = labels > 0
    good, wrong = float((righted == labels)[face].mean()), float((kept == labels)[face].mean())
    lines = [f"mirrored photo: {good:.1%} of the face alike with sides exchanged, {wrong:.1%} without"]
    return (
        lines
        if good >= wrong
        else [*lines, ("LOOK: sides do not change over with the photo; are left and right exchanged?")]
    )


def _recognition(bench: Workbench, model: Any, image: np.ndarray, face: Face) -> list[str]:
    from workbench.tasks.detection import one_face
    from workbench.tasks.recognition import embed, score

    first = embed(image, face, model)
    turned = np.ascontiguousarray(image[:, ::-1])
    again = embed(turned, one_face(turned, bench.finder()), model)
    swapped = embed(np.ascontiguousarray(image[..., ::-1]), face, model)
    return [
        f"vector of {len(first.vector)}, length {np.linalg.norm(first.vector):.3f}, metric {first.metric}, threshold "
        f"{'none: it can neither judge nor be attacked' if model.threshold is None else model.threshold}",
        f"{first.metric.word} to the mirrored photo {score(first, again):.3f}, to the one with red and blue exchanged "
        f"{score(first, swapped):.3f}",
    ]


def _labels(bench: Workbench, model: Any, image: np.ndarray, face: Face) -> list[str]:
    from workbench.tasks.detection import one_face

    def said(photo: np.ndarray, seen: Face) -> tuple[str, float, Any]:
        scores = model.scores(photo, seen)
        best = int(np.argmax(scores.values))
        return str(scores.labels[best]), float(scores.values[best]), scores

    name, sure, scores = said(image, face)
    turned = np.ascontiguousarray(image[:, ::-1])
    mirrored, mirrored_sure, other = said(turned, one_face(turned, bench.finder()))
    swapped, swapped_sure, _ = said(np.ascontiguousarray(image[..., ::-1]), face)
    lines = [
        "answers: " + ", ".join(f"{n} {v:.3f}" for n, v in zip(scores.labels, scores.values, strict=True)),
        f"surest: {name} {sure:.3f} (the portrait smiles); mirrored {mirrored} {mirrored_sure:.3f}; with red and blue "
        f"exchanged {swapped} {swapped_sure:.3f}",
    ]
    if mirrored != name and getattr(model, "exclusive", True):
        apart = float(np.abs(np.asarray(scores.values) - np.asarray(other.values)).max())
        lines.append(
            f"LOOK: the mirrored photo is answered otherwise (by up to {apart:.2f}); are labels or crop right?"
        )
    if "happy" in scores.labels and swapped == "happy" and (name != "happy" or swapped_sure > sure + 0.05):
        lines.append('LOOK: it sees the smile better with red and blue exchanged; is input.order = "bgr" right?')
    return lines


def _quality(bench: Workbench, model: Any, image: np.ndarray, face: Face) -> list[str]:
    import cv2

    sharp, blurred = (float(model.score(photo, face)) for photo in (image, cv2.GaussianBlur(image, (0, 0), 6)))
    swapped = float(model.score(np.ascontiguousarray(image[..., ::-1]), face))
    lines = [
        f"quality {sharp:.3f}; blurred {blurred:.3f}; with red and blue exchanged {swapped:.3f}; poor below "
        f"{'a bound nobody gave (output.threshold)' if model.low is None else model.low}"
    ]
    return [*lines, "LOOK: a blurred photo is rated higher; is more better here?"] if blurred > sharp else lines


def _detection(bench: Workbench, model: Any, image: np.ndarray, face: Face) -> list[str]:
    from workbench.detections import overlap

    tried = {"": image, "mirrored": np.ascontiguousarray(image[:, ::-1]),
             "with red and blue exchanged": np.ascontiguousarray(image[..., ::-1])}  # fmt: skip
    found = {word: model.detect(photo, 0.3) for word, photo in tried.items()}
    first = found[""]
    lines = ["; ".join(f"{len(each)} candidates {word}".strip() for word, each in found.items())]
    if not len(first):
        return [*lines, "LOOK: it does not find the portrait's face; are output.form, unit and input right?"]
    best = overlap(face.box, first.boxes)
    lines.append(f"surest {first.scores[0]:.3f} at {first.boxes[0].round(1).tolist()}; IoU with ours {best.max():.2f}")
    swapped = found["with red and blue exchanged"]
    if best.max() < 0.3:
        lines.append("LOOK: its box lies elsewhere than ours; are output.form (corners, centre) and unit right?")
    if len(swapped) and swapped.scores[0] > first.scores[0] + 0.05:
        lines.append('LOOK: it is surer with red and blue exchanged; is input.order = "bgr" right?')
    return lines
