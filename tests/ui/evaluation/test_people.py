"""The handler of People in a folder: what it answers, and what it refuses from a browser."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.errors import BadRequest
from workbench.ui.evaluation.people import find_people


@pytest.fixture
def package(tmp_path: Path, astronaut, stranger) -> str:
    """Two photos of the astronaut and one of somebody else."""
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, image in (("a/1.png", astronaut), ("a/2.png", astronaut[:400, 40:]), ("b/3.png", stranger)):
            stream = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(image)).save(stream, "PNG")
            archive.writestr(name, stream.getvalue())
    return str(path)


def test_a_zip_becomes_folders_of_people_and_a_page_that_may_only_run_its_own_script(bench, package: str) -> None:
    *_, (words, page, folders, shown) = find_people(bench, package, "sface", "folders", like=None)

    assert "**1 person** with several faces, 1 face like no other" in words
    assert "BCubed F 1.000" in words
    with zipfile.ZipFile(folders) as archive:
        assert {"folders/person-001/1.png", "folders/person-001/2.png", "folders/alone/3.png", "people.csv"} <= set(
            archive.namelist()
        )
    assert Path(page).name == "people.html"
    assert not list(Path(folders).parent.rglob("photos"))
    assert 'sandbox="allow-scripts allow-downloads"' in shown


def test_what_a_browser_may_not_ask_is_refused(bench, package: str) -> None:
    for wrong, words in (
        ({"known": "/etc/passwd"}, "known: expected"),
        ({"method": "kmeans"}, "method: expected"),
        ({"strictness": 99}, "strictness: expected"),
        ({"model": "compact"}, "recogni"),
    ):
        with pytest.raises(BadRequest, match=words):
            list(find_people(bench, package, **wrong))
    with pytest.raises(BadRequest, match="Drop a zip"):
        list(find_people(bench, None))
