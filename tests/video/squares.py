"""A finder of red squares, so that tests of following and hiding are quick and know the truth."""

import cv2
import numpy as np

from workbench.detections import Detections, join
from workbench.mesh import Mesh


class SquareFinder:
    """Takes red squares for faces, as long as they are red. looked: how many pictures it saw. blind: numbers of looks
    at which it sees nothing."""

    def __init__(self, blind=(), score=0.9, always=False) -> None:
        self.blind, self.score, self.always, self.looked = set(blind), score, always, 0

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        self.looked += 1
        if self.always:
            return _found([(10.0, 10.0, 12.0, 12.0)], 0.9)
        if self.looked - 1 in self.blind:
            return join([])
        red = (image[..., 0] > 150) & (image[..., 1] < 90) & (image[..., 2] < 90)
        _, _, stats, _ = cv2.connectedComponentsWithStats(red.astype(np.uint8))
        boxes = [(x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5) for x, y, w, h, area in stats[1:] if area > 20]
        return _found(boxes, self.score) if self.score >= threshold else join([])

    glance = detect

    def outline(self, image, box, keypoints, turn=0.0) -> Mesh:
        return Mesh(np.zeros((468, 3)), 0.0)

    def refine(self, image, mesh) -> Mesh:
        return mesh


def _found(boxes, score) -> Detections:
    if not boxes:
        return join([])
    corners = np.array(boxes, np.float32)
    middle = (corners[:, None, :2] + corners[:, None, 2:]) / 2
    size = (corners[:, 2:] - corners[:, :2])[:, None]
    places = np.array([(-0.2, -0.2), (0.2, -0.2), (0, 0), (0, 0.2), (-0.4, 0), (0.4, 0)])
    return Detections(corners, (middle + places * size).astype(np.float32), np.full(len(boxes), score, np.float32))


def ways(count: int, *starts: tuple[float, float, float, float], size: int = 14, shape=(96, 128)) -> list[np.ndarray]:
    """Pictures of grey ground with red squares that move: (x, y, x a picture, y a picture) each."""
    pictures = []
    for number in range(count):
        picture = np.full((*shape, 3), 120, np.uint8)
        picture[::8] = 100
        for x, y, across, down in starts:
            left, top = round(x + across * number), round(y + down * number)
            picture[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = (230, 20, 20)
        pictures.append(picture)
    return pictures
