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
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT
from tests.browser.labeling_booth import OWNER, consent, judge, wait_shown
from tests.browser.walker import Keys
from workbench.drawing import luminance


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
            page.set_viewport_size({"width": 1280, "height": 720})
            page.evaluate("scrollTo(0, 0)")
            button = page.locator("[data-answer]").last.bounding_box()
            assert button["y"] + button["height"] <= 720, "the pair and its answers are seen whole on a small laptop"
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
    """Into the view and to the answers by keys alone. On the consent, Enter agreed whatever had the focus: another tab,
    or "I do not agree"."""
    address, _ = booth
    person, token = Keys(page), "#labeling-owner [data-part=token]"
    page.goto(address)
    expect(page.locator(".judge")).to_have_attribute("data-screen", "consent", timeout=60_000)
    page.get_by_role("tab", name="Owner").press("Enter")
    page.get_by_role("tab", name="Judge").press("Enter")
    page.get_by_role("tab", name="Judge").press("Enter")  # is open: the key is the screen's
    expect(page.locator("[data-part=age]")).to_be_checked()
    page.locator("[data-do=refuse]").press("Enter")
    expect(page.locator("[data-part=done-text]")).to_contain_text("You did not agree")
    page.get_by_role("tab", name="Owner").press("Enter")
    person.use(token, "=wrong")
    person.key("Enter")
    expect(page.locator("#labeling-owner [data-part=error]")).to_contain_text("owner's token")
    person.use(token, "Control+A")
    person.use(token, f"={OWNER}")
    person.key("Enter")
    expect(page.locator("#labeling-owner .owner")).to_have_attribute("data-screen", "open")
    expect(page.locator("#labeling-owner [data-part=coverage]")).to_contain_text("synthetic")
    for ground in page.locator(".owner td.heat").evaluate_all("cells => cells.map(cell => cell.style.background)"):
        share = float(ground.rpartition(",")[2].rstrip(") "))  # white on 0.41 of this blue could not be read
        blue = "#" + "".join(f"{round(255 - share * (255 - part)):02x}" for part in (54, 71, 184))
        assert (luminance(blue) + 0.05) / (luminance("#1f2937") + 0.05) >= 4.5, ground
    with page.expect_download() as download:
        person.press("[data-export=parquet]")
    assert person.lost == []
    assert len(pd.read_parquet(download.value.path())) >= 0
    theirs = "item,rater,answer\nno-such-item,ann,same_2\n"
    page.locator("[data-part=from]").select_option("csv")
    page.locator("[data-part=lenient]").check()
    file = {"name": "theirs.csv", "mimeType": "text/csv", "buffer": theirs.encode()}
    page.locator("[data-part=brought]").set_input_files(file)
    page.locator("[data-do=bring]").click()
    expect(page.locator("[data-part=account]")).to_contain_text("1 left out")
    expect(page.locator("[data-part=account]")).to_contain_text("no-such-item")
    page.locator("[data-part=member]").fill("ana")
    page.locator("[data-do=addMember]").click()
    expect(page.locator("[data-part=added]")).to_contain_text("The token of ana, shown this once: fwm_")
    page.locator("[data-member=ana]").click()
    expect(page.locator("[data-member=ana]")).to_have_count(0)
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


@pytest.mark.parametrize("action", ["overview", "raters", "export", "pause", "squash", "nonsense"])
@pytest.mark.parametrize("token", [None, "", "wrong", 5, OWNER.upper()], ids=str)
def test_the_owners_functions_answer_403_without_the_token(booth, action, token) -> None:
    """Last of all: after these guesses the owner's view waits a while."""
    address, _ = booth
    for function in ("owner", "study"):
        status, body = call(address, function, {"action": action, "token": token})
        assert status == 403, body
        assert "pairs" not in body
