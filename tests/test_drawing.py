"""Colours that can be told apart, and pictures that show what they should."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from workbench import drawing, images
from workbench.errors import BadRequest
from workbench.parts import INDEX, PARTS
from workbench.values import Face, Pose

# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
SIGHT = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
SIDED = [
    ("image_left_eye", "image_left_brow"),
    ("image_left_ear", "hair"),
    ("image_left_ear", "earring"),
    ("image_left_brow", "hair"),
]
TOUCHING = [
    *(("skin", part) for part in PARTS if part != "skin"),
    *(("eyeglasses", part) for part in ("image_left_eye", "image_left_brow", "image_left_ear", "nose", "hair")),
    *(("neck", part) for part in ("cloth", "necklace", "hair", "background")),
    *(("hair", part) for part in ("hat", "cloth", "background")),
    *SIDED,
    *((first.replace("left", "right"), second.replace("left", "right")) for first, second in SIDED),
    *((f"image_left_{part}", f"image_right_{part}") for part in ("eye", "brow", "ear")),
    ("upper_lip", "mouth"),
    ("lower_lip", "mouth"),
    ("upper_lip", "lower_lip"),
    ("nose", "upper_lip"),
]


def seen(colour: tuple[int, int, int], sight: np.ndarray) -> np.ndarray:
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    shown = np.clip(sight @ linear, 0, 1)
    return rgb2lab(np.where(shown <= 0.0031308, shown * 12.92, 1.055 * shown ** (1 / 2.4) - 0.055)[None])[0]


@pytest.mark.parametrize("sight", SIGHT)
def test_parts_that_touch_can_be_told_apart(sight):
    for first, second in TOUCHING:
        apart = np.linalg.norm(seen(drawing.COLORS[first], SIGHT[sight]) - seen(drawing.COLORS[second], SIGHT[sight]))
        assert apart > 20, f"{first} and {second} look alike under {sight}: {apart:.0f}"


def test_all_colours_differ():
    for first, second in itertools.combinations(PARTS, 2):
        assert np.linalg.norm(seen(drawing.COLORS[first], np.eye(3)) - seen(drawing.COLORS[second], np.eye(3))) > 20, (
            first,
            second,
        )


def test_colours_follow_the_table_of_parts():
    assert tuple(drawing.COLORS) == PARTS
    assert drawing.hex_color("earring") == "#fff000"
    with pytest.raises(BadRequest, match="moustache"):
        drawing.hex_color("moustache")


def test_a_palette_png_keeps_indices_and_colours():
    labels = np.arange(19, dtype=np.uint8)[None]
    picture = Image.fromarray(labels).convert("P")
    picture.putpalette(drawing.flat_palette())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    read = Image.open(io.BytesIO(buffer.getvalue()))
    assert (np.asarray(read) == labels).all()
    assert (np.asarray(read.convert("RGB"))[0] == drawing.PALETTE).all()


@pytest.fixture
def photo() -> np.ndarray:
    return np.full((60, 80, 3), 100, np.uint8)


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros((60, 80), np.uint8)
    labels[10:50, 10:40] = INDEX["skin"]
    labels[10:50, 40:70] = INDEX["hair"]
    return labels


def test_overlay_colours_parts_and_leaves_the_background(photo, labels):
    drawn = drawing.overlay(photo, labels, 1.0)
    assert (drawn[:10] == photo[:10]).all()
    assert drawn[20, 20].tolist() == list(drawing.COLORS["skin"])
    half = drawing.overlay(photo, labels, 0.5)
    assert half[20, 50].tolist() == [round((100 + c) / 2) for c in drawing.COLORS["hair"]]
    assert (drawing.overlay(photo, labels, 0.0) == photo).all()
    assert (photo == 100).all()


def test_hidden_parts_stay_uncoloured(photo, labels):
    drawn = drawing.overlay(photo, labels, 1.0, hidden={"hair"})
    assert (drawn[:, 40:] == photo[:, 40:]).all()
    assert (drawing.contours(photo, labels, hidden={"hair", "skin"}) == photo).all()
    with pytest.raises(BadRequest, match="wig"):
        drawing.overlay(photo, labels, 1.0, hidden={"wig"})


def test_contours_are_thin_lines_at_the_borders(photo, labels):
    changed = (drawing.contours(photo, labels) != photo).any(axis=-1)
    assert changed[10, 20]
    assert changed[20, 39]
    assert changed[20, 40]
    assert not changed[30, 25]
    assert not changed[:10].any()


def test_a_map_of_another_size_is_refused(photo, labels):
    for draw in (drawing.overlay, drawing.contours, drawing.heat):
        with pytest.raises(BadRequest, match="as large as the photo"):
            draw(photo[:-1], labels)


def test_legend_shows_the_colours_of_what_is_there(labels):
    pixels = {tuple(pixel) for pixel in drawing.legend(labels).reshape(-1, 3).tolist()}
    assert drawing.COLORS["skin"] in pixels
    assert drawing.COLORS["hair"] in pixels
    assert drawing.COLORS["earring"] not in pixels
    assert drawing.COLORS["hair"] not in {
        tuple(pixel) for pixel in drawing.legend(labels, {"hair"}).reshape(-1, 3).tolist()
    }


def test_signed_heat_is_red_for_and_blue_against(photo):
    values = np.zeros((60, 80), np.float32)
    values[:, :20], values[:, 60:] = -3, 3
    drawn = drawing.heat(photo, values, opacity=1.0).astype(int)
    assert drawn[5, 5, 2] > drawn[5, 5, 0] + 50
    assert drawn[5, 75, 0] > drawn[5, 75, 2] + 50
    assert (drawn[:, 20:60] == 100).all()


def test_unsigned_heat_grows_lighter_all_the_way():
    lightness = rgb2lab(drawing.heat_colors(np.linspace(0, 1, 64), False) / 255)[:, 0]
    assert (np.diff(lightness) > 0).all()


def test_heat_does_not_depend_on_the_scale(photo):
    values = np.random.default_rng(0).normal(size=(60, 80)).astype(np.float32)
    assert (drawing.heat(photo, values) == drawing.heat(photo, values * 1000)).all()
    assert (drawing.heat(photo, np.zeros((60, 80), np.float32)) == photo).all()


def test_one_hot_pixel_is_not_lost(photo):
    values = np.zeros((60, 80), np.float32)
    values[30, 40] = 1
    assert (drawing.heat(photo, values, 1.0) != photo).any(axis=-1).sum() == 1


def face(pose: Pose | None, mesh: np.ndarray | None = None) -> Face:
    points = np.array([[30, 20], [50, 20], [40, 30], [33, 40], [47, 40]], np.float32)
    return Face(np.array([20, 5, 60, 50], np.float32), points, 0.9, mesh, 1.0, pose)


def test_faces_without_a_mesh_show_box_and_points(photo):
    drawn = drawing.draw_faces(photo, (face(None),))
    assert np.abs(drawn[5, 40].astype(int) - (255, 200, 0)).max() < 25
    assert drawn[30, 40].tolist() == [0, 255, 255]


@pytest.mark.parametrize(
    ("yaw", "pitch", "there"), [(40, 0, (52, 30)), (-40, 0, (28, 30)), (0, 40, (40, 18)), (0, -40, (40, 42))]
)
def test_the_blue_axis_points_where_the_head_does(photo, yaw, pitch, there):
    drawn = drawing.draw_faces(photo, (face(Pose(yaw, pitch, 0.0)),)).astype(int)
    x, y = there
    near = drawn[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3)
    assert (near[:, 2] > near[:, 0] + 60).any()


def test_a_mesh_far_outside_the_photo_draws_without_error(photo):
    mesh = np.full((478, 3), 1e7, np.float32)
    assert drawing.draw_faces(photo, (face(Pose(0, 0, 0), mesh),)).shape == photo.shape


def test_drawn_pictures_can_be_written(photo, labels):
    assert images.encode_png(drawing.overlay(photo, labels)).startswith(b"\x89PNG")


def test_a_large_heatmap_is_coloured_in_strips_that_do_not_show(monkeypatch):
    chance = np.random.default_rng(0)
    image, values = chance.integers(0, 256, (50, 30, 3), dtype=np.uint8), chance.normal(size=(50, 30))
    whole = drawing.heat(image, values)
    monkeypatch.setattr(drawing, "STRIP", 30 * 7)
    assert (drawing.heat(image, values) == whole).all()


def test_words_on_any_colour_can_be_read() -> None:
    """White on #9c7d5f was 3.8 to 1 where 4.5 is needed."""
    for color in ("#9c7d5f", "#000000", "#ffffff", "#7f7f7f", "#ff0000", "#00ff00", "#0000ff"):
        bright = drawing.luminance(color)
        ratio = (bright + 0.05) / 0.05 if bright > 0.179 else 1.05 / (bright + 0.05)
        assert ratio >= 4.5, color
