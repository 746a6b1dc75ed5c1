"""A place away from the checkout, and a photo to ask about."""

from collections.abc import Iterator

import pytest
from PIL import Image

from tests.publish.outside import Outside


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """Starts programs in an interpreter that has the requirements and not the package."""
    host = Outside(tmp_path_factory.mktemp("outside"))
    yield host
    host.close()


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory, astronaut) -> str:
    """NASA's astronaut as a file to upload."""
    path = tmp_path_factory.mktemp("photos") / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return str(path)
