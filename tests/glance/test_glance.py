"""Everything at a glance: one value, one page that loads nothing, runs nothing and hides no gap."""

import re

import numpy as np
import pytest
from PIL import Image

from workbench import images
from workbench.glance.look import Glance, glance
from workbench.glance.page import page
from workbench.photo import Found, Photo
from workbench.tasks.analysis import Readers


@pytest.fixture(scope="module")
def seen(bench, astronaut, astronaut_face) -> Glance:
    """The astronaut by the default parser and expression model, with one method and one that does not fit."""
    readers = Readers(expression=bench.expression(), parser=bench.parser())
    found = Found(Photo(astronaut, name="<b>.png"), (astronaut_face,))
    return glance(found, readers, methods=("grad_cam", "attention_rollout"))


def test_it_says_what_the_models_say_and_what_could_not_be_said(seen: Glance) -> None:
    assert seen.faces[0].expression_word == "happy"
    assert (seen.parsing.labels > 0).mean() > 0.05
    assert seen.why is not None
    assert [method for method, _ in seen.why.tried] == ["grad_cam"]
    assert any(sentence.startswith("attention_rollout: ") for sentence in seen.untold)


def test_the_page_is_whole_loads_nothing_and_takes_no_name_for_markup(seen: Glance) -> None:
    text = page(seen)

    assert "<b>.png" not in text
    assert "<script" not in text
    assert not re.findall(r'(?:src|href)="(?!data:image/)', text)
    assert all(re.findall(r'<img alt="([^"]+)"', text))
    assert "happy" in text
    assert seen.why.proof.verdict.sentence.split(":")[0] in text
    assert "attention_rollout" in text


def test_faces_of_one_photo_are_compared_by_every_recogniser(bench, several_people) -> None:
    from workbench.tasks.detection import find_faces

    photo = images.read(several_people, bench.settings)
    faces = tuple(find_faces(photo.image, bench.finder()))[:2]
    found = glance(Found(photo, faces), recognisers=[bench.recogniser()])

    assert [(pair.first, pair.second, len(pair.matches)) for pair in found.pairs] == [(1, 2, 1)]
    assert found.pairs[0].matches[0].words() in page(found).replace("&#x27;", "'")


def test_the_command_writes_the_page(bench, tmp_path, astronaut, monkeypatch, capsys) -> None:
    from workbench.cli import main

    monkeypatch.setattr("workbench.glance.look.METHODS", ())
    monkeypatch.setattr("workbench.bench.Workbench.default_recognisers", lambda self: ())
    monkeypatch.setattr("workbench.bench.Workbench.readers", lambda self: Readers())
    monkeypatch.setenv("WORKBENCH_CACHE", str(bench.settings.cache))
    Image.fromarray(np.asarray(astronaut)).save(tmp_path / "me.png")

    assert main(["glance", str(tmp_path / "me.png"), "--out", str(tmp_path / "me.html")]) == 0
    assert "Wrote" in capsys.readouterr().out
    assert "me.png at a glance" in (tmp_path / "me.html").read_text()
