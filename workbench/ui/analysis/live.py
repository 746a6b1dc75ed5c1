"""The webcam, live: box and points of every face, steady and not late. What is shown goes with the uploads."""

import time
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import numpy as np

from workbench.bench import Workbench
from workbench.detections import overlap
from workbench.images import limit
from workbench.tasks.detection import with_landmarks
from workbench.tasks.face_search import FaceFinder
from workbench.ui.common.events import bound
from workbench.ui.common.widgets import photo_box, read_photo
from workbench.video.seeing import FIRM, QUICK, quick_look
from workbench.video.showing import Drawn, draw
from workbench.video.smoothing import OneEuro

SIDE = 640
"""A webcam's picture is looked at no larger than this."""
EVERY = 0.08
"""Seconds between two pictures that the browser sends."""
LIMIT = 120
"""Seconds after which the camera is switched off by itself."""
SAME = 0.2
"""Intersection over union from which a face is the one of the picture before."""
MOST = 6
"""Faces whose points are drawn: more would be late."""


@dataclass(slots=True, eq=False)
class Live:
    """What is remembered of a camera: a filter per face, and where it was. names: numbers given so far."""

    boxes: dict[int, np.ndarray] = field(default_factory=dict)
    smooth: dict[int, OneEuro] = field(default_factory=dict)
    names: int = 0

    def look(self, image: np.ndarray, quick: FaceFinder, mesh: FaceFinder, seconds: float) -> np.ndarray:
        """The picture with its faces drawn on. seconds: on any clock that runs."""
        image = limit(image, SIDE)
        found = quick_look(image, quick, FIRM)
        largest = np.argsort(-(found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1))[:MOST]
        drawn, boxes = [], dict[int, np.ndarray]()
        for place in largest:
            name = self._name(found.boxes[place], taken=set(boxes))
            boxes[name] = found.boxes[place]
            face = with_landmarks(image, mesh, found.boxes[place], found.keypoints[place], float(found.scores[place]))
            drawn.append(Drawn(face, name, name, {}))
        self.boxes = boxes
        self.smooth = {name: kept for name, kept in self.smooth.items() if name in boxes}
        return draw(image, drawn, seconds, self.smooth)

    def _name(self, box: np.ndarray, taken: set[int]) -> int:
        """The number of the face that was nearest there, or the next one."""
        free = [name for name in self.boxes if name not in taken]
        if free:
            shared = overlap(box, np.stack([self.boxes[name] for name in free]))
            if shared.max() >= SAME:
                return free[int(shared.argmax())]
        self.names += 1
        return self.names


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out."""
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            camera = photo_box("Camera", sources=["webcam"], streaming=True, height=360, elem_id="live-camera")
            remembered = gr.State(None)
            gr.Markdown(
                f"Pictures go to this server and are deleted an hour later. The camera stops after {LIMIT} seconds."
            )
        with gr.Column(min_width=320):
            shown = gr.Image(
                label="Faces", interactive=False, format="jpeg", height=360, elem_id="live-faces", buttons=[]
            )
    camera.stream(
        bound(see, bench),
        [camera, remembered],
        [shown, remembered],
        stream_every=EVERY,
        time_limit=LIMIT,
        concurrency_limit=2,
        show_progress="hidden",
        api_visibility="private",
    )


def see(bench: Workbench, source: Any, remembered: Live | None) -> tuple[Any, Live | None]:
    """One picture of the camera with its faces drawn on, and what to remember until the next."""
    if source is None:
        return None, None
    live = remembered if isinstance(remembered, Live) else Live()
    image = read_photo(source, bench.settings).image
    return live.look(image, bench.finder(QUICK), bench.finder(), time.monotonic()), live
