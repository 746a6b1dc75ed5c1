"""The suite's own order: what is long comes first, and all that looks at the page goes through one process."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import conftest


def test_the_files_that_come_first_are_there() -> None:
    missing = [name for name in conftest.LONGEST if not (Path(conftest.__file__).parent / name).is_file()]
    assert missing == []


def test_the_browsers_files_are_one_processs_and_others_each_their_own() -> None:
    pytest.importorskip("xdist")
    asked = {"dist": "loadfile", "tx": ["popen"]}
    config = SimpleNamespace(getoption=asked.__getitem__, getvalue=asked.__getitem__)
    scope = conftest.pytest_xdist_make_scheduler(config, None)._split_scope

    assert scope("tests/browser/test_page.py::test_a") == scope("tests/browser/test_parsing.py::test_b")
    assert scope("tests/cli/test_explain.py::test_a") == "tests/cli/test_explain.py"
    assert scope("tests/cli/test_explain.py::test_a") != scope("tests/cli/test_info.py::test_b")


def test_another_way_of_sharing_is_left_alone() -> None:
    config = SimpleNamespace(getoption={"dist": "load"}.__getitem__)
    assert conftest.pytest_xdist_make_scheduler(config, None) is None
