"""Cut out: edges as soft as they were composed, own colours without the old background, and other backgrounds."""

import io

import numpy as np
import pytest
from PIL import Image

from workbench.errors import BadRequest
from workbench.marks import DRAWN, kept, read
from workbench.parts import INDEX
from workbench.tasks import cutout
from workbench.tasks.detection import find_faces
from workbench.tasks.matting import matte
from workbench.tasks.parsing import parse
from workbench.values import Face, Parsing

HEIGHT, WIDTH = 160, 200


class Everything:
    """A person matte that answers with what it was given."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask

    def __call__(self, image: np.ndarray) -> np.ndarray:
        whole = image.shape[:2] == self.mask.shape
        return self.mask if whole else np.ones(image.shape[:2], np.float32)


@pytest.fixture(scope="module")
def composed() -> tuple[np.ndarray, np.ndarray, Parsing]:
    """A red disc of skin and hair with a soft edge and three thin hairs, over green: picture, alpha, parts."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    far = np.hypot(x - 100, y - 80)
    alpha = np.clip((50 - far) / 4 + 0.5, 0, 1).astype(np.float32)
    for column in (80, 100, 120):
        alpha[24:36, column] = 0.8
    picture = np.round(
        alpha[..., None] * np.array([200, 60, 50]) + (1 - alpha[..., None]) * np.array([40, 160, 60])
    ).astype(np.uint8)
    labels = np.where(far < 50, INDEX["skin"], 0).astype(np.uint8)
    labels[(far < 50) & (y < 60)] = INDEX["hair"]
    face = Face(np.array([60, 40, 140, 120], np.float32), np.full((5, 2), 80, np.float32), 1.0)
    return picture, alpha, Parsing(labels, (labels > 0).astype(np.uint8), (face,), "drawn")


def test_a_composed_edge_comes_back_softer_than_the_parts_say(composed) -> None:
    picture, truth, parsing = composed

    found = matte(picture, parsing, Everything((parsing.labels > 0).astype(np.float32)))

    hard = np.abs((parsing.labels > 0) - truth).sum()
    assert np.abs(found - truth).sum() < 0.6 * hard
    assert found[30, 100] > 0.4, "a hair beyond the parts is found"
    assert found[30, 90] < 0.2, "and what is between the hairs is not"
    assert found[80, 100] == 1
    assert found[5, 5] == 0


def test_hair_and_face_share_a_person_and_a_stranger_behind_is_left_out(composed) -> None:
    picture, _, parsing = composed
    person = (parsing.labels > 0).astype(np.float32)
    person[100:, :30] = 1  # somebody else, whom no part touches

    whole = matte(picture, parsing, Everything(person))
    hair, face = (matte(picture, parsing, None, subject) for subject in ("hair", "face"))

    assert whole[130, 10] == 0
    assert hair[50, 100] > 0.9 > 0.1 > hair[100, 100]
    assert face[100, 100] > 0.9 > 0.1 > face[40, 100]
    assert not matte(picture, parsing, None, "hair", 1)[parsing.labels == 0][:20].any()
    for bad in ({"subject": "hat"}, {"subject": "hair", "face": 2}, {"subject": "person"}):
        with pytest.raises(BadRequest):
            matte(picture, parsing, None, **bad)


def test_the_old_background_does_not_shine_through(composed) -> None:
    picture, truth, _ = composed
    mixed = (truth > 0.1) & (truth < 0.9)

    cut = cutout.cut_out(picture, truth)

    red = np.abs(cut.colours[mixed].astype(int) - [200, 60, 50]).mean()
    assert red < 12 < np.abs(picture[mixed].astype(int) - [200, 60, 50]).mean()
    assert np.array_equal(cut.colours[truth == 1], picture[truth == 1])


def test_an_edge_can_be_grown_and_feathered(composed) -> None:
    picture, truth, _ = composed
    areas = [cutout.cut_out(picture, truth, grow=grow).alpha.sum() for grow in (-5, 0, 5)]
    assert areas[0] < areas[1] - 1000 < areas[2] - 2000
    soft = cutout.cut_out(picture, truth, feather=12).alpha
    assert ((soft > 0.1) & (soft < 0.9)).sum() > 2 * ((truth > 0.1) & (truth < 0.9)).sum()
    for bad in ({"grow": 201}, {"feather": -1}, {"grow": "much"}):
        with pytest.raises(BadRequest):
            cutout.cut_out(picture, truth, **bad)


def test_every_background_leaves_the_subject_as_it_is(composed) -> None:
    picture, truth, _ = composed
    cut = cutout.cut_out(picture, truth)
    inside, outside = truth == 1, cut.alpha == 0

    png = np.asarray(Image.open(io.BytesIO(cutout.transparent_png(cut))))
    assert png.shape == (HEIGHT, WIDTH, 4)
    assert (png[outside] == 0).all()
    blue = cutout.before_colour(cut, "#0000ff")
    blurred = cutout.before_blur(cut, picture, 0.05)
    other = cutout.before_picture(cut, np.full((30, 90, 3), 7, np.uint8))
    for seen in (png[..., :3], blue, blurred, other):
        assert np.array_equal(seen[inside], picture[inside])
    assert (blue[outside] == [0, 0, 255]).all()
    assert (other[outside] == 7).all()
    assert np.abs(blurred[outside].astype(int) - [40, 160, 60]).max() < 25, "no red bleeds into what is behind"
    for colour in ("blue", "#12345", "#12345g"):
        with pytest.raises(BadRequest):
            cutout.before_colour(cut, colour)


def test_a_drawn_picture_stays_marked_when_it_is_cut_out(composed) -> None:
    picture, truth, _ = composed
    data = cutout.transparent_png(cutout.cut_out(picture, truth))

    marked = kept(data, DRAWN)

    assert read(marked).source == DRAWN
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(marked))), np.asarray(Image.open(io.BytesIO(data))))
    assert kept(data, "") == data


def test_an_astronaut_is_cut_out_whole(bench, astronaut) -> None:
    faces = find_faces(astronaut, bench.finder())

    found = matte(astronaut, parse(astronaut, bench.parser("compact"), faces), bench.matte())

    assert found[130, 230] > 0.95, "her face"
    assert found[300, 150] > 0.95, "her suit, which no part is"
    assert found[60, 30] < 0.05, "the flag"
    assert found[100, 430] < 0.05, "the shuttle"
