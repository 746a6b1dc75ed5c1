"""Labeling studies served for the browser tests, and what raters do: shared by the files about the raters' screen."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from playwright.sync_api import expect

from tests.browser.chromium import free_port
from tests.browser.conftest import ROOT
from tests.labeling.conftest import draw
from workbench.labeling.foreign.files import export, read
from workbench.labeling.foreign.given import Shown
from workbench.labeling.serving.folders import set_opened
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.store.store import Store
from workbench.labeling.study.demo import build_demo, vary
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study
from workbench.settings import Settings

OWNER = "owner token of this test"


def sample(n, seed):
    """Blocks of colour instead of faces: the page does not care."""
    import numpy as np

    small = np.random.default_rng(seed).integers(40, 200, (n, 4, 4, 3), dtype=np.uint8)
    return [np.kron(face, np.ones((16, 16, 1), np.uint8)) for face in small]


@contextmanager
def serving(folder: Path, own: dict[str, object]) -> Iterator[str]:
    """`label serve` on the study in `folder`; its address."""
    port = free_port()
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("WORKBENCH_", "SPACE_", "HF_"))}
    own = {"WORKBENCH_DATA": folder / "data", "WORKBENCH_OWNER_TOKEN": OWNER, "HF_HOME": folder / "hf"} | own
    words = [sys.executable, "-m", "workbench", "label", "serve", str(folder / "study"), "--port", str(port)]
    log = folder / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [*words, "--interval", "2"],
            cwd=ROOT,
            env=keep | {k: str(v) for k, v in own.items()},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}/"
    for _ in range(400):
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            urllib.request.urlopen(address, timeout=5).read()
            break
        except OSError:
            time.sleep(0.25)
    yield address
    process.terminate()
    process.wait(40)
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]


def serve_booth(tmp_path_factory, hub):
    """`label serve` on the demo study with two raters per item, pushing to the Hub double; its address and data
    folder."""
    folder = tmp_path_factory.mktemp("labeling")
    build_demo(folder / "study", sample, vary, people=6, gold=2)
    text = (
        (folder / "study/study.toml")
        .read_text()
        .replace("raters_per_item = 3", "raters_per_item = 2")
        .replace("size = 16", "size = 8")
    )
    text = text.replace("break_seconds = 5", "break_seconds = 1").replace(
        "drawn by a network", "<img src=x onerror=alert(1)> drawn"
    )
    (folder / "study/study.toml").write_text(text.replace("You will see two faces.", "<b>You</b> will see two faces."))
    own = {"WORKBENCH_HUB_DATASET": "tester/demo", "HF_TOKEN": "hf_x", "HF_ENDPOINT": hub.address}
    with serving(folder, own | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}) as address:
        yield address, folder


TWELVE = """
[study]
name = "twelve"
title = "Twelve"
instructions = "Choose."
task = "category"
attribute = "kind"
choices = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c12"]
[consent]
version = "1"
text = "c"
[items]
folder = "faces"
[assignment]
raters_per_item = 100
[blocks]
size = 100
gold = 0
repeats = 0
"""


def serve_corner(tmp_path_factory):
    """`label serve` on a study of twelve choices that no test exhausts, kept in a local folder; its address and data
    folder."""
    folder = tmp_path_factory.mktemp("twelve")
    for n in range(40):
        draw(folder / f"study/faces/{n:02d}.png", n, side=64)
    (folder / "study/study.toml").write_text(TWELVE)
    with serving(folder, {"WORKBENCH_OFFLINE": "1"}) as address:
        yield address, folder


def opened(folder: Path, name: str, toml: str, lines: list[str]) -> None:
    """Put a study of the pictures of the twelve beside it and open it; lines: of its items.csv."""
    settings = Settings(cache=folder, data=folder / "data")
    own = folder / "data/studies" / name
    (own / "faces").mkdir(parents=True, exist_ok=True)
    for path in (folder / "study/faces").iterdir():
        (own / "faces" / path.name).write_bytes(path.read_bytes())
    (own / "items.csv").write_text("\n".join(lines) + "\n")
    (own / "study.toml").write_text(toml.replace('name = "twelve"', f'name = "{name}"'))
    set_opened(settings, name, True)


def stored(folder: Path, study: str = "twelve") -> pd.DataFrame:
    """The judgements that count of a study in this data folder, at first that of twelve choices."""
    store = Store(folder / "data/labels.db")
    table = store.judgements(study)
    store.close()
    return table


def goes_round(folder: Path, name: str) -> int:
    """A study's answers go to Label Studio's file, come back as they were, and are analysed; how many there are."""
    study = load_study(folder / "data/studies" / name)
    shown = Shown(study, tuple(load_items(study)))
    store = Store(folder / "data/labels.db")
    file, data = export(store, shown, "label-studio")
    (folder / file).write_bytes(data)
    back = {(one.rater, one.item): one.answer for one in read(folder / file, shown, "label-studio")}
    table, items = store.judgements(name), store.items(name)
    store.close()
    assert back == dict(zip(zip(table["rater"], table["item"], strict=True), table["answer"], strict=True))
    found = analyse(study, table, items, rounds=20)
    assert found.counts["judgements"] == len(back)
    assert (found.formed is not None) == bool(study.task.form)
    assert (found.ranking is not None) == study.task.ranks
    return len(back)


def sent(page) -> None:
    """Wait until the server has every answer of this page."""
    page.wait_for_function("document.querySelector('#labeling-judge .judge').dataset.pending === '0'")
    page.wait_for_timeout(300)


def consent(page, address: str) -> None:
    page.goto(address)
    root = page.locator("#labeling-judge .judge")
    expect(root).to_have_attribute("data-screen", "consent", timeout=60_000)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(root).to_have_attribute(
        "data-screen", re.compile("judging|done")
    )  # done: two raters before may have judged everything


def wait_shown(page, after: str) -> str:
    """Wait for another item (then "shown"), a break or the end; the item's id, or the screen's name. Both come of one
    look: between two, a page that has just left the consent shows no item yet."""
    found = page.wait_for_function(
        """after => { const node = document.querySelector('#labeling-judge .judge'), d = node && node.dataset;
        if (!d || ['loading', 'consent'].includes(d.screen)) return '';
        return d.screen !== 'judging' ? d.screen : d.shown && d.shown !== after ? d.shown : ''; }""",
        arg=after,
    )
    return str(found.json_value())


def judge(page, keys: str, most: int = 1000) -> list[tuple[str, str]]:
    """Answer with these keys in turn until the end (or `most`); (item shown, key)."""
    given: list[tuple[str, str]] = []
    last = given[-1][0] if given else ""
    while len(given) < most:
        shown = wait_shown(page, last)
        if shown == "done":
            break
        if shown == "break":
            page.keyboard.press("Enter")
            continue
        key = keys[len(given) % len(keys)]
        page.keyboard.press(key)
        given.append((shown, key))
        last = shown
    return given
