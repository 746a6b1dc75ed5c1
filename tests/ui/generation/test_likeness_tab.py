"""The sub-tab Likeness: a zip in, figures, filters and downloads out; consent first."""

import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from workbench import images
from workbench.errors import BadRequest
from workbench.ui.generation import likeness


@pytest.fixture(scope="module")
def shown(bench, astronaut, stranger, tmp_path_factory):
    """What the screen shows of four pictures of two people."""
    path = tmp_path_factory.mktemp("zip") / "pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, image in (("references/ann", astronaut), ("references/bea", stranger), ("a/ann-1", astronaut),
                            ("a/bea-1", stranger), ("b/ann-2", stranger), ("b/bea", stranger)):  # fmt: skip
            archive.writestr(f"{name}.png", images.encode_png(image))
    with pytest.MonkeyPatch.context() as patch:
        every = bench.specs
        patch.setattr(bench, "specs", lambda task: [bench.spec("sface")] if task == "recognition" else every(task))
        return list(likeness.likeness(bench, str(path), None, True, 1, lambda *args, **kwargs: None))[-1]


def test_figures_pictures_and_downloads_are_on_the_screen(shown):
    words, figures, gallery, table, page, best, held = shown
    assert "4 of 4 pictures of 2 people" in words
    assert "a minus b" in figures.columns
    assert {"SFace: likeness", "with a face"} <= set(figures[""])
    assert "more is more alike" in words
    assert [caption.split(" · ")[0] for _, caption in gallery] == [
        "a/ann-1.png",
        "a/bea-1.png",
        "b/ann-2.png",
        "b/bea.png",
    ]
    assert len(table) == len(held) == 4
    assert "<table" in Path(page).read_text()
    with zipfile.ZipFile(best) as archive:
        assert len(archive.namelist()) == 4


def test_of_one_person_there_is_no_range_and_no_plural(shown, settings, monkeypatch):
    """Their figures came as `1.000 [nan, nan]`, of `1 people`."""
    from workbench.generation.likeness import Ratings
    from workbench.generation.likeness_page import page

    monkeypatch.setattr(
        "workbench.generation.likeness_page.decode", lambda path, settings: np.zeros((8, 8, 3), np.uint8)
    )
    rows = [entry[2] for entry in shown[-1] if entry[2].case.person == "ann"][:1]
    report = SimpleNamespace(diversities=())
    alone = Ratings(tuple(rows), report, ("ann",), {"sface": np.array([[0.9]])}, ())  # type: ignore[arg-type]

    told = likeness.figures(alone)
    assert list(told.iloc[:, 1])[:2] == ["1.000", "0.900"]
    assert "1 of 1 pictures of one person." in likeness.words(alone)
    assert "nan" not in page(alone, settings).partition("All pictures")[0].partition("Figures")[2]


def test_a_filter_leaves_who_is_more_like_somebody_else(shown):
    gallery, table = likeness.filtered(shown[-1], "More like somebody else")
    assert [caption.split(" · ")[0] for _, caption in gallery] == ["b/ann-2.png"]
    assert list(table["nearest"]) == ["bea"]
    assert likeness.filtered(None, "All")[0] == []


@pytest.mark.parametrize(("source", "consent"), [(None, True), ("x.zip", False), ("x.zip", "yes")])
def test_nothing_is_measured_without_a_zip_and_consent(bench, source, consent):
    with pytest.raises(BadRequest):
        list(likeness.likeness(bench, source, None, consent))
