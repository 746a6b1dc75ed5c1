"""Faces as numbers: people drawn on a sphere, their photos near them."""

import io

import numpy as np
from PIL import Image

from workbench.people.faces import Faces
from workbench.thresholds import Metric


def drawn(counts: list[int], spread: float = 0.5, seed: int = 0, threshold: float | None = 0.36) -> Faces:
    """People with so many photos each, in 64 dimensions. spread: length of what sets a photo apart from its person."""
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(len(counts), 64))
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    rows = np.repeat(people, counts, axis=0)
    rows = rows + spread * rng.normal(size=rows.shape) / 8
    photos = tuple(f"p{who:02}/{number}.jpg" for who, count in enumerate(counts) for number in range(count))
    return faces(rows, photos, threshold)


def faces(rows: np.ndarray, photos: tuple[str, ...], threshold: float | None = 0.36) -> Faces:
    """These vectors as faces, each with a picture of its own noise."""
    pictures = tuple(picture(number) for number in range(len(photos)))
    boxes = np.tile(np.array([0, 0, 9, 9], np.float32), (len(photos), 1))
    return Faces(photos, boxes, rows.astype(np.float32), Metric.COSINE, threshold, "drawn", pictures)


def picture(seed: int) -> bytes:
    """A small JPEG of coarse noise."""
    noise = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).resize((112, 112), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()
