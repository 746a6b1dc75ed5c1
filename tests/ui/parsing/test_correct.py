"""A mask corrected in the Parsing tab is the photo's mask everywhere on that page, and on no other."""

import base64
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from workbench.errors import BadRequest
from workbench.parts import INDEX
from workbench.ui.common.visitor import VISITOR
from workbench.ui.explanation import parts as explanation
from workbench.ui.parsing import correct, one
from workbench.ui.protection import parts as protection

EAR = INDEX["image_left_ear"]


@pytest.fixture
def here(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workbench.ui.common.widgets.uploads.folder", lambda settings: tmp_path)
    VISITOR.set("this page")
    yield bench
    VISITOR.set("")


@pytest.fixture
def portrait(tmp_path: Path, astronaut: np.ndarray) -> str:
    path = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return str(path)


def drawn(answer: one.Answer, **other: object) -> SimpleNamespace:
    """What the editor sends after an ear was painted."""
    labels, owners = answer.seen_parsing.labels.copy(), answer.seen_parsing.owners.copy()
    labels[100:140, 120:150], owners[100:140, 120:150] = EAR, 1
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([labels, owners, np.zeros_like(labels)])).save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return SimpleNamespace(_data={"key": answer.key, "labels": url} | other)


def test_a_corrected_mask_is_the_photos_mask_everywhere_on_this_page(here, portrait: str, tmp_path: Path) -> None:
    model = one.parse(here, portrait, "compact")[0]

    kept = correct.keep(here, model, portrait, drawn(model))
    answer, scores = kept[0], kept[6]

    assert (answer.parsing.labels[100:140, 120:150] == EAR).all()
    assert "corrected by hand" in kept[1]["caption"]
    assert scores.set_index("Part").loc["Ear (image left)", "Pixels, corrected"] >= 1200
    again = one.parse(here, portrait, "compact")[0]
    assert np.array_equal(again.parsing.labels, answer.parsing.labels)
    ready = protection.ready(here, portrait)
    assert ready.parsing is not None
    assert (ready.parsing.labels[100:140, 120:150] == EAR).all()
    shares = explanation.parsed(here, ready.image, ready.faces, "compact")
    assert shares is not None
    assert np.array_equal(shares.labels, answer.parsing.labels)

    VISITOR.set("another page")
    assert (one.parse(here, portrait, "compact")[0].parsing.labels[100:140, 120:150] != EAR).any()
    VISITOR.set("this page")
    for path in kept[7:]:
        opened = correct.open_mask(here, model, portrait, "compact", path)[0]
        assert np.array_equal(opened.parsing.labels, answer.parsing.labels), path

    gone = correct.forget(here, answer, portrait)[0]
    assert np.array_equal(gone.parsing.labels, model.parsing.labels)
    assert one.parse(here, portrait, "compact")[0].model_parsing is None


def test_what_the_browser_sends_is_checked(here, portrait: str) -> None:
    answer = one.parse(here, portrait, "compact")[0]

    for event in (
        drawn(answer, key="old"),
        drawn(answer, labels="data:image/png;base64,AAAA"),
        drawn(answer, labels=7),
    ):
        with pytest.raises(BadRequest):
            correct.keep(here, answer, portrait, event)
    with pytest.raises(BadRequest):
        correct.keep(here, None, portrait, drawn(answer))
    with pytest.raises(BadRequest):
        correct.forget(here, answer, portrait)
