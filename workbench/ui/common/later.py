"""What is not seen at first comes later: a page starts with the tab that is open; every other tab is sent when it is
opened.

Gradio's page makes a node of every component, and looks through all events for each of them, before it shows anything:
with a thousand of both that takes seconds. What lies in closed tabs is therefore left out of the page (`first`) and
answered to the event of opening the tab (`rest`), the way Gradio sends what `gr.render` makes. The server and its API
know everything all along.

Knows nothing of what is in a tab: it works on Gradio's configuration, ids of components and of events.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

Config = dict[str, Any]
"""Gradio's configuration of a page: `components`, `dependencies` (events), `layout`, `page`."""

FOR_CLIENTS = ("api_info", "api_info_as_input", "api_info_as_output", "example_inputs")
"""What a component's row says to clients of the API, which ask /info and /config; the page never reads it."""
NOTHING = {"backend_fn": False, "js": "() => []", "inputs": [], "outputs": []}
"""What makes an event do nothing."""


def opened() -> None:
    """Somebody opens a tab; the answer is what is in it, which the page adds."""


def put_off() -> None:
    """Let every tab of the page that is made now be sent when it is opened, but the first of each row."""
    page = gr.context.Context.root_block
    rows = [block for block in page.blocks.values() if isinstance(block, gr.Tabs)]
    for tab in [tab for row in rows for tab in _closed(row)]:
        tab.select(opened, None, None, queue=False, show_progress="hidden", api_visibility="private")


def _closed(row: gr.Tabs) -> list[gr.Tab]:
    """The tabs of a row that are not open at first."""
    tabs = [tab for tab in row.children if isinstance(tab, gr.Tab)]
    return [tab for number, tab in enumerate(tabs) if (tab.id != row.selected if row.selected is not None else number)]


def doors(page: gr.Blocks) -> dict[int, int]:
    """The event that opens each tab that is sent later: id of the tab → id of the event."""
    return {int(fn.targets[0][0] or 0): number for number, fn in page.fns.items() if fn.fn is opened}


def first(config: Config, doors: Mapping[int, int]) -> Config:
    """The configuration without what comes later; as it came when nothing does."""
    return _Cut(config, doors).of(None) if doors else config


def everything(config: Config, doors: Mapping[int, int]) -> Config:
    """The whole configuration, in which opening a tab brings nothing, as all is there."""
    shut = set(doors.values())
    rows = [{**row, **NOTHING} if row["id"] in shut else row for row in config["dependencies"]]
    return {**config, "dependencies": rows}


def rest(config: Config, doors: Mapping[int, int], tab: int) -> Config:
    """What a tab holds, as Gradio's page adds it: components, events and layout; tabs within it come later still."""
    cut = _Cut(config, doors)
    found = cut.of(tab)
    door = next(row for row in config["dependencies"] if row["id"] == doors[tab])
    found["dependencies"].append({**door, **NOTHING})  # an open tab is not asked for again
    return {name: found[name] for name in ("components", "dependencies", "layout")} | {"render_id": tab}


class _Cut:
    """A configuration, and to which tab each component and event belongs; None stands for what is there at first."""

    def __init__(self, config: Config, doors: Mapping[int, int]) -> None:
        self._config, self._doors = config, doors
        self._holder: dict[int, int | None] = {}
        self._place(config["layout"], None)
        self._events = {row["id"]: row for row in config["dependencies"]}
        self._rows = {row["id"]: row for row in config["components"]}
        self._inputs = {each for row in config["dependencies"] for each in row["inputs"]}
        self._outputs = {each for row in config["dependencies"] for each in row["outputs"]}

    def of(self, tab: int | None) -> Config:
        """The part of a tab, or of what is there at first."""
        layout = self._config["layout"] if tab is None else _found(self._config["layout"], tab)
        layout = self._pruned(layout, tab)
        kept: set[int | None] = {node["id"] for node in _nodes(layout)}
        rows = [self._component(row) for row in self._config["components"] if row["id"] in kept]
        events = [*self._waits(kept - {tab}), *self._followers(kept - {tab}), *self._own(tab)]
        part = {**self._config, "components": rows, "dependencies": events, "layout": layout}
        numbers = {"components": [row["id"] for row in rows], "dependencies": [row["id"] for row in events]}
        return part | {"page": {"": {**numbers, "layout": layout}}}

    def _place(self, node: Config, tab: int | None) -> None:
        self._holder[node["id"]] = tab
        for child in node.get("children", ()):
            self._place(child, node["id"] if node["id"] in self._doors else tab)

    def _pruned(self, node: Config, tab: int | None) -> Config:
        if "children" not in node:
            return node
        shut = node["id"] in self._doors and node["id"] != tab
        return {**node, "children": [] if shut else [self._pruned(child, tab) for child in node["children"]]}

    def _own(self, tab: int | None) -> list[Config]:
        """The events of a part, each with those of its targets that lie there."""
        mine = ((row, self._targets(row, tab)) for row in self._config["dependencies"])
        return [{**row, "targets": targets} for row, targets in mine if targets is not None]

    def _targets(self, row: Config, tab: int | None) -> list[Any] | None:
        if row["trigger_after"] is None:
            return [target for target in row["targets"] if self._belongs(row, *target) == tab] or None
        first = self._events[row["trigger_after"]]
        return row["targets"] if self._targets(first, tab) is not None else None

    def _belongs(self, row: Config, target: int, event: str) -> int | None:
        opens = event == "select" and target in self._doors and row["id"] != self._doors[target]
        return target if opens else self._holder.get(target)

    def _followers(self, kept: set[int | None]) -> Iterator[Config]:
        """What listens to the opening of a tab that comes later, as a follower of its door: it is sent with the tab,
        and would miss the first time. (Whole, as the page's client takes the first row of a number.)"""
        for row in self._config["dependencies"]:
            for target, event in row["targets"] if row["trigger_after"] is None else ():
                door = self._doors.get(target)
                if event == "select" and target in kept and door is not None and door != row["id"]:
                    yield {**row, "targets": [], "trigger_after": _wait(door)}

    def _waits(self, kept: set[int | None]) -> Iterator[Config]:
        """After each door, until the page has made what came through it: a value that is set before would be lost."""
        for tab, door in self._doors.items():
            if tab in kept:
                names = sorted(self._seen(self._pruned(_found(self._config["layout"], tab), tab)))
                wait = {**NOTHING, "js": f"() => window.made({json.dumps(names)}).then(() => [])"}
                yield {**self._events[door], **wait, "id": _wait(door), "targets": [], "trigger_after": door}

    def _seen(self, node: Config) -> Iterator[str]:
        """Names of the photos and results that are on the screen once a part of the page is there."""
        row = self._rows[node["id"]]
        if row["props"].get("visible", True) is not True:
            return
        if row["type"] in ("html", "image", "gallery") and row["props"].get("elem_id"):
            yield row["props"]["elem_id"]
        for child in node.get("children", ()):
            yield from self._seen(child)

    def _component(self, row: Config) -> Config:
        """A component's row as the page would make it out of the whole configuration."""
        own = {name: value for name, value in row.items() if name not in FOR_CLIENTS}
        props = dict(row["props"])
        if not isinstance(props.get("interactive"), bool):
            empty = props.get("value") in (None, False, "", 0, [])
            props["interactive"] = row["id"] in self._inputs or (row["id"] not in self._outputs and empty)
        props["attached_events"] = [
            event for each in self._config["dependencies"] for target, event in each["targets"] if target == row["id"]
        ]
        return {**own, "props": props}


def _wait(door: int) -> int:
    """The number of the event that waits after a door: none of the server's, which count from 0."""
    return -1 - door


def _nodes(node: Config) -> Iterator[Config]:
    yield node
    for child in node.get("children", ()):
        yield from _nodes(child)


def _found(node: Config, number: int) -> Config:
    return next(each for each in _nodes(node) if each["id"] == number)
