"""Blur, mosaic, silhouette on the screen: the exact outline, sizes, and people who stay."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.drawing import luminance
from workbench.errors import BadRequest
from workbench.tasks.detection import find_faces
from workbench.ui.protection.plain import anonymise
from workbench.ui.protection.views import STYLE

TONES = sorted(set(re.findall(r"\.(?:good|bad|open) \{ --tone: (#\w+)", STYLE.split(".dark")[0])))


@pytest.fixture
def here(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workbench.ui.common.widgets.uploads.folder", lambda settings: tmp_path)
    return bench


@pytest.fixture
def pair(tmp_path: Path, astronaut, stranger) -> str:
    """The astronaut, and a stranger on the right."""
    Image.fromarray(astronaut).save(tmp_path / "me.png")
    other = np.asarray(Image.fromarray(stranger).resize((400, 400)))
    Image.fromarray(np.hstack([astronaut[:400, 56:456], other])).save(tmp_path / "pair.png")
    return str(tmp_path / "pair.png")


def test_who_is_kept_stays_and_the_outline_hides_less_than_the_ellipse(here, pair, tmp_path, finder):
    me = [str(tmp_path / "me.png")]
    changed = []
    for shape in ("outline", "ellipse"):
        *_, path = anonymise(here, pair, "silhouette", 1.0, None, shape, 1.0, me)
        after = np.asarray(Image.open(path).convert("RGB"))
        assert [face.box[0] < 400 for face in find_faces(after, finder)] == [True]
        hidden = np.abs(after.astype(int) - after[200, 600]).max(axis=2) <= 3  # the one flat colour; hair is as grey
        changed.append(int(hidden.sum()))
    assert 1.15 * changed[0] < changed[1]


def test_choices_out_of_range_and_nobody_left_to_hide_are_sentences(here, pair, tmp_path):
    me = [str(tmp_path / "me.png")]
    with pytest.raises(BadRequest, match=r"Everybody here who was to be hidden"):
        anonymise(here, me[0], "blur", 1.0, None, "ellipse", 1.0, me)
    with pytest.raises(BadRequest, match=r"no shape 'square'"):
        anonymise(here, pair, "blur", 1.0, None, "square")
    with pytest.raises(BadRequest, match=r"size"):
        anonymise(here, pair, "blur", 1.0, None, "ellipse", 7.0)
    with pytest.raises(BadRequest, match=r"at most 50 photos"):
        anonymise(here, pair, "blur", 1.0, None, "ellipse", 1.0, me * 51)


@pytest.mark.parametrize("tone", TONES)
def test_a_verdict_is_read_on_its_own_tint(tone: str) -> None:
    """Red on its own tint had a contrast of 3.85, green 4.08; 4.5 is what small letters need."""
    parts = [int(tone[at : at + 2], 16) for at in (1, 3, 5)]
    tint = "#" + "".join(f"{round(0.12 * part + 0.88 * 248):02x}" for part in parts)
    assert (luminance(tint) + 0.05) / (luminance(tone) + 0.05) >= 4.5
