"""RetinaFace and SCRFD behind the finder's promise: their authors' answers, sides of the image, offers, wrong files."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.golden.archive import Golden, apart
from tests.golden.inputs import photo
from tests.models.tiny_onnx import anchored, write
from workbench.catalog import MODELS
from workbench.detections import from_five, suppress_whole
from workbench.errors import BadWeights
from workbench.models.finders import retinaface, scrfd
from workbench.sources.fetching import verify


@pytest.fixture(scope="module")
def mesh(bench) -> dict[str, Path]:
    """The files of the mesh, which every finder shares."""
    return {file.role: verify(file, bench.settings) for file in bench.spec("blazeface").files}


@pytest.fixture(scope="module")
def retina(mesh, tmp_path_factory) -> retinaface.RetinaFace:
    path = tmp_path_factory.mktemp("retina") / "mobilenet0.25_Final.pth"
    torch.save(Golden("retinaface").weights(), path)
    return retinaface.load(MODELS["retinaface"], mesh | {"retinaface": path}, "cpu")


@pytest.fixture(scope="module")
def small(mesh, tmp_path_factory) -> scrfd.Scrfd:
    path = anchored(tmp_path_factory.mktemp("scrfd") / "det_10g.onnx", 64)
    return scrfd.load(MODELS["scrfd-10g"], mesh | {"scrfd": path}, "cpu")


def test_retinaface_says_of_every_anchor_what_its_authors_say(retina):
    found, golden = retina.raw(photo(3, 90, 133)), Golden("retinaface")

    assert sum(weight.numel() for weight in retina.network.parameters()) == MODELS["retinaface"].parameters
    for name in ("boxes", "scores", "points"):
        assert apart(found[name].reshape(golden[name].shape), golden[name]) < 1e-5


def test_retinaface_keeps_the_faces_its_authors_keep(retina):
    found, golden = retina.detect(photo(3, 90, 133), 0.02), Golden("retinaface")

    assert len(found) == len(golden["found"])
    assert np.abs(found.boxes - golden["found"][:, :4]).max() < 1e-3
    assert np.abs(found.keypoints[:, :3] - golden["places"].reshape(-1, 5, 2)[:, :3]).max() < 1e-3
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize(("name", "shape"), [("tall", (101, 67)), ("wide", (90, 133))])
def test_scrfd_keeps_the_faces_its_authors_keep(small, name, shape):
    found, golden = small.detect(photo(4, *shape), 0.5), Golden("scrfd-tiny")

    assert len(found) == len(golden[name])
    assert np.abs(found.scores - golden[name][:, 4]).max() < 1e-6
    assert np.abs(found.boxes - golden[name][:, :4]).max() < 1e-3
    assert np.abs(found.keypoints[:, :3] - golden[f"{name}_points"][:, :3]).max() < 1e-3


def test_a_large_picture_is_answered_in_its_own_pixels(retina, small, monkeypatch):
    picture = cv2.resize(photo(5, 45, 60), (240, 180), interpolation=cv2.INTER_NEAREST)
    monkeypatch.setattr(retinaface, "SIDE", 60)
    reduced = retina.detect(cv2.resize(picture, (60, 45), interpolation=cv2.INTER_AREA), 0.3)

    assert np.abs(retina.detect(picture, 0.3).boxes - (reduced.boxes * 4 + 1.5)).max() < 0.01
    assert small.detect(picture, 0.5).boxes.max() > 64


def test_pictures_of_a_pixel_hold_nothing_and_break_nothing(retina, small):
    for finder in (retina, small):
        assert len(finder.detect(np.zeros((1, 300, 3), np.uint8), 1.0)) == 0


def test_ears_stand_beside_eyes_and_the_first_eye_on_the_images_left():
    points = np.array([[[40, 50], [60, 50], [50, 60], [43, 70], [57, 70]]], np.float32)
    found = from_five(np.array([[30, 30, 70, 80]], np.float32), points, np.array([1.2], np.float32))

    assert found.keypoints[0].tolist() == [[40, 50], [60, 50], [50, 60], [50, 70], [28, 50], [72, 50]]
    assert found.scores.tolist() == [1.0]


def test_boxes_are_counted_in_whole_pixels():
    boxes = np.array([[0, 0, 9, 9], [5, 0, 14, 9], [0, 0, 9, 9]], np.float32)

    assert suppress_whole(boxes, 0.34).tolist() == [0, 1]  # 5 of 15 columns are shared; between corners 4 of 14
    assert suppress_whole(boxes, 0.33).tolist() == [0]


def test_finders_are_offered_wherever_finders_are_chosen(bench):
    offered = [spec.id for spec in bench.specs("detection")]

    assert offered[0] == "blazeface"
    assert {"yunet", "mtcnn", "retinaface", "scrfd-10g", "scrfd-500m"} <= set(offered)


def test_files_of_other_networks_are_told(mesh, tmp_path):
    torch.save(Golden("fan-68").weights(), tmp_path / "fan.pth")
    with pytest.raises(BadWeights, match="RetinaFace"):
        retinaface.load(MODELS["retinaface"], mesh | {"retinaface": tmp_path / "fan.pth"}, "cpu")
    other = write(tmp_path / "det_10g.onnx", np.ones((3, 4)), 64)
    with pytest.raises(BadWeights, match=r"det_\*\.onnx"):
        scrfd.load(MODELS["scrfd-10g"], mesh | {"scrfd": other}, "cpu")
