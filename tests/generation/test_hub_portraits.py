"""From the Hub to a picture: a folder shaped like Stable Diffusion 1.5's is fetched, verified, loaded and drawn with,
one step."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.generation.fake_portrait import FakePortrait
from tests.golden.digest import Pictures
from tests.golden.inputs import tensor
from tests.hub_model_double import ModelHub
from tests.models.portraits import tiny_diffusion
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.catalog.hub_portrait import ROWS
from workbench.catalog.hub_recognition import FOR_PORTRAITS
from workbench.errors import BadRequest, BadWeights, ModelMissing
from workbench.generation import references
from workbench.portraits import Recipe
from workbench.settings import Settings
from workbench.sources import fetching as sources

ID = "arc2face"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Arc2Face's files by repository and name, in few channels, with random weights."""
    folder = tmp_path_factory.mktemp("published")
    weights = Pictures("arc2face").weights()
    paths = tiny_diffusion.write(folder, weights)
    torch.save(tiny_diffusion.under(weights, "text/"), paths["text_encoder"])  # the authors publish a .bin
    found: dict[str, dict[str, bytes]] = {}
    for file in MODELS[ID].files:
        _, repository, name = file.source.split(":")
        found.setdefault(repository, {})[name] = paths[file.role].read_bytes()
    return found


@pytest.fixture
def hub(published: dict[str, dict[str, bytes]]) -> Iterator[ModelHub]:
    with ModelHub() as hub:
        for repository, files in published.items():
            hub.put("model", repository, files)
        yield hub


@pytest.fixture
def bench(tmp_path: Path, hub: ModelHub) -> Workbench:
    return Workbench(Settings(cache=tmp_path / "cache", data=tmp_path / "data", hub_endpoint=hub.address))


def test_a_portrait_model_goes_from_the_hub_to_a_picture(bench: Workbench) -> None:
    with pytest.raises(ModelMissing, match=f"Fetch it with: python -m workbench models fetch {ID}"):
        bench.model(ID)

    told: list[int] = []
    sources.fetch(bench.spec(ID).files, bench.settings, lambda done, total, name: told.append(done))
    assert told
    assert all(sources.locked(file, bench.settings)["sha256"] for file in bench.spec(ID).files)

    pictures = bench.model(ID)(tensor(1, (2, 512)), Recipe(seed=1, steps=1))

    assert [picture.shape for picture in pictures] == [(64, 64, 3)] * 2
    assert pictures[0].std() > 1
    assert not np.array_equal(*pictures)


def test_a_tampered_denoiser_is_refused_before_it_is_opened(bench: Workbench) -> None:
    paths = sources.fetch(bench.spec(ID).files, bench.settings)
    data = bytearray(paths[1].read_bytes())
    data[len(data) // 2] ^= 1
    paths[1].write_bytes(data)

    with pytest.raises(BadWeights, match="fetch it again"):
        bench.model(ID)


def test_files_that_two_models_share_are_fetched_once(bench: Workbench, hub: ModelHub) -> None:
    sources.fetch(bench.spec(ID).files, bench.settings)
    before = len(hub.ranges)
    hub.put("model", "latent-consistency/lcm-lora-sdv1-5", {"pytorch_lora_weights.safetensors": b"whatever"})

    sources.fetch(bench.spec("arc2face-lcm").files, bench.settings)

    assert len(hub.ranges) == before + 1


def test_every_row_says_what_it_may_be_used_for_and_how_large_it_is() -> None:
    for row in (*ROWS, *FOR_PORTRAITS):
        assert row.weights_license, row.id
        assert row.data_license, row.id
        assert row.paper, row.id
        assert row.parameters, row.id
        assert all(file.size or file.scheme == "local" for file in row.files), row.id
    for row in ROWS:
        assert row.download_bytes > 600_000_000 or row.id == "vec2face"


def test_a_model_that_looks_at_photos_is_shown_the_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Looking:
        photo = "may"

        def shown(self, photo: np.ndarray, face: object) -> tuple[float, object]:
            return float(photo.mean()), face

    monkeypatch.setattr(references, "one_face", lambda photo, finder, choice: (finder, choice))
    photos = [("a", np.full((4, 4, 3), 7, np.uint8)), ("b", np.zeros((4, 4, 3), np.uint8))]

    assert references.seen(Looking(), photos, "finder", 2) == (7.0, ("finder", 2))
    blind = FakePortrait(None)
    assert references.seen(blind, photos, "finder") is blind


def test_a_sheet_of_a_model_that_is_here_can_be_asked_for_badly(bench: Workbench) -> None:
    sources.fetch(bench.spec(ID).files, bench.settings)
    with pytest.raises(BadRequest, match="expected n × 512"):
        bench.model(ID)(np.zeros((1, 3), np.float32), Recipe())
