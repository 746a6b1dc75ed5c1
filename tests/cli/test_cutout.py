"""`cutout FOLDER`: a transparent picture per photo, or one before another background."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.cli import main


def test_a_folder_is_cut_out(settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, astronaut, capsys) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    photos = tmp_path / "in"
    photos.mkdir()
    Image.fromarray(astronaut).save(photos / "one.png")

    assert main(["cutout", str(photos), "--subject", "hair", "--out", str(tmp_path / "out")]) == 0
    found = Image.open(tmp_path / "out" / "one.png")
    assert found.mode == "RGBA"
    assert found.size == (512, 512)
    assert 0.02 < (np.asarray(found)[..., 3] > 128).mean() < 0.2
    assert "hair" in (tmp_path / "out" / "summary.csv").read_text()
    assert main(["cutout", str(photos), "--background", "puce", "--out", str(tmp_path / "other")]) != 0
    assert "background" in capsys.readouterr().err
