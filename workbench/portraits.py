"""What every identity-conditioned generator looks like to the rest, whether it is small and embedded or an official
one."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from workbench import checks
from workbench.errors import BadRequest
from workbench.scenes import Scene
from workbench.spots import Spot
from workbench.values import Face
from workbench.watch import Watch

Preview = Callable[[list[np.ndarray]], None]
"""Told now and then how the pictures look so far: RGB uint8, one per picture."""


WORDS = {
    "hair": ("", "black", "brown", "blond", "red", "grey"),
    "glasses": ("", "none", "round", "square"),
    "background": ("", "light", "grey", "blue", "green", "dark"),
}
"""What a wish in words may say; "" leaves it to the model."""

MOST = {"yaw": 20.0, "pitch": 12.0, "smile": 2.0, "mouth": 2.0, "light": 2.0, "age": 25.0}
"""How far a wish in numbers goes, either way."""

WISHES = (*MOST, *WORDS, "brightness")
"""The names of all wishes."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a person is to look, besides who it is: changes of what the model would draw, all else as it was.

    yaw, pitch: degrees more to the image's right, and more upward. smile, mouth (opened), light (from the image's left
    to its right): in deviations among photos. age: years. hair, glasses, background: of `WORDS`. brightness: mean grey
    of the face, 0 to 255; None leaves it to the model. Raises BadRequest for what lies outside.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    smile: float = 0.0
    mouth: float = 0.0
    light: float = 0.0
    age: float = 0.0
    hair: str = ""
    glasses: str = ""
    background: str = ""
    brightness: float | None = None

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            checks.number(name, getattr(self, name), -most, most)
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise BadRequest(
                    f"{name}: expected one of {', '.join(words[1:])}, or nothing; got {getattr(self, name)!r}."
                )
        if self.brightness is not None:
            checks.number("brightness", self.brightness, 0, 255)

    @property
    def made(self) -> dict[str, Any]:
        """What is wished for, by name; empty when everything is left to the model."""
        return {name: value for name, value in asdict(self).items() if value not in (0.0, "", None)}


def heeded(wishes: Wishes, heeds: bool) -> Wishes:
    """The same wishes. heeds: whether the model's row says that it takes any. Raises BadRequest for those it
    ignores."""
    if wishes.made and not heeds:
        raise BadRequest(f"This model heeds no wishes, got {', '.join(wishes.made)}. Choose appearance-portrait-256.")
    return wishes


def read_wishes(words: Sequence[str]) -> Wishes:
    """Of NAME=VALUE, as a command line has them. Raises BadRequest for an unknown name or a value that is none."""
    told: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in WISHES:
            names = f"{', '.join(WISHES[:-1])} or {WISHES[-1]}"
            raise BadRequest(f"A wish is one of {names}, with = and a value; got {word!r}.")
        try:
            told[name] = value if name in WORDS else float(value)
        except ValueError:
            raise BadRequest(f"{name}: expected a number, got {value!r}.") from None
    return Wishes(**told)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a sheet is drawn. seed: the same seed gives the same pictures. steps, guidance: 0 means the model's own
    default.

    prompt: read only by models with `reads_prompt`. wishes: heeded only by models whose row says so. scene: of which
    each model takes what its row says.
    """

    seed: int = 0
    steps: int = 0
    guidance: float = 0.0
    prompt: str = ""
    wishes: Wishes = field(default_factory=Wishes)
    scene: Scene = field(default_factory=Scene)

    def told(self) -> dict[str, Any]:
        """Plain values for a record: the wishes that were made, and what is asked of the scene, stand beside the
        rest."""
        found = {name: value for name, value in asdict(self).items() if name not in ("wishes", "scene")}
        return found | self.wishes.made | self.scene.made


class Repairer(Protocol):
    """Repairs one face of a picture."""

    def __call__(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The picture, perhaps larger, with this face repaired."""


class FaceGenerator(Protocol):
    """Draws faces of nobody from a number."""

    def __call__(self, n: int, seed: int = 0) -> list[np.ndarray]:
        """`n` RGB pictures, uint8; the same seed gives the same ones."""


class PortraitModel(Protocol):
    """Draws faces from a recogniser's vectors.

    recogniser: catalogue id of the recogniser whose vectors it takes. reads_prompt: whether words matter. photo: "" for
    one that never looks at a photo; "may" or "must" for a `LookingModel`. Both as its row says. steps, guidance: its
    defaults, with the range the screen offers. side: of the pictures, in pixels.
    """

    recogniser: str
    reads_prompt: bool
    photo: str
    side: int
    steps: tuple[int, int, int]
    """default, least, most"""
    guidance: tuple[float, float, float]
    """default, least, most"""

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        """One picture, side × side × 3 uint8 RGB, per row of (n, d) float32 vectors of `recogniser`, as its metric
        wants them.

        Row i is drawn with its own noise, a function of (seed, i) alone. Raises BadRequest for another shape,
        Cancelled.
        """


class LookingModel(PortraitModel, Protocol):
    """Draws closer to a photo of the face, besides its vector."""

    def shown(self, photo: np.ndarray, face: Face) -> PortraitModel:
        """The same model with this face of this photo in view; networks are shared."""


class MixingModel(LookingModel, Protocol):
    """Draws between two people, of each of whom it was shown a photo."""

    def between(self, other: Self, share: float) -> Self:
        """The same model, which sees so much (0..1) of what the other was shown, and the rest of its own. Raises
        BadRequest where one of them was shown nothing."""


class GroupModel(PortraitModel, Protocol):
    """Draws several people in one picture, each at a place."""

    def beside(self, others: Sequence[tuple[np.ndarray, Self]], spots: Sequence[Spot]) -> Self:
        """The same model, which draws these others beside the person it is told: each with a vector (d,) and the model
        as it sees them. spots: of all, the told one's first. Raises BadRequest for more people than it takes."""


@runtime_checkable
class CountingModel(PortraitModel, Protocol):
    """Draws a picture again that shows no face or next to nothing, and counts."""

    redrawn: int
    """How many pictures it drew again."""

    def counting(self) -> "CountingModel":
        """The same model with a count of its own, from 0: what others draw at the same time is not in it."""


class PosedModel(PortraitModel, Protocol):
    """Draws a face where another photo's face is."""

    def posed(self, photo: np.ndarray, face: Face) -> PortraitModel:
        """The same model, whose faces have the place and the turn of this face of this photo."""


class SteadyModel(PortraitModel, Protocol):
    """Can hold what it reads off a vector besides identity."""

    def steady(self, vectors: np.ndarray) -> PortraitModel:
        """The same model with brightness, hair and glasses as it tells them from these vectors (n, d), row by row,
        whoever
        is asked for later: for series in which identity alone changes."""
