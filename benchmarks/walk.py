"""Every tab's real job by keyboard alone, or by touch on a phone: does it work, where does it stop, what does it cost?

`python benchmarks/walk.py ADDRESS [--touch] [TAB[/SUB] ...]` against a workbench that runs; prints a table and leaves
with 1 when a job stopped. By keyboard it also goes through every stop of the Tab key and notes those without a ring
that can be seen, without a name, or off the screen; by touch it notes targets under 24 pixels, sideways scrolling, a
primary button that has to be scrolled to, and results that do not stand right below it.
"""

import argparse
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser.chromium import launched
from tests.browser.page_jobs import JOBS, Job, files
from tests.browser.walker import MENU, Keys, Stopped, do, do_before, layout, stops

BELOW = """([stem, start]) => {
    const line = document.getElementById(stem + '-state'), button = document.getElementById(start);
    const above = button && button.closest('.actions');
    return line && above ? Math.round(line.getBoundingClientRect().top - above.getBoundingClientRect().bottom) : 0;
}"""
"""How far below its button's row the line of a result stands, in pixels."""


class Touch(Keys):
    """A person with a phone."""

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.far: list[str] = []

    def open(self, address: str, job: Job) -> None:
        """By a link, as phones get them."""
        self.page.goto(f"{address}?tab={job.tab}" + (f"&sub={job.sub}" if job.sub else ""))
        self.page.wait_for_function("window.strip")
        self.arrived(job.tab, job.sub)

    def sub(self, tab: str, sub: str) -> None:
        """Open a sub-tab, folded away or not."""
        button = self.page.locator(f"#tab-{tab} button[role=tab]").filter(has_text=sub.replace("-", " ").capitalize())
        if not button.count() or not button.first.is_visible():
            self.page.locator(f"#tab-{tab} [aria-label='More tabs']").tap()
            button = self.page.locator(f"#tab-{tab} .overflow-dropdown button").filter(
                has_text=sub.replace("-", " ").capitalize()
            )
        button.first.tap()
        self.pressed += 1
        self.arrived(tab, sub)

    def reach(self, selector: str, most: int = 160) -> None:
        """See that it is there, once it can be used."""
        with suppress(Exception):  # then it is said where it is
            self.page.wait_for_function("part => walk.able(part)", arg=selector)
        if (where := self.page.evaluate("selector => walk.where(selector)", selector)) in ("absent", "disabled"):
            raise Stopped(f"{selector} is {where}")

    def press(self, selector: str) -> None:
        """Tap a button."""
        self.reach(selector)
        target = self.page.locator(selector).locator("visible=true").first
        box, high = target.bounding_box(), self.page.viewport_size["height"]
        if selector.endswith(("-start", "-make")) and box and not 0 <= box["y"] <= high - box["height"]:
            self.far.append(f"{selector} is out of reach without scrolling, at {box['y']:.0f} of {high} px")
        target.tap()
        self.pressed += 1

    def give(self, part: str, paths: list[str]) -> None:
        """Choose files in the phone's own dialogue."""
        with self.page.expect_file_chooser() as chooser:  # as slow as a busy machine is
            self.page.locator(f"#{part} button:not([role=group])").locator("visible=true").first.tap()
        self.pressed += 1
        chooser.value.set_files(paths if chooser.value.is_multiple() else paths[0])

    def use(self, part: str, keys: str) -> None:
        """Tap a part, and type there; of a menu, its last choice."""
        self.press(part)
        if keys.startswith("="):
            self.page.locator(part).locator("visible=true").first.fill(keys[1:])
        elif self.page.evaluate(MENU):
            self.page.get_by_role("option").last.tap()
        self.page.evaluate("walk.frames()")

    def tick(self, part: str) -> None:
        """Tick a box."""
        self.page.locator(f"#{part} label").first.tap()
        self.pressed += 1

    def write(self, part: str, words: str) -> None:
        """Type into a field."""
        self.page.locator(f"#{part} input, #{part} textarea").first.fill(words)
        self.pressed += 1

    def change(self, part: str) -> None:
        """Change a setting by taps."""
        every = f"#{part} input:not([type=file]), #{part} textarea, #{part} button"
        field = self.page.locator(every).locator("visible=true").first
        kind = field.get_attribute("role") or field.get_attribute("type")
        if kind == "combobox":
            field.tap()
            self.page.get_by_role("option").last.tap()
        elif kind == "radio":
            self.page.locator(f"#{part} label").last.tap()
        elif kind in ("range", "number"):
            number = self.page.locator(f"#{part} input[type=number]").first
            number.fill(str(float(number.input_value() or 0) + float(number.get_attribute("step") or 1)))
            number.blur()
        elif kind == "text" or not kind:
            field.fill("happy")
        else:
            field.tap()
        self.pressed += 1


def walk(
    browser: Any, address: str, job: Job, given: dict[str, list[str]], touch: bool, shots: Path | None = None
) -> tuple[list[Any], list[str]]:
    """One row of the table, and the faults that were met. shots: a folder for a picture of how it ended."""
    size = {"width": 390, "height": 844} if touch else {"width": 1280, "height": 720}
    context = browser.new_context(viewport=size, has_touch=touch, is_mobile=touch, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(20_000)
    person: Keys = Touch(page) if touch else Keys(page)
    start, where, faults = time.perf_counter(), "", list[str]()
    try:
        person.open(address, job)
        faults += [f"empty: {each}" for each in (layout(page) if touch else [])]
        if job.before:
            person.sub(job.tab, job.before)
            do_before(person, job, given)
        do(person, job, given)
        person.kept()
    except Exception as error:  # noqa: BLE001, the table says it
        where = str(error).split("\n")[0][:200]
    seconds = time.perf_counter() - start
    if touch and job.start and not where and (below := page.evaluate(BELOW, [job.state, job.start])) > 24:
        faults.append(f"the result stands {below} px below its button")
    try:
        faults += [f"done: {each}" for each in (layout(page) if touch else stops(page))]
    except Exception as error:  # noqa: BLE001, as above
        faults.append(f"not looked at: {str(error)[:100]}")
    if shots:
        page.screenshot(path=shots / f"{job.name.replace('/', '-')}{'-touch' if touch else ''}.png")
    context.close()
    faults += [f"focus lost after {each}" for each in person.lost] + getattr(person, "far", [])
    return [job.name, "no" if where else "yes", where, person.pressed, round(seconds, 1)], faults


def main() -> int:
    """Walk, print, and tell whether every job went through."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("address")
    asked.add_argument("jobs", nargs="*", help="tabs or tab/sub-tab; all when none is named")
    asked.add_argument("--touch", action="store_true")
    asked.add_argument("--files", type=Path, help="folder for the files that are given; kept")
    asked.add_argument("--shots", type=Path, help="folder for a picture of how each job ended")
    asked.add_argument("--table", type=Path, help="file for the table; jobs in it are not walked again")
    asked.add_argument("--seconds", type=float, default=1e9, help="begin no job after; for walks in pieces")
    said = asked.parse_intermixed_args()
    given = files(said.files or Path(tempfile.mkdtemp()))
    jobs = [job for job in JOBS if not said.jobs or job.name in said.jobs or job.tab in said.jobs]
    table = said.table or Path(tempfile.mkdtemp()) / "table.txt"
    told = table.read_text(encoding="utf-8") if table.exists() else ""
    begun, bad = time.monotonic(), 0
    with launched() as browser:
        for job in jobs:
            if f"| {job.name} |" in told or time.monotonic() - begun > said.seconds:
                continue
            row, faults = walk(browser, said.address, job, given, said.touch, said.shots)
            bad += row[1] == "no"
            lines = ["| " + " | ".join(map(str, row)) + " |", *(f"    {each}" for each in dict.fromkeys(faults))]
            print("\n".join(lines), flush=True)
            with table.open("a", encoding="utf-8") as rows:
                rows.write("\n".join(lines) + "\n")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
