"""The Generation tab's handlers for people who are mixed, who do not exist, and who become a study."""

import io
import os
import time
import zipfile
from pathlib import Path

import pytest

from tests.generation.fake_portrait import FakeLooker
from tests.ui.handlers import last, quiet
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, ModelMissing, NotAllowed
from workbench.generation import marking
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study
from workbench.ui.generation import mix as generation_mix
from workbench.ui.generation import new as generation_new
from workbench.ui.generation import portraits as generation_portraits
from workbench.ui.generation import study as generation_study


def test_faces_between_two_people_come_from_one_noise(here, fake, portrait, example_photos):
    other = str(example_photos[1])
    gallery, _words, *_ = last(
        generation_mix.mix(here, [(portrait, None)], [(other, None)], True, "fake", 3, progress=quiet)
    )
    assert [len(vectors) for vectors, _ in fake.calls] == [1, 1, 1]
    assert all("to the first person" in caption and "to the second person" in caption for _, caption in gallery)
    with pytest.raises(BadRequest, match="both people"):
        last(generation_mix.mix(here, [(portrait, None)], None, True, "fake", progress=quiet))


def test_a_model_that_looks_at_photos_mixes_what_it_sees_of_both(here, fake, portrait, example_photos, monkeypatch):
    row = ModelSpec(id="fake", task="portrait", title="Fake", load="nowhere:load", files=(), photo="must", mixes=True)
    spec, asked = here.spec, []
    monkeypatch.setattr(here, "spec", lambda name, task="": row if name == "fake" else spec(name, task))
    monkeypatch.setattr(fake, "photo", "must")
    fake.shown = lambda photo, face: fake
    fake.between = lambda other, share: asked.append(share) or fake
    last(
        generation_mix.mix(here, [(portrait, None)], [(str(example_photos[1]), None)], True, "fake", 3, progress=quiet)
    )
    assert asked == [0, 0.5, 1]


def test_an_editor_of_photos_is_not_asked_for_what_it_cannot(here, portrait):
    with pytest.raises(BadRequest, match="cannot mix two"):
        last(generation_mix.mix(here, [(portrait, None)], [(portrait, None)], True, "flux1-kontext", 3, progress=quiet))
    with pytest.raises(BadRequest, match="cannot turn a face by degrees"):
        last(generation_study.pair_study(here, "a", "flux1-kontext", progress=quiet))


@pytest.fixture
def looker(here, fake, monkeypatch) -> FakeLooker:
    """A model that must see a photo, mixes, and draws two people in one picture; the fake one draws for it."""
    row = ModelSpec(
        id="looker", task="portrait", title="Looker", load="n:l", files=(), photo="must", mixes=True, people=2
    )
    found, spec, model, names = FakeLooker(fake.sampler), here.spec, here.model, here.here
    monkeypatch.setattr(here, "spec", lambda name, task="": row if name == "looker" else spec(name, task))
    monkeypatch.setattr(here, "model", lambda name, task="": found if name == "looker" else model(name, task))
    monkeypatch.setattr(here, "here", lambda task: [row, *names(task)] if task == "portrait" else names(task))
    return found


def test_new_people_of_a_model_that_must_see_a_photo_are_drawn_by_another_first(here, looker, fake, portrait):
    gallery, words, *_ = last(generation_new.new_identities(here, "looker", 2, 25, progress=quiet))
    assert len(gallery) == 2
    assert "lies at least 25° apart by dlib" in words
    assert "to the photo drawn first" in words
    assert fake.calls, "the one that needs no photo drew"
    near = last(
        generation_new.new_identities(here, "looker", 1, 25, gallery=[(portrait, None)], consent=True, progress=quiet)
    )
    assert "the nearest to keep away from" in near[1]


def test_without_a_model_that_could_draw_first_it_is_said_how_to_fetch_one(here, looker, monkeypatch):
    monkeypatch.setattr(here, "here", lambda task: [here.spec("looker")] if task == "portrait" else [])
    with pytest.raises(ModelMissing, match="models fetch appearance-portrait-256"):
        last(generation_new.new_identities(here, "looker", 2, progress=quiet))


def test_a_pair_study_of_a_model_that_must_see_a_photo(here, looker):
    _, words, download = last(
        generation_study.pair_study(here, "seen", "looker", 2, 2, 25, 25, steps=1, progress=quiet)
    )
    assert "turned 25°" in words
    assert "Fake drew one of each person first" in words
    with zipfile.ZipFile(download) as archive:
        assert b"drew one of each person first" in archive.read("report.json")


class TestSeveralPeople:
    def ask(self, here, portrait, other, **changed):
        asked = {"consent": True, "model": "looker", "count": 1, "second": [(other, None)]} | changed
        return last(generation_portraits.generate(here, [(portrait, None)], **asked, progress=quiet))

    def test_each_is_judged_at_their_place(self, here, looker, portrait, example_photos):
        gallery, words, table, _ = self.ask(here, portrait, str(example_photos[1]))
        assert len(gallery) == 1
        assert "to person 1" in words
        assert "to person 2" in words
        assert {"sface to person 1", "sface to person 2"} <= set(table.columns)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"model": "fake"}, "draws one person only in one picture"),
            ({"third": "again"}, "draws 2 people at most"),
            ({"places": "0 0 60 100\n50 0 100 100"}, "overlap"),
            ({"places": "everywhere"}, "one for each of 2 people"),
            ({"second": None, "places": "0 0 50 100"}, "add photos of the second person"),
            ({"drift": 10}, "for one person in a picture"),
            ({"consent": False}, "confirm"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, here, looker, portrait, changed, message):
        changed = {name: [(portrait, None)] if value == "again" else value for name, value in changed.items()}
        with pytest.raises(BadRequest, match=message):
            self.ask(here, portrait, portrait, **changed)

    def test_the_form_is_shown_for_models_that_draw_several(self, here, looker):
        assert generation_portraits.ranges(here, "looker")[-1]["visible"] is True
        assert generation_portraits.ranges(here, "fake")[-1]["visible"] is False


def test_new_people_need_no_photo_and_keep_away_from_those_given(here, portrait):
    gallery, words, *_ = last(generation_new.new_identities(here, "fake", 3, progress=quiet))
    assert len(gallery) == 3
    assert "taken for one person" in words
    words = last(
        generation_new.new_identities(here, "fake", 2, gallery=[(portrait, None)], consent=True, progress=quiet)
    )[1]
    assert "the nearest to keep away from" in words
    with pytest.raises(BadRequest, match="confirm"):
        last(generation_new.new_identities(here, "fake", 2, gallery=[(portrait, None)], progress=quiet))
    with pytest.raises(BadRequest, match="were not found"):
        last(generation_new.new_identities(here, "fake", 40, 120, progress=quiet))


class TestPairStudy:
    def ask(self, here, **changed):
        asked = {"name": "pairs", "model": "fake", "people": 2, "pictures": 2, "widest": 30} | changed
        return generation_study.pair_study(here, **asked, progress=quiet)

    def test_it_comes_as_a_zip_that_loads(self, here, tmp_path):
        gallery, words, download = last(self.ask(here))
        assert "turned 30°" in words
        assert all(marking.read(Path(path))["AI-generated"] == "true" for path, _ in gallery)
        data = Path(download).read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(tmp_path / "unpacked")
        assert len(load_items(load_study(tmp_path / "unpacked"))) >= 4
        assert not (here.settings.data / "studies").exists()

    def test_the_owner_keeps_it_for_the_labeling_tab(self, here):
        words = last(self.ask(here, token="the owner's own token"))[1]
        assert "open the Labeling tab" in words
        assert load_items(load_study(here.settings.data / "studies" / "pairs"))
        with pytest.raises(Exception, match="already"):
            last(self.ask(here, token="the owner's own token"))

    def test_a_wrong_token_or_design_is_refused(self, here):
        with pytest.raises(NotAllowed, match="needs the owner's token"):
            last(self.ask(here, token="guess"))
        with pytest.raises(BadRequest, match="at most 200 pictures"):
            last(self.ask(here, people=40, pictures=9))
        with pytest.raises(BadRequest, match="Study name"):
            last(self.ask(here, name="../up"))

    def test_a_cancelled_study_leaves_nothing(self, here, tmp_path):
        events = self.ask(here, people=20, pictures=5)
        next(events)
        time.sleep(0.4)
        events.close()
        left = []
        for _ in range(200):
            left = [name for _, _, names in os.walk(tmp_path / "uploads") for name in names]  # folders may go meanwhile
            if not left:
                break
            time.sleep(0.05)
        assert not left
        assert not (here.settings.data / "studies").exists()


def test_the_way_between_two_people_is_a_curve_that_says_where_it_begins_and_ends() -> None:
    import pandas as pd

    from workbench.ui.generation.way import curve_html

    rows = [
        {"picture": 1, "face": True, "sface to the first person": 0.9, "sface to the second person": 0.1},
        {"picture": 2, "face": False, "sface to the first person": None, "sface to the second person": None},
        {"picture": 3, "face": True, "sface to the first person": 0.2, "sface to the second person": 0.8},
    ]
    rows = [
        row | {"sface to the first person, one person": True, "sface to the first person, strangers": 0.1}
        for row in rows
    ]
    shown = curve_html(pd.DataFrame(rows))

    assert "SFace: to the first person from 0.90 to 0.20; to the second person from 0.10 to 0.80." in shown
    assert shown.count("<circle") == 4, "a picture without a face has no point; verdicts and chances are no curves"
    assert curve_html(None) == curve_html(pd.DataFrame(rows[:1])) == ""
