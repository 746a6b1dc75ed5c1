"""The Generation tab's handlers, called without a browser: figures beside every sheet, consent first, sentences for bad
input."""

import json
import re
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ui.handlers import last, quiet
from workbench.errors import BadRequest, ManyFaces, ModelMissing, NoFace, OutOfMemory
from workbench.generation import marking
from workbench.sources import figures
from workbench.ui.generation import new as generation_new
from workbench.ui.generation import parts as generation_parts
from workbench.ui.generation import portraits as generation_portraits
from workbench.ui.generation import repose as generation_repose
from workbench.ui.generation import scene as generation_scene
from workbench.ui.generation import wishes as generation_wishes


class TestPortraits:
    def ask(self, here, references, **changed):
        return generation_portraits.generate(
            here, references, **({"consent": True, "model": "fake", "count": 2} | changed), progress=quiet
        )

    def test_a_photo_becomes_a_sheet_with_figures_and_marked_files(self, here, portrait):
        gallery, words, table, package = last(self.ask(here, [(portrait, None)], seed=7))
        assert len(gallery) == 2
        assert all("SFace" in caption and "dlib" in caption for _, caption in gallery)
        assert "took no part in drawing" in words
        assert "1 % of strangers" in words
        assert list(table["picture"]) == [1, 2]
        assert marking.read(Path(gallery[1][0]))["Seed"] == "7"
        with zipfile.ZipFile(package) as archive:
            assert json.loads(archive.read("report.json"))["model"] == "fake"
            assert marking.read(archive.read("portrait-001.png"))["AI-generated"] == "true"

    def test_unfinished_pictures_are_shown_and_called_so(self, here, portrait, fake, monkeypatch):
        real = fake.__class__.__call__

        def slow(self, vectors, recipe, watch=None, preview=None):
            pictures = real(self, vectors, recipe, watch, preview)
            time.sleep(0.5)
            return pictures

        monkeypatch.setattr(fake.__class__, "__call__", slow)
        shown = [event[0] for event in self.ask(here, [(portrait, None)]) if isinstance(event[0], list)]
        assert [caption for _, caption in shown[0]] == ["unfinished", "unfinished"]
        assert "unfinished" not in [caption for _, caption in shown[-1]]

    def test_without_consent_nothing_is_read(self, here, portrait, fake):
        for consent in (False, None, "yes", 1):
            with pytest.raises(BadRequest, match="Please confirm first"):
                last(self.ask(here, [(portrait, None)], consent=consent))
        assert fake.calls == []

    def test_drift_turns_the_vector_and_is_reported(self, here, portrait, fake):
        words = last(self.ask(here, [(portrait, None)], drift=20))[1]
        plain = last(self.ask(here, [(portrait, None)]))[1]
        from workbench.generation.identity import angle

        (turned, _), (straight, _) = fake.calls
        assert angle(turned[0], straight[0]) == pytest.approx(20, abs=0.05)
        assert "the turned identity" in words
        assert "the turned identity" not in plain

    def test_variation_gives_every_picture_its_own_vector(self, here, portrait, fake):
        last(self.ask(here, [(portrait, None)], variation=0.3))
        ((vectors, _),) = fake.calls
        assert not np.allclose(vectors[0], vectors[1])

    def test_no_face_and_two_faces_are_told_of(self, here, portrait, wall, several_people):
        with pytest.raises(NoFace, match="Photo 2: no face"):
            last(self.ask(here, [(portrait, None), (wall, None)]))
        group = str(several_people)
        with pytest.raises(ManyFaces, match="Whose"):
            last(self.ask(here, [(group, None)]))
        assert len(last(self.ask(here, [(group, None)], face="Face 1 (the largest)"))[0]) == 2

    def test_different_people_are_warned_of(self, here, portrait, example_photos):
        words = last(self.ask(here, [(portrait, None), (str(example_photos[1]), None)]))[1]
        assert words.startswith("> ⚠ Photo 1 and Photo 2 may show different people")
        assert "cosine" in words

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"count": 0}, "expected 1 to 64, got 0"),
            ({"count": 10_000}, "expected 1 to 64, got 10000"),
            ({"prompt": "a" * 10_000}, "10,000 characters"),
            ({"prompt": "in a hat"}, "reads no prompt"),
            ({"drift": 91}, "drift: expected"),
            ({"drift": "far"}, "drift: expected"),
            ({"variation": -1}, "variation: expected"),
            ({"seed": -1}, "seed: expected"),
            ({"steps": 900}, "steps: expected"),
            ({"guidance": float("nan")}, "guidance: expected"),
            ({"model": "sface"}, "no portrait model"),
            ({"face": "his"}, "no face 'his'"),
            ({"references": None}, "at least one photo"),
        ],
    )
    def test_what_cannot_be_asked_is_refused_in_words(self, here, portrait, changed, message):
        asked = {"references": [(portrait, None)]} | changed
        with pytest.raises(BadRequest, match=message):
            last(self.ask(here, **asked))

    def test_missing_weights_come_with_their_command(self, here, portrait):
        with pytest.raises(ModelMissing, match="python -m workbench models fetch arc2face-lcm"):
            last(self.ask(here, [(portrait, None)], model="arc2face-lcm"))

    def test_out_of_memory_is_said_and_the_next_run_works(self, here, portrait, fake):
        fake.fails = MemoryError()
        with pytest.raises(OutOfMemory, match="ran out of memory"):
            last(self.ask(here, [(portrait, None)]))
        fake.fails = None
        assert len(last(self.ask(here, [(portrait, None)]))[0]) == 2

    def test_a_cancelled_run_leaves_nothing(self, here, portrait, tmp_path):
        events = self.ask(here, [(portrait, None)], count=16)
        next(events)
        events.close()
        time.sleep(1.0)
        assert list((tmp_path / "uploads").iterdir()) == []

    def test_a_chosen_model_shows_its_ranges(self, here):
        steps, guidance, prompt, *scene = generation_portraits.ranges(here, "fake")
        assert len(scene) == 6
        assert (steps.maximum, guidance.maximum, prompt.visible) == (50, 10.0, False)


class TestRepose:
    def test_sliders_answer_and_nothing_happens_before_consent(self, here, portrait):
        zero = [0] * 7
        scene, shown, words, _ = generation_repose.prepare(here, portrait, False, generation_parts.ASK, *zero)
        assert scene is None
        assert shown is None
        scene, plain, words, _ = generation_repose.prepare(here, portrait, True, generation_parts.ASK, *zero)
        assert words == "The photo as it was: nothing is changed yet."
        turned, words, _ = generation_repose.move(here, scene, 12, 0, 0.5, 0, 0, 0, 0)
        assert max(plain.shape[:2]) == 512
        assert (turned != plain).any()
        assert words == "Edited photo, not a new one: yaw +12, smile +0.5."

    def test_the_full_photo_says_edited(self, here, portrait, astronaut):
        *_, download = generation_repose.repose(here, portrait, yaw=10, consent=True)
        path = Path(download)
        text = marking.read(path)
        assert text["Edited"] == "true"
        assert "AI-generated" not in text
        assert np.array(Image.open(path)).shape == astronaut.shape

    @pytest.mark.parametrize(
        ("changed", "kind", "message"),
        [
            ({"consent": False}, BadRequest, "confirm"),
            ({"source": None}, BadRequest, "Drop a photo"),
            ({"yaw": 40}, BadRequest, "yaw: expected"),
            ({"face": "Face 9"}, BadRequest, "no face 9"),
        ],
    )
    def test_what_cannot_be_done_is_refused(self, here, portrait, changed, kind, message):
        with pytest.raises(kind, match=message):
            generation_repose.repose(here, **({"source": portrait, "consent": True} | changed))

    def test_two_faces_are_asked_about(self, here, several_people):
        with pytest.raises(ManyFaces, match="Choose one by its number"):
            generation_repose.repose(here, str(several_people), consent=True)


def test_a_judge_never_is_the_models_own_recogniser(here):
    assert generation_parts.judges(here, "dlib")[0] == "sface"
    assert "sface" not in generation_parts.judges(here, "sface")
    assert generation_parts.judges(here, "dlib")[-1] == "mobilefacenet", "it may have guided the drawing"


def test_without_a_second_recogniser_the_sheet_says_so(here, monkeypatch):
    monkeypatch.setattr(generation_parts, "judges", lambda bench, conditioner: [])
    assert "nothing independent speaks" in generation_parts.tools(here, "fake").notes[0]


def test_a_wish_that_the_model_would_ignore_is_refused(here, fake, portrait):
    with pytest.raises(BadRequest, match="heeds no wishes"):
        last(generation_portraits.generate(here, [portrait], True, "fake", 2, yaw=10, progress=quiet))
    with pytest.raises(BadRequest, match="hair"):
        last(generation_new.new_identities(here, "appearance-portrait-256", 2, hair="green", progress=quiet))
    assert not fake.calls


def test_a_chosen_repair_is_told_of_and_an_unknown_one_is_refused_before_drawing(here, fake, portrait, monkeypatch):
    monkeypatch.setattr(here, "repairer", lambda name: lambda image, face: image, raising=False)
    _, words, table, _ = last(
        generation_portraits.generate(here, [portrait], True, "fake", 1, repair="x", progress=quiet)
    )
    assert "Repair, by SFace" in words
    assert "sface, repaired to drawn" in table.columns
    monkeypatch.undo()
    drawn = len(fake.calls)
    with pytest.raises(BadRequest, match="no repair model"):
        last(generation_portraits.generate(here, [portrait], True, "fake", 1, repair="sface", progress=quiet))
    assert len(fake.calls) == drawn


def test_the_card_of_a_model_says_what_it_is_before_anything_is_drawn(bench) -> None:
    from workbench.errors import BadRequest
    from workbench.ui.generation.drawer_card import card

    shown = card(bench, "appearance-portrait-256")

    assert "AI-generated" in shown.partition("<img")[2].partition(">")[0], "its sample says that it was drawn"
    assert figures.read("portraits")["appearance-portrait-256"]["headline"].partition(" [")[0] in shown
    assert "Trained on:" in shown
    assert card(bench, "") == ""
    with pytest.raises(BadRequest):
        card(bench, "sface")


def test_the_screen_tells_the_measured_cost_of_each_wish():
    docs = (Path(__file__).parents[3] / "docs" / "portraits.md").read_text()
    rows = {
        "turn": "yaw 12°", "nod": "pitch 8°", "smile": "smile 1", "mouth": "mouth 1", "light": "light 1",
        "15 years": "15 years younger", "hair": "hair blond", "glasses": "glasses round",
        "background": "background dark",
    }  # fmt: skip
    for word, row in rows.items():
        told = float(re.search(rf"{word} (0\.\d\d)", generation_wishes.NOTE).group(1))
        measured = float(re.search(rf"\| {row} \| [\d.]+ \| ([\d.]+) \|", docs).group(1))
        assert told == pytest.approx(measured, abs=0.0051), word


def test_the_scene_of_a_model_is_shown_as_its_row_says_and_the_server_refuses_the_rest(here, fake, portrait):
    names = ("negative", "style", "strength", "size", "pose")
    assert [update["visible"] for update in generation_scene.shown(here, "instantid")] == [True] * len(names)
    assert [update["visible"] for update in generation_scene.shown(here, "fake")] == [False] * len(names)

    for changed, told in (
        ({"negative": "a hat"}, "takes no negative"),
        ({"style": "nonsense"}, "style: expected one of"),
        ({"strength": 0.5}, "takes no strength"),
        ({"strength": float("inf")}, "strength"),
        ({"size": 512}, "takes no size"),
        ({"size": 3.5}, "whole number"),
        ({"pose": portrait}, "takes no pose"),
        ({"variants": "style=film"}, "takes no style"),
        ({"variants": "1, 2, 3", "count": 40}, "expected 1 to 64, got 120"),
    ):
        with pytest.raises(BadRequest, match=told):
            last(TestPortraits().ask(here, [(portrait, None)], **changed))
    assert fake.calls == []


def test_variants_stand_beside_their_pictures(here, portrait):
    gallery, _, table, _ = last(TestPortraits().ask(here, [(portrait, None)], count=1, variants="3, 14"))
    assert [caption.splitlines()[-1] for _, caption in gallery] == ["seed 3", "seed 14"]
    assert list(table["variant"]) == ["seed 3", "seed 14"]
