"""What else a portrait model may be told besides identity and looks: style, what must not be seen, how strongly the
person counts, and the picture's size. Each model takes what its row says, and refuses the rest.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workbench import checks
from workbench.errors import BadRequest

STYLES: dict[str, tuple[str, str]] = {
    "": ("{}", ""),
    "studio": ("{}, studio portrait, softbox light, plain grey backdrop", "clutter, harsh shadow"),
    "window": ("{}, soft daylight from a window, shallow focus", "flash, night"),
    "outdoors": ("{}, outdoors in a park, golden hour, blurred trees", "indoors, studio"),
    "film": ("{}, 35 mm film photo, fine grain, muted colours", "oversaturated, plastic skin"),
    "black and white": ("{}, black and white photo, rich greys, side light", "colour, tinted"),
    "passport": ("{}, passport photo, facing the camera, neutral face, white wall", "smile, tilted head, props"),
    "painting": ("{}, oil painting, visible brush strokes, canvas", "photo, blurry"),
    "pencil": ("{}, pencil drawing on white paper, fine hatching", "photo, colour"),
}
"""Words around a prompt, and words of what must not be seen, by the name a person chooses."""

STRONGEST, LONGEST = 1.5, 1000
GRID = 64
"""Pixels that a picture's side is a multiple of."""


@dataclass(frozen=True, slots=True)
class Scene:
    """negative: words of what must not be seen, instead of the model's own. strength: how strongly the person counts
    beside the words, 0 for the model's own, at most 1.5. size: side of the picture in pixels, 0 for the model's own.
    style: of `STYLES`. Raises BadRequest for what is none of these.
    """

    negative: str = ""
    strength: float = 0.0
    size: int = 0
    style: str = ""

    def __post_init__(self) -> None:
        checks.number("strength", self.strength, 0, STRONGEST)
        if self.style not in STYLES:
            raise BadRequest(f"style: expected one of {', '.join(list(STYLES)[1:])}, or nothing; got {self.style!r}.")
        if len(self.negative) > LONGEST:
            raise BadRequest(f"The negative prompt has {len(self.negative):,} characters; {LONGEST:,} are taken.")
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 0 or self.size % GRID:
            raise BadRequest(f"size: expected a multiple of {GRID} pixels, or 0; got {self.size!r}.")

    @property
    def made(self) -> dict[str, Any]:
        """What is asked for, by name; empty when everything is left to the model."""
        return {name: value for name, value in asdict(self).items() if value}

    def worded(self, prompt: str) -> str:
        """A prompt in the style."""
        return STYLES[self.style][0].format(prompt)

    def against(self, own: str) -> str:
        """What must not be seen: as asked, else the model's own; and what the style excludes."""
        return ", ".join(part for part in (self.negative.strip() or own, STYLES[self.style][1]) if part.strip())


def heeded(scene: Scene, takes: Sequence[str], sides: Sequence[int], title: str) -> Scene:
    """The same scene. takes: what the model's row says that it takes. sides: least and most of a picture's side. Raises
    BadRequest for what it does not take."""
    ignored = [name for name in scene.made if name not in takes]
    if ignored:
        may = f"It takes {', '.join(takes)}." if takes else "It takes none of these."
        raise BadRequest(f"{title} takes no {' and no '.join(ignored)}. {may}")
    if scene.size and not sides[0] <= scene.size <= sides[1]:
        raise BadRequest(f"{title} draws pictures of {sides[0]} to {sides[1]} pixels, got {scene.size}.")
    return scene
