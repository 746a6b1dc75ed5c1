"""Errors become toasts: ours with their sentence, bugs without a word about the photo."""

import logging
from collections.abc import Iterator

import gradio as gr
import pytest

from tests.zero_gpu_double import ZeroGpuDouble
from workbench.bench import Workbench
from workbench.catalog.spec import ModelSpec, table
from workbench.errors import Cancelled, NoFace
from workbench.ui.common import events
from workbench.ui.common.events import GPU, bound


def _fails_as_expected(bench: object, value: str) -> str:
    raise NoFace("No face was found.")


def _fails_by_mistake(bench: object, value: str) -> str:
    raise KeyError(value)


def _counts(bench: object, up_to: int, step: int = 1):
    yield from range(0, up_to, step)


def test_our_errors_show_their_sentence() -> None:
    with pytest.raises(gr.Error, match="No face was found"):
        bound(_fails_as_expected, None)("x")


def test_a_bug_shows_no_values_and_logs_none(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error, match="our side") as caught:
        bound(_fails_by_mistake, None)("a secret path")

    assert "secret" not in str(caught.value)
    assert "secret" not in caplog.text
    assert "KeyError" in caplog.text


def test_a_generator_stays_one_and_keeps_its_signature() -> None:
    import inspect

    handler = bound(_counts, None)

    assert list(handler(4, step=2)) == [0, 2]
    assert list(inspect.signature(handler).parameters) == ["up_to", "step"]
    assert inspect.isgeneratorfunction(handler)


def test_cancelling_is_no_fault() -> None:
    def stopped(bench: object) -> None:
        raise Cancelled("stop")

    with pytest.raises(gr.Error) as caught:
        bound(stopped, None)()
    assert caught.value.title == "Cancelled"


class TestOnZeroGpu:
    """Its calls cross a process: nothing that holds a lock may be among the arguments."""

    @pytest.fixture
    def card(self, monkeypatch: pytest.MonkeyPatch) -> ZeroGpuDouble:
        card = ZeroGpuDouble()
        monkeypatch.setattr(events, "_on_zero_gpu", card)
        return card

    @pytest.fixture
    def bench(self, settings) -> Workbench:
        rows = [
            ModelSpec("small", "parsing", "Small", "m:load", ()),
            ModelSpec("large", "portrait", "Large", "m:load", (), gpu_seconds=60),
            ModelSpec("larger", "portrait", "Larger", "m:load", (), gpu_seconds=90),
        ]
        return Workbench(settings, table(rows))

    def test_a_handler_runs_although_its_bench_cannot_be_pickled(self, card: ZeroGpuDouble, bench: Workbench) -> None:
        @GPU
        def draws(bench: Workbench, model: str) -> str:
            return bench.spec(model).title

        with pytest.raises(TypeError, match="pickle"):
            card(draws)(bench, "small")
        assert list(bound(draws, bench)("small"))[-1] == "Small"

    def test_the_rows_seconds_are_what_is_asked_for(self, card: ZeroGpuDouble, bench: Workbench) -> None:
        @GPU
        def draws(bench: Workbench, models: object, prompt: str = "", count: float = 1) -> Iterator[str]:
            yield prompt

        handler = bound(draws, bench)
        for models in ("small", "large", ["large", "larger"], None, [{"a": 1}]):
            assert list(handler(models, prompt="wet paint", count=2)) == ["wet paint"]

        assert [seconds for _, seconds in card.calls] == [None, 60, 150, None, None]

    def test_an_error_crosses_with_its_sentence(self, card: ZeroGpuDouble, bench: Workbench) -> None:
        with pytest.raises(gr.Error, match="No face was found") as caught:
            list(bound(GPU(_fails_as_expected), bench)("x"))
        assert caught.value.title == "Could not do that"

    def test_a_handler_that_runs_no_model_asks_for_no_card(self, card: ZeroGpuDouble, bench: Workbench) -> None:
        bound(_counts, bench)

        assert list(bound(_counts, bench)(2)) == [0, 1]
        assert card.calls == []
