"""Asks a model about every photo of a folder: the whole way a user's photo goes, from the file to the answer."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, NoFace, WorkbenchError
from workbench.evaluation.answers import Answers, Ask, pack, waiting
from workbench.evaluation.landmarks import LAYOUTS
from workbench.evaluation.truth import TASKS, Case, Truth
from workbench.images import decode
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.values import Face
from workbench.watch import Watch

MOST_FACES = 100
"""Faces of one photo whose points are kept."""


class Models(Protocol):
    """Where models are asked for: the workbench."""

    @property
    def settings(self) -> Settings:
        """How this process runs."""

    def spec(self, model_id: str, task: str = "") -> ModelSpec:
        """The row of this id."""

    def first(self, task: str) -> ModelSpec:
        """The first row whose files are here."""

    def model(self, model_id: str, task: str = "") -> Any:
        """The loaded model."""


def answer(truth: Truth, model_id: str, answers: Answers, bench: Models, watch: Watch, workers: int = 2) -> None:
    """Ask `model_id` about every photo that has no answer yet; what fails is kept as a sentence.

    Raises BadRequest for a model of a task that cannot be measured so, ModelMissing, Cancelled.
    """
    ask = asker(truth.kind, model_id, bench)
    todo = list(waiting(truth.cases, answers))
    with ThreadPoolExecutor(workers, thread_name_prefix="evaluate") as pool:
        pending: dict[Future[Any], Case] = {}
        source, done = iter(todo), 0
        try:
            while pending or done < len(todo):
                while len(pending) < 2 * workers and (case := next(source, None)) is not None:
                    pending[pool.submit(ask, case.photo)] = case
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    _keep(answers, pending.pop(future), future)
                    done += 1
                watch.tell(done / max(len(todo), 1), f"{model_id}: {done} of {len(todo)} photos")
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _keep(answers: Answers, case: Case, future: "Future[Any]") -> None:
    try:
        value, labels = future.result()
    except WorkbenchError as error:
        answers.add(case, error=str(error))
    else:
        answers.add(case, value, labels=labels)


def asker(kind: str, model_id: str, bench: Models) -> Ask:
    """What asks a loaded model about one photo. Raises BadRequest for a model of a task that cannot be measured so."""
    spec = bench.spec(model_id)
    if spec.task not in TASKS[kind]:
        raise BadRequest(f"{spec.title} is of the task {spec.task}; this truth measures {' or '.join(TASKS[kind])}.")
    model = bench.model(model_id)
    finder = model if spec.task == "detection" else bench.model(bench.first("detection").id)
    makers: dict[str, Callable[..., Ask]] = {"parsing": _parses, "labels": _classifies, "pairs": _embeds}
    makers |= {"landmarks": _traces, "boxes": _locates}
    return makers[kind](model, finder, bench.settings)


def _parses(model: Any, finder: Any, settings: Settings) -> Ask:
    from workbench.tasks.parsing import parse
    from workbench.tasks.parsing_export import palette_png

    def ask(photo: Path | bytes) -> tuple[Any, bytes]:
        image = decode(photo, settings)
        faces = find_faces(image, finder)
        return {"faces": len(faces)}, palette_png(parse(image, model, faces))

    return ask


def _classifies(model: Any, finder: Any, settings: Settings) -> Ask:
    from workbench.tasks.expression import classify

    def ask(photo: Path | bytes) -> tuple[Any, bytes]:
        image = decode(photo, settings)
        values = classify(image, _face(image, finder), model).values
        return [round(float(value), 6) for value in values], b""

    return ask


def _embeds(model: Any, finder: Any, settings: Settings) -> Ask:
    from workbench.tasks.recognition import embed

    def ask(photo: Path | bytes) -> tuple[Any, bytes]:
        image = decode(photo, settings)
        return pack(embed(image, _face(image, finder), model).vector), b""

    return ask


def _traces(model: Any, finder: Any, settings: Settings) -> Ask:
    """Points of every face with landmarks: a finder's mesh in the usual layouts, or what a landmark model says."""
    from workbench.tasks.analysis.layouts import points_of

    def ask(photo: Path | bytes) -> tuple[Any, bytes]:
        image = decode(photo, settings)
        faces = [face for face in find_faces(image, finder) if face.mesh is not None][:MOST_FACES]
        if model is finder:
            rows = [{name: points_of(face.mesh, name) for name in LAYOUTS} for face in faces if face.mesh is not None]
        else:
            told = [model.signs(image, face).points for face in faces]
            rows = [{str(len(points)): points} for points in told if points is not None]
        return [{name: p[:, :2].astype(float).round(2).tolist() for name, p in row.items()} for row in rows], b""

    return ask


def _locates(model: Any, finder: Any, settings: Settings) -> Ask:
    def ask(photo: Path | bytes) -> tuple[Any, bytes]:
        faces = find_faces(decode(photo, settings), finder)
        return [[*(round(float(v), 2) for v in face.box), round(float(face.score), 5)] for face in faces], b""

    return ask


def _face(image: np.ndarray, finder: Any) -> Face:
    """The largest face with landmarks: data sets label one face a photo."""
    found = next((face for face in find_faces(image, finder) if face.mesh is not None), None)
    if found is None:
        raise NoFace("No face with landmarks was found.")
    return found
