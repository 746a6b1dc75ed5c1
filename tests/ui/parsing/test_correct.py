"""A mask corrected in the Parsing tab is the photo's mask everywhere on that page, and on no other."""

import base64
import io
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from workbench.catalog import find
from workbench.errors import BadRequest
from workbench.parts import INDEX
from workbench.ui.common.visitor import VISITOR
from workbench.ui.explanation import parts as explanation
from workbench.ui.parsing import click, correct, cutting, one
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


def test_a_click_in_the_editor_comes_back_as_what_it_changed(here, portrait: str) -> None:
    answer = one.parse(here, portrait, "compact")[0]
    nose = answer.seen_parsing.mask("nose")
    y, x = np.nonzero(nose)
    box = [int(x.min()), int(y.min()), int(x.max() - x.min()) + 1, int(y.max() - y.min()) + 1]
    cut = nose[box[1] : box[1] + box[3], box[0] : box[0] + box[2]].astype(np.uint8) * 255
    buffer = io.BytesIO()
    Image.fromarray(cut).save(buffer, "PNG")
    asked = {
        "key": answer.key,
        "part": INDEX["nose"],
        "face": 1,
        "box": box,
        "mask": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
        "clicks": [[int(x.max()) + 8, int(y.max()) - 4, 1]],
    }

    told, looks = click.refine(here, answer, None, None, SimpleNamespace(_data=asked))
    patch = told.props["patch"]
    codes = np.asarray(Image.open(io.BytesIO(base64.b64decode(patch["codes"].partition(",")[2]))))
    assert codes.shape[:2] == (patch["box"][3], patch["box"][2])
    assert codes[asked["clicks"][0][1] - patch["box"][1], asked["clicks"][0][0] - patch["box"][0]].tolist() == [
        2,
        0,
        255,
    ]
    again = click.refine(here, answer, looks, "clicks", SimpleNamespace(_data=asked))[1]
    assert again is looks, "a face is looked at once"

    for bad in ({"part": 0}, {"part": "nose"}, {"face": 2}, {"box": [0, 0, 9999, 2]}, {"box": "all"}, {"mask": None}):
        with pytest.raises(BadRequest):
            click.refine(here, answer, looks, None, SimpleNamespace(_data=asked | bad))


def test_what_is_cut_out_follows_the_corrected_mask(here, portrait: str) -> None:
    model = one.parse(here, portrait, "compact")[0]
    before = np.asarray(Image.open(cutting.cut(here, model, portrait, "compact", "face")[2]))
    answer = correct.keep(here, model, portrait, drawn(model))[0]

    shown, saved, matte = cutting.cut(here, None, portrait, "compact", "face")

    after = np.asarray(Image.open(matte))
    assert before[120, 135] == 0
    assert after[120, 135] > 250, "the ear that was painted"
    assert Image.open(saved).mode == "RGBA"
    assert Image.open(shown).size == (512, 512)
    coloured = cutting.cut(here, answer, portrait, "compact", "hair", "Face 1", 0, 0, "colour", 0.03, "#00ff00")[1]
    assert Path(coloured).suffix == ".jpg"
    for bad in (("hat",), ("hair", "Face 3"), ("hair", "", 0, 0, "picture"), ("hat", "", 0, 0, "sky"), ("necklace",)):
        with pytest.raises(BadRequest):
            cutting.cut(here, answer, portrait, "compact", *bad)


def test_the_person_matte_of_a_cut_out_is_chosen(here, portrait: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = one.parse(here, portrait, "compact")[0]
    asked: list[str] = []
    found = here.matte
    monkeypatch.setattr(here, "matte", lambda name="": asked.append(name) or found(name))

    cutting.cut(here, answer, portrait, "compact", "person", people="selfie")
    cutting.cut(here, answer, portrait, "compact", "hair", people="selfie")

    assert asked == ["selfie"], "hair and face need no person matte"
    with pytest.raises(BadRequest, match="matte model"):
        cutting.cut(here, answer, portrait, "compact", "person", people="compact")


def test_who_mends_by_clicks_is_asked_only_where_there_is_a_choice(here, monkeypatch: pytest.MonkeyPatch) -> None:
    def choice() -> gr.Dropdown:
        with gr.Blocks() as page, gr.Tab("Correct") as tab:
            correct.build_inside(here, one.build_inside(here, None), tab)
        (found,) = [block for block in page.blocks.values() if getattr(block, "elem_id", "") == "correct-clicks"]
        return found

    assert not choice().visible
    rows = here.here
    fetched = find("sam2.1-tiny")
    monkeypatch.setattr(here, "here", lambda task: (*rows(task), *([fetched] if task == "clicks" else [])))
    both = choice()
    assert both.visible
    assert both.value == "clicks"
    assert [row[1] for row in both.choices] == ["clicks", "sam2.1-tiny"]


def test_a_photo_that_changes_takes_its_mask_out_of_the_editor(page, here) -> None:
    """With the strip above the tabs it changed while Correct was open, which went on showing the old photo."""
    rows = {row["id"]: row["props"].get("elem_id") for row in page.config["components"]}
    emptied = [
        {rows[each] for each in row["outputs"]}
        for row in page.config["dependencies"]
        if any(rows.get(target) == "parsing-photo" and event == "change" for target, event in row["targets"])
    ]
    files = {f"correct-{word}" for word in ("palette", "masks", "coco", "own")}
    assert {"correct-editor", "correct-score", *files} in emptied
    assert correct.load(here, None)[:2] == (None, None)
