"""A sheet: pictures a model drew of an identity, and the report that stands beside them. There is no sheet without a
report."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.errors import BadRequest, OutOfMemory
from workbench.generation import marking, variants
from workbench.generation.repair import Drift, drifts, repaired, with_drifts
from workbench.generation.report import Report, Target, measure
from workbench.portraits import CountingModel, PortraitModel, Preview, Recipe, Repairer
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser
from workbench.values import check_image
from workbench.watch import Watch

MOST = 64
"""Pictures on one sheet; more belong on the command line, which writes as it goes."""

LONGEST_PROMPT = 1000

Judge = Callable[[Sequence[np.ndarray], Watch], Report]
"""Reports of pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Pictures with their figures.

    groups: which identity each picture is of, from 0. model: catalogue id. warnings: sentences a person should read
    first. repair: catalogue id of what repaired them, "" for nothing; drifts: how far that took them. redrawn: how
    often a picture was drawn again because it showed no face or next to nothing. recipes: of each picture, where they
    are variants. notes: sentences of how it came about. Raises BadRequest when the report is of other pictures.
    """

    pictures: tuple[np.ndarray, ...]
    report: Report
    model: str
    recipe: Recipe
    groups: tuple[int, ...]
    warnings: tuple[str, ...] = ()
    repair: str = ""
    drifts: tuple[Drift, ...] = ()
    redrawn: int = 0
    recipes: tuple[Recipe, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (
            not isinstance(self.report, Report)
            or not len(self.pictures) == len(self.report.faces) == len(self.groups) > 0
        ):
            raise BadRequest(f"Sheet: expected a report and a group for each of {len(self.pictures)} pictures.")
        for picture in self.pictures:
            check_image(picture)

    def png(self, number: int) -> bytes:
        """One picture as PNG that says it is AI-generated, by which model, from which seed."""
        told = (self.recipes[number] if self.recipes else self.recipe).told()
        seed = told.pop("seed")
        settings = {name: value for name, value in (told | {"repair": self.repair}).items() if value}
        return marking.png(self.pictures[number], marking.drawn(self.model, seed, picture=number + 1, **settings))

    def words(self) -> str:
        """The report as Markdown, with how far a repair went and how much was drawn again."""
        told = [*(drift.words() for drift in self.drifts), *self.notes]
        told += [again_in_words(self.redrawn)] if self.redrawn else []
        return "\n".join([self.report.words(), *(f"- {sentence}" for sentence in told)])

    def rows(self) -> list[dict[str, Any]]:
        """One row of figures per picture, with the variant it is."""
        rows = with_drifts(self.report.rows(), self.drifts)
        if not self.recipes:
            return rows
        return [row | {"variant": self.variant(number)} for number, row in enumerate(rows)]

    def variant(self, number: int) -> str:
        """What is particular about a picture among variants; "" for a plain sheet."""
        return variants.in_words(self.recipes[number], self.recipe) if self.recipes else ""

    def record(self) -> dict[str, Any]:
        """What the sheet is and all its figures, as plain values for JSON."""
        head = {
            "ai_generated": True,
            "model": self.model,
            **self.recipe.told(),
            "groups": list(self.groups),
            "warnings": list(self.warnings),
        }
        head |= {"repair": self.repair} if self.repair else {}
        head |= {"drawn again": self.redrawn} if self.redrawn else {}
        head |= {"notes": list(self.notes)} if self.notes else {}
        return head | self.report.figures() | {"pictures": self.rows()}

    def package(self) -> bytes:
        """Everything as a zip: portrait-001.png …, report.json."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for number in range(len(self.pictures)):
                archive.writestr(f"portrait-{number + 1:03d}.png", self.png(number))
            archive.writestr("report.json", json.dumps(self.record(), indent=1, ensure_ascii=False))
        return buffer.getvalue()


def again_in_words(redrawn: int) -> str:
    """How often pictures were drawn again, as a sentence."""
    many = "1 picture was" if redrawn == 1 else f"{redrawn} pictures were"
    return f"{many} drawn again, having come out without a face or too dark."


def draw_sheet(
    model: PortraitModel,
    model_id: str,
    vectors: np.ndarray,
    targets: Sequence[Target],
    recipe: Recipe,
    finder: FaceFinder,
    recognisers: Mapping[str, FaceRecogniser],
    *,
    groups: Sequence[int] | None = None,
    one_noise: bool = False,
    warnings: Sequence[str] = (),
    watch: Watch | None = None,
    preview: Preview | None = None,
    repair: tuple[str, Repairer] | None = None,
    queue: Sequence[Recipe] = (),
    views: Sequence[PortraitModel] = (),
    notes: Sequence[str] = (),
    judge: Judge | None = None,
) -> Sheet:
    """One picture per row of (n, d) vectors, and their report.

    queue: variants, each of which draws them all, one after another, with the same noise where its seed is the same.

    views: with one_noise, the model as it sees each row, where that differs from row to row. notes: sentences of how
    the sheet came about. judge: what reports of the pictures, where several people are in each.

    groups: the identity of each row; None: all of one. one_noise: every picture from the noise of the first, so that
    only the vectors make a difference. recognisers: those that report, the model's own among them. repair: id and
    network of what repairs each picture afterwards; the report is then of the repaired ones. Raises BadRequest for 0 or
    more than 64 pictures or a prompt that is too long or not read; OutOfMemory; Cancelled.
    """
    watch = watch or Watch()
    check_count(len(vectors) * max(1, len(queue)))
    recipe = checked(recipe, model)
    queue = [checked(each, model) for each in queue]
    model = model.counting() if isinstance(model, CountingModel) else model
    try:
        each = (views or [model] * len(vectors)) if one_noise else ()
        pictures = _queued(model, vectors, queue or [recipe], each, watch.part(0.0, 0.85), preview)
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        raise OutOfMemory(
            f"The machine ran out of memory drawing {len(vectors)} pictures of {model.side} × {model.side}. "
            "Ask for fewer, or choose a smaller model."
        ) from error
    again = model.redrawn if isinstance(model, CountingModel) else 0
    owners = tuple(groups) * max(1, len(queue)) if groups is not None else (0,) * len(pictures)
    recipes = tuple(each for each in queue for _ in vectors)

    def measured(these: Sequence[np.ndarray], part: Watch) -> Report:
        if judge is not None:
            return judge(these, part)
        return measure(these, owners, targets, finder, recognisers, model.recogniser, part)

    report = measured(pictures, watch.part(0.85, 0.9 if repair else 1.0))
    if repair is None:
        told: Any = {"redrawn": again, "recipes": recipes, "notes": tuple(notes)}
        return Sheet(tuple(pictures), report, model_id, recipe, owners, tuple(warnings), **told)
    pictures = repaired(pictures, report.faces, repair[1], watch.part(0.9, 0.96))
    after = measured(pictures, watch.part(0.96, 1.0))
    gone = drifts(report, after, recognisers)
    given = (owners, tuple(warnings), repair[0], gone, again, recipes, tuple(notes))
    return Sheet(tuple(pictures), after, model_id, recipe, *given)


def _queued(
    model: PortraitModel,
    vectors: np.ndarray,
    queue: Sequence[Recipe],
    each: Sequence[PortraitModel],
    watch: Watch,
    preview: Preview | None,
) -> list[np.ndarray]:
    """Every recipe's pictures, in order; what is done is shown beside what is being drawn."""
    done: list[np.ndarray] = []
    for number, recipe in enumerate(queue):
        ready = tuple(done)
        shown = None if preview is None else lambda pictures, ready=ready: preview([*ready, *pictures])
        done += _drawn(model, vectors, recipe, each, watch.part(number / len(queue), (number + 1) / len(queue)), shown)
    return done


def _drawn(
    model: PortraitModel,
    vectors: np.ndarray,
    recipe: Recipe,
    each: Sequence[PortraitModel],
    watch: Watch,
    preview: Preview | None,
) -> list[np.ndarray]:
    """each: the model of every row, which then has the noise of the first."""
    if not each:
        return model(vectors, recipe, watch, preview)
    done: list[np.ndarray] = []
    for number, (model, vector) in enumerate(zip(each, vectors, strict=True)):
        ready = tuple(done)
        shown = None if preview is None else lambda pictures, ready=ready: preview([*ready, *pictures])
        done += model(vector[None], recipe, watch.part(number / len(vectors), (number + 1) / len(vectors)), shown)
    return done


def check_count(count: Any, most: int = MOST) -> int:
    """A number of pictures from outside. Raises BadRequest unless it is a whole number from 1 to `most`."""
    fits = (
        not isinstance(count, bool)
        and isinstance(count, (int, float))
        and 1 <= count <= most
        and float(count).is_integer()
    )
    if not fits:
        raise BadRequest(
            f"Pictures: expected 1 to {most}, got {str(count)[:20]}. For more, use the command line: python -m "
            f"workbench generate."
        )
    return int(count)


def checked(recipe: Recipe, model: PortraitModel) -> Recipe:
    """The recipe with the model's own defaults filled in. Raises BadRequest for what the model does not take."""
    if len(recipe.prompt) > LONGEST_PROMPT:
        raise BadRequest(f"The prompt has {len(recipe.prompt):,} characters; at most {LONGEST_PROMPT:,} are taken.")
    if recipe.prompt.strip() and not model.reads_prompt:
        raise BadRequest("This model reads no prompt. Leave it empty, or choose a model that does.")
    steps, guidance = recipe.steps or model.steps[0], recipe.guidance or model.guidance[0]
    for name, value, (_, least, most) in (("steps", steps, model.steps), ("guidance", guidance, model.guidance)):
        if not least <= value <= most:
            raise BadRequest(f"{name}: expected {least:g} to {most:g}, got {value:g}.")
    return replace(recipe, steps=int(steps), guidance=float(guidance), prompt=recipe.prompt.strip())


def _out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text
