"""The bench loads once, forgets the least recently used, and says how to get what is absent."""

import sys
import threading
import types
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.catalog.spec import TASKS, File, ModelSpec, table
from workbench.errors import BadRequest, BadWeights, ModelMissing, OutOfMemory
from workbench.memory import give_back
from workbench.settings import Settings


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    module = types.ModuleType("toy_models")

    def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> object:
        made.append(spec.id)
        return types.SimpleNamespace(id=spec.id, files=files)

    module.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_models", module)
    return made


@pytest.fixture
def toy(tmp_path: Path) -> Workbench:
    for name in "abc":
        (tmp_path / name).write_bytes(b"x" * 400)
    rows = [ModelSpec(name, "parsing", name, "toy_models:load", (File(f"local:{tmp_path / name}"),)) for name in "abcd"]
    return Workbench(Settings(cache=tmp_path, data=tmp_path, memory=1000), table(rows))


def test_a_model_loads_once(toy: Workbench, calls: list[str]) -> None:
    assert toy.model("a") is toy.model("a")
    assert calls == ["a"]


def test_two_threads_get_one_object(toy: Workbench, calls: list[str]) -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(toy.model("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(model) for model in found}) == 1
    assert calls == ["a"]


def test_the_least_recently_used_is_forgotten(toy: Workbench, calls: list[str]) -> None:
    toy.model("a"), toy.model("b"), toy.model("a"), toy.model("c")

    assert toy.loaded() == ("a", "c")


def test_room_is_made_before_a_model_is_loaded_not_after(toy: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[tuple[str, ...]] = []
    monkeypatch.setattr(toy, "_load", lambda spec: (held.append(toy.loaded()) or object(), 400))
    toy.model("a"), toy.model("b"), toy.model("c")

    assert held == [(), ("a",), ("b",)]


def test_a_second_large_model_is_let_in_only_when_it_fits(
    toy: Workbench, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [10_000, 450, 10_000]  # at first; too little for b beside a; without a
    monkeypatch.setattr("workbench.bench.LARGE", 100)
    monkeypatch.setattr("workbench.memory.free_bytes", lambda device: free[len(calls)] if toy.loaded() else free[2])
    monkeypatch.setattr("workbench.memory.give_back", lambda: None)
    toy.model("a"), toy.model("b")
    assert toy.loaded() == ("b",)

    monkeypatch.setattr("workbench.memory.free_bytes", lambda device: 399)
    with pytest.raises(OutOfMemory, match=r"needs at least 0.0 GB of memory; .* all other models forgotten"):
        toy.model("c")


def test_what_was_freed_goes_back_to_the_system() -> None:
    import ctypes

    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    pieces = [libc.malloc(100_000) for _ in range(2_000)]  # too small to be mapped by themselves
    for piece in pieces:
        ctypes.memset(piece, 1, 100_000)
    for piece in pieces[:-1]:
        libc.free(piece)  # the last one keeps the pool from shrinking by itself
    before = _resident()
    give_back()
    assert before - _resident() > 150_000_000
    libc.free(pieces[-1])


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_on_zero_gpu_the_default_models_are_loaded_before_the_first_call(toy: Workbench, calls: list[str]) -> None:
    rows = [replace(row, default=row.id in "bd") for row in toy.specs("parsing")]
    for zero_gpu in (False, True):
        bench = Workbench(replace(toy.settings, zero_gpu=zero_gpu), table(rows))
        bench.preload("parsing")
        assert calls == (["b"] if zero_gpu else [])  # d is not here
    bench.preload("portrait")
    assert calls == ["b"]


def test_only_models_whose_files_are_here_are_told_to_be_here(toy: Workbench, calls: list[str]) -> None:
    assert [spec.id for spec in toy.here("parsing")] == ["a", "b", "c"]
    assert toy.here("recognition") == ()
    assert not calls, "and none is loaded for it"


def test_an_absent_model_says_its_command(toy: Workbench, calls: list[str]) -> None:
    with pytest.raises(ModelMissing, match="python -m workbench models fetch d"):
        toy.model("d")


def test_an_unknown_model_names_the_known_ones(toy: Workbench) -> None:
    with pytest.raises(BadRequest, match="Known: a, b, c, d"):
        toy.model("../../etc/passwd")


def test_a_model_of_another_task_is_refused(toy: Workbench) -> None:
    with pytest.raises(BadRequest, match="no recognition model"):
        toy.model("a", "recognition")


def test_a_damaged_builtin_file_is_refused(tmp_path: Path) -> None:
    row = ModelSpec("x", "detection", "x", "toy_models:load", (File("builtin:iris_landmark.tflite", "0" * 64),))

    with pytest.raises(BadWeights):
        Workbench(Settings(cache=tmp_path, data=tmp_path), table([row])).model("x")


def test_a_loader_is_given_its_files_by_role(tmp_path: Path, calls: list[str]) -> None:
    files = [File(f"local:{tmp_path / role}", role=role) for role in ("config", "weights")]
    for file in files:
        Path(file.source.partition(":")[2]).write_bytes(b"x")
    row = ModelSpec("x", "parsing", "x", "toy_models:load", tuple(reversed(files)))

    model = Workbench(Settings(cache=tmp_path, data=tmp_path), table([row])).model("x")

    assert model.files == {"config": tmp_path / "config", "weights": tmp_path / "weights"}


ASKED = {
    "detection": Workbench.finder,
    "parsing": Workbench.parser,
    "recognition": Workbench.recogniser,
    "expression": Workbench.expression,
    "attributes": Workbench.attributes,
    "quality": Workbench.quality,
    "portrait": Workbench.portrait,
    "generation": Workbench.generator,
    "landmarks": Workbench.landmarks,
    "clicks": Workbench.clicks,
    "matte": Workbench.matte,
    "repair": Workbench.repairer,
}


def test_every_task_has_its_own_question_to_the_bench() -> None:
    assert set(ASKED) == set(TASKS)


@pytest.mark.parametrize("spec", [spec for spec in MODELS.values() if spec.default], ids=lambda spec: spec.id)
def test_every_default_model_keeps_what_its_task_asks(bench: Workbench, spec: ModelSpec) -> None:
    assert ASKED[spec.task](bench, spec.id) is bench.model(spec.id)


@pytest.mark.parametrize("task", ASKED)
def test_a_loader_that_returns_something_else_is_refused(task: str, tmp_path: Path, calls: list[str]) -> None:
    bench = Workbench(
        Settings(cache=tmp_path, data=tmp_path), table([ModelSpec("x", task, "Mine", "toy_models:load", ())])
    )

    with pytest.raises(BadRequest, match=r"Mine: what toy_models:load returned is no .* is missing"):
        ASKED[task](bench)


@pytest.mark.parametrize("roles", [("weights", "weights"), ("",)])
def test_two_files_of_one_role_or_of_none_are_refused(roles: tuple[str, ...]) -> None:
    row = ModelSpec("x", "parsing", "x", "m:load", tuple(File("local:a", role=role) for role in roles))

    with pytest.raises(BadRequest, match="a role of its own"):
        table([row])


@pytest.mark.parametrize("ability", [{"photo": "sometimes"}, {"gives": ("moods", "tea")}])
def test_an_ability_nobody_knows_is_refused(ability: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="expected photo to be one of"):
        table([ModelSpec("x", "portrait", "x", "m:load", (), **ability)])


def test_one_id_cannot_be_taken_twice() -> None:
    row = ModelSpec("x", "parsing", "x", "m:load", ())

    with pytest.raises(BadRequest, match="taken twice"):
        table([row, row])
