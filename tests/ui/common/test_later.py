"""What is not seen at first comes later: nothing of a page is lost or sent twice, and it works as if it were whole."""

import json

import pytest

from workbench.tabs import TABS
from workbench.ui.common import later


@pytest.fixture(scope="module")
def parts(page) -> dict:
    """What the page starts with, under None, and what comes through each door, by tab."""
    rest = {tab: later.rest(page.config, page.doors, tab) for tab in page.doors}
    return {None: later.first(page.config, page.doors), **rest}


def _names(page) -> dict:
    return {row["id"]: row["props"].get("elem_id") for row in page.config["components"]}


def test_what_the_page_starts_with_is_small_and_has_no_tab_but_the_first(page, parts) -> None:
    names = _names(page)
    started = {names[row["id"]] for row in parts[None]["components"]}

    assert {"tab-start", "start-photo", "page-photo"} <= started
    assert {f"tab-{tab.stem}" for tab in TABS} <= started, "each can be pressed"
    assert "parsing-photo" not in started
    assert len(json.dumps(parts[None])) < 300_000
    assert max(len(part["components"]) for part in parts.values()) < 300


def test_every_component_is_sent_once_and_looks_as_in_the_whole_page(page, parts) -> None:
    sent = [row for tab, part in parts.items() for row in part["components"] if row["id"] != tab]
    inputs = {each for row in page.config["dependencies"] for each in row["inputs"]}
    outputs = {each for row in page.config["dependencies"] for each in row["outputs"]}

    assert sorted(row["id"] for row in sent) == sorted(row["id"] for row in page.config["components"])
    rows = {row["id"]: row for row in page.config["components"]}
    for row in sent:
        asked = rows[row["id"]]["props"].get("interactive")
        alone = row["id"] in inputs or (row["id"] not in outputs and not rows[row["id"]]["props"].get("value"))
        assert row["props"]["interactive"] == (alone if asked is None else asked), row["props"].get("elem_id")


def test_every_target_of_every_event_is_listened_to(page, parts) -> None:
    """Once, in the part where it is; what happens when a tab is opened also after its door, for the first time."""
    doors = set(page.doors.values())
    heard = [
        (row["id"], *target)
        for part in parts.values()
        for row in part["dependencies"]
        if row["trigger_after"] is None and not (row["id"] in doors and not row["backend_fn"])
        for target in row["targets"]
    ]
    promised = [
        (row["id"], *target)
        for row in page.config["dependencies"]
        if row["trigger_after"] is None
        for target in row["targets"]
    ]

    assert sorted(heard) == sorted(promised)


def test_no_event_reads_what_may_not_be_there_yet(page, parts) -> None:
    """Its inputs are in its own part, or in one that was open before it."""
    holder = {row["id"]: tab for tab, part in parts.items() for row in part["components"] if row["id"] != tab}
    around = {None: {None}}
    for tab in page.doors:
        chain, here = {tab, None}, tab
        while (here := holder[here]) is not None:
            chain.add(here)
        around[tab] = chain

    far = [
        (row["api_name"], _names(page)[each])
        for tab, part in parts.items()
        for row in part["dependencies"]
        if row["targets"] and not any(target in page.doors for target, _ in row["targets"])
        for each in row["inputs"]
        if holder[each] not in around[tab]
    ]

    assert far == []


def test_what_follows_an_event_goes_where_it_goes(parts) -> None:
    for part in parts.values():
        numbers = {row["id"] for row in part["dependencies"]}
        assert {row["trigger_after"] for row in part["dependencies"]} - {None} <= numbers


def test_a_door_answers_with_what_is_behind_it_and_is_then_silent(page, parts) -> None:
    tab = next(number for number, name in _names(page).items() if name == "tab-parsing")
    door = page.doors[tab]
    answer = page._opened(door, "http://elsewhere")

    assert answer["layout"]["id"] == tab == answer["render_id"]
    assert "parsing-photo" in {row["props"].get("elem_id") for row in answer["components"]}
    assert [row["js"] for row in answer["dependencies"] if row["id"] == door] == ["() => []"]
    assert page.fns[door].api_visibility == "private"


def test_a_page_without_doors_is_as_it_was(page) -> None:
    assert later.first(page.config, {}) is page.config


def test_a_whole_page_is_sent_nothing_twice(page) -> None:
    whole = later.everything(page.config, page.doors)
    doors = set(page.doors.values())

    assert [row["id"] for row in whole["dependencies"]] == [row["id"] for row in page.config["dependencies"]]
    for row, before in zip(whole["dependencies"], page.config["dependencies"], strict=True):
        assert row == ({**before, **later.NOTHING} if row["id"] in doors else before)
