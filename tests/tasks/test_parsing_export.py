"""A parsing written out and read back by the programs it is written for."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from workbench import drawing
from workbench.errors import BadRequest
from workbench.parts import INDEX, PARTS
from workbench.tasks import parsing_export as export
from workbench.values import Face, Parsing


def face(mesh: np.ndarray | None = None) -> Face:
    points = np.array([[30, 20], [50, 20], [40, 30], [33, 40], [47, 40]], np.float32)
    return Face(np.array([20, 5, 60, 50], np.float32), points, 0.9, mesh)


def mesh_with_midline(x: float, tilt: float = 0.0) -> np.ndarray:
    """A mesh whose middle runs down the column x, leaning by `tilt` pixels per row; the other points do not matter."""
    mesh = np.zeros((478, 3), np.float32)
    y = np.linspace(10, 70, len(export.MIDLINE))
    mesh[list(export.MIDLINE), :2] = np.stack([x + tilt * (y - 40), y], axis=1)
    return mesh


@pytest.fixture
def parsing() -> Parsing:
    """Two faces on 100 × 120 pixels: skin with a hole for the nose, two eyes of unequal size; beside it, skin alone."""
    labels = np.zeros((100, 120), np.uint8)
    owners = np.zeros((100, 120), np.uint8)
    labels[20:80, 10:51], owners[20:80, 10:51] = INDEX["skin"], 1
    labels[45:55, 27:34] = INDEX["nose"]
    labels[30:36, 15:23] = INDEX["image_left_eye"]
    labels[30:36, 38:42] = INDEX["image_right_eye"]
    labels[30:60, 80:110], owners[30:60, 80:110] = INDEX["skin"], 2
    return Parsing(labels, owners, (face(mesh_with_midline(30)), face()), "compact")


@pytest.fixture
def photo(parsing: Parsing) -> np.ndarray:
    photo = np.full((100, 120, 3), 50, np.uint8)
    photo[parsing.labels == INDEX["nose"]] = (255, 128, 0)
    return photo


def test_palette_png_holds_indices_and_shows_colours(parsing):
    picture = Image.open(io.BytesIO(export.palette_png(parsing)))
    assert picture.mode == "P"
    assert (np.asarray(picture) == parsing.labels).all()
    assert (np.asarray(picture.convert("RGB")) == drawing.PALETTE[parsing.labels]).all()


def test_masks_zip_holds_a_mask_per_face_and_part(parsing):
    archive = zipfile.ZipFile(io.BytesIO(export.masks_zip(parsing)))
    expected = {f"face1/{part}.png" for part in ("skin", "nose", "image_left_eye", "image_right_eye")} | {
        "face2/skin.png"
    }
    assert set(archive.namelist()) == expected
    for name in expected:
        number, part = int(name[4]), name[6:-4]
        mask = np.asarray(Image.open(io.BytesIO(archive.read(name))))
        assert ((mask == 255) == parsing.mask(part, number)).all()
        assert set(np.unique(mask)) <= {0, 255}


def test_masks_zip_is_the_same_for_the_same_parsing(parsing):
    assert export.masks_zip(parsing) == export.masks_zip(parsing)


@pytest.mark.parametrize("form", ["rle", "polygons", "both"])
def test_the_coco_tools_read_back_the_masks(parsing, form):
    content = json.loads(export.coco_json(parsing, "a.jpg", form))
    names = {category["id"]: category["name"] for category in content["categories"]}
    assert names == {index: part for index, part in enumerate(PARTS) if index}
    assert content["images"] == [{"id": 1, "file_name": "a.jpg", "width": 120, "height": 100}]
    assert len(content["annotations"]) == 5
    for annotation in content["annotations"]:
        expected = parsing.mask(names[annotation["category_id"]], annotation["face"])
        found = [annotation["segmentation"]] + ([annotation["polygons"]] if form == "both" else [])
        for shape in found:
            rle = coco.merge(coco.frPyObjects(shape, 100, 120)) if isinstance(shape, list) else shape
            assert (coco.decode(rle).astype(bool) == expected).all()
            assert annotation["area"] == expected.sum() == coco.area(rle)
            assert coco.toBbox(rle).tolist() == annotation["bbox"]


def test_coco_opens_the_file_as_a_data_set(parsing, tmp_path, capsys):
    from pycocotools.coco import COCO

    (tmp_path / "parts.json").write_text(export.coco_json(parsing))
    data = COCO(str(tmp_path / "parts.json"))
    nose = data.loadAnns(data.getAnnIds(catIds=[INDEX["nose"]]))
    assert (data.annToMask(nose[0]).astype(bool) == parsing.mask("nose")).all()


def test_an_unknown_form_is_refused(parsing):
    with pytest.raises(BadRequest, match="rle, polygons or both"):
        export.coco_json(parsing, form="boxes")


def test_measures_count_colour_and_share(photo, parsing):
    rows = {(row["face"], row["part"]): row for row in export.measure_parts(photo, parsing)}
    nose, skin = rows[1, "nose"], rows[1, "skin"]
    assert nose["pixels"] == 70
    assert nose["color"] == "#ff8000"
    assert skin["color"] == "#323232"
    assert nose["share"] == pytest.approx(70 / (60 * 41), abs=1e-4)
    assert sum(row["share"] for (number, _), row in rows.items() if number == 1) == pytest.approx(1, abs=1e-3)
    assert rows[2, "skin"]["pixels"] == 900
    assert all(part != "background" for _, part in rows)


def test_symmetry_compares_a_part_with_its_mirrored_counterpart(photo, parsing):
    rows = {(row["face"], row["part"]): row for row in export.measure_parts(photo, parsing)}
    assert rows[1, "nose"]["symmetry"] == 1.0
    # columns 15–22 mirrored about 30 are 38–45; the other eye fills 38–41 of these
    assert rows[1, "image_left_eye"]["symmetry"] == rows[1, "image_right_eye"]["symmetry"] == 0.5
    assert rows[2, "skin"]["symmetry"] is None


def test_symmetry_follows_a_leaning_face():
    y, x = np.mgrid[:100, :120]
    across, down = (x - 50 - 0.3 * (y - 40)), (y - 40 + 0.3 * (x - 50))
    labels = np.where((np.abs(across) < 20) & (np.abs(down) < 28), INDEX["skin"], 0).astype(np.uint8)
    photo, owners = np.zeros((100, 120, 3), np.uint8), (labels > 0).astype(np.uint8)
    for tilt, low, high in ((0.3, 0.95, 1.0), (0.0, 0.3, 0.8)):
        parsing = Parsing(labels, owners, (face(mesh_with_midline(50, tilt)),), "compact")
        assert low <= export.measure_parts(photo, parsing)[0]["symmetry"] <= high


def test_measures_want_the_photo_of_the_parsing(photo, parsing):
    with pytest.raises(BadRequest, match="as large as its parsing"):
        export.measure_parts(photo[:-1], parsing)


def test_agreement_of_two_parsings(parsing):
    labels = parsing.labels.copy()
    labels[45:50, 27:34] = INDEX["skin"]  # half the nose
    labels[0, :10] = INDEX["hat"]
    other = Parsing(labels, parsing.owners, parsing.faces, "mesh")
    rows = {row["part"]: row for row in export.part_iou(parsing, other)}
    assert rows["nose"] == {"part": "nose", "iou": 0.5, "pixels_first": 70, "pixels_second": 35}
    assert rows["hat"] == {"part": "hat", "iou": 0.0, "pixels_first": 0, "pixels_second": 10}
    assert rows["image_left_eye"]["iou"] == 1.0
    assert "hair" not in rows
    where = export.disagreement(parsing, other)
    assert (where > 0).sum() == 45
    assert set(np.unique(where)) == {0, 255}
    assert not export.disagreement(parsing, parsing).any()


def test_parsings_of_different_photos_are_refused(parsing):
    other = Parsing(np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8), (), "mesh")
    for compare in (export.part_iou, export.disagreement):
        with pytest.raises(BadRequest, match="one photo"):
            compare(parsing, other)


def test_a_parsing_without_faces_exports_empty(photo):
    empty = np.zeros((100, 120), np.uint8)
    parsing = Parsing(empty, empty, (), "none")
    assert export.measure_parts(photo, parsing) == []
    assert json.loads(export.coco_json(parsing))["annotations"] == []
    assert zipfile.ZipFile(io.BytesIO(export.masks_zip(parsing))).namelist() == []
    assert not np.asarray(Image.open(io.BytesIO(export.palette_png(parsing)))).any()
