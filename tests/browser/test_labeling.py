"""Two raters judge the demo study to the end with keys alone, one reloads midway; export and Hub hold exactly their
votes."""

import io
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Error, expect

from tests.browser.conftest import ROOT, free_port
from tests.hub_double import HubDouble
from tests.labeling.conftest import draw
from workbench.labeling.store.store import Store
from workbench.labeling.study.demo import build_demo, vary
from workbench.labeling.study.tasktypes import display_order, find_task

OWNER = "owner token of this test"


def sample(n, seed):
    """Blocks of colour instead of faces: the page does not care."""
    import numpy as np

    small = np.random.default_rng(seed).integers(40, 200, (n, 4, 4, 3), dtype=np.uint8)
    return [np.kron(face, np.ones((16, 16, 1), np.uint8)) for face in small]


@pytest.fixture(scope="module")
def hub():
    with HubDouble() as hub:
        yield hub


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


@pytest.fixture(scope="module")
def booth(tmp_path_factory, hub):
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


@pytest.fixture(scope="module")
def corner(tmp_path_factory):
    """`label serve` on a study of twelve choices that no test exhausts, kept in a local folder; its address and data
    folder."""
    folder = tmp_path_factory.mktemp("twelve")
    for n in range(40):
        draw(folder / f"study/faces/{n:02d}.png", n, side=64)
    (folder / "study/study.toml").write_text(TWELVE)
    with serving(folder, {"WORKBENCH_OFFLINE": "1"}) as address:
        yield address, folder


def stored(folder: Path) -> pd.DataFrame:
    """The judgements of the study of twelve choices that count."""
    store = Store(folder / "data/labels.db")
    table = store.judgements("twelve")
    store.close()
    return table


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
    """Wait for another item (then "shown"), a break or the end; the item's id, or the screen's name."""
    page.wait_for_function(
        """after => { const node = document.querySelector('#labeling-judge .judge'), d = node && node.dataset;
        return d && d.screen !== 'loading' && (d.screen !== 'judging' || (d.shown && d.shown !== after)); }""",
        arg=after,
    )
    data = page.locator("#labeling-judge .judge").evaluate("node => ({...node.dataset})")
    return data["shown"] if data["screen"] == "judging" else data["screen"]


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


@pytest.mark.timeout(300)
def test_two_raters_with_keys_alone_to_the_end(chromium, booth, hub) -> None:
    address, folder = booth
    given: dict[str, str] = {}
    for number in range(2):
        context = chromium.new_context(
            viewport={"width": 1280, "height": 950} if number == 0 else {"width": 390, "height": 844}
        )
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
        page.set_default_timeout(60_000)
        consent(page, address)
        if number == 0:
            given |= dict(judge(page, "16", most=5))
            page.wait_for_timeout(800)
            before = page.locator("#labeling-judge .judge").get_attribute("data-shown")
            page.reload()
            shown = wait_shown(page, "")
            assert shown == before, "after a reload the same pair is there"
            undone = list(given)[-1]
            page.keyboard.press("z")
            wait_shown(page, shown)
            expect(page.locator("[data-answer].before")).to_have_count(1)
            del given[undone]
        given |= dict(judge(page, "25"))
        expect(page.locator("[data-part=done-text]")).to_contain_text("nothing left")
        page.wait_for_function("document.querySelector('#labeling-judge .judge').dataset.pending === '0'")
        artifact = ROOT / "artifacts"
        artifact.mkdir(exist_ok=True)
        page.screenshot(path=artifact / f"labeling-done-{number}.png")
        assert errors == []
        context.close()
    from workbench.labeling.study.tasktypes import TASK_TYPES

    by_key = {answer.hotkey: answer.key for answer in TASK_TYPES["same_different"].answers}
    environment = os.environ | {"WORKBENCH_DATA": str(folder / "data"), "WORKBENCH_OFFLINE": "1"}
    out = folder / "votes.csv"
    words = [
        sys.executable,
        "-m",
        "workbench",
        "label",
        "export",
        str(folder / "study"),
        "--format",
        "csv",
        "--out",
        str(out),
    ]
    subprocess.run(words, check=True, cwd=ROOT, env=environment, timeout=120)
    table = pd.read_csv(out)
    assert dict(zip(table["label"], table["answer"], strict=True)) == {
        label: by_key[key] for label, key in given.items()
    }
    assert Counter(table[~table["is_repeat"] & ~table["is_gold"]]["item"]) == dict.fromkeys(
        set(table[~table["is_gold"]]["item"]), 2
    )
    assert table["rater"].nunique() == 2
    end = time.monotonic() + 60
    while time.monotonic() < end:
        files = hub.repo("dataset", "tester/demo").files
        rows = [
            json.loads(line)
            for path, data in files.items()
            if path.startswith("data/labels/")
            for line in data.splitlines()
        ]
        if len(rows) > len(table):
            break
        time.sleep(0.5)
    assert [row["supersedes"] for row in rows if row["supersedes"]] == [undone], "what was undone stays, and is named"
    rows = [row for row in rows if row["label"] != undone]
    assert {row["label"]: row["answer"] for row in rows} == dict(zip(table["label"], table["answer"], strict=True))
    loaded = pd.concat(
        [pd.read_json(io.BytesIO(d), lines=True) for p, d in files.items() if p.startswith("data/labels/")]
    )
    assert len(loaded) == len(table) + 1


def test_markup_in_instructions_is_shown_as_text(page, booth) -> None:
    address, _ = booth
    page.goto(address)
    expect(page.locator("[data-part=instructions]")).to_contain_text("<b>You</b> will see two faces.")
    assert page.locator("[data-part=instructions] img").count() == 0
    expect(page.locator("[data-part=instructions] strong")).to_have_text("synthetic")


def component(address: str, function: str) -> tuple[int, dict]:
    config = json.loads(urllib.request.urlopen(f"{address}config", timeout=20).read())
    found = next(c for c in config["components"] if function in (c["props"].get("server_fns") or []))
    return found["id"], config


def call(address: str, function: str, payload: object) -> tuple[int, str]:
    """The raw address, as a script would use it: (status, body)."""
    number, _ = component(address, function)
    body = json.dumps({"data": payload, "component_id": number, "fn_name": function, "session_hash": "script"}).encode()
    request = urllib.request.Request(
        f"{address}gradio_api/component_server", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_raw_address_refuses_forgeries_and_large_bodies(booth) -> None:
    address, _ = booth
    assert call(address, "sync", {"rater": "forged", "want": 3})[0] == 403
    assert call(address, "sync", ["not", "an", "object"])[0] == 400
    assert call(address, "sync", {"rater": "x" * 10_000_000})[0] == 413
    assert call(address, "enter", {"agree": True, "version": "0"})[0] == 400
    status, body = call(address, "owner", {"token": OWNER, "action": "overview"})
    assert status == 200
    assert json.loads(body)["study"] == "demo"


def test_the_owner_sees_coverage_raters_and_downloads(page, booth) -> None:
    address, _ = booth
    page.goto(address)
    page.get_by_role("tab", name="Owner").click()
    page.locator("#labeling-owner [data-part=token]").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#labeling-owner [data-part=error]")).to_contain_text("owner's token")
    page.locator("#labeling-owner [data-part=token]").fill(OWNER)
    page.keyboard.press("Enter")
    expect(page.locator("#labeling-owner .owner")).to_have_attribute("data-screen", "open")
    expect(page.locator("#labeling-owner [data-part=coverage]")).to_contain_text("synthetic")
    with page.expect_download() as download:
        page.locator("[data-export=parquet]").click()
    assert len(pd.read_parquet(download.value.path())) >= 0
    page.screenshot(path=ROOT / "artifacts/labeling-owner.png", full_page=True)


def test_the_screen_works_on_a_phone_in_the_dark_and_says_its_keys(chromium, booth) -> None:
    address, _ = booth
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    consent(page, f"{address}?__theme=dark")
    root = page.locator("#labeling-judge .judge")
    page.wait_for_function(
        "['judging', 'done'].includes(document.querySelector('#labeling-judge .judge').dataset.screen)"
    )
    wide = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    assert wide, "nothing sticks out sideways"
    if root.get_attribute("data-screen") == "judging":
        page.keyboard.press("?")
        expect(page.locator("[data-part=sheet]")).to_contain_text("Undo the last answer")
        page.keyboard.press("Escape")
        expect(page.locator("[data-part=sheet]")).to_be_hidden()
    page.screenshot(path=Path(ROOT / "artifacts/labeling-phone.png"))
    assert re.match(r"judging|done", str(root.get_attribute("data-screen")))
    context.close()


ROOT_OF = "#labeling-judge .judge"


def test_with_eleven_choices_key_b_marks_a_broken_picture_and_no_answer_has_it(page, corner) -> None:
    address, folder = corner
    consent(page, address)
    keys = page.locator("[data-part=answers] kbd").all_inner_texts()
    assert len(set(keys)) == 12
    assert not {"z", "b", "k", "?", "space"} & set(keys)
    first = wait_shown(page, "")
    page.keyboard.press("b")
    expect(page.locator("[data-flag=broken]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("b")
    page.keyboard.press(keys[10])
    second = wait_shown(page, first)
    page.keyboard.press(keys[9])
    wait_shown(page, second)
    sent(page)
    rows = stored(folder).set_index("label")
    assert rows.loc[[first, second], "answer"].tolist() == ["c11", "c10"]
    assert rows.loc[[first, second], "flags"].tolist() == ["", ""]


def test_a_picture_of_the_next_pair_that_breaks_does_not_void_this_answer(page, corner) -> None:
    address, folder = corner

    def spoil(route) -> None:
        answer = route.fetch()
        body = answer.json()
        if "items" in body:
            for item in body["items"][1:]:
                item["images"] = ["data:image/png;base64,AAAA"]
        route.fulfill(response=answer, json=body)

    page.route("**/component_server/", spoil)
    consent(page, address)
    first = wait_shown(page, "")
    page.wait_for_timeout(500)
    page.keyboard.press("1")
    second = wait_shown(page, first)
    expect(page.locator("[data-flag=broken]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("2")
    wait_shown(page, second)
    sent(page)
    rows = stored(folder).set_index("label")
    assert rows.loc[[first, second], "flags"].tolist() == ["", "broken"]


PRESS = """([key, code]) => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true }))"""


def test_digits_of_azerty_and_letters_of_cyrillic_work_by_their_place(page, corner) -> None:
    address, folder = corner
    consent(page, address)
    shown, answers = "", {}
    for key, code, answer in (
        ("&", "Digit1", "c1"),
        ("é", "Digit2", "c2"),
        ("ф", "KeyA", "c10"),
        ("9", "Digit9", "c9"),
    ):
        shown = wait_shown(page, shown)
        page.evaluate(PRESS, [key, code])
        answers[shown] = answer
    shown = wait_shown(page, shown)
    page.evaluate(PRESS, ["и", "KeyB"])
    expect(page.locator("[data-flag=broken]")).to_have_attribute("aria-pressed", "true")
    page.evaluate(PRESS, ["w", "KeyZ"])
    page.evaluate(PRESS, ["m", "Semicolon"])
    page.wait_for_timeout(300)
    assert page.locator(ROOT_OF).get_attribute("data-shown") == shown, "a Latin letter is what it writes"
    sent(page)
    rows = stored(folder).set_index("label")
    assert rows.loc[list(answers), "answer"].tolist() == list(answers.values())
    page.evaluate(PRESS, ["я", "KeyZ"])
    again = wait_shown(page, shown)
    assert page.locator("[data-answer].before").inner_text().startswith("c9")
    assert again not in answers


def test_undo_works_after_a_reload(page, corner) -> None:
    address, folder = corner
    consent(page, address)
    first = wait_shown(page, "")
    page.keyboard.press("1")
    second = wait_shown(page, first)
    page.keyboard.press("2")
    third = wait_shown(page, second)
    sent(page)
    page.reload()
    assert wait_shown(page, "") == third
    page.keyboard.press("z")
    again = wait_shown(page, third)
    expect(page.locator("[data-answer].before")).to_have_count(1)
    assert page.locator("[data-answer].before").inner_text().startswith("c2")
    page.keyboard.press("3")
    wait_shown(page, again)
    sent(page)
    rows = stored(folder).set_index("label")
    assert second not in rows.index
    assert rows.loc[again, ["answer", "supersedes"]].tolist() == ["c3", second]


DEAF = """const add = window.addEventListener;
window.addEventListener = function (name, ...rest) { if (name !== 'storage') add.call(this, name, ...rest); };"""
"""A tab that the browser does not tell of the others."""


def test_two_tabs_of_one_rater_lose_nothing_and_contradictions_are_told(chromium, corner) -> None:
    address, folder = corner
    context = chromium.new_context()
    one, two = context.new_page(), context.new_page()
    for tab in (one, two):
        tab.set_default_timeout(30_000)
    two.add_init_script(DEAF)
    consent(one, address)
    two.goto(address)
    same = wait_shown(one, "")
    assert wait_shown(two, "") == same, "one rater's tabs share their items"
    for tab in (one, two):
        tab.route("**/component_server/", lambda route: route.abort())
    given = {}
    for tab, keys in ((one, "123"), (two, "456")):
        shown = same
        for key in keys:
            tab.keyboard.press(key)
            given.setdefault(shown, f"c{key}")
            shown = wait_shown(tab, shown) if key != keys[-1] else shown
    assert list(given.values()) == ["c1", "c2", "c3"], "both tabs answered the same three"
    expect(two.locator("[data-part=notice]")).to_contain_text("answered before, in another tab")
    for tab in (one, two):
        tab.unroute("**/component_server/")
        sent(tab)
    rows = stored(folder).set_index("label")
    assert rows.loc[list(given), "answer"].tolist() == list(given.values())
    assert two.evaluate("Object.keys(localStorage).filter((key) => key.includes(':vote:')).length") == 0
    context.close()


def test_an_answer_that_contradicts_one_the_server_has_is_told(chromium, corner) -> None:
    address, folder = corner
    context = chromium.new_context()
    one, two = context.new_page(), context.new_page()
    two.add_init_script(DEAF)
    consent(one, address)
    two.goto(address)
    same = wait_shown(one, "")
    assert wait_shown(two, "") == same
    one.keyboard.press("1")
    wait_shown(one, same)
    sent(one)
    two.keyboard.press("4")
    expect(two.locator("[data-part=notice]")).to_contain_text("“c1”. That answer stands")
    assert stored(folder).set_index("label").loc[same, "answer"] == "c1"
    context.close()


def test_an_item_answered_in_one_tab_is_not_asked_for_in_the_other(chromium, corner) -> None:
    address, _ = corner
    context = chromium.new_context()
    one, two = context.new_page(), context.new_page()
    consent(one, address)
    two.goto(address)
    same = wait_shown(one, "")
    assert wait_shown(two, "") == same
    one.keyboard.press("1")
    assert wait_shown(two, same) == wait_shown(one, same)
    context.close()


BLOCKED = """for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name,
    { get() { throw new DOMException('blocked', 'SecurityError'); } });"""


def test_with_blocked_storage_judging_works_and_the_page_says_what_a_reload_loses(chromium, corner) -> None:
    address, folder = corner
    context = chromium.new_context()
    context.add_init_script(BLOCKED)
    page = context.new_page()
    consent(page, address)
    expect(page.locator("[data-part=storage]")).to_contain_text("lost on a reload")
    before = len(stored(folder))
    given = judge(page, "12", most=4)
    sent(page)
    assert len(stored(folder)) == before + 4
    page.keyboard.press("z")
    wait_shown(page, given[-1][0])
    expect(page.locator("[data-answer].before")).to_have_count(1)
    page.screenshot(path=ROOT / "artifacts/labeling-blocked-storage.png")
    context.close()


def test_a_full_storage_is_told_and_nothing_is_lost(page, corner) -> None:
    address, folder = corner
    page.add_init_script(
        "const put = Storage.prototype.setItem; Storage.prototype.setItem = function (key, text) { "
        "if (/:(vote|receipt):/.test(key)) throw new DOMException('full', 'QuotaExceededError'); "
        "return put.call(this, key, text); }"
    )
    consent(page, address)
    expect(page.locator("[data-part=storage]")).to_be_hidden()
    before = len(stored(folder))
    judge(page, "12", most=3)
    sent(page)
    expect(page.locator("[data-part=storage]")).to_be_visible()
    assert len(stored(folder)) == before + 3


def test_a_withdrawal_is_kept_by_the_browser_until_the_data_set_knows(page, corner) -> None:
    address, folder = corner
    consent(page, address)
    judge(page, "12", most=2)
    sent(page)
    before = len(stored(folder))
    page.route("**/component_server/", hold_back)
    page.get_by_role("button", name="Withdraw my answers").click()
    page.get_by_role("button", name="Withdraw", exact=True).click()
    expect(page.locator("[data-part=done-text]")).to_contain_text("until the data set knows")
    assert len(stored(folder)) == before - 2
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.endsWith(':left')).length") == 1
    page.reload()
    expect(page.locator("[data-part=done-text]")).to_contain_text("until the data set knows")
    page.unroute("**/component_server/")
    expect(page.locator(ROOT_OF)).to_have_attribute("data-withdrawn", "true", timeout=60_000)
    expect(page.locator("[data-part=done-text]")).to_contain_text("the data set knows of it")
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.includes('twelve')).length") == 0


def hold_back(route) -> None:
    """The Hub has not got the withdrawal yet."""
    with suppress(Error):  # a reload drops the request that is under way
        answer = route.fetch()
        body = answer.json()
        if "on_hub" in body and "receipt" in body:
            body["on_hub"] = False
        route.fulfill(response=answer, json=body)


def test_who_has_to_wait_is_told_and_goes_on_by_itself(page, corner) -> None:
    address, _ = corner
    waits = []

    def wait_first(route) -> None:
        answer = route.fetch()
        body = answer.json()
        if "valid" in body and len(waits) < 1:
            waits.append(1)
            body |= {"items": [], "valid": [], "state": "waiting", "message": "Others are judging what is left."}
        route.fulfill(response=answer, json=body)

    page.route("**/component_server/", wait_first)
    consent(page, address)
    expect(page.locator("[data-part=idle]")).to_contain_text("Others are judging")
    assert wait_shown(page, "")


@pytest.mark.parametrize("action", ["overview", "raters", "export", "pause", "squash", "nonsense"])
@pytest.mark.parametrize("token", [None, "", "wrong", 5, OWNER.upper()], ids=str)
def test_the_owners_functions_answer_403_without_the_token(booth, action, token) -> None:
    """Last of all: after these guesses the owner's view waits a while."""
    address, _ = booth
    for function in ("owner", "study"):
        status, body = call(address, function, {"action": action, "token": token})
        assert status == 403, body
        assert "pairs" not in body


def test_most_and_least_of_four_are_picked_by_keys_and_by_touch(chromium, tmp_path) -> None:
    for n in range(4):
        draw(tmp_path / f"study/faces/{n}.png", n, side=64)
    names = ["image_1", "image_2", "image_3", "image_4"]
    rows = [",".join(f"faces/{(n + k) % 4}.png" for n in range(4)) for k in range(3)]
    (tmp_path / "study/items.csv").write_text("\n".join([",".join(names), *rows]) + "\n")
    text = TWELVE.replace('task = "category"', 'task = "best_worst"').replace('"kind"', '"lively"')
    text = re.sub(r"choices = .*\n", "", text).replace('folder = "faces"', 'csv = "items.csv"')
    (tmp_path / "study/study.toml").write_text(text)
    with serving(tmp_path, {"WORKBENCH_OFFLINE": "1"}) as address:
        page = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True).new_page()
        consent(page, address)
        expect(page.locator("#labeling-judge .question")).to_have_text("Which looks most lively, and which least?")
        first = wait_shown(page, "")
        page.keyboard.press("2")
        expect(page.locator("[data-part=step]")).to_have_text("Now the one with least.")
        expect(page.locator("figure.picked")).to_have_count(1)
        page.keyboard.press("4")
        second = wait_shown(page, first)
        page.locator("figure[data-place='0']").tap()
        page.locator("figure[data-place='0']").tap()  # taken back
        expect(page.locator("[data-part=step]")).to_have_text("First the one with most.")
        page.locator("figure[data-place='3']").tap()
        page.screenshot(path=ROOT / "artifacts/labeling-best-worst.png")
        page.locator("figure[data-place='1']").tap()
        wait_shown(page, second)
        sent(page)
        page.context.close()
    table = Store(tmp_path / "data/labels.db").judgements("twelve")
    assert len(table) == 2
    order = [display_order(find_task("best_worst"), int(seed)) for seed in table["seed"]]
    assert table["answer"].tolist() == [
        f"image_{order[0][1] + 1}>image_{order[0][3] + 1}",
        f"image_{order[1][3] + 1}>image_{order[1][1] + 1}",
    ]


def test_the_screen_speaks_arabic_and_keeps_its_places(chromium, corner) -> None:
    address, _ = corner
    context = chromium.new_context(viewport={"width": 390, "height": 800}, locale="ar-EG")
    page = context.new_page()
    page.goto(address)
    root = page.locator("#labeling-judge .judge")
    expect(root).to_have_attribute("data-screen", "consent", timeout=60_000)
    expect(root).to_have_attribute("dir", "rtl")
    expect(page.locator("[data-do=agree]")).to_contain_text("أوافق، ابدأ")
    page.locator("[data-part=age]").check()
    page.locator("[data-do=agree]").click()
    expect(root).to_have_attribute("data-screen", "judging")
    wait_shown(page, "")
    expect(page.locator(".question")).to_have_text("ما هو: kind؟")
    places = page.locator("[data-answer]").evaluate_all(
        "nodes => nodes.slice(0, 2).map(n => n.getBoundingClientRect().x)"
    )
    assert places[0] < places[1], "answers stand from left to right"
    page.screenshot(path=ROOT / "artifacts/labeling-arabic.png")
    page.locator("[data-part=language]").select_option("ja")
    expect(root).to_have_attribute("dir", "ltr")
    expect(page.locator(".question")).to_have_text("どれですか：kind？")
    expect(page.locator("[data-do=skip]")).to_contain_text("スキップ")
    page.reload()
    expect(page.locator(".question")).to_have_text("どれですか：kind？", timeout=60_000)
    context.close()
