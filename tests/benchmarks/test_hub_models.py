"""The benchmark of the Hub's parsers finds its networks."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_every_network_that_is_timed_is_where_the_script_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parsers had moved into a folder of their own, and the script asked the old one."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    script = importlib.import_module("hub_models")
    asked = re.findall(r'_loaded\("(\w+)"', (SCRIPTS / "hub_models.py").read_text())
    loaded = {}
    for name in asked:
        family = importlib.import_module(f"workbench.models.parsers.{name}")
        monkeypatch.setattr(family, "load", lambda spec, files, device, name=name: loaded.setdefault(name, spec.id))
        script._loaded(name, "segface-mobilenet-celeba-512", {"weight": torch.zeros(1)})

    assert set(loaded) == set(asked) >= {"segface", "bisenet"}
    sys.modules.pop("hub_models")
