"""Landmarks, boxes and shapes as data sets ship them, and the figures made of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation import folders
from workbench.cli import main
from workbench.errors import BadImage, BadRequest
from workbench.evaluation.boxes import Boxes, locate
from workbench.evaluation.landmarks import CORNERS, Landmarks, mirror, trace
from workbench.evaluation.layouts import read_mask, read_truth
from workbench.evaluation.run import evaluate
from workbench.evaluation.truth import Case, Truth
from workbench.evaluation.weighing import Draws
from workbench.parts import INDEX
from workbench.tasks.analysis.export import pts
from workbench.tasks.analysis.layouts import points_of

GREY = np.full((64, 64, 3), 128, np.uint8)


def _figures(found) -> dict[str, float]:
    draws = Draws.over([""] * len(found.photos), 100)
    return {name: draws.of(statistic).value for name, statistic in found.statistics().items()}


def _face(count: int) -> np.ndarray:
    """Drawn points that lie as their partners do on the other side of x = 50, the eyes' corners 50 apart."""
    points = np.random.default_rng(count).uniform(0, 100, (count, 2))
    for place, other in enumerate(mirror(count)):
        points[other] = [100 - points[place, 0], points[place, 1]] if place != other else [50, points[place, 1]]
    points[list(CORNERS[count])] = [[25, 40], [75, 40]]
    return points.astype(np.float32)


def _said(*faces: np.ndarray) -> list[dict[str, list]]:
    return [{str(len(points)): points.tolist()} for points in faces]


@pytest.mark.parametrize("count", [5, 68, 98])
def test_a_points_partner_has_it_for_partner(count: int) -> None:
    assert (mirror(count)[mirror(count)] == np.arange(count)).all()


def test_the_partners_are_those_of_a_mirrored_mesh(astronaut_face) -> None:
    """The mesh of a mirrored face is not needed: partners lie at one height on a level face, on either side of it."""
    for layout in ("68", "98"):
        points = points_of(astronaut_face.mesh, layout)[:, :2]
        axis = points[mirror(int(layout)) == np.arange(len(points))].mean(0)
        unit = np.linalg.norm(np.subtract(*points[list(CORNERS[int(layout)])]))
        apart = points + points[mirror(int(layout))] - 2 * axis
        assert np.abs(apart[:, 0]).max() / unit < 0.5, layout
        assert np.abs((points - points[mirror(int(layout))])[:, 1]).max() / unit < 0.35, layout


def test_errors_are_counted_in_distances_of_the_eyes() -> None:
    face = _face(68)
    good, bad = (
        trace("a", face[None], _said(face + np.array([3, 0]))),
        trace("b", face[None], _said(face + np.array([0, 5]))),
    )
    figures = _figures(Landmarks((good, bad, trace("c", face[None], []))))

    assert good.means == pytest.approx([3 / 50], abs=1e-5)
    assert figures["NME"] == pytest.approx((3 / 50 + 5 / 50) / 2, abs=1e-5), "of faces that were found"
    assert figures["failure rate at 8 %"] == pytest.approx(2 / 3), "one off by 0.1, one not found"
    assert figures["faces found"] == pytest.approx(2 / 3)


def test_each_face_of_a_photo_is_compared_with_the_nearest_found() -> None:
    face = _face(98)
    found = trace("a", np.stack([face, face + 300]), _said(face + 301, face + 1000, face))

    assert found.means[0] == pytest.approx(0, abs=1e-5)
    assert found.means[1] == pytest.approx(np.sqrt(2) / 50, abs=1e-5)


def test_points_with_left_and_right_exchanged_are_noticed() -> None:
    face = _face(68)

    assert trace("a", face[None], _said(face[mirror(68)])).exchanged
    assert not trace("a", face[None], _said(face + 2)).exchanged


@pytest.mark.parametrize(
    ("truth", "said", "words"),
    [(_face(68), _face(98), "68 points a face, the model gives 98"),
     (np.zeros((7, 2)), _face(68), "expected 5, 68, 98"), (np.zeros((68, 2)), _face(68), "one spot")],
)  # fmt: skip
def test_points_that_cannot_be_compared_are_said(truth, said, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        trace("a", truth[None].astype(np.float32), _said(said))


def test_boxes_count_once_and_crowds_neither_way() -> None:
    truth = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
    said = [[0, 0, 10, 9, 0.9], [1, 0, 10, 10, 0.8], [50, 50, 60, 60, 0.7], [80, 80, 90, 90, 0.6]]
    found = locate("a", truth, np.array([[75, 75, 95, 95]], np.float32), said)
    figures = _figures(Boxes((found, locate("b", np.zeros((0, 4)), None, [[0, 0, 9, 9, 1.0]]))))

    assert found.hits.tolist() == [True, False, False]
    assert figures["recall at IoU 0.5"] == pytest.approx(1 / 2)
    assert figures["precision at IoU 0.5"] == pytest.approx(1 / 4)


def test_the_share_of_faces_found_is_told_per_group() -> None:
    """As FACET reports detectors: recall per attribute, whatever else was boxed."""
    from workbench.evaluation import measuring

    truth = np.array([[0, 0, 10, 10]], np.float32)
    found = tuple(locate(str(n), truth, None, [[0, 0, 10, 10, 0.9]] if n < 6 else []) for n in range(8))
    dark = {"skin: dark": np.arange(8) >= 4, "skin: light": np.arange(8) < 4}

    groups = measuring._figures("m", Boxes(found), [], Draws.over([""] * 8, 100), dark, 2).groups

    assert {name: figures.recall.value for name, figures in groups.items()} == {"skin: dark": 0.5, "skin: light": 1.0}


@pytest.fixture
def pts_folder(tmp_path: Path, astronaut, astronaut_face) -> Path:
    """The astronaut with what the mesh says of the photo as its truth, and a photo without a face."""
    folder = tmp_path / "pts"
    folders.photo(folder / "a.png", astronaut)
    folders.photo(folder / "blank.png", GREY)
    points = points_of(astronaut_face.mesh, "68")
    (folder / "a.pts").write_text(pts(points))
    (folder / "blank.pts").write_text(pts(points))
    return folder


def test_a_finder_measured_on_its_own_points_is_perfect(pts_folder: Path, tmp_path: Path, bench) -> None:
    found = evaluate(read_truth(pts_folder), ["blazeface"], tmp_path / "out", bench, rounds=100, least=2).models[0]

    assert found.figures["NME"].value == pytest.approx(0, abs=2e-4), "points count from one in .pts, from zero here"
    assert found.figures["faces found"].value == pytest.approx(0.5)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Per part of the face" in page
    assert "1 faces not found" in page
    assert "blank.png,1,0,,False" in (tmp_path / "out" / "blazeface.csv").read_text()


def test_the_command_measures_boxes_of_a_coco_file(
    tmp_path: Path, settings, monkeypatch, capsys, astronaut, astronaut_face
) -> None:
    left, top, right, bottom = (float(v) + 0.5 for v in astronaut_face.box)
    folders.photo(tmp_path / "in" / "images" / "a.png", astronaut)
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 512, "height": 512}, {"id": 2, "file_name": "no.png"}],
        "categories": [{"id": 7, "name": "face"}],
        "annotations": [{"image_id": 1, "category_id": 7, "bbox": [left, top, right - left, bottom - top]},
                        {"image_id": 1, "category_id": 7, "bbox": [400, 400, 50, 50]}],
    }  # fmt: skip
    (tmp_path / "in" / "annotations.json").write_text(json.dumps(content))
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    out = tmp_path / "out"

    assert main(["evaluate", str(tmp_path / "in"), "--out", str(out), "--rounds", "100"]) == 0
    figures = json.loads((out / "figures.json").read_text())

    assert figures["kind"] == "boxes"
    assert figures["models"]["blazeface"]["recall at IoU 0.5"][0] == pytest.approx(0.5)
    assert figures["models"]["blazeface"]["precision at IoU 0.5"][0] == pytest.approx(1)
    assert "1 entries of the truth have no photo" in figures["notes"][0]
    assert "1 missed, 0 on nothing" in (out / "report.html").read_text()


def test_coco_shapes_of_parts_become_a_mask(tmp_path: Path) -> None:
    folders.photo(tmp_path / "a.png", GREY)
    rows = [{"image_id": 1, "category_id": 1, "segmentation": [[0, 0, 64, 0, 64, 32, 0, 32]]},
            {"image_id": 1, "category_id": 2, "segmentation": {"size": [64, 64], "counts": [0, 64, 64 * 63]}},
            {"image_id": 1, "category_id": 3, "segmentation": [[0, 60, 64, 60, 64, 64]]}]  # fmt: skip
    names = [{"id": 1, "name": "hair"}, {"id": 2, "name": "l_eye"}, {"id": 3, "name": "tattoo"}]
    content = {"images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}], "categories": names}
    (tmp_path / "coco.json").write_text(json.dumps(content | {"annotations": rows}))

    truth = read_truth(tmp_path)
    mask = read_mask(truth.cases[0], truth.parts)

    assert truth.kind == "parsing"
    assert (mask[:32, 1:] == INDEX["hair"]).all()
    assert (mask[:, 0] == INDEX["image_right_eye"]).all(), "the person's left eye lies on the image's right"
    assert not mask[40:, 1:].any()


def test_wflws_flags_become_groups(tmp_path: Path) -> None:
    folders.photo(tmp_path / "WFLW_images" / "a" / "1.jpg", GREY)
    points = " ".join(f"{v:.1f}" for v in _face(98).ravel())
    (tmp_path / "list_98pt_rect_attr_test.txt").write_text(f"{points} 0 0 9 9 1 0 0 1 0 0 a/1.jpg\n")

    truth = read_truth(tmp_path)

    assert (truth.kind, truth.cases[0].points.shape) == ("landmarks", (1, 98, 2))
    assert dict(truth.cases[0].groups)["pose"] == "yes"
    assert dict(truth.cases[0].groups)["make-up"] == "yes"
    assert dict(truth.cases[0].groups)["blur"] == "no"


def test_helens_pictures_per_part_and_masks_beside_photos_are_read(tmp_path: Path) -> None:
    folders.photo(tmp_path / "h" / "images" / "1.jpg", GREY)
    part = np.zeros((64, 64), np.uint8)
    part[:9] = 200
    folders.mask(tmp_path / "h" / "labels" / "1" / "1_lbl10.png", part, palette=False)
    folders.mask(tmp_path / "h" / "labels" / "1" / "1_lbl01.png", 255 - part, palette=False)
    folders.photo(tmp_path / "i" / "1.jpg", GREY)
    folders.mask(tmp_path / "i" / "1.png", np.full((64, 64), 13, np.uint8))

    helen, beside = read_truth(tmp_path / "h"), read_truth(tmp_path / "i")

    assert helen.layout.startswith("Helen")
    found = read_mask(helen.cases[0], helen.parts)
    assert (found[:9] == INDEX["hair"]).all()
    assert (found[9:] == INDEX["skin"]).all()
    assert (read_mask(beside.cases[0], beside.parts) == INDEX["eyeglasses"]).all(), "iBugMask's fourteenth"


def test_fer2013s_list_is_written_as_pictures_once(tmp_path: Path) -> None:
    pixels = " ".join(["7"] * 48 * 48)
    folders.table(tmp_path / "fer2013.csv", ["emotion", "pixels", "Usage"], [[3, pixels, "PublicTest"]])

    truth = read_truth(tmp_path)
    again = read_truth(tmp_path)

    assert [case.label for case in truth.cases] == ["happy"]
    assert truth.cases[0].groups == {"usage": "PublicTest"}
    assert truth.cases[0].photo.is_file()
    assert [case.id for case in again.cases] == ["fer2013-images/00000.png"]


def _coco(**change) -> dict:
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
        "categories": [{"id": 1, "name": "face"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}],
    }
    return content | change


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.pts", "n_points: 3\n{\n1 2\n3 4\n}", "3 to 1000 lines"),
        ("a.pts", "n_points: 9\n{\n1 2\n3 4\n5 6\n}", "says n_points 9 and holds 3"),
        ("a.pts", "n_points: 3\n{\n1 2\nnan 4\n5 6\n}", "lines of x y"),
        ("a.pts", "{\n1 2\n3 four\n}", "expected a .pts file"),
        ("list.txt", " ".join(["1"] * 206) + " a.png\n" + " ".join(["x"] * 206) + " a.png", "line 2"),
        ("coco.json", "[1]", "COCO's images"),
        (
            "coco.json",
            json.dumps(_coco(annotations=[{"image_id": 1, "category_id": 1, "bbox": [0, 0, -9, 9]}])),
            "bbox",
        ),
        ("coco.json", json.dumps(_coco(categories=[{"id": 1, "name": "left_eye"}])), "whose side"),
        ("fer2013.csv", "emotion,pixels,Usage\n9,1 2 3,x", "line 2"),
        ("fer2013.csv", f"emotion,pixels,Usage\n3,{' '.join(['300'] * 2304)},x", "line 2"),
        ("fer2013.csv", f"emotion,pixels,Usage\n3,{'9' * 200_000},x", "cannot be read as a CSV"),
    ],
)
def test_what_is_wrong_with_a_truth_is_said(tmp_path: Path, name: str, text: str, words: str) -> None:
    folders.photo(tmp_path / "a.png", GREY)
    (tmp_path / name).write_text(text)

    with pytest.raises(BadRequest, match=words):
        read_truth(tmp_path)


def test_a_shape_that_is_none_is_said(tmp_path: Path) -> None:
    folders.photo(tmp_path / "a.png", GREY)
    rows = [{"image_id": 1, "category_id": 1, "segmentation": {"counts": [5]}}]
    (tmp_path / "coco.json").write_text(json.dumps(_coco(categories=[{"id": 1, "name": "hair"}], annotations=rows)))
    truth = read_truth(tmp_path)

    with pytest.raises((BadImage, BadRequest), match="run lengths"):
        read_mask(truth.cases[0], truth.parts)


def test_files_of_several_numbers_of_points_are_refused(tmp_path: Path) -> None:
    for name, count in (("a", 5), ("b", 68)):
        folders.photo(tmp_path / f"{name}.png", GREY)
        (tmp_path / f"{name}.pts").write_text(pts(_face(count)))

    with pytest.raises(BadRequest, match="as many points"):
        read_truth(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"n_points: {'9' * 5000}\n{{\n1 2\n3 4\n5 6\n}}", "says n_points 999"),
        ("{\n1e308 1\n2 3\n4 5\n}", "expected 3 to 1000"),
        ("{\n1e39 1\n2 3\n4 5\n}", "expected 3 to 1000"),
    ],
)
def test_numbers_that_no_float_holds_are_said_of_points(tmp_path: Path, text: str, words: str) -> None:
    folders.photo(tmp_path / "a.png", GREY)
    (tmp_path / "a.pts").write_text(text)
    with pytest.raises(BadRequest, match=words):
        read_truth(tmp_path)


@pytest.mark.parametrize("box", [[0, 0, 1e308, 9], [3e38, 0, 3e38, 9], [0, 0, float("nan"), 9], [0, 2e6, 9, 9]])
def test_a_box_beyond_every_picture_is_said(tmp_path: Path, box: list[float]) -> None:
    folders.photo(tmp_path / "a.png", GREY)
    content = _coco(annotations=[{"image_id": 1, "category_id": 1, "bbox": box}])
    (tmp_path / "coco.json").write_text(json.dumps(content))
    with pytest.raises(BadRequest, match="within a picture"):
        read_truth(tmp_path)


def test_a_photo_that_is_listed_again_and_again_is_not_measured_again_and_again(tmp_path: Path) -> None:
    folders.photo(tmp_path / "a.png", GREY)
    rows = [{"id": number, "file_name": "a.png", "height": 64, "width": 64} for number in range(3)]
    (tmp_path / "coco.json").write_text(json.dumps(_coco(images=rows)))
    with pytest.raises(BadRequest, match=r"a\.png is named twice"):
        read_truth(tmp_path)


def test_columns_of_names_and_numbers_make_no_groups() -> None:
    """A group is a value: a column of names would make one of every photo, and figures for each."""
    groups = [{"age": str(n % 3), "name": f"n{n}", **{f"c{k}": "x" for k in range(60)}} for n in range(300)]
    cases = tuple(Case(f"{n}.png", Path(f"{n}.png"), label="happy", groups=row) for n, row in enumerate(groups))

    found = Truth("labels", "drawn", cases)

    columns = {name for case in found.cases for name in case.groups}
    assert len(columns) == 40
    assert "age" in columns
    assert "name" not in columns
    assert "22 columns make no groups, 'name' first" in found.notes[0]
    assert Truth("labels", "drawn", cases[:3]).cases[0].groups["name"] == "n0", "few values are groups"
