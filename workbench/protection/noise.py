"""What the same search finds when it may move every pixel by itself: noise of equal visibility, read as a protection
is."""

import time
from collections.abc import Sequence

import numpy as np
import torch

from workbench import images
from workbench.makeup.photo import on_photo
from workbench.protection.judge import Reader, name, opened, vectors
from workbench.protection.outcome import QUALITY, measured
from workbench.protection.pixel_noise import pixel_noise
from workbench.protection.scene import make_scene
from workbench.protection.views import views
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser
from workbench.values import Face, Parsing, Protection
from workbench.watch import Watch

STEPS = 40


def equal_noise(
    image: np.ndarray,
    face: Face,
    parsing: Parsing | None,
    surrogates: Sequence[FaceRecogniser],
    judges: Sequence[FaceRecogniser],
    finder: FaceFinder,
    ssim: float,
    watch: Watch | None = None,
) -> Protection:
    """The photo with pixel noise on one face that costs as much likeness as `ssim` says, and what every recogniser
    reads of it.

    ssim: of the protection it is compared with, inside the face. The rest as for `tasks.protection.protect`.
    """
    started, watch = time.perf_counter(), watch or Watch()
    scene = make_scene([image], [face], [parsing])
    canvases = pixel_noise(scene, views(surrogates, scene), torch.tensor([ssim]), STEPS, watch=watch.part(0.0, 0.85))
    canvas = scene.canvases[0]
    noisy = on_photo(image, canvas, canvas.pixels, canvases[0].numpy())
    watch.tell(0.88, "reading the saved photo")
    data, models = images.encode_jpeg(noisy, QUALITY), [*surrogates, *judges]
    reader = Reader(models, finder, face.box, (image.shape[1], image.shape[0]), vectors(image, face, models))
    return Protection(
        photo=data,
        aim="dodge",
        against="the photo as it came",
        readings=reader.readings(image, data, [name(model) for model in judges]),
        **measured(image, opened(data), scene),
        change=np.abs(noisy.astype(np.int16) - image).max(axis=2).astype(np.uint8),
        seconds=time.perf_counter() - started,
        steps=STEPS,
    )
