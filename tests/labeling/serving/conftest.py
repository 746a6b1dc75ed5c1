"""A desk that serves the small study."""

import pytest

from tests.labeling.desks import open_desk


@pytest.fixture
def desk(study_folder, tmp_path, clock):
    """A desk over an empty store."""
    desk = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub")
    yield desk
    desk.store.close()
