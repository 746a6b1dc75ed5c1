"""The pictures to click stayed those of an older version after an update that draws better faces."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.bench import Workbench
from workbench.publish import examples
from workbench.settings import Settings
from workbench.ui.common import examples as shown


def test_examples_of_an_older_version_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def faces(_bench: Workbench, wanted: int) -> list[np.ndarray]:
        drawn.append(wanted)
        return [np.full((256, 256, 3), 99, np.uint8)] * wanted

    monkeypatch.setattr(examples, "_synthetic", faces)
    monkeypatch.setattr(Workbench, "here", lambda *asked: ("a finder",))
    bench = Workbench(Settings(cache=tmp_path, data=tmp_path))
    for older in ("examples", "examples-000000000000"):
        (tmp_path / older).mkdir()
        for name in ("2-synthetic-face-1.png", "5-several-faces-(synthetic-and-NASA).png"):
            Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / older / name)

    assert shown.examples(bench.settings) == {}

    made = examples.make(bench)

    assert len(made) == 5
    assert list(shown.examples(bench.settings).values()) == made
    assert examples.make(bench) == made
    assert len(drawn) == 1, "drawn once, then left alone"


def test_where_no_face_finder_is_the_portrait_alone_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first start without weights would end with "the model is missing" instead of a page."""
    monkeypatch.setattr(Workbench, "here", lambda *asked: ())
    bench = Workbench(Settings(cache=tmp_path, data=tmp_path))

    assert [path.name for path in examples.make(bench)] == ["1-NASA-astronaut.png"]
    assert not examples.are_made(bench.settings)


def test_a_start_that_may_not_write_the_cache_goes_without_photos_to_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A container with its weights baked in and read-only ended with a traceback instead of a page."""

    def refused(*_asked: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "replace", refused)

    assert examples.make(Workbench(Settings(cache=tmp_path, data=tmp_path))) == []
    assert "cannot be written" in capsys.readouterr().err


def test_what_another_server_is_still_writing_is_no_photo_to_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a file was offered, for ever where its server was killed."""
    settings = Settings(cache=tmp_path, data=tmp_path)
    seen: list[object] = []
    put = os.replace
    monkeypatch.setattr(os, "replace", lambda *asked: (seen.append(shown.examples(settings)), put(*asked)))
    monkeypatch.setattr(Workbench, "here", lambda *asked: ())

    examples.make(Workbench(settings))

    assert seen == [{}]
