"""Settings come from the environment once, and give no secret away."""

import re
from pathlib import Path

import pytest

from workbench.errors import BadRequest
from workbench.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_env({"HOME": "/home/someone"})

    assert settings.cache == Path("/home/someone/.cache/face-workbench")
    assert (settings.host, settings.port, settings.offline) == ("127.0.0.1", 7860, False)


def test_a_space_listens_to_everyone() -> None:
    assert Settings.from_env({"SPACE_ID": "a/b", "HOME": "/tmp"}).host == "0.0.0.0"


@pytest.mark.parametrize("value", ["0", "-1", "many", "1e9", " "])
def test_a_number_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(BadRequest, match="WORKBENCH_PORT"):
        Settings.from_env({"WORKBENCH_PORT": value})


def test_secrets_are_not_printed() -> None:
    settings = Settings.from_env({"HF_TOKEN": "hf_secret", "WORKBENCH_OWNER_TOKEN": "owner_secret"})

    assert "secret" not in repr(settings)
    assert "secret" not in str(settings)


def _documented() -> dict[str, str]:
    """The first cell of each row of docs/settings.md, with its default."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "settings.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", page, re.MULTILINE))


def test_every_setting_that_is_read_stands_in_the_docs_and_no_other() -> None:
    source = (Path(__file__).resolve().parents[1] / "workbench" / "settings.py").read_text(encoding="utf-8")
    page = (Path(__file__).resolve().parents[1] / "docs" / "settings.md").read_text(encoding="utf-8")
    read = set(re.findall(r'"((?:WORKBENCH|HF|PROLIFIC|GRADIO|SPACES?|XDG)_[A-Z_]+)"', source))

    assert {name for name in read if f"`{name}`" not in page} == set()
    assert set(_documented()) <= read


def test_the_defaults_in_the_docs_are_the_defaults() -> None:
    from workbench.settings import MEGA

    usual = Settings.from_env({"HOME": "/home/me"})
    checked = 0
    for name, default in _documented().items():
        number = re.match(r"`(\d+)`", default)
        if number is None:
            continue
        field = name.removeprefix("WORKBENCH_").lower().removesuffix("_mb")
        unit = MEGA if name.endswith("_MB") else 1
        assert getattr(usual, field) == int(number.group(1)) * unit, name
        checked += 1
    assert checked >= 14
