"""Weights are read from the files people really have, and everything else is refused in words."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from workbench.errors import BadWeights
from workbench.models.blocks.layers import fill
from workbench.models.files import checkpoint
from workbench.models.files.layouts import looks_like

NET = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


def _same(found: dict[str, torch.Tensor]) -> bool:
    return set(found) == set(NET) and all(torch.equal(found[name], NET[name]) for name in NET)


def test_safetensors_and_their_settings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file(NET, path, metadata={"config": "{}"})

    assert _same(checkpoint.read(path))
    assert checkpoint.metadata(path) == {"config": "{}"}


@pytest.mark.parametrize("wrapper", checkpoint.WRAPPERS)
def test_the_network_is_found_inside_a_training_checkpoint(tmp_path: Path, wrapper: str) -> None:
    path = tmp_path / "a.pt"
    torch.save({wrapper: NET, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}}, path)

    assert _same(checkpoint.read(path))
    assert checkpoint.metadata(path) == {}


def test_bare_dictionaries_new_and_old_are_read(tmp_path: Path) -> None:
    torch.save(NET, tmp_path / "new.pth")
    torch.save(NET, tmp_path / "old.pth", _use_new_zipfile_serialization=False)

    assert _same(checkpoint.read(tmp_path / "new.pth"))
    assert _same(checkpoint.read(tmp_path / "old.pth"))


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("it-ran"),)  # type: ignore[return-value]


def _bomb(path: Path) -> None:
    torch.save({"state_dict": NET, "extra": _Bomb()}, path)


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Bomb(), protocol=2))


def _program(path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), str(path))


def _page(path: Path) -> None:
    path.write_text("\n<!DOCTYPE html>\n<html><head><title>401</title></head></html>")


def _pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")


def _json(path: Path) -> None:
    path.write_text('{"error": "Invalid username or password."}')


def _cut_archive(path: Path) -> None:
    torch.save(NET, path)
    path.write_bytes(path.read_bytes()[:-200])


def _cut_safetensors(path: Path) -> None:
    save_file(NET, path)
    path.write_bytes(path.read_bytes()[:-4])


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/model.pt", b"x")


def _noise(path: Path) -> None:
    path.write_bytes(bytes(range(7, 200)))


def _numbers(path: Path) -> None:
    torch.save({"epoch": 3}, path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_bomb, "could run code"),
        (_pickle, "could run code"),
        (_program, "TorchScript archive: a program"),
        (_page, "a web page"),
        (_pointer, "Git LFS pointer"),
        (_json, "got JSON"),
        (_cut_archive, "breaks off or is damaged"),
        (_cut_safetensors, "breaks off or is damaged"),
        (_zip, "not a PyTorch file"),
        (_noise, "a file of another kind"),
        (_numbers, "expected a dictionary of weights"),
        (Path.touch, "empty file"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_no_weights_file_is_refused_in_words(
    tmp_path: Path, make, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    make(path)

    with pytest.raises(BadWeights, match=words):
        checkpoint.read(path)
    assert not Path("it-ran").exists()


def test_a_network_takes_its_weights_without_copying_them(tmp_path: Path) -> None:
    save_file(NET, tmp_path / "a.safetensors")
    weights = checkpoint.read(tmp_path / "a.safetensors")
    network = checkpoint.install(lambda: nn.Linear(3, 2), weights, "a line")

    assert network.weight.data_ptr() == weights["weight"].data_ptr()
    assert not network.weight.requires_grad
    assert torch.equal(network(torch.ones(1, 3)), NET["weight"].sum(1)[None] + 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": torch.zeros(2, 4)}, "first 'weight'"),
        ({"more": torch.zeros(1)}, "first 'more'"),
        ({"bias": None}, "first 'bias'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change: dict[str, torch.Tensor | None], words: str) -> None:
    weights = {name: value for name, value in (NET | change).items() if value is not None}

    with pytest.raises(BadWeights, match=words):
        checkpoint.install(lambda: nn.Linear(3, 2), weights, "a line")


def test_training_counters_may_be_missing_or_too_many() -> None:
    norm = {
        name: value
        for name, value in nn.BatchNorm1d(2).state_dict().items()
        if not name.endswith("num_batches_tracked")
    }

    checkpoint.install(lambda: nn.BatchNorm1d(2), norm, "a norm")
    checkpoint.install(lambda: nn.Linear(3, 2), NET | {"bn.num_batches_tracked": torch.tensor(3)}, "a line")


def test_prefixes_are_taken_off_and_training_heads_left_out() -> None:
    wrapped = {"model.net.weight": NET["weight"], "model.net.bias": NET["bias"], "head.kernel": torch.zeros(1)}

    assert _same(checkpoint.stripped(wrapped, "weight", ("model.net.", "model.", ""), drop=("head.",)))
    assert set(checkpoint.stripped(NET, "nothing", ("model.",))) == set(NET)


def test_an_unknown_network_is_called_so() -> None:
    assert looks_like(NET) == "no network known here (2 weights)"


@pytest.mark.parametrize("prefixes", [("model.net.", "model.", ""), ("module.", "")])
def test_a_bare_twin_of_a_prefixed_weight_is_refused_by_both_names(prefixes: tuple[str, ...]) -> None:
    weights = {f"{prefixes[0]}{key}": value for key, value in NET.items()} | {"bias": torch.full((2,), 9.0)}

    with pytest.raises(BadWeights, match=rf"{prefixes[0]}bias and bias both mean 'bias'"):
        checkpoint.stripped(weights, "weight", prefixes)
    assert _same(checkpoint.stripped({key: weights[key] for key in list(weights)[:2]}, "weight", prefixes))


def test_a_number_and_its_text_are_two_spellings_of_one_name(tmp_path: Path) -> None:
    torch.save({"state_dict": {1: torch.zeros(2), "1": torch.ones(2)}}, tmp_path / "a.pt")
    with pytest.raises(BadWeights, match="1 and '1' both mean '1'"):
        checkpoint.read(tmp_path / "a.pt")


def test_a_group_under_both_of_its_names_is_refused(tmp_path: Path) -> None:
    torch.save({"image_proj_model": NET, "image_proj": NET}, tmp_path / "a.bin")
    with pytest.raises(BadWeights, match="both mean 'image_proj'"):
        checkpoint.groups(tmp_path / "a.bin", ("image_proj",), {"image_proj_model": "image_proj"})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.tensor([0.0, float("nan")]), "not finite"),
        (torch.tensor([float("inf"), -float("inf")]), "not finite"),
        (torch.tensor([1e300, 1.0], dtype=torch.float64), "not finite"),
        (torch.tensor([1, 2]), "holds int64"),
        (torch.tensor([1, 2], dtype=torch.uint8), "holds uint8"),
        (torch.tensor([True, False]), "holds bool"),
        (torch.tensor([1j, 2.0]), "holds complex64"),
        (torch.zeros(2, dtype=torch.float8_e4m3fn), "holds float8_e4m3fn"),
    ],
)
def test_weights_that_are_no_finite_floating_point_numbers_are_refused_by_name(
    value: torch.Tensor, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    for install in (checkpoint.install, lambda make, weights, name: fill(make(), weights, name)):
        with pytest.raises(BadWeights, match=rf"Mine: 'bias' .*{words}"):
            install(lambda: nn.Linear(3, 2), NET | {"bias": value}, "Mine")
    assert not caplog.records


@pytest.mark.parametrize(("kind", "said"), [(torch.float16, True), (torch.bfloat16, True), (torch.float32, False)])
def test_weights_of_sixteen_bits_are_taken_and_said(
    kind: torch.dtype, said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    network = checkpoint.install(lambda: nn.Linear(3, 2), {key: v.to(kind) for key, v in NET.items()}, "Mine")

    assert network(torch.ones(1, 3)).dtype == torch.float32
    assert any("Mine: weights are stored as" in record.message for record in caplog.records) == said
