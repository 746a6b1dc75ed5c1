"""What can be changed in a photo of a face, slider by slider, and what cannot be. Plain values: no pixels or models."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from workbench import checks
from workbench.errors import BadRequest
from workbench.generation.repose_moves import LIMITS, Edit
from workbench.makeup import looks
from workbench.parts import PARTS


@dataclass(frozen=True, slots=True)
class Slider:
    """One way to change a face. At 0 nothing is changed; low and high are its ends, step what a key moves it by."""

    name: str
    title: str
    group: str
    low: float
    high: float
    step: float = 0.05

    def share(self, value: float) -> float:
        """How much of its way on that side a value is, 0..1."""
        reach = self.high if value > 0 else -self.low
        return abs(value) / reach if reach else 0.0


POSE, PAINT, LIGHT, PARTLY, WORN = "Pose and expression", "Makeup", "Light and colour", "Parts", "Worn"

SLIDERS: Mapping[str, Slider] = {
    row.name: row
    for row in (
        Slider("smile", "Smile", POSE, *LIMITS["smile"]),
        Slider("frown", "Frown", POSE, *LIMITS["frown"]),
        Slider("brow_raise", "Raise the brows", POSE, *LIMITS["brow_raise"]),
        Slider("mouth_open", "Open the mouth", POSE, *LIMITS["mouth_open"]),
        Slider("eyes", "Eyes (−1 nearly closed, 1 wide)", POSE, *LIMITS["eyes"]),
        Slider("yaw", "Turn the head (degrees, to the picture's right)", POSE, *LIMITS["yaw"], 1),
        Slider("pitch", "Tilt the head (degrees, up)", POSE, *LIMITS["pitch"], 1),
        Slider("makeup", "Makeup (share of the look)", PAINT, 0, 1),
        Slider("brightness", "Brightness (stops)", LIGHT, -2, 2, 0.1),
        Slider("contrast", "Contrast", LIGHT, -1, 1),
        Slider("warmth", "Warmth (−1 blue, 1 orange)", LIGHT, -1, 1),
        Slider("side_light", "Light from the side (1: the picture's right)", LIGHT, -1, 1),
        Slider("grey", "Take the colour out", LIGHT, 0, 1),
        Slider("blur", "Blur everything", LIGHT, 0, 1),
        Slider("part", "Change the chosen parts", PARTLY, 0, 1),
        Slider("glasses", "Glasses", WORN, 0, 1),
        Slider("sunglasses", "Sunglasses", WORN, 0, 1),
        Slider("mask", "A mask over mouth and nose", WORN, 0, 1),
    )
}
"""By name, in the order of the screen. 0..1 without more words: how much of it there is."""

REGIONS: Mapping[str, tuple[str, ...]] = {
    "eyes": ("image_left_eye", "image_right_eye"),
    "brows": ("image_left_brow", "image_right_brow"),
    "nose": ("nose",),
    "mouth": ("mouth", "upper_lip", "lower_lip"),
    "skin": ("skin",),
    "ears": ("image_left_ear", "image_right_ear", "earring"),
    "glasses": ("eyeglasses",),
    "hair": ("hair", "hat"),
    "neck and clothes": ("neck", "necklace", "cloth"),
    "background": ("background",),
}
"""What the parsed parts are called here: a pair is changed together."""

WAYS: Mapping[str, str] = {
    "blur": "blurred",
    "fill": "filled from around",
    "swap": "swapped with the other face's",
}

OUT_OF_REACH = (
    "There is no slider for age, weight, hair style or skin colour: a warp, paint and light cannot make these "
    "honestly, and a network that draws them changes the person along with them."
)
"""Said wherever somebody may look for it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to change in one face. values: by slider, 0 for those not named. look: of the makeup. parts: names of
    `REGIONS` that `part` changes. way: of `WAYS`. Raises BadRequest for a name or number that is none of these."""

    values: Mapping[str, float] = field(default_factory=dict)
    look: str = "natural"
    parts: tuple[str, ...] = ("mouth",)
    way: str = "blur"

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            checks.number(name, value, slider(name).low, slider(name).high)
        looks.find(self.look)
        check_way(self.way)
        for part in self.parts:
            check_region(part)

    def value(self, name: str) -> float:
        """Where a slider stands."""
        return float(self.values.get(name, 0.0))

    def moved(self, name: str, value: float) -> "Change":
        """The same with one slider elsewhere."""
        return replace(self, values={**self.values, name: float(value)})

    def scaled(self, share: float) -> "Change":
        """Every slider at this share of its way."""
        return replace(self, values={name: share * value for name, value in self.values.items()})

    @property
    def edit(self) -> Edit:
        """The part of it that moves the face."""
        return Edit(**{name: self.value(name) for name in LIMITS})

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for changes that look equal."""
        moved = tuple(sorted((name, round(float(value), 6)) for name, value in self.values.items() if value))
        return moved, self.look, tuple(sorted(self.parts)), self.way

    def words(self) -> str:
        """For a caption: "smile +0.4, mouth blurred"; "nothing changed" at rest."""
        told = [
            f"{name.replace('_', ' ')} {value:+.2g}"
            for name in SLIDERS
            if name != "part" and (value := round(self.value(name), 2))
        ]
        if round(self.value("part"), 2):
            told.append(f"{' and '.join(self.parts)} {WAYS[self.way]} ({self.value('part'):.0%})")
        return ", ".join(told) or "nothing changed"


def slider(name: str) -> Slider:
    """The slider of this name. Raises BadRequest when there is none."""
    row = SLIDERS.get(name) if isinstance(name, str) else None
    if row is None:
        raise BadRequest(f"There is no slider {str(name)[:40]!r}. Known: {', '.join(SLIDERS)}. {OUT_OF_REACH}")
    return row


def check_region(name: str) -> tuple[str, ...]:
    """The parsed parts of a region. Raises BadRequest for a name that is none."""
    if name not in REGIONS:
        raise BadRequest(f"There is no part {str(name)[:40]!r} to change; expected one of {', '.join(REGIONS)}.")
    return REGIONS[name]


def check_way(name: str) -> str:
    """The way itself. Raises BadRequest for one that does not exist."""
    if name not in WAYS:
        raise BadRequest(f"way: expected one of {', '.join(WAYS)}, got {str(name)[:40]!r}.")
    return name


assert {part for parts in REGIONS.values() for part in parts} == set(PARTS)
