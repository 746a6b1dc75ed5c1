"""A corrected mask is checked, carried to the photo's size, saved in four ways and read back from each."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from workbench.errors import BadRequest
from workbench.parts import INDEX
from workbench.tasks import mask_edit, mask_files, parsing_export
from workbench.tasks.mask_shapes import compressed_rle, filled, polygons, run_lengths, uncompressed
from workbench.values import Face, Parsing

HAIR, SKIN, EAR = INDEX["hair"], INDEX["skin"], INDEX["image_left_ear"]


def face(left: float, top: float, side: float) -> Face:
    box = np.array([left, top, left + side, top + side], np.float32)
    return Face(box, np.tile(box[:2] + side / 2, (5, 1)).astype(np.float32), 1.0)


@pytest.fixture
def two() -> Parsing:
    """Two faces of skin and hair in 60 × 100 pixels."""
    labels, owners = np.zeros((60, 100), np.uint8), np.zeros((60, 100), np.uint8)
    for number, left in ((1, 5), (2, 55)):
        labels[10:20, left : left + 40], labels[20:50, left + 5 : left + 35] = HAIR, SKIN
        owners[10:20, left : left + 40], owners[20:50, left + 5 : left + 35] = number, number
    return Parsing(labels, owners, (face(5, 10, 40), face(55, 10, 40)), "compact")


def codes(labels: np.ndarray, owners: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([labels, owners & 255, np.zeros_like(labels)]).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["png", "zip", "coco", "polygons", "ours"])
def test_a_mask_is_the_same_after_saving_and_opening(two: Parsing, kind: str) -> None:
    data = {
        "png": lambda: parsing_export.palette_png(two),
        "zip": lambda: parsing_export.masks_zip(two),
        "coco": lambda: parsing_export.coco_json(two).encode(),
        "polygons": lambda: parsing_export.coco_json(two, form="polygons").encode(),
        "ours": lambda: mask_files.parsing_json(two).encode(),
    }[kind]()
    empty = Parsing(np.zeros_like(two.labels), np.zeros_like(two.owners), two.faces, "compact")

    again = mask_files.read_mask(data, empty)

    assert np.array_equal(again.labels, two.labels)
    assert np.array_equal(again.owners, two.owners)


def test_shapes_survive_both_ways_of_writing_them() -> None:
    rng = np.random.default_rng(3)
    mask = np.kron(rng.random((7, 9)) > 0.5, np.ones((3, 4), bool))

    assert np.array_equal(uncompressed(compressed_rle(mask), mask.shape), mask)
    assert np.array_equal(uncompressed(run_lengths(mask), mask.shape), mask)
    assert np.array_equal(filled([line.ravel().tolist() for line in polygons(mask)], mask.shape), mask)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda labels, owners: (labels[:-1], owners[:-1]),
        lambda labels, owners: (np.where(labels == HAIR, 19, labels), owners),
        lambda labels, owners: (labels, np.where(owners == 2, 3, owners)),
        lambda labels, owners: (labels, np.zeros_like(owners)),
    ],
    ids=["another size", "a part that is none", "a face that is none", "a part that is nobody's"],
)
def test_the_server_does_not_believe_the_browser(two: Parsing, spoil) -> None:
    labels, owners = spoil(two.labels, two.owners)

    with pytest.raises(BadRequest):
        mask_edit.read_codes(codes(labels.astype(np.uint8), owners), two.labels.shape, 2)
    with pytest.raises(BadRequest):
        mask_edit.read_codes(codes(two.labels, two.owners)[:90], two.labels.shape, 2)


@pytest.mark.parametrize("change", ["size", "part", "face", "runs", "list", "depth", "text"])
def test_a_damaged_file_is_refused_in_words(two: Parsing, change: str) -> None:
    content = json.loads(mask_files.parsing_json(two))
    if change == "size":
        content["photo"]["width"] = 101
    elif change == "list":
        content["masks"] = {"0": 1}
    elif change in ("part", "face", "runs"):
        content["masks"][0] |= {"part": {"part": "moustache"}, "face": {"face": 3}, "runs": {"rle": "0~~~1"}}[change]
    text = {"depth": "{" * 5_000, "text": '{"format": 7}'}.get(change, json.dumps(content))

    with pytest.raises(BadRequest):
        mask_files.read_mask(text.encode(), two)
    with pytest.raises(BadRequest):
        mask_files.read_mask(b"GIF89a", two)


def test_a_zip_that_would_unpack_to_gigabytes_is_refused(two: Parsing) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("face1/hair.png", bytes(2_000_000))

    with pytest.raises(BadRequest, match="larger than"):
        mask_files.read_mask(buffer.getvalue(), two)


def test_a_part_map_without_owners_gives_each_pixel_to_the_nearest_face(two: Parsing) -> None:
    empty = Parsing(np.zeros_like(two.labels), np.zeros_like(two.owners), two.faces, "compact")

    assert np.array_equal(mask_edit.owned(two.labels, two.faces, empty), two.owners)


def test_a_change_on_the_screen_changes_the_large_photo_there_and_nowhere_else(two: Parsing) -> None:
    large = Parsing(
        np.kron(two.labels, np.ones((4, 4), np.uint8)), np.kron(two.owners, np.ones((4, 4), np.uint8)), two.faces, "m"
    )
    large.labels[80:84, 60:64] = INDEX["nose"]  # finer than the screen shows
    labels, owners = two.labels.copy(), two.owners.copy()
    labels[30:40, 12:20], owners[30:40, 12:20] = EAR, 1

    new = mask_edit.carried(large, two, labels, owners)

    assert (new.labels[122:158, 50:78] == EAR).all()
    assert (new.labels[80:84, 60:64] == INDEX["nose"]).all()
    far = np.ones(large.labels.shape, bool)
    far[118:162, 46:82] = False
    assert np.array_equal(new.labels[far], large.labels[far])
    assert mask_edit.carried(large, two, two.labels, two.owners) is large


def test_a_score_names_every_part_and_what_was_moved(two: Parsing) -> None:
    labels = two.labels.copy()
    labels[10:15, 5:45] = SKIN
    rows = {row["part"]: row for row in mask_edit.score(two, Parsing(labels, two.owners, two.faces, "compact"))}

    assert rows["hair"]["iou"] == pytest.approx(0.75)
    assert rows["hair"]["pixels_model"] == 800
    assert rows["hair"]["pixels_corrected"] == 600
