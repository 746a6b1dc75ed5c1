"""Recognisers score a study's pairs once; what cannot be scored is told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.labeling.conftest import STUDY
from workbench.bench import Workbench
from workbench.errors import BadRequest, ModelMissing
from workbench.evaluation import pair_scores
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study


@pytest.fixture
def scored(tmp_path: Path, astronaut: np.ndarray, settings):
    """A study of three pairs: a face with itself mirrored and darker, with a crop of itself, and with no face at
    all."""
    from dataclasses import replace

    folder = tmp_path / "study"
    (folder / "images").mkdir(parents=True)
    pictures = {"a": astronaut, "b": (astronaut[:, ::-1] * 0.7).astype(np.uint8), "c": astronaut[:400, 60:460]}
    pictures["d"] = np.full((300, 300, 3), 90, np.uint8)
    for name, picture in pictures.items():
        Image.fromarray(np.ascontiguousarray(picture)).save(folder / "images" / f"{name}.png")
    lines = [
        "item,image_1,image_2,truth",
        *(f"p{n},images/{a}.png,images/{b}.png,same" for n, (a, b) in enumerate(("ab", "ac", "ad"))),
    ]
    (folder / "items.csv").write_text("\n".join(lines) + "\n")
    (folder / "study.toml").write_text(STUDY)
    study = load_study(folder)
    store = Store(tmp_path / "labels.db")
    store.add_study(study, load_items(study))
    yield study, store.items(study.name), Workbench(replace(settings, data=tmp_path / "data"))
    store.close()


def test_one_face_twice_scores_high_and_a_picture_without_a_face_is_told(scored):
    study, items, bench = scored
    table, notes = pair_scores.score_items(study, items, ["sface"], bench)
    score = table.set_index("item")["sface"]
    assert score["p0"] > 0.6
    assert score["p1"] > 0.8
    assert np.isnan(score["p2"])
    assert notes == ("sface, item p2: no face was found in d.png",)


def test_a_score_is_that_of_the_recogniser_itself(scored, astronaut, bench):
    from workbench.tasks.detection import one_face
    from workbench.tasks.recognition import embed, similarity

    study, items, own = scored
    finder, model = bench.model("blazeface"), bench.model("sface")
    other = np.ascontiguousarray(astronaut[:400, 60:460])
    expected = similarity(
        embed(astronaut, one_face(astronaut, finder), model), embed(other, one_face(other, finder), model)
    )
    table, _ = pair_scores.score_items(study, items, ["sface"], own)
    assert table.set_index("item").loc["p1", "sface"] == pytest.approx(expected, abs=1e-6)


def test_what_was_scored_is_not_looked_at_again_and_says_the_same(scored, monkeypatch):
    study, items, bench = scored
    first, notes = pair_scores.score_items(study, items, ["sface"], bench)

    def forbidden(*args):
        raise AssertionError("looked again")

    monkeypatch.setattr(pair_scores, "_scored", forbidden)
    again, same_notes = pair_scores.score_items(study, items, ["sface"], bench)
    pd.testing.assert_frame_equal(first, again)
    assert notes == same_notes
    changed = items.assign(pictures=[[(file, "0" * 64) for file, _ in pictures] for pictures in items["pictures"]])
    with pytest.raises(AssertionError, match="looked again"):
        pair_scores.score_items(study, changed, ["sface"], bench)


def test_unknown_and_absent_recognisers_are_refused(scored):
    study, items, bench = scored
    with pytest.raises(BadRequest, match="no recognition model 'nobody'"):
        pair_scores.score_items(study, items, ["nobody"], bench)
    from dataclasses import replace

    empty = Workbench(replace(bench.settings, cache=bench.settings.data / "empty"))
    with pytest.raises(ModelMissing, match="models fetch sface"):
        pair_scores.score_items(study, items, ["sface"], empty)
    assert "sface" in pair_scores.recognisers(bench)
    assert "sface" not in pair_scores.recognisers(empty)


def test_only_pairs_can_be_scored(scored):
    from dataclasses import replace

    from workbench.labeling.study.tasktypes import find_task

    study, items, bench = scored
    with pytest.raises(BadRequest, match="shows 3 pictures"):
        pair_scores.score_items(replace(study, task=find_task("triplet")), items, ["sface"], bench)
