"""MTCNN behind the finder's promise: its authors' answers, sides of the image, tiny pictures, wrong files."""

import numpy as np
import pytest

from workbench.errors import BadWeights
from workbench.images import apply, within
from workbench.models.blocks.windows import mtcnn_box
from workbench.models.finders.mtcnn import Cascade, suppress, suppress_inside
from workbench.photo import Found, Photo
from workbench.sources.fetching import verify
from workbench.tasks.detection import find_faces

BOX = (79.403679, 41.771179, 170.210144, 155.358124)
POINTS = (
    (105.31042, 81.39887),
    (148.58463, 84.65958),
    (124.87155, 109.83791),
    (102.19743, 119.72796),
    (145.54053, 122.86340),
)
"""What facenet-pytorch 2.6.0 answers for the astronaut's head and shoulders."""


@pytest.fixture(scope="module")
def net(bench):
    return bench.finder("mtcnn")


@pytest.fixture(scope="module")
def portrait(astronaut) -> np.ndarray:
    return np.ascontiguousarray(astronaut[20:276, 100:356])


def test_it_answers_as_its_authors_do(net, portrait):
    found = net.raw(portrait)

    assert np.abs(found["boxes"] - BOX).max() < 1e-2
    assert found["scores"] == pytest.approx([0.9999968], abs=1e-5)
    assert np.abs(found["points"][0] - POINTS).max() < 1e-2


def test_every_weight_of_the_three_networks_is_used(net):
    sizes = [
        sum(w.numel() for w in part.parameters())
        for part in (net.cascade.proposals, net.cascade.refine, net.cascade.output)
    ]

    assert sizes == [6_632, 100_178, 389_040]


def test_the_first_eye_is_the_one_on_the_images_left(net, portrait):
    here = net.detect(portrait).keypoints[0]
    there = net.detect(np.ascontiguousarray(portrait[:, ::-1])).keypoints[0]

    assert here[4, 0] < here[0, 0] < here[2, 0] < here[1, 0] < here[5, 0]
    assert there[0, 0] == pytest.approx(255 - here[1, 0], abs=4)


def test_a_face_found_by_mtcnn_has_its_mesh(net, portrait, finder):
    (face,) = find_faces(portrait, net)
    (usual,) = find_faces(portrait, finder)

    assert face.mesh is not None
    assert np.abs(face.points - usual.points).max() < 3


def test_pictures_smaller_than_any_face_hold_none(net):
    assert len(net.detect(np.zeros((15, 12, 3), np.uint8))) == 0
    assert len(net.detect(np.full((64, 64, 3), 128, np.uint8))) == 0


def test_nested_boxes_are_one_face_by_the_share_of_the_smaller():
    boxes = np.array([[0, 0, 100, 100, 0.9], [10, 10, 50, 50, 0.8], [200, 0, 300, 100, 0.7]], np.float32)

    assert suppress(boxes, 0.7).tolist() == [0, 1, 2]
    assert suppress_inside(boxes, 0.7).tolist() == [0, 2]


def test_another_networks_file_is_told(bench):
    files = {file.role: verify(file, bench.settings) for file in bench.spec("mtcnn").files}
    with pytest.raises(BadWeights):
        Cascade(files | {"rnet": files["onet"]}, "MTCNN", "cpu")


def test_a_network_trained_on_its_boxes_sees_its_real_box_not_a_guess(net, finder, portrait):
    (face,) = find_faces(portrait, net)
    (guessed,) = find_faces(portrait, finder)
    left, top, right, bottom = np.trunc(BOX)
    corners = apply(mtcnn_box(160)(face), np.array([[left - 0.5, top - 0.5], [right - 0.5, bottom - 0.5]]))

    assert np.abs(face.mtcnn - BOX).max() < 1e-2
    assert corners == pytest.approx(np.array([[-0.5, -0.5], [159.5, 159.5]]), abs=1e-6)
    assert guessed.mtcnn is None
    assert np.abs(mtcnn_box(160)(guessed) - mtcnn_box(160)(face)).max() > 0.05


def test_its_box_shrinks_with_the_photo(net, portrait):
    found = Found(Photo(portrait), find_faces(portrait, net))

    assert within(found, 128).faces[0].mtcnn == pytest.approx(np.array(BOX) / 2, abs=0.5)
