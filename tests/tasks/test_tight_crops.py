"""A face that fills the frame is found, and only once."""

import numpy as np
import pytest

from workbench.models.blazeface import Detections
from workbench.tasks.detection import find_faces
from workbench.tasks.tight_crops import look_twice


class Scripted:
    """Answers the plain look with `plain` and the bordered one with `bordered`, both in pixels of what it is shown."""

    def __init__(self, plain: list, bordered: list) -> None:
        self.answers = [plain, bordered]

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        rows = np.array(self.answers.pop(0), np.float32).reshape(-1, 4)
        points = np.repeat(rows[:, None, :2], 6, axis=1)
        return Detections(rows, points, np.full(len(rows), 0.9, np.float32))


def test_a_face_is_found_in_every_tight_crop_of_the_astronaut(astronaut, finder) -> None:
    for top, bottom, left, right in ((70, 190, 165, 285), (80, 180, 175, 275), (88, 172, 180, 270)):
        faces = find_faces(np.ascontiguousarray(astronaut[top:bottom, left:right]), finder)

        assert len(faces) == 1
        assert faces[0].size > 0.5 * (bottom - top)


def test_a_face_seen_in_the_border_is_given_in_pixels_of_the_photo() -> None:
    photo = np.zeros((512, 512, 3), np.uint8)  # shown at half size inside a border of 128 pixels

    found = look_twice(photo, Scripted([], [(138, 148, 358, 368)]))

    np.testing.assert_allclose(found.boxes, [(20.5, 40.5, 460.5, 480.5)])


def test_a_small_face_inside_a_large_one_does_not_count() -> None:
    photo = np.zeros((256, 256, 3), np.uint8)

    found = look_twice(photo, Scripted([(60, 60, 90, 90), (0, 220, 20, 240)], [(148, 148, 338, 338)]))

    assert sorted(found.boxes.tolist()) == [[0, 220, 20, 240], [20, 20, 210, 210]]


def test_the_second_look_adds_no_small_faces() -> None:
    photo = np.zeros((256, 256, 3), np.uint8)

    assert len(look_twice(photo, Scripted([], [(148, 148, 250, 250)]))) == 0


@pytest.mark.parametrize("name", ["coffee", "rocket", "chelsea", "coins", "moon", "page", "brick", "grass"])
def test_pictures_without_people_stay_without_faces(name, finder) -> None:
    from skimage import data

    image = getattr(data, name)()
    image = np.stack([image] * 3, axis=-1) if image.ndim == 2 else np.ascontiguousarray(image[..., :3])

    assert find_faces(image, finder) == ()
