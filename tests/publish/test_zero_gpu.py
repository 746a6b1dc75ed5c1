"""Every tab answers its question with its calls behind ZeroGPU's pipes: nothing in them refuses to be pickled."""

from dataclasses import replace

import pytest

from tests.publish.outside import free_port
from tests.publish.questions import QUESTIONS
from tests.zero_gpu_double import ZeroGpuDouble
from workbench.bench import Workbench
from workbench.tabs import TABS, Tab
from workbench.ui.app import build_tab, launch
from workbench.ui.common import events

WITHOUT_MODELS = {"labeling"}
"""Tabs whose question runs no torch model."""


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.stem)
def test_the_tab_answers_behind_pickles(
    tab: Tab, monkeypatch: pytest.MonkeyPatch, settings, tmp_path, portrait: str, example_photos
) -> None:
    card = ZeroGpuDouble()
    monkeypatch.setattr(events, "_on_zero_gpu", card)
    bench = Workbench(replace(settings, data=tmp_path, port=free_port(), zero_gpu=True))
    demo = build_tab(bench, tab)
    _, address, _ = launch(demo, bench, prevent_thread_lock=True, quiet=True)
    try:
        QUESTIONS[tab.stem](address, portrait)
    finally:
        demo.close()

    assert bool(card.calls) is (tab.stem not in WITHOUT_MODELS), card.calls
