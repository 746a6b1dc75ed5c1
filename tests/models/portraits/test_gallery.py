"""Shipped faces of nobody: another seed, another person; a sheet that is none is refused."""

import numpy as np
import pytest

from workbench.errors import BadRequest, BadWeights
from workbench.models.portraits import gallery
from workbench.tasks.detection import find_faces

ID = "portraits-of-nobody"


@pytest.fixture(scope="module")
def faces(bench):
    return bench.model(ID)


def test_every_shipped_face_is_found_as_one_face(bench, faces):
    for picture in faces.faces[::6]:
        (face,) = find_faces(picture, bench.model("blazeface"))
        assert face.mesh is not None
        assert face.score > 0.8


def test_a_seed_chooses_and_more_begin_with_fewer(faces):
    assert (faces(1, 3)[0] == faces(2, 3)[0]).all()
    assert (faces(1, 3)[0] == faces(1, 3 + len(faces.faces))[0]).all()
    assert np.abs(faces(1, 3)[0].astype(int) - faces(1, 4)[0]).mean() > 5


@pytest.mark.parametrize("count", [0, 10_000, True])
def test_no_more_people_than_there_are(faces, count):
    with pytest.raises(BadRequest, match="faces"):
        faces(count)


def test_another_picture_is_refused(bench, tmp_path):
    other = tmp_path / "other.jpg"
    other.write_bytes(b"no picture")
    with pytest.raises(BadWeights, match=r"other\.jpg"):
        gallery.load(bench.spec(ID), {"sheet": other}, "cpu")
