"""Every sub-tab in every state (empty, running, done, out of date, error), as sheets of pictures to look at, and what
axe-core finds wrong with it, empty and done, light and dark.

`python benchmarks/page_states.py ADDRESS FOLDER [TAB[/SUB] ...] [--axe axe.min.js]` against a workbench that runs.
axe-core comes from npm (`npm install axe-core`). Prints a row per sub-tab; the pictures lie in FOLDER, named
`<tab>-<sub>-<state>-<width>-<theme>.png`, and a sheet per width and theme is made of those that are there.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from PIL import Image

from tests.browser.chromium import launched
from tests.browser.page_jobs import EXAMPLE, JOBS, Job, files
from tests.browser.walker import Keys, Stopped, do, do_before, layout, stops

SIZES = {1280: 720, 1440: 900, 390: 844}
STATES = ("empty", "running", "done", "stale", "error")
CALM = "walk.calm()"
DARK = """dark => document.body.classList.toggle('dark', dark)"""
AXE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .filter(one => ['critical', 'serious'].includes(one.impact))
    .map(one => [one.id, one.nodes.map(node => node.target.join(' ') + ' · '
        + ((node.any[0] || node.all[0] || node.none[0] || {}).message || ''))])"""


class Looking:
    """One sub-tab's page, and what is kept of it."""

    def __init__(self, page: Any, job: Job, folder: Path, axe: str, brief: bool = False) -> None:
        self.page, self.job, self.folder, self.axe, self.brief = page, job, folder, axe, brief
        self.found: dict[str, int] = {}
        self.told: list[str] = []
        self.first = ""

    def look(self, state: str, every: bool = False) -> None:
        """Pictures (every: at every size in both themes), what is too wide or small on a phone, and axe."""
        for dark in (False, True):
            self.page.evaluate(DARK, dark)
            for width, height in () if self.brief else SIZES.items():
                if every or (width, dark) in ((1280, False), (390, True)):
                    self.page.set_viewport_size({"width": width, "height": height})
                    self.page.evaluate(CALM)
                    self.picture(state, width, dark)
            self.page.set_viewport_size({"width": 1280, "height": 720})
            if self.axe and state in ("empty", "done"):
                self.check(state, "dark" if dark else "light")
        self.page.evaluate(DARK, False)

    def picture(self, state: str, width: int, dark: bool) -> None:
        """One picture; the whole page on a phone."""
        name = f"{self.job.name.replace('/', '-')}-{state}-{width}-{'dark' if dark else 'light'}.png"
        self.page.evaluate("scrollTo(0, 0)")
        self.page.screenshot(path=self.folder / name, full_page=width == 390)
        if width == 390 and state in ("empty", "done"):
            self.told += [f"{state}: {fault}" for fault in layout(self.page)]

    def check(self, state: str, theme: str) -> None:
        """What axe finds."""
        self.page.evaluate(CALM)
        if not self.page.evaluate("() => Boolean(window.axe)"):
            self.page.evaluate(self.axe)
        count = 0
        for rule, nodes in self.page.evaluate(AXE):
            count += len(nodes)
            self.told += [f"{state} {theme} {rule}: {node[:200]}" for node in nodes[:4]]
        self.found[f"{state} {theme}"] = count


@contextmanager
def held(page: Any) -> Iterator[None]:
    """Runs that are asked for meanwhile start afterwards."""
    waiting: list[Any] = []
    page.route("**/queue/join*", lambda route: waiting.append(route))
    yield
    for route in waiting:
        route.continue_()
    page.unroute("**/queue/join*")


def spoil(page: Any, job: Job, bad: Path) -> None:
    """Give something that is no photo, or start with nothing."""
    for part in list(job.given)[:1]:
        strip = page.locator("#strip:has([data-photo]) input[type=file]")
        box = strip if strip.count() and job.given[part] == EXAMPLE else page.locator(f"#{part} input[type=file]").first
        if not box.count():
            clear = page.locator(f"#{part} [aria-label='Clear'], #{part} [aria-label='Remove'], #{part} .delete-button")
            if clear.count():
                clear.first.click()
            box = page.locator(f"#{part} input[type=file]").first
        box.set_input_files(str(bad))
        page.evaluate(CALM)
    button = page.locator(f"#{job.start}") if job.start else None
    if button and button.is_enabled():
        button.click()
    page.evaluate(CALM)


def visit(
    browser: Any, address: str, job: Job, given: dict[str, list[str]], folder: Path, axe: str, every: bool, brief: bool
) -> Looking:
    """Go through the states of one sub-tab; brief: axe alone, empty and done."""
    page = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True).new_page()
    page.set_default_timeout(20_000)
    person = Keys(page)
    looking = Looking(page, job, folder, axe, brief)
    try:
        page.goto(f"{address}?tab={job.tab}" + (f"&sub={job.sub}" if job.sub and not job.before else ""))
        page.wait_for_function("window.strip")
        person.arrived(job.tab, job.before or job.sub)
        page.evaluate(CALM)
        if job.before:
            do_before(person, job, given)
        looking.look("empty")
        do(person, replace(job, change="", file=""), given)
        page.evaluate(CALM)
        if job.state or job.steps:
            looking.first = _first(page, job)
            looking.look("done", every)
        if brief:
            page.context.close()
            return looking
        if job.state or job.steps:
            looking.told += [
                f"keys: {fault}" for fault in (*stops(page), *(f"focus lost after {each}" for each in person.lost))
            ]
        if job.change:
            with held(page):
                person.change(job.change, job.on)
                page.evaluate(CALM)
                looking.look("stale")
        if job.start:
            with held(page):
                page.locator(f"#{job.start}").click()
                with suppress(Exception):  # then the picture shows it
                    page.wait_for_function("stem => walk.state(stem) === 'running'", arg=job.state, timeout=3_000)
                looking.look("running")
        if job.given:
            bad = folder / "notes.jpg"
            bad.write_text("this is no photo")
            for name in ("zip", "mp4"):
                (folder / f"notes.{name}").write_text("this is no file of that kind")
            kind = {"clip": "mp4", "masks": "zip", "drawn": "zip"}.get(next(iter(job.given.values())), "jpg")
            spoil(page, job, folder / f"notes.{kind}")
            looking.look("error")
    except Exception as error:  # noqa: BLE001, the table says it
        looking.told.append(f"STOPPED {type(error).__name__}: {str(error)[:300]}")
        if not isinstance(error, Stopped):
            page.screenshot(path=folder / f"{job.name.replace('/', '-')}-stopped.png")
    page.context.close()
    return looking


def _first(page: Any, job: Job) -> str:
    """What a person gives and presses on the sub-tab until there is a result, and what its line says, with seconds."""
    acts = len(job.given) + len(job.words) + len(job.steps) + bool(job.consent) + bool(job.start)
    line = page.locator(f"#{job.state}-state") if job.state else None
    return f"{acts} acts: {line.inner_text().strip() if line else ''}"


def sheets(folder: Path) -> None:
    """One picture per width, theme and state of all that are there."""
    for width in SIZES:
        for theme in ("light", "dark"):
            for state in STATES:
                found = sorted(folder.glob(f"*-{state}-{width}-{theme}.png"))
                if found:
                    _sheet(found, width).save(folder / f"sheet-{state}-{width}-{theme}.jpg", quality=80)


def _sheet(found: list[Path], width: int) -> Image.Image:
    side, tall = (640, 360) if width > 390 else (260, 563)
    across = 3 if width > 390 else 8
    sheet = Image.new("RGB", (side * across, tall * -(-len(found) // across)), "gray")
    for number, path in enumerate(found):
        picture = Image.open(path).convert("RGB")
        picture = picture.crop((0, 0, picture.width, min(picture.height, picture.width * tall // side)))
        sheet.paste(
            picture.resize((side, picture.height * side // picture.width)),
            (number % across * side, number // across * tall),
        )
    return sheet


def main() -> None:
    """Look at everything that is asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("address")
    asked.add_argument("folder", type=Path)
    asked.add_argument("jobs", nargs="*", help="tabs or tab/sub-tab; all when none is named")
    asked.add_argument("--axe", type=Path)
    asked.add_argument("--seconds", type=float, default=1e9, help="begin nothing after; what was looked at is kept")
    asked.add_argument("--every", action="store_true", help="results at every size in both themes, not two of six")
    asked.add_argument("--brief", action="store_true", help="axe alone, empty and done: no pictures, no other state")
    said = asked.parse_intermixed_args()
    said.folder.mkdir(parents=True, exist_ok=True)
    given = files(said.folder / "files")
    axe = said.axe.read_text(encoding="utf-8") if said.axe else ""
    with launched() as browser:
        begun = time.monotonic()
        for job in [job for job in JOBS if not said.jobs or job.name in said.jobs or job.tab in said.jobs]:
            told = said.folder / f"{job.name.replace('/', '-')}.txt"
            if told.exists() or time.monotonic() - begun > said.seconds:
                continue
            looking = visit(browser, said.address, job, given, said.folder, axe, said.every, said.brief)
            rows = [
                f"| {job.name} | {looking.first} | {looking.found} |",
                *(f"    {each}" for each in dict.fromkeys(looking.told)),
            ]
            told.write_text("\n".join(rows) + "\n", encoding="utf-8")
            print("\n".join(rows), flush=True)
    sheets(said.folder)


if __name__ == "__main__":
    main()
