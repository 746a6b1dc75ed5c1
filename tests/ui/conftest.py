"""What tests of the page share."""

import pytest


@pytest.fixture(scope="session")
def page(bench):
    """The whole workbench as one page, built once; no test changes it."""
    from workbench.ui.app import build_app

    return build_app(bench)
