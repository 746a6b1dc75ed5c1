"""What is pushed and comes back does not depend on the database: one in a file is enough here."""

from pathlib import Path

import pytest


@pytest.fixture
def address(tmp_path: Path) -> str:
    """An empty database in a file."""
    return f"sqlite:///{tmp_path / 'labels.db'}"
