"""The pictures to click stayed those of an older version after an update that draws better faces."""

from pathlib import Path

import numpy as np
import pytest

from workbench.bench import Workbench
from workbench.publish import examples
from workbench.settings import Settings


def test_examples_of_an_older_version_are_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def faces(_bench: Workbench, wanted: int, generator: str) -> list[np.ndarray]:
        drawn.append(generator)
        return [np.full((256, 256, 3), 99, np.uint8)] * wanted

    monkeypatch.setattr(examples, "_synthetic", faces)
    bench = Workbench(Settings(cache=tmp_path, data=tmp_path))
    left = examples.folder(bench.settings)
    left.mkdir()
    for name in ("2-synthetic-face-1.png", "9-synthetic-face-8.png", "5-several-faces-(synthetic-and-NASA).png"):
        (left / name).write_bytes(b"older")

    made = examples.make(bench)

    assert len(made) == 5
    assert all(path.read_bytes() != b"older" for path in made)
    assert examples.make(bench) == made
    assert len(drawn) == 1, "drawn once, then left alone"

    sheet = left / "made-of.txt"
    assert len(sheet.read_text("utf-8")) == 64
    sheet.write_text("another sheet's sum", "utf-8")
    examples.make(bench)
    assert len(drawn) == 2, "other faces by the same generator are drawn again too"
