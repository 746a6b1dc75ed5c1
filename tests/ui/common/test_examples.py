"""The examples died an hour after launch: they were copied into the folder that is swept when the page was built."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from workbench.bench import Workbench
from workbench.catalog.generation import EXAMPLES
from workbench.errors import BadRequest
from workbench.ui import app
from workbench.ui.common import examples, uploads


@pytest.fixture
def aged(settings, tmp_path: Path) -> Workbench:
    """A bench with two examples, whose page was built long ago and whose uploads were swept since."""
    (tmp_path / EXAMPLES).mkdir()
    for name in ("1-a-face.png", "2-several-faces.png"):
        Image.new("RGB", (32, 32), (9, 90, 200)).save(tmp_path / EXAMPLES / name)
    (tmp_path / "weights").symlink_to(settings.cache / "weights")
    bench = Workbench(replace(settings, cache=tmp_path))
    app.build_app(bench)
    for path in tmp_path.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1, 1))
    uploads.sweep(uploads.folder(bench.settings), 3600)
    return bench


def test_an_example_still_works_an_hour_after_launch(aged: Workbench) -> None:
    path = Path(examples.bring(aged, ["a face"]))

    with Image.open(path) as picture:
        assert picture.convert("RGB").getpixel((0, 0)) == (9, 90, 200)
    assert path.is_relative_to(uploads.folder(aged.settings))
    assert examples.bring_into_gallery(aged, ["several faces"])


def test_building_the_page_copies_nothing_into_the_swept_folder(aged: Workbench) -> None:
    assert list(uploads.folder(aged.settings).rglob("*")) == []


@pytest.mark.parametrize("chosen", [[], ["../../secret"], [None], [["a face"]]])
def test_only_an_example_can_be_asked_for(aged: Workbench, chosen: list[str]) -> None:
    with pytest.raises(BadRequest):
        examples.bring(aged, chosen)
