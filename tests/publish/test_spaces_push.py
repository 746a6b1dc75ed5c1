"""Pushing a Space: the Hub ends up with exactly the assembled folder, twice changes nothing, and a refusal is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.hub_double import Fault, HubDouble
from workbench.errors import BadRequest, SourceUnreachable
from workbench.publish import spaces as publish

NAME = "tester/analysis"


@pytest.fixture
def double(monkeypatch):
    with HubDouble(lfs_suffixes=(".safetensors", ".tflite", ".png", ".jpg")) as double:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", double.address)
        yield double


@pytest.fixture
def allowed(settings):
    """Settings with a token that may write."""
    return replace(settings, hub_token="hf_test")


@pytest.fixture(autouse=True)
def _undrifted(monkeypatch):
    """Drift is another test's business: here only pushing counts."""
    monkeypatch.setattr(publish, "check", lambda root: [])


def pushed(double: HubDouble) -> dict[str, bytes]:
    return {path: data for path, data in double.repo("space", NAME).files.items() if path != ".gitattributes"}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_hub_holds_exactly_the_assembled_space(double, allowed, tmp_path):
    address = publish.push("analysis", NAME, allowed, tmp_path)
    assert address == f"{double.address}/spaces/{NAME}"
    assert pushed(double) == files_of(tmp_path / "analysis")
    assert "app.py" in pushed(double)
    assert double.tokens <= {"Bearer hf_test", ""}


def test_pushing_again_makes_no_second_commit(double, allowed, tmp_path):
    publish.push("analysis", NAME, allowed, tmp_path / "a")
    commits = len(double.repo("space", NAME).commits)
    publish.push("analysis", NAME, allowed, tmp_path / "b")
    assert len(double.repo("space", NAME).commits) == commits


def test_a_file_that_is_gone_here_goes_there_too(double, allowed, tmp_path):
    double.put("space", NAME, {"old.py": b"print()"})
    publish.push("analysis", NAME, allowed, tmp_path)
    assert "old.py" not in pushed(double)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_names_the_status(double, allowed, tmp_path, status):
    double.faults.append(Fault("commit", status=status))
    with pytest.raises(SourceUnreachable, match=f"answered {status}"):
        publish.push("analysis", NAME, allowed, tmp_path)


def test_an_interrupted_push_is_completed_by_the_next(double, allowed, tmp_path):
    double.faults.append(Fault("commit", status=500))
    with pytest.raises(SourceUnreachable):
        publish.push("analysis", NAME, allowed, tmp_path / "a")
    publish.push("analysis", NAME, allowed, tmp_path / "b")
    assert pushed(double) == files_of(tmp_path / "b" / "analysis")


def test_without_a_token_nothing_is_sent(double, settings, tmp_path):
    with pytest.raises(BadRequest, match="HF_TOKEN"):
        publish.push("analysis", NAME, replace(settings, hub_token=""), tmp_path)
    assert double.requests == []
