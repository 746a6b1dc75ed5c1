"""A small study on disk, drawn pictures only."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.labeling.databases import postgres_database, postgres_server
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import Study, load_study

STUDY = """
[study]
name = "pairs"
title = "Pairs"
task = "same_different"
instructions = "Compare them."
seed = 7

[consent]
version = "v1"
text = "Your answers are kept."

[items]
csv = "items.csv"

[assignment]
raters_per_item = 3

[blocks]
size = 10
gold = 2
repeats = 1
repeat_gap = 3
"""


def draw(path: Path, seed: int, side: int = 24) -> None:
    """A small noisy picture that no other seed gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)


def write_study(folder: Path, *, items: int = 12, gold: int = 4, text: str = STUDY) -> Path:
    """A same/different study with `items` ordinary pairs over two groups and `gold` gold pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["item,image_1,image_2,group,gold,truth,conflict"]
    for n in range(items + gold):
        for side in "ab":
            draw(folder / f"images/{n}{side}.png", 2 * n + (side == "b"))
        truth = "same" if n % 2 else "different"
        lines.append(
            f"pair-{n:03d},images/{n}a.png,images/{n}b.png,g{n % 2},{truth if n >= items else ''},{truth},p{n // 2}"
        )
    (folder / "items.csv").write_text("\n".join(lines) + "\n")
    (folder / "study.toml").write_text(text)
    return folder


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    """A folder with a small same/different study."""
    return write_study(tmp_path / "study")


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server for the whole run."""
    with postgres_server() as address:
        yield address


@pytest.fixture
def clock() -> Time:
    """A clock that stands still until the test moves it."""
    return Time()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'labels.db'}"
        return
    with postgres_database(request.getfixturevalue("postgres")) as database:
        yield database


@pytest.fixture
def store(address: str, clock: Time) -> Iterator[Store]:
    """An empty store on each database."""
    store = Store(address, clock)
    yield store
    store.close()


@pytest.fixture
def study(study_folder: Path) -> Study:
    """The small study, read."""
    return load_study(study_folder)


@pytest.fixture
def filled_store(store: Store, study: Study) -> Store:
    """A store that knows the small study."""
    store.add_study(study, load_items(study))
    return store
