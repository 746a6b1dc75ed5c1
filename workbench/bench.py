"""The Workbench: settings, loaded models and nothing else. Everything with state lives here and is passed on.

Knows no task and no screen: of the tasks it names only what they ask of a model.
"""

import contextlib
import functools
import importlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench import devices, memory
from workbench.catalog import own
from workbench.catalog.spec import ModelSpec, table
from workbench.corrections import Corrections
from workbench.errors import BadRequest, ModelMissing, OutOfMemory
from workbench.places import Places
from workbench.settings import Settings
from workbench.sightings import Sightings
from workbench.sources import fetching as sources
from workbench.thresholds import calibrated
from workbench.thresholds import own as own_threshold

if TYPE_CHECKING:
    from workbench.portraits import FaceGenerator, PortraitModel, Repairer
    from workbench.tasks.analysis import Readers, SignReader
    from workbench.tasks.attributes import AttributeScorer
    from workbench.tasks.clicks import ClickModel
    from workbench.tasks.expression import ExpressionScorer
    from workbench.tasks.face_search import FaceFinder
    from workbench.tasks.matting import PersonMatte
    from workbench.tasks.parsing import Parser
    from workbench.tasks.quality import QualityModel
    from workbench.tasks.recognition import FaceRecogniser

AT_ONCE = 2
"""Works with models that share the cores."""
LARGE, SPARE = 200_000_000, 1.3
"""Bytes of weights from which free memory is looked at, and how many times the weights must be free to keep others."""


class Workbench:
    """Loads each model once, on first use, and keeps the most recently used within `settings.memory` bytes of
    weights."""

    def __init__(self, settings: Settings, models: Mapping[str, ModelSpec] | None = None) -> None:
        """Make a bench over `settings` and a catalogue, usually our rows and the person's own; loads nothing.

        Raises BadRequest for a file of own models that cannot be read.
        """
        self.settings = settings
        self._models = own.known(settings) if models is None else models
        self._loaded: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._loading = threading.RLock()
        self.places = Places(AT_ONCE, settings.photo_memory)
        """Held by whoever works with models, until that work has really ended."""
        self.sightings = Sightings(settings.photo_lifetime)
        """The faces of photos that were looked at lately."""
        self.corrections = Corrections(settings.photo_lifetime, settings.session_memory // 4)
        """The masks that people corrected and whose pages are open."""

    @classmethod
    def from_env(cls) -> "Workbench":
        """A bench from `os.environ`. Raises BadRequest for a setting that is none, or a device that is not here."""
        import os

        bench = cls(Settings.from_env(os.environ))
        bench.require_device()
        return bench

    @functools.cached_property
    def device(self) -> str:
        """Where models are loaded: "cuda", "mps" or "cpu". Raises BadRequest when the one that was asked for is not
        here."""
        return devices.choose(self.settings.device, self.settings.zero_gpu)

    def require_device(self) -> None:
        """Raises BadRequest, at the start and not at the first click, when a named device is not here."""
        if self.settings.device not in ("auto", "cpu"):
            devices.choose(self.settings.device)

    def specs(self, task: str) -> tuple[ModelSpec, ...]:
        """All rows of a task, default first."""
        return tuple(spec for spec in self._models.values() if spec.task == task)

    def spec(self, model_id: str, task: str = "") -> ModelSpec:
        """The row of this id. Raises BadRequest when there is none, or when it does another task than `task`."""
        spec = self._models.get(model_id) if isinstance(model_id, str) else None
        if spec is None or (task and spec.task != task):
            known = ", ".join(row.id for row in self._models.values() if task in ("", row.task))
            raise BadRequest(f"There is no {task or 'such'} model {str(model_id)[:80]!r}. Known: {known}.")
        return spec

    def adopt(self, spec: ModelSpec) -> None:
        """Take in a row while running. Raises BadRequest for an id that is taken."""
        with self._guard:
            self._models = table([*self._models.values(), spec])

    def try_out(self, spec: ModelSpec) -> bool:
        """Load a row's model once, without keeping it; False when its files are not here yet.

        Raises BadRequest for an id that is taken, BadWeights for a file that does not fit its row.
        """
        beside = Workbench(self.settings, table([*self._models.values(), spec]))
        if not beside.available(spec.id):
            if missing := [file for file in spec.files if file.scheme == "local"]:
                raise BadRequest(f"{spec.title}: there is no file {missing[0].source[6:][-80:]!r} on this machine.")
            return False
        beside._of(spec.task, spec.id)
        return True

    def available(self, model_id: str) -> bool:
        """Whether all of a model's files are on this machine."""
        return all(sources.locate(file, self.settings) for file in self.spec(model_id).files)

    def here(self, task: str) -> tuple[ModelSpec, ...]:
        """The rows of a task whose files are on this machine, default first; none is downloaded for it."""
        return tuple(spec for spec in self.specs(task) if self.available(spec.id))

    def first(self, task: str) -> ModelSpec:
        """The first row of a task whose files are here; the first of all when none is."""
        rows = self.specs(task)
        return next((spec for spec in rows if self.available(spec.id)), rows[0])

    def model(self, model_id: str, task: str = "") -> Any:
        """The loaded model. Two threads that ask at once get one object.

        Raises BadRequest (unknown id), ModelMissing (not fetched; says the command), BadWeights (damaged file).
        """
        spec = self.spec(model_id, task)
        with self._guard:
            lock = self._locks.setdefault(spec.id, threading.Lock())
        with lock:
            with self._guard:
                if spec.id in self._loaded:
                    self._loaded.move_to_end(spec.id)
                    return self._loaded[spec.id][0]
            needed = self._bytes(spec)
            with self._loading if needed >= LARGE else contextlib.nullcontext():  # each weighed after the other
                self._make_room(spec, needed)
                model, size = self._load(spec)
                with self._guard:
                    self._loaded[spec.id] = (model, size)
            return model

    def threshold(self, model_id: str) -> float | None:
        """The score at FAR 1 % that a recogniser is read against: ours, its row's, or the one the person made here."""
        told = self.spec(model_id).input
        for value in (calibrated(model_id), told.threshold if told else None):
            if value is not None:
                return value
        return own_threshold(model_id, self.settings.data)

    def finder(self, model_id: str = "") -> "FaceFinder":
        """The face finder; as for all that follow, no id means the first one here, and `model` says what is raised."""
        return self._of("detection", model_id)

    def parser(self, model_id: str = "") -> "Parser":
        """A parser."""
        return self._of("parsing", model_id)

    def recogniser(self, model_id: str = "") -> "FaceRecogniser":
        """A recogniser."""
        return self._of("recognition", model_id)

    def expression(self, model_id: str = "") -> "ExpressionScorer":
        """An expression model."""
        return self._of("expression", model_id)

    def attributes(self, model_id: str = "") -> "AttributeScorer":
        """An attribute model."""
        return self._of("attributes", model_id)

    def quality(self, model_id: str = "") -> "QualityModel":
        """A quality network."""
        return self._of("quality", model_id)

    def landmarks(self, model_id: str = "") -> "SignReader":
        """A landmark model."""
        return self._of("landmarks", model_id)

    def readers(self) -> "Readers":
        """The default models that are here, as those who say what a face shows."""
        from workbench.tasks.analysis import Readers

        here = {task: self._defaults_here(task) for task in ("expression", "attributes", "parsing", "quality")}
        return Readers(
            expression=self.expression(here["expression"][0]) if here["expression"] else None,
            attributes=tuple(self.attributes(name) for name in here["attributes"]),
            parser=self.parser(here["parsing"][0]) if here["parsing"] else None,
            quality=tuple(self.quality(name) for name in here["quality"]),
        )

    def default_recognisers(self) -> "tuple[FaceRecogniser, ...]":
        """The default recognisers that are here."""
        return tuple(self.recogniser(name) for name in self._defaults_here("recognition"))

    def _defaults_here(self, task: str) -> list[str]:
        return [spec.id for spec in self.specs(task) if spec.default and self.available(spec.id)]

    def portrait(self, model_id: str = "") -> "PortraitModel":
        """A portrait model."""
        return self._of("portrait", model_id)

    def generator(self, model_id: str = "") -> "FaceGenerator":
        """A network that draws faces of nobody."""
        return self._of("generation", model_id)

    def clicks(self, model_id: str = "") -> "ClickModel":
        """A model that mends a part by clicks."""
        return self._of("clicks", model_id)

    def matte(self, model_id: str = "") -> "PersonMatte":
        """A person matte."""
        return self._of("matte", model_id)

    def repairer(self, model_id: str = "") -> "Repairer":
        """A network that repairs a drawn face."""
        return self._of("repair", model_id)

    def _of(self, task: str, model_id: str) -> Any:
        spec = self.spec(model_id or self.first(task).id, task)
        return _kept(self.model(spec.id), spec)

    def fetch_defaults(self, *tasks: str) -> None:
        """Bring the default models of these tasks here (all tasks when none is named): what a Space does once, at its
        start."""
        for spec in self._models.values():
            if spec.default and (not tasks or spec.task in tasks) and not self.available(spec.id):
                sources.fetch(spec.files, self.settings)

    def preload(self, *tasks: str) -> None:
        """On ZeroGPU, load the default models of these tasks (all tasks when none is named) that are here; elsewhere
        nothing.

        There every call is a copy of this process: what is loaded before is in all of them, what a call loads is gone
        with it.
        """
        for spec in self._models.values() if self.settings.zero_gpu else ():
            if spec.default and (not tasks or spec.task in tasks) and self.available(spec.id):
                self.model(spec.id)

    def loaded(self) -> tuple[str, ...]:
        """Ids in memory now, least recently used first."""
        with self._guard:
            return tuple(self._loaded)

    def _load(self, spec: ModelSpec) -> tuple[Any, int]:
        if not self.available(spec.id):
            raise ModelMissing(f"{spec.title} is not on this machine. Fetch it with: {fetch_command(spec)}")
        given = [file for file in spec.files if devices.reads(file.role, self.device, self.settings.runtime)]
        paths = {file.role: sources.verify(file, self.settings) for file in given}
        module, _, name = spec.load.partition(":")
        load = getattr(importlib.import_module(module), name)
        with devices.allowing(self.settings.threads):
            model = load(spec, paths, self.device)
        if spec.task == "recognition" and getattr(model, "threshold", 0.0) is None:  # without one `_kept` refuses it
            model.threshold = self.threshold(spec.id)
        return model, sum(path.stat().st_size for path in paths.values())

    def _bytes(self, spec: ModelSpec) -> int:
        paths = [sources.locate(file, self.settings) for file in spec.files]
        return sum(path.stat().st_size for path in paths if path is not None)

    def _make_room(self, spec: ModelSpec, needed: int) -> None:
        """Forget models used longest ago until this one's weights fit beside the rest: within `settings.memory`, and,
        where it is large, into what this machine has free.

        Raises OutOfMemory, with both figures, when it does not fit even alone.
        """
        forgotten = False
        while self._crowded(needed):
            with self._guard:
                self._loaded.popitem(last=False)
            forgotten = True
            memory.give_back()
        free = memory.free_bytes(self.device) if needed >= LARGE else None
        if free is not None and needed > free:
            raise OutOfMemory(
                f"{spec.title} needs at least {needed / 1e9:.1f} GB of memory; {free / 1e9:.1f} GB are free here"
                f"{', with all other models forgotten' if forgotten else ''}. Close programs, or choose a smaller one."
            )

    def _crowded(self, needed: int) -> bool:
        with self._guard:
            held = sum(size for _, size in self._loaded.values())
            if not self._loaded or (held + needed <= self.settings.memory and needed < LARGE):
                return False
        if held + needed > self.settings.memory:
            return True
        free = memory.free_bytes(self.device)
        return free is not None and SPARE * needed > free


_PROMISES = {
    "detection": "workbench.tasks.face_search:FaceFinder",
    "parsing": "workbench.tasks.parsing:Parser",
    "recognition": "workbench.tasks.recognition:FaceRecogniser",
    "expression": "workbench.tasks.expression:ExpressionScorer",
    "attributes": "workbench.tasks.attributes:AttributeScorer",
    "quality": "workbench.tasks.quality:QualityModel",
    "landmarks": "workbench.tasks.analysis:SignReader",
    "portrait": "workbench.portraits:PortraitModel",
    "generation": "workbench.portraits:FaceGenerator",
    "clicks": "workbench.tasks.clicks:ClickModel",
    "matte": "workbench.tasks.matting:PersonMatte",
    "repair": "workbench.portraits:Repairer",
}
"""What each task asks of a model."""


def _kept(model: Any, spec: ModelSpec) -> Any:
    """The model, if it has what its task's Protocol names. Raises BadRequest for the loader that forgot something."""
    module, _, name = _PROMISES[spec.task].partition(":")
    promise = getattr(importlib.import_module(module), name)
    names = {
        *getattr(promise, "__annotations__", {}),
        *(word for word, value in vars(promise).items() if callable(value)),
    }
    asked = sorted(word for word in names if word == "__call__" or not word.startswith("_"))
    if missing := [word for word in asked if not hasattr(model, word)]:
        raise BadRequest(
            f"{spec.title}: what {spec.load} returned is no {name}: {', '.join(missing)} is missing. Mend the loader."
        )
    return model


def fetch_command(spec: ModelSpec) -> str:
    """The one command that brings a model's weights here."""
    return f"python -m workbench models fetch {spec.id}"
