"""SINet and ExtremeC3Net give what their authors' code gives, from a photo through its own resizing and statistics."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden import inputs
from tests.golden.digest import Pictures
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.catalog.mattes import ROWS
from workbench.catalog.spec import File
from workbench.errors import BadRequest, BadWeights, ModelMissing
from workbench.images import encode_png
from workbench.models.parsers import portrait_matte
from workbench.scale.step import settle
from workbench.settings import Settings
from workbench.watch import Watch

SPECS = {row.id: row for row in ROWS}


def _loaded(row: str, path: Path, **changes: torch.Tensor) -> portrait_matte.PortraitMatte:
    torch.save(Pictures(row).weights() | changes, path / "weights.pth")
    return portrait_matte.load(SPECS[row], {"weights": path / "weights.pth"}, "cpu")


@pytest.mark.parametrize("row", SPECS)
def test_a_matte_equals_its_authors(row: str, tmp_path: Path) -> None:
    golden, photo = Pictures(row), inputs.photo(3, 300, 260)
    found = _loaded(row, tmp_path).raw(photo)

    assert golden.difference("photo", "logits", found["logits"]) <= 1e-5
    assert found["matte"].shape == (224, 224)
    turned = golden.weights()["encoder.level2.0.c1.conv.weight"].flip(0)
    broken = _loaded(row, tmp_path, **{"encoder.level2.0.c1.conv.weight": turned}).raw(photo)
    assert golden.difference("photo", "logits", broken["logits"]) > 1e-3


def test_a_matte_has_the_photos_size_and_shares(tmp_path: Path) -> None:
    matte = _loaded("extreme-c3", tmp_path)(inputs.photo(3, 90, 130))

    assert matte.shape == (90, 130)
    assert matte.dtype == np.float32
    assert 0 <= matte.min() <= matte.max() <= 1


def test_a_matte_somebody_brought_cuts_people_out(settings: Settings, tmp_path: Path, astronaut: np.ndarray) -> None:
    home, weights = replace(settings, data=tmp_path / "data"), tmp_path / "cache" / "local" / "ExtremeC3.pth"
    spec = replace(SPECS["extreme-c3"], files=(File("local:ExtremeC3.pth"),))
    bench = Workbench(replace(home, cache=tmp_path / "cache"), {**MODELS, spec.id: spec})
    with pytest.raises(ModelMissing, match="ExtremeC3Net is not on this machine"):
        bench.matte("extreme-c3")
    weights.parent.mkdir(parents=True)
    torch.save(Pictures("extreme-c3").weights(), weights)

    step = settle("cutout", bench, {"model": "compact", "matte": "extreme-c3", "subject": "person"})
    assert "extreme-c3" in step.models
    (row,) = step.open(bench)("one.png", encode_png(astronaut), Watch()).rows
    assert 0 < row["share"] < 1
    with pytest.raises(BadRequest, match="no matte model 'compact'"):
        settle("cutout", bench, {"model": "compact", "matte": "compact"})


def test_the_file_of_the_other_matte_is_refused(tmp_path: Path) -> None:
    torch.save(Pictures("extreme-c3").weights(), tmp_path / "weights.pth")

    with pytest.raises(BadWeights, match="of its weights are missing"):
        portrait_matte.load(SPECS["sinet"], {"weights": tmp_path / "weights.pth"}, "cpu")
    with pytest.raises(BadWeights, match="expected one of"):
        portrait_matte.load(replace(SPECS["sinet"], id="other"), {"weights": tmp_path / "weights.pth"}, "cpu")
