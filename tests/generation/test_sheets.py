"""References, sheets and their reports: no sheet without figures, figures that mean what they say, and PNGs that say
what they are."""

import io
import json
import zipfile
from copy import copy

import numpy as np
import pytest

from tests.generation.fake_portrait import FakePortrait
from workbench.errors import BadRequest, Cancelled, ManyFaces, NoFace, OutOfMemory
from workbench.generation import marking, variants
from workbench.generation.references import read_person
from workbench.generation.report import Report, Target, measure
from workbench.generation.sheets import Sheet, check_count, checked, draw_sheet
from workbench.portraits import Recipe
from workbench.watch import Watch

WALL = np.full((200, 200, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def both(bench):
    return {name: bench.model(name) for name in ("dlib", "sface")}


@pytest.fixture(scope="module")
def sampler(bench):
    return bench.model("dcgan-digiface-64")


@pytest.fixture(scope="module")
def person(astronaut, finder, both):
    return read_person([("astronaut", astronaut)], finder, both)


@pytest.fixture
def draw(finder, both, person):
    def run(model, count=3, seed=1, **given):
        rows = np.repeat(person.vectors["dlib"][None], count, axis=0)
        targets = [Target(person.name, person.vectors)]
        return draw_sheet(
            model, "fake", rows, targets, Recipe(seed, prompt=given.pop("prompt", "")), finder, both, **given
        )

    return run


class TestReferences:
    def test_two_photos_of_one_person_raise_no_doubt(self, astronaut, finder, both):
        found = read_person([("one", astronaut), ("two", astronaut[:, ::-1].copy())], finder, both)
        assert found.warnings == ()
        assert found.photos == 2
        assert np.linalg.norm(found.vectors["sface"]) == pytest.approx(1, abs=1e-5)

    def test_different_people_are_warned_of_with_the_cosine(self, astronaut, stranger, finder, both):
        (warning,) = read_person([("her.png", astronaut), ("him.png", stranger)], finder, both).warnings
        assert "her.png and him.png may show different people" in warning
        assert "cosine" in warning
        assert "distance" in warning

    def test_two_faces_are_asked_about_and_can_be_chosen(self, several_people, settings, finder, both):
        from workbench import images

        photo = images.decode(several_people, settings)
        with pytest.raises(ManyFaces, match=r"group has 4 faces\. Whose\?"):
            read_person([("group", photo)], finder, both)
        first, second = (read_person([("group", photo)], finder, both, choice=choice) for choice in (1, 2))
        assert first.vectors["sface"] @ second.vectors["sface"] < 0.5

    def test_no_face_names_the_photo(self, astronaut, finder, both):
        with pytest.raises(NoFace, match=r"wall\.png: no face"):
            read_person([("astronaut", astronaut), ("wall.png", WALL)], finder, both)

    @pytest.mark.parametrize("count", [0, 13])
    def test_none_or_too_many_are_refused(self, count, finder, both):
        with pytest.raises(BadRequest, match="Expected 1 to 12 photos"):
            read_person([("wall", WALL)] * count, finder, both)


class TestReports:
    def test_the_same_photo_is_as_alike_as_can_be(self, astronaut, finder, both, person):
        found = measure([astronaut], [0], [Target("the reference", person.vectors)], finder, both, "dlib")
        by = {row.recogniser: row for row in found.likenesses}
        assert by["sface"].scores[0] == pytest.approx(1, abs=1e-4)
        assert by["dlib"].scores[0] == pytest.approx(0, abs=1e-3)
        assert by["dlib"].conditioned
        assert not by["sface"].conditioned
        assert all(row.passes.all() and row.by_chance[0] == 0 for row in by.values())
        assert "SFace 1.00 ✓" in found.caption(0)
        assert found.sign(0) == f"1 ✓ {'█' * 8}"

    def test_a_stranger_is_told_from_the_reference_and_set_against_strangers(self, sampler, finder, both, person):
        picture = np.kron(sampler(4, seed=3)[0], np.ones((2, 2, 1), np.uint8))
        found = measure([picture], [0], [Target("the reference", person.vectors)], finder, both, "dlib")
        sface = next(row for row in found.likenesses if row.recogniser == "sface")
        assert not sface.passes.any()
        assert 0.01 < sface.by_chance[0] <= 1
        assert found.sign(0).startswith("1 ✗")
        assert found.sign(0).count("█") <= 4, "half of the bar is the threshold"
        assert "took no part" in sface.words()
        assert "0 of 1 count as one person" in sface.words()

    def test_a_picture_without_a_face_is_named_and_has_no_figures(self, astronaut, finder, both, person):
        found = measure([astronaut, WALL], [0, 0], [Target("the reference", person.vectors)], finder, both, "dlib")
        assert found.missing == (1,)
        assert found.caption(1) == "2: no face found"
        assert found.sign(1) == "2 · not judged"
        assert "None in 2" in found.words()
        assert found.rows()[1] == dict.fromkeys(found.rows()[1]) | {"picture": 2, "face": False}
        assert json.loads(json.dumps(found.figures()))["pictures"][0]["face"] is True

    def test_a_sheet_of_walls_says_so_everywhere(self, finder, both, person):
        found = measure([WALL], [0], [Target("the reference", person.vectors)], finder, both, "dlib")
        assert "found in 0 of 1" in found.words()
        assert "no face to compare" in found.words()

    def test_diversity_counts_within_and_across_identities(self, astronaut, sampler, finder, both):
        other = np.kron(sampler(4, seed=3)[0], np.ones((2, 2, 1), np.uint8))
        found = measure([astronaut, astronaut[:, ::-1].copy(), other], [0, 0, 1], [], finder, both, "dlib")
        sface = next(row for row in found.diversities if row.recogniser == "sface")
        assert sface.within < 0.3 < sface.across
        assert sface.mistaken == 0
        assert 0.85 < sface.strangers < 1
        assert "identities are taken for one person" in sface.words()

    def test_the_nearest_of_a_gallery_counts(self, astronaut, finder, both, person):
        gallery = np.stack([-person.vectors["sface"], person.vectors["sface"]])
        found = measure(
            [astronaut], [0], [Target("the gallery", {"sface": gallery}, nearest=True)], finder, both, "dlib"
        )
        assert found.likenesses[0].scores[0] == pytest.approx(1, abs=1e-4)


class TestSheets:
    def test_pictures_come_with_their_report(self, draw, sampler):
        sheet = draw(FakePortrait(sampler), 3)
        assert len(sheet.pictures) == 3
        assert {row.recogniser for row in sheet.report.likenesses} == {"dlib", "sface"}
        assert sheet.recipe == Recipe(1, 4, 2.0)

    def test_there_is_no_sheet_without_a_report(self, draw, sampler):
        sheet = draw(FakePortrait(sampler), 2)
        for report in (None, Report((), (), (), ())):
            with pytest.raises(BadRequest, match="Sheet: expected a report"):
                Sheet(sheet.pictures, report, "fake", sheet.recipe, (0, 0))

    def test_a_report_is_about_all_pictures(self, draw, sampler):
        report = draw(FakePortrait(sampler), 2).report
        with pytest.raises(BadRequest, match="same number"):
            Report(report.faces[:1], report.qualities, report.likenesses, ())

    def test_the_png_says_ai_generated_by_which_model_and_seed(self, draw, sampler):
        sheet = draw(FakePortrait(sampler), 2, seed=77)
        text = marking.read(sheet.png(1))
        assert text["AI-generated"] == "true"
        assert "AI-generated" in text["Description"]
        assert (text["Model"], text["Seed"], text["Picture"]) == ("fake", "77", "2")
        from workbench import images
        from workbench.settings import Settings

        assert np.array_equal(images.decode(sheet.png(1), Settings.from_env({})), sheet.pictures[1])

    def test_the_package_holds_every_picture_and_every_figure(self, draw, sampler):
        sheet = draw(FakePortrait(sampler, blank=True), 3)
        with zipfile.ZipFile(io.BytesIO(sheet.package())) as archive:
            assert archive.namelist() == ["portrait-001.png", "portrait-002.png", "portrait-003.png", "report.json"]
            record = json.loads(archive.read("report.json"))
        assert record["ai_generated"] is True
        assert record["pictures"][2]["face"] is False
        assert record["likeness"][0]["to"] == "the reference"

    def test_previews_and_progress_reach_the_screen(self, draw, sampler):
        shown, told = [], []
        draw(FakePortrait(sampler), 2, preview=shown.append, watch=Watch(lambda share, word: told.append(share)))
        assert len(shown) == 4
        assert len(shown[0]) == 2
        assert told == sorted(told)

    def test_cancel_leaves_nothing(self, draw, sampler):
        with pytest.raises(Cancelled):
            draw(FakePortrait(sampler), 2, watch=Watch(cancelled=lambda: True))

    @pytest.mark.parametrize(
        "fault", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB")]
    )
    def test_out_of_memory_is_said_in_words(self, draw, sampler, fault):
        with pytest.raises(OutOfMemory, match="ran out of memory drawing 2 pictures of 128"):
            draw(FakePortrait(sampler, fails=fault), 2)

    def test_other_faults_stay_what_they_are(self, draw, sampler):
        with pytest.raises(RuntimeError, match="shapes"):
            draw(FakePortrait(sampler, fails=RuntimeError("shapes")), 2)

    @pytest.mark.parametrize("count", [0, 65, 10_000, 1.5, True, "8", None, float("nan")])
    def test_counts_that_cannot_be_are_refused(self, count):
        with pytest.raises(BadRequest, match="Pictures: expected 1 to 64"):
            check_count(count)

    @pytest.mark.parametrize(
        ("recipe", "message"),
        [
            (Recipe(prompt="a" * 10_000), "10,000 characters"),
            (Recipe(prompt="with a hat"), "reads no prompt"),
            (Recipe(steps=51), "steps: expected 1 to 50"),
            (Recipe(guidance=11), "guidance: expected 1 to 10"),
        ],
    )
    def test_recipes_the_model_cannot_use_are_refused(self, recipe, message):
        with pytest.raises(BadRequest, match=message):
            checked(recipe, FakePortrait(None))


def test_an_edited_photo_says_edited_and_not_generated(astronaut):
    text = marking.read(marking.png(astronaut, marking.edited("yaw +10")))
    assert text["Edited"] == "true"
    assert text["Edit"] == "yaw +10"
    assert "AI-generated" not in text


class Redrawing(FakePortrait):
    """Draws every other picture again, and counts as others draw too."""

    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        self.redrawn = 5

    def counting(self):
        self.own = copy(self)
        self.own.redrawn = 0
        return self.own

    def __call__(self, vectors, *given):
        self.redrawn += len(vectors) // 2
        return super().__call__(vectors, *given)


def test_a_sheet_counts_its_own_pictures_that_were_drawn_again(draw, sampler):
    model = Redrawing(sampler)
    sheet = draw(model, count=4)
    assert sheet.redrawn == 2
    assert model.redrawn == 5
    assert "2 pictures were drawn again" in sheet.words()
    assert sheet.record()["drawn again"] == 2


def test_a_sheet_of_which_nothing_was_drawn_again_does_not_speak_of_it(draw, sampler):
    sheet = draw(FakePortrait(sampler), count=1)
    assert "again" not in sheet.words()
    assert "drawn again" not in sheet.record()


def test_variants_are_drawn_one_after_another_and_each_picture_says_which_it_is(sampler, draw):
    first = Recipe(1)
    queue = variants.read("3\nsteps=5", first)
    sheet = draw(FakePortrait(sampler), count=2, queue=queue)

    assert len(sheet.pictures) == 4
    assert [row["variant"] for row in sheet.rows()] == ["seed 3", "seed 3", "steps 5", "steps 5"]
    assert marking.read(sheet.png(0))["Seed"] == "3"
    assert marking.read(sheet.png(3))["Seed"] == "1"
    with pytest.raises(BadRequest, match="expected 1 to 64, got 66"):
        draw(FakePortrait(sampler), count=33, queue=queue)
