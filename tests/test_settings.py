"""Settings come from the environment once, and give no secret away."""

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
