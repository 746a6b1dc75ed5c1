"""Portraits of 256 pixels on two cores: an appearance model proposes a face for a vector, a network draws its detail, a
search mends it.

The linear part (`appearance`) turns a recogniser's vector and noise into colours, outlines and a shape; the network
(`detail`) draws what is finer; the search (`search`) moves the colours until the recogniser sees the asked face in the
finished picture; the canvas gives the face its shape before a plain wall. A picture that is too dark, or in which no
face is found, is drawn again and counted.
"""

from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from threading import Lock

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
from workbench.models.parsers import compact_parser
from workbench.models.portraits import appearance, canvas, falling, lightness, together
from workbench.models.portraits.appearance import LAYERS, OUTLINE, Appearance
from workbench.models.portraits.canvas import Pose
from workbench.models.portraits.chance import Chance
from workbench.models.portraits.complexion import even, plain
from workbench.models.portraits.detail import DetailNetwork
from workbench.models.portraits.frame import SIDE, Frame
from workbench.models.portraits.hair import Hair, bared, fitting
from workbench.models.portraits.mouth import natural
from workbench.models.portraits.order import Order, ordered
from workbench.models.portraits.search import Guide, Painter, Search, Wanted
from workbench.models.portraits.seen_look import GREY, Look, Parser, look
from workbench.models.portraits.spectacles import RIMS, spectacles
from workbench.models.recognisers import dlib_residual, mobile_facenet
from workbench.portraits import Preview, Recipe
from workbench.values import Face
from workbench.watch import Watch

IDENTITY = 128

DARKEST, SUREST, TRIES = 24.0, 0.5, 3
"""Mean grey of a face below which it is drawn again; probability of a face below which it is; and how often at most."""

CLOSE, EXPOSED, GAINS = 0.02, 5, (0.25, 3.0)
"""How near to the ordered brightness a face is, as a share of it, how often it is mended at most, and the least and
most
light."""

STEEPEST = 2.0
"""Deviations beyond which no coefficient of the shape is drawn."""


class AppearancePortrait:
    """A `LookingModel`, `SteadyModel` and `CountingModel` of 256 × 256 pictures. redrawn: how many pictures were drawn
    again since it was loaded, or since it is `counting`."""

    recogniser = "dlib"
    reads_prompt, photo = False, "may"
    side = SIDE
    steps = (20, 2, 50)
    guidance = (1.0, 1.0, 6.0)

    def __init__(
        self,
        spec: ModelSpec,
        frame: Frame,
        guide: Guide,
        hair: Hair,
        finder: FaceFinder,
        parser: Parser,
        device: str,
        plan: Search | None = None,
    ) -> None:
        """plan: of the search."""
        self.spec, self.frame, self.guide, self.finder, self.device = spec, frame, guide, finder, device
        self.hair, self._plain = hair, plain(frame.mean, SIDE)
        self._usual = lightness.usual(self.model.mean_skin(SIDE), self._plain, frame.mean)
        self.parser, self.plan = parser, plan or Search()
        self.look: Look | None = None
        self.anchors: Tensor | None = None
        self._count, self._counting = [0], Lock()

    @property
    def redrawn(self) -> int:
        """How many pictures were drawn again since it was loaded, by those that were shown a photo too."""
        return self._count[0]

    def counting(self) -> "AppearancePortrait":
        """The same model with a count of its own."""
        found = copy(self)
        found._count = [0]
        return found

    @property
    def model(self) -> Appearance:
        """The linear part."""
        return self.guide.painter.model

    def shown(self, photo: np.ndarray, face: Face) -> "AppearancePortrait":
        """The same model, which takes brightness, hair and glasses from this face of this photo. Raises BadRequest
        for a
        face without landmarks."""
        found = copy(self)
        outlines = self.model.outlines.cpu().numpy().reshape(-1, LAYERS, OUTLINE, OUTLINE)
        found.look = look(photo, face, self.parser, self.frame, outlines, self.guide.known(photo, face))
        return found

    def steady(self, vectors: np.ndarray) -> "AppearancePortrait":
        """The same model, which tells brightness, hair and glasses from these vectors (n, 128), row by row, whoever
        is asked
        for."""
        found = copy(self)
        found.anchors = self.checked(vectors)
        return found

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
        anchors = rows if self.anchors is None else self.anchors
        if len(anchors) != len(rows):
            raise BadRequest(f"{self.spec.title}: steady for {len(anchors)} vectors, asked for {len(rows)}.")
        self.chosen(recipe)

        def draw(row: int, watch: Watch, show: together.Show | None) -> np.ndarray:
            return self._drawn(
                self.order(rows[row : row + 1], anchors[row : row + 1], recipe), recipe.seed, row, watch, show
            )

        with memory.in_words(self.spec.title):
            done = together.drawn(len(rows), draw, watch, preview, None if self.device == "cpu" else 1)
        watch.tell(1.0, "drawn")
        return done

    def order(self, vector: Tensor, anchor: Tensor, recipe: Recipe) -> Order:
        """What a picture of one vector (1, 128) shall be. anchor: (1, 128), whose brightness, hair and glasses it
        has."""
        steps, guidance = self.chosen(recipe)
        return ordered(self.model, vector, anchor, recipe.wishes, self.look, steps, guidance)

    def _drawn(
        self, order: Order, seed: int, row: int, watch: Watch, preview: Callable[[np.ndarray], None] | None
    ) -> np.ndarray:
        for attempt in range(TRIES):
            chance = Chance.of(seed, row, attempt, self.model, order.steps, order.background)
            found, pose = self.found(order, chance, watch, preview)
            drawn = self.lit(found, pose, chance, order)
            if attempt == TRIES - 1 or self.whole(drawn, pose):
                break
            with self._counting:
                self._count[0] += 1
        return drawn

    def proposed(self, order: Order, chance: Chance) -> tuple[Tensor, Pose]:
        """Coefficients (1, k) before the search, and where the face will be."""
        model = self.model
        noise = self._tensor(chance.coefficients[None])
        start = model.proposed(order.vector, noise, 1 / order.guidance, order.moved, order.years, order.skin)
        start[:, model.textures :] = start[:, model.textures :].clamp(-STEEPEST, STEEPEST)
        points = model.shaped(start)[0].cpu().numpy()
        back = canvas.grid(self.frame.map_to(points), self.device)
        gumbel = self._tensor(chance.outlines[None]) / order.guidance
        shares = model.chosen(order.anchor, gumbel, order.outlines)
        outlines = model.outlined(shares) + self._tensor(chance.tufts[None])
        around = model.around(start, order.hair_tone)
        wall, glasses = self._tensor(chance.wall[None]), self._glasses(order, chance)
        pose = Pose(back, points, outlines, shares, wall, around, glasses)
        return start, pose

    def _glasses(self, order: Order, chance: Chance) -> Tensor | None:
        if order.glasses == "none":
            return None
        shape = order.glasses or sorted(RIMS)[chance.number % len(RIMS)]
        return self._tensor(spectacles(self.frame.mean, shape, chance.number // len(RIMS)))

    def found(
        self, order: Order, chance: Chance, watch: Watch, preview: Callable[[np.ndarray], None] | None = None
    ) -> tuple[Tensor, Pose]:
        """The same after the search, which makes as many steps as the chance has moves."""
        start, pose = self.proposed(order, chance)
        steps = len(chance.moves)

        def told(done: int, coefficients: Tensor) -> None:
            watch.tell(done / (steps + 1), f"step {done} of {steps}")
            if preview and done % 5 == 0:
                preview(self.picture(coefficients, pose, chance))

        watch.tell(0.0, "reading the identity")
        noise, held = self._tensor(chance.detail[None]), order.years != 0
        wanted = Wanted(order.vector, order.second, order.sure)
        return self.guide.search(start, wanted, pose, noise, chance.moves, self.plan, told, held), pose

    def lit(self, coefficients: Tensor, pose: Pose, chance: Chance, order: Order) -> np.ndarray:
        """The picture, with as much light as makes the face as bright as ordered, within a few per cent."""
        pixels, gain = self.pixels(coefficients, pose, chance), 1.0
        inside = polygon(pose.points, OVAL, (SIDE, SIDE)) > 127
        for _ in range(EXPOSED):
            drawn = canvas.picture(canvas.exposed(pixels, gain))
            measured = float((drawn[inside].astype(np.float32) @ GREY).mean())
            if abs(measured / order.brightness - 1) < CLOSE:
                break
            gain = float(np.clip(gain * (order.brightness / max(measured, 1.0)) ** canvas.GAMMA, *GAINS))
        return natural(drawn, pose.points)

    @torch.no_grad()
    def pixels(self, coefficients: Tensor, pose: Pose, chance: Chance) -> Tensor:
        """(1, 3, 256, 256) in about −1..1 of coefficients (1, k)."""
        layers = self.guide.painter.layers(coefficients, pose, self._tensor(chance.detail[None]))
        tone = (pose.around or self.model.around(coefficients)).hair.mean((0, 2, 3))
        layers = bared(self._complexion(canvas.crisp(layers), pose), pose.outlines)
        layers = self.hair.over(layers, pose, self._fitting(tone, layers), chance.hair, chance.side)
        return canvas.shown(layers, pose.back, pose.wall) + self._tensor(chance.grain[None, None])

    def _complexion(self, layers: Tensor, pose: Pose) -> Tensor:
        """The layers with natural skin, but for its glasses."""
        skin = canvas.smooth(canvas.wide(pose.outlines)[:, :1] / 4 + 0.5)
        skin = skin if pose.glasses is None else skin * (1 - pose.glasses[3:])
        colours = ((layers[0, :3] + 1) / 2).permute(1, 2, 0).cpu().numpy()
        cover = skin[0, 0].cpu().numpy()
        found = lightness.natural(even(colours, cover, self._plain), cover, self._usual)
        return torch.cat([self._tensor(2 * found - 1).permute(2, 0, 1)[None], layers[:, 3:]], 1)

    def _fitting(self, tone: Tensor, layers: Tensor) -> Tensor:
        """A hair's tone that fits how light the face is."""
        within = self._tensor(self._plain)
        face = ((layers[0, :3] + 1) / 2 * within).sum((1, 2)) / within.sum()
        return fitting(tone, float(face @ self._tensor(GREY)))

    def picture(self, coefficients: Tensor, pose: Pose, chance: Chance) -> np.ndarray:
        """(256, 256, 3) uint8 RGB of coefficients (1, k), as light as they have it."""
        return canvas.picture(self.pixels(coefficients, pose, chance))

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
        """`proposed`, `found`: (n, k) coefficients before and after the search, and `outlines` (n, 3, 64, 64), for
        (n, 128)
        float32 vectors."""
        rows, recipe = self.checked(vectors), recipe or Recipe()
        found: dict[str, list[Tensor]] = {"proposed": [], "found": [], "outlines": []}
        for row, vector in enumerate(rows):
            order = self.order(vector[None], vector[None], recipe)
            chance = Chance.of(recipe.seed, row, 0, self.model, order.steps)
            found["proposed"].append(self.proposed(order, chance)[0])
            coefficients, pose = self.found(order, chance, Watch())
            found["found"].append(coefficients)
            found["outlines"].append(pose.outlines)
        return {name: torch.cat(column).cpu().numpy() for name, column in found.items()}

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


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> AppearancePortrait:
    """The model from its `linear` part, its `network`, its `hair`, the `recogniser` and the face finder's files.

    Raises BadWeights when one of them is another file.
    """
    linear, detail, hair = files["linear"], files["network"], files["hair"]
    network = DetailNetwork()
    try:
        tensors = load_file(linear)
        model = appearance.read(tensors | {"outlines": falling.outlines(tensors["outlines"].float())}, device)
        frame = Frame(tensors["frame"].double().numpy())
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(detail).items()})
        lies = load_file(hair)
        flows, shades = falling.flows(lies["flows"].float()).to(device), lies["shades"].float().to(device)
        if flows.shape != (len(model.outlines), 2, OUTLINE, OUTLINE) or shades.shape != flows[:, 0].shape:
            raise ValueError(f"flows: {tuple(flows.shape)}, shades: {tuple(shades.shape)}")
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise BadWeights(
            f"{linear.name}, {detail.name} and {hair.name} are not the files of {spec.id}: {type(error).__name__}."
        ) from error
    network.eval().requires_grad_(False).to(device=device, memory_format=torch.channels_last)
    within = torch.from_numpy(canvas.face(frame.mean)).to(device)
    fast = device == "cpu" and fast_bfloat16()
    guide = Guide(
        Painter(model, network, within, fast),
        dlib_residual.load(spec, {"weights": files["recogniser"]}, device),
        mobile_facenet.load(spec, {"weights": files["second"]}, device),
    )
    parser = compact_parser.load(spec, {"weights": files["parser"], "matte": files["matte"]}, device)
    return AppearancePortrait(
        spec, frame, guide, Hair(flows, shades), mediapipe.load(spec, files, device), parser, device
    )
