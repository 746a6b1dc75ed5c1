"""Errors become toasts: ours with their sentence, bugs without a word about the photo."""

import logging

import gradio as gr
import pytest

from workbench.errors import Cancelled, NoFace
from workbench.ui.common.events import bound


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
