"""What if: changes do what their words say, curves find the flip, the smallest change flips and is small.

Decisions are those of toys that read one place of the face, so that the truth is known.
"""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from workbench.cli import main
from workbench.errors import BadRequest
from workbench.parts import INDEX
from workbench.tasks.parsing import parse
from workbench.thresholds import Metric
from workbench.ui.explanation import what_if as screen
from workbench.values import Parsing
from workbench.whatif.changes import REGIONS, SLIDERS, WAYS, Change, slider
from workbench.whatif.curves import crossings, curve
from workbench.whatif.drawn import curve_svg, page
from workbench.whatif.readers import Matches, Says
from workbench.whatif.smallest import smallest_parts, smallest_sliders
from workbench.whatif.stage import Stage, prepared
from workbench.whatif.study import as_json, study


@pytest.fixture(scope="module")
def stage(bench, astronaut, astronaut_face, stranger, finder) -> Stage:
    """The astronaut, with a stranger's parts to lay on; makes nothing twice."""
    from workbench.tasks.detection import one_face

    parser, other = bench.parser(), one_face(stranger, finder)
    here = parse(astronaut, parser, [astronaut_face])
    return prepared(astronaut, astronaut_face, here, (stranger, other, parse(stranger, parser, [other])))


class Bright:
    """Says "bright" where the mean of what it looks at is above 0.5; `place` cuts that out of a view."""

    labels, spec, exclusive = ("bright", "dark"), SimpleNamespace(id="bright"), True

    def __init__(self, place, middle: float, steep: float = 0.2) -> None:
        self.place, self.middle, self.steep, self.calls = place, middle, steep, 0

    def crop(self, image: np.ndarray, face) -> np.ndarray:
        return np.asarray(self.place(image, face), np.float32)

    def batch(self, chips) -> np.ndarray:
        self.calls += 1
        above = self.steep * (np.array([chip.mean() for chip in chips]) - self.middle)
        chance = 0.5 + 0.5 * np.tanh(above / 2)
        return np.stack([chance, 1 - chance], axis=1)


def around_mouth(image, face):
    middle = face.points[3:].mean(0).astype(int)
    return image[middle[1] - 8 : middle[1] + 8, middle[0] - 14 : middle[0] + 14]


def whole(image, face):
    return image


class TestChanges:
    def test_at_rest_nothing_is_changed(self, stage):
        view = stage.draw(Change())
        np.testing.assert_array_equal(view.image, stage.image)
        np.testing.assert_array_equal(view.face.points, stage.face.points)

    @pytest.mark.parametrize("name", list(SLIDERS))
    def test_every_slider_changes_the_face_and_its_middle_less_than_its_end(self, stage, name):
        row = slider(name)
        far, half = (
            np.abs(stage.draw(Change({name: share * row.high})).image.astype(int) - stage.image).mean()
            for share in (1, 0.4)
        )
        assert far > half > 0

    def test_a_changed_part_leaves_the_rest_to_the_bit(self, stage):
        eyes = stage.draw(Change({"part": 1.0}, parts=("eyes",))).image
        mouth = stage.half.mask(["mouth"])
        np.testing.assert_array_equal(eyes[mouth], stage.image[mouth])
        assert (eyes[stage.half.mask(["eyes"])] != stage.image[stage.half.mask(["eyes"])]).any()

    def test_a_swapped_part_is_the_other_faces(self, stage):
        swapped = stage.draw(Change({"part": 1.0}, parts=("mouth",), way="swap")).image
        filled = stage.draw(Change({"part": 1.0}, parts=("mouth",), way="fill")).image
        assert np.abs(swapped.astype(int) - filled)[stage.half.mask(["mouth"])].mean() > 5

    def test_the_points_follow_a_smile_so_that_a_chip_is_cut_where_the_mouth_went(self, stage):
        smiling = stage.draw(Change({"smile": 1.0})).face
        assert smiling.points[3, 0] < stage.face.points[3, 0] - 1
        assert smiling.points[4, 0] > stage.face.points[4, 0] + 1
        assert np.abs(smiling.points[:2] - stage.face.points[:2]).max() < 3

    def test_glasses_move_with_a_turned_head(self, stage):
        plain, worn = (stage.draw(Change({"yaw": 15.0, "sunglasses": on})).image for on in (0.0, 1.0))
        rows, columns = np.nonzero(np.abs(plain.astype(int) - worn).max(axis=2) > 60)
        eyes = stage.draw(Change({"yaw": 15.0})).face.points[:2]
        assert abs(columns.mean() - eyes[:, 0].mean()) < 0.35 * np.ptp(eyes[:, 0])
        assert abs(rows.mean() - eyes[:, 1].mean()) < 0.35 * np.ptp(eyes[:, 0])

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ({"values": {"age": 0.5}}, "no slider for age"),
            ({"values": {"smile": 2}}, "smile: expected"),
            ({"values": {"yaw": "far"}}, "yaw: expected"),
            ({"look": "war paint"}, "no look"),
            ({"parts": ("elbow",)}, "no part 'elbow'"),
            ({"way": "burn"}, "way: expected"),
        ],
    )
    def test_what_cannot_be_changed_is_said(self, asked, message):
        with pytest.raises(BadRequest, match=message):
            Change(**asked)

    def test_a_swap_without_another_face_and_parts_without_a_parser_are_refused(self, astronaut, astronaut_face):
        bare = prepared(astronaut, astronaut_face)
        with pytest.raises(BadRequest, match="has to be parsed"):
            bare.draw(Change({"part": 1.0}))
        alone = Stage(bare.half, bare.whole, True)
        with pytest.raises(BadRequest, match="second photo"):
            alone.draw(Change({"part": 1.0}, way="swap"))


class TestCurves:
    def test_a_flip_is_found_between_two_positions(self):
        at = np.linspace(0, 1, 5)
        assert crossings(at, 0.6 - at) == pytest.approx((0.6,))
        assert crossings(at, np.full(5, np.nan)) == ()
        assert crossings(np.array([-1.0, 0, 1]), np.array([-1.0, 1, -1])) == pytest.approx((-0.5, 0.5))

    def test_a_curve_asks_each_model_once_and_its_flip_really_flips(self, stage):
        model = Bright(whole, float(stage.image.mean()) - 10)
        found = curve(stage, [Says(model, "bright")], "brightness")
        assert model.calls == 1
        (flip,) = found.flips()
        sides = Says(model, "bright").read([stage.draw(Change({"brightness": flip + off})) for off in (0.3, -0.3)])
        assert [each.says for each in sides] == ["bright", "dark"]
        assert "flips at" in found.words()
        assert 'class="flip"' in curve_svg(found, -1.0)

    def test_a_number_has_no_decision_to_flip(self, stage):
        model = Bright(whole, 100)
        model.exclusive = False
        found = curve(stage, [Says(model, "bright")], "brightness")
        assert found.flips() == ()
        assert smallest_sliders(stage, [Says(model, "bright")]) is None


class TestSmallest:
    @pytest.fixture
    def mouth(self, stage):
        """Says "bright" of the astronaut's mouth, whose teeth are."""
        here = float(around_mouth(stage.image, stage.face).mean())
        return Says(Bright(around_mouth, here - 1.5, 2.0), "bright")

    def test_the_part_a_model_reads_is_the_one_found_and_no_other(self, stage, mouth):
        black = prepared_with_dark_lips(stage)
        found = smallest_parts(black, [Says(Bright(around_mouth, mean_of_mouth(black) + 4, 2.0), "dark")], "fill")
        assert found is not None
        assert found.flipped
        assert found.change.parts == ("mouth",)
        assert found.tried < 2 * len(REGIONS)

    def test_one_slider_is_moved_no_farther_than_it_takes(self, stage):
        reader = Says(Bright(whole, float(stage.image.mean()) - 12), "bright")
        found = smallest_sliders(stage, [reader], ["brightness", "smile", "frown"])
        assert found is not None
        assert found.flipped
        assert set(found.change.values) == {"brightness"}
        less = found.change.scaled(0.9)
        assert reader.read([stage.draw(less)])[0].says == "bright"

    def test_two_models_have_to_flip_both(self, stage):
        readers = [Says(Bright(whole, float(stage.image.mean()) - by), "bright") for by in (6, 25)]
        one, both = (smallest_sliders(stage, asked, ["brightness"]) for asked in (readers[:1], readers))
        assert one is not None
        assert both is not None
        assert both.flipped
        assert both.change.value("brightness") < one.change.value("brightness") < 0

    def test_what_nothing_flips_is_said(self, stage):
        found = study(stage, [Says(Bright(whole, -1e4), "bright")], sliders=["smile"], ways=())
        assert not found.smallest["sliders"].flipped
        assert "Nothing tried flips it" in page(found)


def prepared_with_dark_lips(stage: Stage) -> Stage:
    from dataclasses import replace

    image = stage.image.copy()
    image[stage.half.mask(["mouth"])] //= 5
    return Stage(replace(stage.half, image=image), stage.whole, True)


def mean_of_mouth(stage: Stage) -> float:
    return float(around_mouth(stage.image, stage.face).mean())


class Vectors:
    """A recogniser whose vector turns with the brightness of a view."""

    spec, metric, threshold = SimpleNamespace(id="vectors"), Metric.COSINE, 0.9

    def align(self, image, face):
        return image

    def batch(self, chips):
        turn = np.array([chip.mean() / 100 for chip in chips])
        return np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)


def test_glasses_move_as_one_piece(astronaut, astronaut_face):
    left, top, right, bottom = astronaut_face.box.astype(int)
    labels = np.zeros(astronaut.shape[:2], np.uint8)
    labels[top:bottom, left:right] = INDEX["skin"]
    plain = Parsing(labels, (labels > 0).astype(np.uint8), (astronaut_face,), "toy")
    eyes = astronaut_face.points[:2].mean(0).astype(int)
    worn = labels.copy()
    worn[eyes[1] - 12 : eyes[1] + 12, left:right] = INDEX["eyeglasses"]
    behind = [33, 133, 362, 263, 168, 6, 111, 340, 52, 282]

    def bent(parsing):
        """By how much distances behind the lenses change beyond one common scale when a brow is raised."""
        stage = prepared(astronaut, astronaut_face, parsing)
        before, after = (
            np.linalg.norm(mesh[behind, None, :2] - mesh[behind, :2], axis=2)
            for mesh in (stage.face.mesh, stage.draw(Change({"brow_raise": 1.0})).face.mesh)
        )
        return float((after[before > 0] / before[before > 0]).std())

    assert bent(replace(plain, labels=worn)) < bent(plain) / 3


def test_two_faces_stop_matching_and_the_side_effect_on_identity_is_told(stage):
    model = Vectors()
    reader = Matches(model, model.batch([stage.image])[0])
    found = study(stage, [reader], reader, sliders=["brightness", "grey"], ways=())
    smallest = found.smallest["sliders"]
    assert smallest.flipped
    assert smallest.after[0].says == "two people"
    assert smallest.keeper.margin < 0
    assert "taken for somebody else" in page(found)
    record = json.loads(as_json(found))
    assert record["curves"][0]["flips"][0]
    assert record["smallest"]["sliders"]["flips"] is True


def test_a_page_names_nothing_as_markup(stage):
    found = study(stage, [Says(Bright(whole, 100), "bright")], sliders=["grey"], ways=())
    object.__setattr__(found, "names", ("<script>x</script>",))
    assert "<script>" not in page(found, "<b>me</b>")
    assert "<b>me" not in page(found, "<b>me</b>")


class TestScreen:
    @pytest.mark.parametrize("text", ["{", "[1]", '{"smile": 3}', '{"smile": true}', '{"age": 1}', "[" * 9999])
    def test_forged_values_are_refused_in_words(self, text):
        with pytest.raises(BadRequest):
            screen.read_values(text, "natural", ["mouth"], "blur")

    def test_the_slider_moved_last_is_the_one_whose_curve_is_shown(self):
        change, last = screen.read_values('{"yaw": 2, "smile": 0.5}', "natural", ["mouth"], "blur")
        assert last == "smile"
        assert change.value("yaw") == 2

    def test_a_move_shows_the_face_the_scores_and_the_curve(self, bench, stage):
        picture, bars, curve_ = screen.move(
            bench, stage, '{"smile": 0.5}', ["compact-expression"], screen.OWN, "natural", ["mouth"], "blur"
        )
        assert picture.shape == stage.image.shape
        assert (picture != stage.image).any()
        assert "happy" in bars
        assert "Identity: " in bars
        assert "<svg" in curve_


@pytest.mark.parametrize("way", list(WAYS))
def test_every_way_has_regions_to_change(stage, way):
    assert {"eyes", "mouth", "skin"} <= set(stage.regions(way))


def test_the_command_writes_a_page_numbers_and_pictures(tmp_path, astronaut, settings, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    Image.fromarray(astronaut).save(tmp_path / "a.png")
    out = tmp_path / "out"
    asked = ["--model", "fer", "--slider", "blur", "--way", "fill", "--out", str(out)]
    assert main(["what-if", str(tmp_path / "a.png"), *asked]) == 0
    assert "Blur everything" in capsys.readouterr().out
    record = json.loads((out / "what_if.json").read_text())
    assert record["asked"] == ["happy (fer)"]
    assert {path.name for path in out.iterdir()} == {"what_if.html", "what_if.json", "sliders.png", "fill.png"}
    assert main(["what-if", str(tmp_path / "a.png"), "--change", "smile=0.5", "--model", "fer", "--out", str(out)]) == 0
    assert Image.open(out / "changed.png").info["Edit"] == "smile +0.5"
