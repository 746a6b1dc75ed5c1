"""The soak of twenty visitors asks what the page takes today, and a call that is refused is a fault of the run."""

import importlib
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest

from workbench.bench import Workbench
from workbench.places import BUSY
from workbench.settings import Settings
from workbench.ui import app

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"
CALLS = ("parse", "landmarks", "anonymise", "apply_makeup", "explain (left)")


@pytest.fixture(scope="module")
def service() -> Iterator[ModuleType]:
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("service")
    sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def visitor(
    service: ModuleType, settings: Settings, tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray
) -> Iterator[Any]:
    """One of them, on a page of its own."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "weights").symlink_to(settings.cache / "weights")
    bench = Workbench(replace(settings, cache=cache, data=tmp_path_factory.mktemp("data"), port=0))
    page = app.build_app(bench)
    app.launch(page, bench, prevent_thread_lock=True, quiet=True, server_port=None)
    yield service.Visitor(0, str(page.local_url).rstrip("/"), astronaut)
    page.close()


@pytest.fixture
def alone(service: ModuleType, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One who reaches no page and does not wait."""
    monkeypatch.setattr(service.time, "sleep", lambda seconds: None)
    return service.Visitor(0, "http://127.0.0.1:9", astronaut)


def test_every_call_is_known_here(visitor: Any) -> None:
    assert tuple(visitor.jobs) == CALLS


@pytest.mark.parametrize("call", CALLS)
def test_a_visitor_asks_what_the_page_takes_today(visitor: Any, call: str) -> None:
    visitor.jobs[call]()
    assert not visitor.counts, "its own photo, of its own size"


def test_what_does_not_fit_is_refused_and_is_not_busy(service: ModuleType, visitor: Any) -> None:
    with pytest.raises(service.Refused) as caught:
        visitor.ask("anonymise", strength=99)
    assert not caught.value.busy
    with pytest.raises(service.Refused, match="no input colour"):
        visitor.ask("anonymise", colour="red")


@pytest.mark.parametrize(
    ("answer", "busy"),
    [
        (httpx.Response(429), True),
        (httpx.Response(507), True),
        (httpx.Response(422), False),
        (BUSY, True),
        ("What was sent does not fit.", False),
        ("no answer", False),
    ],
)
def test_only_a_call_refused_for_want_of_a_place_is_no_fault(
    service: ModuleType, alone: Any, answer: httpx.Response | str, busy: bool
) -> None:
    def refuse() -> None:
        raise service.Refused(answer)

    alone.jobs = {"parse": refuse}
    alone.live(time.monotonic() + 0.01)
    assert bool(alone.counts) is busy
    assert bool(service.verdict(0, 0, alone.faults)) is not busy


def test_a_call_that_breaks_off_is_a_fault(service: ModuleType, alone: Any) -> None:
    def break_off() -> None:
        raise httpx.ReadTimeout("")

    alone.jobs = {"parse": break_off}
    alone.live(time.monotonic() + 0.01)
    assert "parse failed: ReadTimeout" in service.verdict(0, 0, alone.faults)


def test_a_run_passes_only_without_a_fault(service: ModuleType) -> None:
    assert service.verdict(0, 0, Counter()) == ""
    assert service.verdict(1, 0, Counter()) == "1 answers of another visitor"
    assert service.verdict(0, 2, Counter({"parse refused: no answer": 3})) == (
        "2 photos stayed; 3 x parse refused: no answer"
    )


def test_growth_is_told_from_what_a_server_held_at_first_and_at_last(service: ModuleType) -> None:
    held = [100.0, 100.0, 300.0, 120.0, 120.0, 500.0, 120.0, 120.0, 110.0, 110.0]
    assert service.level(held, 0) == 100
    assert service.level(held, -1) == 110
    assert service.level([7.0], 0) == service.level([7.0], -1) == 7
