"""What a face shows besides its place and its labels: where its eyes look, and what a model's other heads say of it.

Values only: knows no model, no photo and no screen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from workbench.errors import BadRequest
from workbench.values import Pose


@dataclass(frozen=True, slots=True, eq=False)
class Gaze:
    """Where two eyes look, in degrees. yaw > 0: towards the image's right; pitch > 0: up; both against the camera.

    in_head: the same (yaw, pitch) against the head, None where it is not known. apart: degrees between the two eyes;
    None where one eye alone was seen, or the model gives one answer.
    """

    yaw: float
    pitch: float
    in_head: tuple[float, float] | None = None
    apart: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """What one model's `signs` say of a face; what it does not give is None or empty.

    points: (n, 2) float32 in pixels of the photo, in the model's own order. visibility: 0..1 by point. units: action
    units by number ("AU12"), 0..1. blendshapes: by name, 0..1. valence, arousal: −1..1. pose, gaze: as everywhere here.
    own: further numbers by name, with the sign their authors gave them.
    """

    model: str
    points: np.ndarray | None = None
    visibility: Mapping[str, float] = field(default_factory=dict)
    pose: Pose | None = None
    gaze: Gaze | None = None
    units: Mapping[str, float] = field(default_factory=dict)
    blendshapes: Mapping[str, float] = field(default_factory=dict)
    valence: float | None = None
    arousal: float | None = None
    own: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.points is not None and (
            self.points.ndim != 2 or self.points.shape[1] != 2 or self.points.dtype != np.float32
        ):
            raise BadRequest(f"Signs.points: expected (n, 2) float32, got {self.points.shape} {self.points.dtype}.")
