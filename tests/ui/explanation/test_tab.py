"""The Explanation tab's handlers, called without a browser: an answer first, then a map with its proof, sentences for
bad input."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from tests.ui.handlers import last, quiet
from workbench.errors import BadRequest, Cancelled, NoFace, WorkbenchError
from workbench.ui.common.background import in_background
from workbench.ui.common.faces import find_in
from workbench.ui.explanation import compare as explanation_compare
from workbench.ui.explanation import many as explanation_many
from workbench.ui.explanation import one as explanation_one
from workbench.ui.explanation import pair as explanation_pair
from workbench.ui.explanation import parts as explanation_parts
from workbench.ui.explanation import recipes as explanation_recipes
from workbench.ui.explanation import views
from workbench.values import Scores


@pytest.fixture
def here(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The bench, with a folder of its own for results, and proofs of few random maps."""
    monkeypatch.setattr("workbench.ui.common.widgets.uploads.folder", lambda settings: tmp_path)
    from workbench.explanation import explain as explanation

    real = explanation.proof_of
    monkeypatch.setattr(
        explanation, "proof_of", lambda found, **given: real(found, **(given | {"steps": 4, "randoms": 6, "stages": 1}))
    )
    return bench


@pytest.fixture
def portrait(tmp_path: Path, astronaut: np.ndarray) -> str:
    path = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return str(path)


@pytest.fixture
def mirrored(tmp_path: Path, astronaut: np.ndarray) -> str:
    path = tmp_path / "mirrored.png"
    Image.fromarray(astronaut[:, ::-1]).save(path)
    return str(path)


class TestOneFace:
    def test_the_answer_comes_before_any_heatmap(self, here, portrait):
        html, face, target, methods = explanation_one.answer(here, portrait, "Face 1", "fer")
        assert html.count("<b>") >= 3
        assert "happy" in html
        assert face.value == "Face 1"
        assert target.value == here.model("fer").scores(*_photo(here, portrait)).top
        assert ("Grad-CAM", "grad_cam") in methods.choices
        assert "attention_rollout" not in {value for _, value in methods.choices}

    def test_the_answer_says_how_sure_the_model_is_and_an_unsure_one_says_so(self, here, portrait, monkeypatch):
        html, *_ = explanation_one.answer(here, portrait, "Face 1", "compact-expression")
        assert "is sure (softmax" in html
        assert "energy" in html
        assert "flip" in html
        model = here.model("compact-expression")
        monkeypatch.setattr(model, "bar", 1.5)
        assert "is unsure" in explanation_one.unsure(model, *_photo(here, portrait))
        assert explanation_one.unsure(here.model("fer"), *_photo(here, portrait)) == ""

    def test_a_map_comes_with_verdict_curves_parts_and_files(self, here, portrait):
        shown, picture, verdict, curves, shares, png, npz, record = last(
            explanation_one.explain(
                here, portrait, "Face 1", "fer", "happy", "grad_cam", "{}", "mesh", True, 0, 0.7, progress=quiet
            )
        )
        assert picture.shape == shown.seen.shape == (420, 420, 3)
        assert any(word in verdict for word in ("Evidence", "No better than chance", "No evidence"))
        assert "action units" in verdict
        assert "shuffled" in verdict
        assert len(curves.axes) == 2
        assert shares is not None
        assert Image.open(Path(png)).size == (512, 512)
        with np.load(Path(npz)) as saved:
            assert saved["heatmap"].shape == (512, 512)
            assert saved["heatmap"].max() > 0
        assert {Path(file).name for file in (png, npz, record)} == {
            f"astronaut_explanation.{kind}" for kind in ("png", "npz", "json")
        }
        assert json.loads(Path(record).read_text())["method"] == "grad_cam"

    def test_knobs_reach_the_method_by_name_or_by_method_and_no_label_is_the_models_own_answer(self, here, portrait):
        """Who pressed Explain before the answer to a new photo had come was told about another label."""
        for target, knobs in (
            ("happy", '{"stride": 16, "window": 32}'),
            (None, '{"occlusion": {"stride": 16, "window": 32}, "rise": {"masks": 1}}'),
        ):
            *_, record = last(
                explanation_one.explain(
                    here, portrait, "Face 1", "fer", target, "occlusion", knobs, "none", False, 0, progress=quiet
                )
            )
            told = json.loads(Path(record).read_text())
            assert told["knobs"] == {"stride": 16, "window": 32, "fill": "blur"}
            assert told["target"] == "happy"

    def test_nothing_is_asked_about_before_the_model_has_answered(self, here):
        """The first label of the list stood there: pressed within the first moment, Explain said why not "neutral"."""
        with gr.Blocks() as page:
            explanation_one.build_inside(here, gr.State(None))
        (found,) = [block for block in page.blocks.values() if getattr(block, "elem_id", "") == "explain-target"]
        assert found.value is None

    def test_an_old_recipe_opens_in_the_tab_and_gives_the_same_picture(self, here, portrait, mirrored, tmp_path):
        knobs = '{"stride": 16, "window": 32}'
        asked = ("Face 1", "fer", "neutral", "occlusion", knobs, "none", False, 3)
        _, before, *_, record = last(explanation_one.explain(here, portrait, *asked, progress=quiet))
        face, model, target, method, kept, parser, seed = explanation_recipes.open_recipe(here, record, portrait)
        opened = (face.value, model, target.value, method, parser, seed)
        assert opened == ("Face 1", "fer", "neutral", "occlusion", "none", 3)
        again = (face.value, model, target.value, method, kept, parser, False, seed)
        _, after, *_ = last(explanation_one.explain(here, portrait, *again, progress=quiet))
        np.testing.assert_array_equal(before, after)
        with pytest.raises(BadRequest, match="another photo"):
            explanation_recipes.open_recipe(here, record, mirrored)
        (tmp_path / "list.json").write_text("[1]")
        with pytest.raises(BadRequest, match="lacks what makes it one"):
            explanation_recipes.open_recipe(here, str(tmp_path / "list.json"), portrait)
        saved = json.loads(Path(record).read_text())
        for change, words in (({"parser": "fer"}, "no parsing model"), ({"target": "hair"}, "no label"),
                              ({"model": "compact", "target": "<b>"}, "no label")):  # fmt: skip
            (tmp_path / "forged.json").write_text(json.dumps(saved | change))
            with pytest.raises(BadRequest, match=words):
                explanation_recipes.open_recipe(here, str(tmp_path / "forged.json"), portrait)

    def test_an_age_and_the_area_of_a_part_can_be_asked_for(self, here, portrait):
        for model, target in (("age", "age"), ("compact", "hair")):
            _, _, verdict, *_ = last(
                explanation_one.explain(
                    here, portrait, "Face 1", model, target, "grad_cam", "{}", "none", False, 0, progress=quiet
                )
            )
            assert "map" in verdict.lower()

    def test_the_overlay_changes_without_a_second_run(self, here, portrait):
        shown, strong, *_ = last(
            explanation_one.explain(
                here, portrait, "Face 1", "fer", "happy", "grad_cam", "{}", "none", False, 0, 1.0, progress=quiet
            )
        )
        weak = explanation_one.repaint(here, shown, 0.0)
        assert (weak != strong).any()
        assert explanation_one.repaint(here, None, 0.5) == gr.skip()

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"face": "Face 7"}, "no face 7"),
            ({"model": "sface"}, "does recognition"),
            ({"model": "nobody"}, "There is no"),
            ({"target": "bored"}, "no label 'bored'"),
            ({"method": "tea leaves"}, "no method"),
            ({"method": "attention_rollout"}, "vision transformer"),
            ({"method": "signed_holes"}, "two faces"),
            ({"method": "part_shapley"}, "parsed face"),
            ({"knobs": "{"}, "expected JSON"),
            ({"knobs": "[1]"}, "JSON object"),
            ({"knobs": '{"strides": 3}'}, "has no knob"),
            ({"parser": "sface"}, "parsing"),
            ({"seed": -1}, "seed: expected"),
            ({"seed": 0.5}, "seed: expected"),
            ({"source": None}, "Drop a photo"),
        ],
    )
    def test_what_cannot_be_asked_is_refused_in_words(self, here, portrait, changed, message):
        asked = {
            "source": portrait,
            "face": "Face 1",
            "model": "fer",
            "target": "happy",
            "method": "occlusion",
            "parser": "none",
        }
        with pytest.raises(BadRequest, match=message):
            last(explanation_one.explain(here, **(asked | changed), progress=quiet))

    def test_no_face_is_said(self, here, tmp_path):
        path = tmp_path / "wall.png"
        Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(path)
        with pytest.raises(NoFace, match="No face was found"):
            explanation_one.answer(here, str(path), "Face 1", "fer")


def _photo(bench, path):
    found = find_in(bench, path)
    image, faces = found.image, found.faces
    return image, faces[0]


class TestTwoFaces:
    def test_every_recogniser_speaks_before_any_map(self, here, portrait, mirrored):
        words, first, second = explanation_pair.compare(here, portrait, mirrored, "Face 1", "Face 3")
        assert (first.value, second.value) == ("Face 1", "Face 1")
        assert words.count("\n- ") == len(explanation_parts.explainable(here, ("recognition",))) >= 2
        assert "one person" in words

    def test_both_faces_get_a_map_and_words_and_the_maps_come_before_their_proof(
        self, here, portrait, mirrored, monkeypatch
    ):
        """Nothing was shown for minutes, as the proof takes many times as long as the maps."""
        told, work = [], explanation_pair._work
        monkeypatch.setattr(
            explanation_pair, "_work", lambda bench, asked, watch, _: work(bench, asked, watch, told.append)
        )
        knobs = '{"stride": 32, "window": 48}'
        asked = (portrait, mirrored, "Face 1", "Face 1", "sface", "occlusion", knobs, "mesh", True, 0)
        words, first, second, verdict, download, answers = last(
            explanation_pair.explain_similarity(here, *asked, progress=quiet)
        )
        assert "SFace" in words or "sface" in words
        assert first.shape == second.shape == (420, 420, 3)
        assert verdict.count("Makes them alike") == told[0][3].count("Makes them alike") == 2
        assert told[0][1].shape == first.shape
        assert explanation_pair.UNPROVEN in told[0][3]
        assert explanation_pair.UNPROVEN not in verdict
        with np.load(Path(download)) as saved:
            assert {"heatmap_first", "heatmap_second"} <= set(saved.files)
        assert answers is None

    def test_patch_flow_shows_which_place_answers_which(self, here, portrait):
        asked = (portrait, portrait, "Face 1", "Face 1", "mobilefacenet", "patch_flow", "{}", "none", False, 0)
        *_, download, answers = last(explanation_pair.explain_similarity(here, *asked, progress=quiet))
        assert answers.shape == (336, 720, 3)
        with np.load(Path(download)) as saved:
            assert saved["partners_first"].shape == saved["patches_second"].shape == (16,)

    def test_one_photo_is_not_a_pair(self, here, portrait):
        with pytest.raises(BadRequest, match="two photos"):
            last(explanation_pair.explain_similarity(here, portrait, None, progress=quiet))

    def test_a_photo_without_a_face_is_said(self, here, portrait, tmp_path):
        path = tmp_path / "wall.png"
        Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(path)
        with pytest.raises(NoFace):
            explanation_pair.compare(here, portrait, str(path), "Face 1", "Face 1")


def test_a_grid_shows_maps_with_verdicts_and_their_agreement(here, portrait):
    gallery, words, table, matrix = last(
        explanation_compare.compare_maps(
            here, portrait, "Face 1", "", ["fer"], ["grad_cam", "eigen_cam"], "none", True, progress=quiet
        )
    )
    maps = [caption for _, caption in gallery if "consensus" not in caption]
    assert len(maps) == 2
    assert all(":" in caption for caption in maps)
    assert "of 2 maps count as evidence" in words
    assert table.shape == (2, 3)
    assert matrix.count("<img") == matrix.count("class='badge") == 2
    assert matrix.count("<th scope='row'>") == 2, "a row per method"
    assert "Grad-CAM on mini-XCEPTION (fer): " in matrix, "a picture's words say its verdict"


def test_a_map_that_could_not_be_drawn_has_its_reason_in_its_cell():
    from workbench.explanation.many import Cell
    from workbench.ui.explanation.matrix import matrix_html

    shown = matrix_html([Cell("fer", "grad_cam", None, None, "it has <no> gradients")], {}, {"fer": "Fer"})

    assert "it has &lt;no&gt; gradients" in shown
    assert "<img" not in shown


def test_maps_that_passed_chance_are_joined_and_those_that_did_not_are_left_out(astronaut, astronaut_face):
    def cell(model, passed, heat):
        made = SimpleNamespace(chip_map=SimpleNamespace(values=heat), matrix=np.array([[0.1, 0, -10], [0, 0.1, -5]]))
        verdict = SimpleNamespace(counts=passed, gain=0.5, chance=0.2)
        return SimpleNamespace(model=model, explanation=made, proof=SimpleNamespace(verdict=verdict))

    up, down = np.arange(64.0).reshape(8, 8), -np.arange(64.0).reshape(8, 8)
    grid = SimpleNamespace(
        cells=[cell("a", True, up), cell("a", True, up), cell("a", False, down), cell("b", True, up)]
    )
    ((picture, caption),) = explanation_compare._consensus(astronaut, astronaut_face, grid)
    assert caption.startswith("a · consensus of 2 maps")
    assert picture.shape == (300, 300, 3)


def test_a_grid_of_nothing_is_refused(here, portrait):
    with pytest.raises(BadRequest, match="at least one model"):
        last(explanation_compare.compare_maps(here, portrait, "Face 1", "", [], ["grad_cam"], progress=quiet))


def test_many_faces_give_global_maps_a_table_and_a_tree_and_a_broken_file_is_listed(here, portrait, mirrored, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no photo")
    gallery, words, table, tree, download = last(
        explanation_many.explain_many(
            here, [portrait, str(broken), mirrored], "happy", ["fer"], ["grad_cam", "eigen_cam"], progress=quiet
        )
    )
    assert [caption for _, caption in gallery] == [
        "happy · fer · Eigen-CAM (2 faces)",
        "happy · fer · Grad-CAM (2 faces)",
    ]
    assert gallery[0][0].shape == (256, 256, 3)
    bare = explanation_many._coloured(np.zeros((128, 128), np.float32))
    assert (explanation_many._coloured(np.zeros((128, 128), np.float32), np.full((478, 2), 64.0)) != bare).any()
    assert "broken.png" in words
    assert "0.270" in words
    assert list(table["Faces"]) == [2, 2]
    assert tree is not None
    with np.load(Path(download)) as saved:
        assert saved["heatmaps"].shape == (2, 128, 128)


def test_too_many_photos_are_sent_to_the_command_line(here):
    with pytest.raises(BadRequest, match="command line"):
        last(explanation_many.explain_many(here, ["x.png"] * 201, "", ["fer"], ["grad_cam"], progress=quiet))


class TestInTheBackground:
    def test_the_result_comes_last(self):
        assert list(in_background(lambda watch: 7, quiet))[-1] == 7

    def test_errors_come_through(self):
        def fails(watch):
            raise NoFace("none")

        with pytest.raises(NoFace, match="none"):
            last(in_background(fails, quiet))

    def test_closing_it_stops_the_work(self):
        state = SimpleNamespace(ended=None)

        def works(watch) -> None:
            try:
                while True:
                    time.sleep(0.01)
                    watch.tell(0.5, "working")
            except Cancelled:
                state.ended = "cancelled"
                raise

        events = in_background(works, quiet)
        assert next(events) is None
        events.close()
        for _ in range(300):
            if state.ended:
                break
            time.sleep(0.01)
        assert state.ended == "cancelled"

    def test_progress_is_passed_on(self):
        seen = []

        def works(watch) -> int:
            watch.tell(0.25, "a quarter")
            time.sleep(0.5)
            return 1

        last(in_background(works, lambda share, desc: seen.append((share, desc))))
        assert (0.25, "a quarter") in seen


def test_a_pressed_question_chooses_its_model_and_label_and_a_forged_one_is_refused(bench) -> None:
    def pressed(**sent):
        return explanation_one.asked_why(bench, SimpleNamespace(_data=sent))

    model, target = pressed(model="age", label="age")
    assert (model, target.value) == ("age", "age")
    for forged in ({}, {"model": "age", "label": "<b>"}, {"model": "sface", "label": "age"}, {"model": "nobody"}):
        with pytest.raises(WorkbenchError):
            pressed(**forged)


def test_every_answer_asks_why_and_names_are_escaped() -> None:
    happy = Scores(("sad", "happy"), np.array([0.003, 0.997], np.float32), "a 'model'")
    answer = views.answer_html([("A <model>", happy)])

    assert "happy 99.7 % – why?</button>" in answer
    assert "data-model='a &#x27;model&#x27;'" in answer
    assert "<model>" not in answer
