"""Portraits of 256 pixels on two cores: an appearance model proposes a face for a vector, a network draws its detail, a
search mends it.

The linear part (`appearance`) turns a recogniser's vector and noise into colours, outlines and a shape; the network
(`detail`) draws what is finer; the search (`search`) moves the colours until the recogniser sees the asked face in the
finished picture; the canvas gives the face its shape before a plain wall. A picture that is too dark, or in which no
face is found, is drawn again and counted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, BadWeights
from workbench.mesh import OVAL, polygon
from workbench.models.blocks import memory
from workbench.models.blocks.precision import fast_bfloat16
from workbench.models.finders import mediapipe
from workbench.models.finders.mediapipe import FaceFinder
from workbench.models.portraits import appearance, canvas, hair
from workbench.models.portraits.appearance import Appearance
from workbench.models.portraits.canvas import Pose
from workbench.models.portraits.detail import DetailNetwork
from workbench.models.portraits.frame import SIDE, Frame
from workbench.models.portraits.search import Guide, Painter, Search
from workbench.models.recognisers import dlib_residual
from workbench.portraits import Preview, Recipe
from workbench.watch import Watch

IDENTITY = 128

DARKEST, SUREST, TRIES = 24.0, 0.5, 3
"""Mean grey of a face below which it is drawn again; probability of a face below which it is; and how often at most."""

STEEPEST = 2.0
"""Deviations beyond which no coefficient of the shape is drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """A picture's own noise. coefficients: (k,). outlines: (o,), of the choice among them. tufts: (3, 64, 64), added to
    the one chosen.
    detail: (1, 128, 128) and strands: (1, 256, 256), of skin and hair. moves: (steps, 2), of the search's crops. grain:
    (256, 256).
    wall: (3, 256, 256) in −1..1.
    """

    coefficients: np.ndarray
    outlines: np.ndarray
    tufts: np.ndarray
    detail: np.ndarray
    strands: np.ndarray
    moves: np.ndarray
    grain: np.ndarray
    wall: np.ndarray

    @classmethod
    def of(cls, seed: int, row: int, attempt: int, model: Appearance, steps: int) -> "Chance":
        """A function of its arguments alone."""
        rng = np.random.default_rng([seed, row, attempt])
        return cls(
            coefficients=np.clip(rng.standard_normal(model.count), -2, 2),
            outlines=rng.gumbel(size=len(model.outlines)),
            tufts=hair.tufts(rng),
            detail=rng.standard_normal((1, SIDE // 2, SIDE // 2)),
            strands=hair.strands(rng),
            wall=canvas.wall(rng),
            grain=canvas.grain(rng),
            moves=rng.standard_normal((steps, 2)),
        )


class AppearancePortrait:
    """A `PortraitModel` of 256 × 256 pictures. redrawn: how many pictures were drawn again since it was loaded."""

    recogniser = "dlib"
    reads_prompt, photo = False, ""
    side = SIDE
    steps = (20, 2, 50)
    guidance = (2.0, 1.0, 6.0)

    def __init__(
        self, spec: ModelSpec, frame: Frame, guide: Guide, finder: FaceFinder, device: str, plan: Search | None = None
    ) -> None:
        """plan: of the search."""
        self.spec, self.frame, self.guide, self.finder, self.device = spec, frame, guide, finder, device
        self.plan = plan or Search()
        self.redrawn = 0

    @property
    def model(self) -> Appearance:
        """The linear part."""
        return self.guide.painter.model

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        """One picture, 256 × 256 × 3 uint8 RGB, per row of (n, 128) float32 vectors of dlib. Row i's noise is a
        function of (seed, i).

        A recipe's steps are the search's. Its guidance divides the noise: at 1 a face varies as photos of one person
        vary; more is nearer to what is expected of the vector. Raises BadRequest (shape, numbers, steps, guidance,
        seed), Cancelled, OutOfMemory.
        """
        rows, watch = self.checked(vectors), watch or Watch()
        steps, guidance = self.chosen(recipe)
        done: list[np.ndarray] = []
        with memory.in_words(self.spec.title):
            for row, vector in enumerate(rows):
                part = watch.part(row / len(rows), (row + 1) / len(rows))
                shown = preview and partial(_with, preview, tuple(done))
                done.append(self._drawn(vector[None], recipe.seed, row, steps, guidance, part, shown))
        watch.tell(1.0, "drawn")
        return done

    def _drawn(
        self,
        vector: Tensor,
        seed: int,
        row: int,
        steps: int,
        guidance: float,
        watch: Watch,
        preview: Callable[[np.ndarray], None] | None,
    ) -> np.ndarray:
        for attempt in range(TRIES):
            chance = Chance.of(seed, row, attempt, self.model, steps)
            found, pose = self.found(vector, chance, guidance, watch, preview)
            drawn = self.picture(found, pose, chance)
            if attempt == TRIES - 1 or self.whole(drawn, pose):
                break
            self.redrawn += 1
        return drawn

    def proposed(self, vector: Tensor, chance: Chance, guidance: float) -> tuple[Tensor, Pose]:
        """Coefficients (1, k) before the search, and where the face will be."""
        model = self.model
        start = model.proposed(vector, self._tensor(chance.coefficients[None]), 1 / guidance)
        start[:, model.textures :] = start[:, model.textures :].clamp(-STEEPEST, STEEPEST)
        points = model.shaped(start)[0].cpu().numpy()
        back = canvas.grid(self.frame.map_to(points), self.device)
        outlines = model.outlined(vector, self._tensor(chance.outlines[None]) / guidance) + self._tensor(
            chance.tufts[None]
        )
        return start, Pose(back, points, outlines, self._tensor(chance.wall[None]))

    def found(
        self,
        vector: Tensor,
        chance: Chance,
        guidance: float,
        watch: Watch,
        preview: Callable[[np.ndarray], None] | None = None,
    ) -> tuple[Tensor, Pose]:
        """The same after the search, which makes as many steps as the chance has moves."""
        start, pose = self.proposed(vector, chance, guidance)
        steps = len(chance.moves)

        def told(done: int, coefficients: Tensor) -> None:
            watch.tell(done / (steps + 1), f"step {done} of {steps}")
            if preview and done % 5 == 0:
                preview(self.picture(coefficients, pose, chance))

        watch.tell(0.0, "reading the identity")
        noise = self._tensor(chance.detail[None])
        return self.guide.search(start, vector, pose, noise, chance.moves, self.plan, told), pose

    @torch.no_grad()
    def picture(self, coefficients: Tensor, pose: Pose, chance: Chance) -> np.ndarray:
        """(256, 256, 3) uint8 RGB of coefficients (1, k)."""
        layers = self.guide.painter.layers(coefficients, pose.outlines, self._tensor(chance.detail[None]))
        layers = canvas.combed(canvas.crisp(layers), pose.outlines, self._tensor(chance.strands[None]))
        return canvas.picture(canvas.shown(layers, pose.back, pose.wall) + self._tensor(chance.grain[None, None]))

    def whole(self, picture: np.ndarray, pose: Pose) -> bool:
        """Whether the picture is light enough and the mesh network sees a face in it."""
        face = polygon(pose.points, OVAL, picture.shape[:2]) > 127
        if picture[face].mean() < DARKEST:
            return False
        low, high = pose.points.min(0), pose.points.max(0)
        eyes = np.stack([pose.points[[33, 133]].mean(0), pose.points[[362, 263]].mean(0)])
        return (
            self.finder.outline(picture, np.concatenate([low, high]).astype(np.float32), eyes.astype(np.float32)).score
            >= SUREST
        )

    def raw(self, vectors: np.ndarray, recipe: Recipe | None = None) -> dict[str, np.ndarray]:
        """`proposed`, `found`: (n, k) coefficients before and after the search, for (n, 128) float32 vectors."""
        rows, recipe = self.checked(vectors), recipe or Recipe()
        steps, guidance = self.chosen(recipe)
        pairs = []
        for row, vector in enumerate(rows):
            chance = Chance.of(recipe.seed, row, 0, self.model, steps)
            start = self.proposed(vector[None], chance, guidance)[0]
            pairs.append((start, self.found(vector[None], chance, guidance, Watch())[0]))
        return {
            name: torch.cat(column).cpu().numpy()
            for name, column in zip(("proposed", "found"), zip(*pairs, strict=True), strict=True)
        }

    def checked(self, vectors: np.ndarray) -> Tensor:
        """The vectors on the model's device. Raises BadRequest for none, another length or numbers that are not
        finite."""
        found = np.asarray(vectors)
        if (
            found.ndim != 2
            or not len(found)
            or found.shape[1] != IDENTITY
            or not np.issubdtype(found.dtype, np.floating)
        ):
            raise BadRequest(
                f"{self.spec.title}: expected n × {IDENTITY} numbers of {self.recogniser}, got {found.shape} of "
                f"{found.dtype}."
            )
        if not np.isfinite(found).all():
            raise BadRequest(f"{self.spec.title}: a vector holds numbers that are not finite; use another photo.")
        return self._tensor(found)

    def chosen(self, recipe: Recipe) -> tuple[int, float]:
        """Steps and guidance of a recipe. Raises BadRequest for those out of range, and for a seed below 0."""
        steps, guidance = recipe.steps or self.steps[0], recipe.guidance or self.guidance[0]
        for name, value, (_, least, most) in (("steps", steps, self.steps), ("guidance", guidance, self.guidance)):
            if not least <= value <= most:
                raise BadRequest(f"{self.spec.title}: expected {least} to {most} {name}, got {value}.")
        if recipe.seed < 0:
            raise BadRequest(f"Expected a seed of 0 or more, got {recipe.seed}.")
        return steps, float(guidance)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)


def _with(preview: Preview, done: tuple[np.ndarray, ...], drawing: np.ndarray) -> None:
    preview([*done, drawing])


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> AppearancePortrait:
    """The model from its `linear` part, its `network`, the `recogniser` and the face finder's files.

    Raises BadWeights when one of them is another file.
    """
    linear, detail = files["linear"], files["network"]
    network = DetailNetwork()
    try:
        tensors = load_file(linear)
        model = appearance.read(tensors, device)
        frame = Frame(tensors["frame"].double().numpy())
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(detail).items()})
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise BadWeights(
            f"{linear.name} and {detail.name} are not the files of {spec.id}: {type(error).__name__}."
        ) from error
    network.eval().requires_grad_(False).to(device=device, memory_format=torch.channels_last)
    fast = device == "cpu" and fast_bfloat16()
    guide = Guide(Painter(model, network, fast), dlib_residual.load(spec, {"weights": files["recogniser"]}, device))
    return AppearancePortrait(spec, frame, guide, mediapipe.load(spec, files, device), device)
