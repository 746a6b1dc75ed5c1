"""From a fresh page to the first value, in every tab and sub-tab: how many acts, how many seconds, on a laptop and on a
phone.

    python benchmarks/first_value.py ADDRESS [TAB[/SUB] ...] [--sizes laptop phone] [--table FILE] [--seconds N]

against a workbench that runs. An act is a tap: a tab, a sub-tab, an example or a file chosen in the dialogue (its two
taps count as one), a tick, the button. Nothing is thought and nothing is set: what a newcomer gets by the shortest way.
Seconds are of the wall, from the address being opened and from the last act, so nothing else should run meanwhile;
acts hold on any machine. Leaves with 1 when a value did not come.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser.chromium import launched
from tests.browser.page_jobs import EXAMPLE, JOBS, Job, files

SIZES = {"laptop": (1280, 720), "phone": (390, 844)}
READY = "#start-portrait .first[data-state=ready]"
OWN: dict[str, tuple[tuple[str, ...], str]] = {
    "start": ((), READY),
    "models": (("#tab-models-button",), ".model-cards article"),
    "labeling/judge": (
        ("#tab-labeling-button", "#labeling-judge [data-part=age]", "#labeling-judge [data-do=agree]"),
        "#labeling-judge .judge[data-shown] .pair img",
    ),
}
"""Tabs whose first value comes otherwise: what is tapped, and what is there then."""
AT_ONCE = {
    "explanation/one-face": "/%/.test(document.querySelector('#explain-answer')?.innerText)",
    "explanation/why-do-these-two-match": "document.querySelector('#pair-words li')",
}
"""Answers that come without the button, which then asks for more: what holds when they are there."""
LEFT_OUT = ("analysis/camera", "labeling/owner")
"""Shows what a camera sees, which a benchmark has none of; what only the owner of studies opens."""
SETTLED = """stem => ['done', 'error'].includes(
    (document.querySelector(`#${stem}-state [data-state]`) || {dataset: {}}).dataset.state)"""


class Stranger:
    """Somebody who sees the page for the first time and taps."""

    def __init__(self, page: Any) -> None:
        self.page, self.acts, self.last = page, 0, 0.0

    def tap(self, selector: str, has: str = "") -> None:
        """Tap a part as soon as it can be tapped."""
        found = self.page.locator(selector)
        (found.filter(has_text=has) if has else found).locator("visible=true").first.tap()
        self.did()

    def did(self) -> None:
        """Count an act."""
        self.acts, self.last = self.acts + 1, time.perf_counter()

    def open(self, job: Job) -> None:
        """Go to a job's sub-tab."""
        if self.page.locator(f"#tab-{job.tab}-button").get_attribute("aria-selected") != "true":
            self.tap(f"#tab-{job.tab}-button")
        tabs = self.page.locator(f"#tab-{job.tab} button[role=tab]")
        if not job.sub:
            return
        tabs.first.wait_for()
        for row in (f"#tab-{job.tab} button[role=tab]", f"#tab-{job.tab} .overflow-dropdown button"):
            names = self.page.locator(row).all_inner_texts()
            meant = next((n for n, name in enumerate(names) if _slug(name) == job.sub), None)
            if meant is not None and (target := self.page.locator(row).nth(meant)).is_visible():
                if target.get_attribute("aria-selected") != "true":
                    target.tap()
                    self.did()
                return
            if row.endswith("[role=tab]"):
                self.tap(f"#tab-{job.tab} [aria-label='More tabs']")
        raise LookupError(f"no sub-tab {job.sub}")

    def give(self, job: Job, given: dict[str, list[str]]) -> None:
        """Hand over what the job needs."""
        for part, kind in job.given.items():
            examples = f"#tab-{job.tab} .column:has(#{part}) .examples:not(.looks) button.gallery-item"
            if kind == EXAMPLE:
                self.tap(examples)
            else:
                with self.page.expect_file_chooser() as chooser:
                    self.page.locator(f"#{part} button:not([role=group])").locator("visible=true").first.tap()
                chooser.value.set_files(given[kind] if chooser.value.is_multiple() else given[kind][0])
                self.did()
            shown = f"#{part} :is(img, video, canvas, .file-preview), #strip [data-photo]"
            self.page.locator(shown).locator("visible=true").first.wait_for()

    def do(self, job: Job, given: dict[str, list[str]]) -> str:
        """The job up to its first value; what its line says then."""
        self.give(job, given)
        if job.name in AT_ONCE:
            self.page.wait_for_function(f"() => {AT_ONCE[job.name]}", timeout=300_000)
            return "the answer; the button asks for its reasons"
        for part, words in job.words.items():
            self.page.locator(f"#{part}").locator("input, textarea").first.fill(words)
            self.did()
        if job.consent:
            self.tap(f"#{job.consent} label")
        if job.start:
            self.tap(f"#{job.start}:not([disabled])")
        self.page.wait_for_function(SETTLED, arg=job.state, timeout=300_000)
        line = self.page.locator(f"#{job.state}-state [data-state]").first
        if line.get_attribute("data-state") == "error":
            raise RuntimeError(line.inner_text()[:160])
        return str(line.inner_text()).strip()


def first(browser: Any, address: str, job: Job, given: dict[str, list[str]], size: str) -> list[Any]:
    """One row: size, job, acts, seconds in all, seconds after the last act, what was said or what went wrong."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=True, is_mobile=width < 500)
    page = context.new_page()
    page.set_default_timeout(30_000)
    person, told = Stranger(page), ""
    start = person.last = time.perf_counter()
    try:
        page.goto(address)
        if job.name in OWN:
            taps, ready = OWN[job.name]
            for selector in taps:
                person.tap(selector)
            page.locator(ready).first.wait_for()
        else:
            if job.before:
                before = next(each for each in JOBS if (each.tab, each.sub) == (job.tab, job.before))
                person.open(before)
                person.give(before, given)
                page.wait_for_function(SETTLED, arg=before.state, timeout=300_000)
            person.open(job)
            told = person.do(job, given) if job.state else _edited(person, job)
    except Exception as error:  # noqa: BLE001, the table says it
        told = f"no: {str(error).splitlines()[0][:160]}"
    end, told = time.perf_counter(), told.replace("\n", " ")[:120]
    context.close()
    return [
        size,
        job.name,
        person.acts,
        f"{end - start:.1f}",
        f"{end - person.last:.1f}",
        told.replace("\n", " ")[:120],
    ]


def _edited(person: Stranger, job: Job) -> str:
    """What has no run is there when its editor is."""
    part = person.page.locator(job.steps[0][0])
    part.wait_for()
    return ""


def _slug(text: str) -> str:
    return "-".join("".join(c.lower() if c.isalnum() else " " for c in text).split())


def main() -> int:
    """Print a row for each job and size, and tell whether every value came."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("address")
    asked.add_argument("jobs", nargs="*", help="tabs or tab/sub-tab; all when none is named")
    asked.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    asked.add_argument("--files", type=Path, help="folder for the files that are given; kept")
    asked.add_argument("--table", type=Path, help="file for the table; what is in it is not measured again")
    asked.add_argument("--seconds", type=float, default=1e9, help="begin nothing after; for tables in pieces")
    said = asked.parse_intermixed_args()
    given = files(said.files or Path(tempfile.mkdtemp()))
    jobs = [Job("start", ""), *(job for job in JOBS if job.name not in LEFT_OUT)]
    wanted = [job for job in jobs if not said.jobs or job.name in said.jobs or job.tab in said.jobs]
    table = said.table or Path(tempfile.mkdtemp()) / "table.txt"
    told, begun, bad = table.read_text(encoding="utf-8") if table.exists() else "", time.monotonic(), 0
    with launched() as browser:
        for size in said.sizes:
            for job in wanted:
                if f"| {size} | {job.name} |" in told or time.monotonic() - begun > said.seconds:
                    continue
                row = first(browser, said.address, job, given, size)
                bad += str(row[-1]).startswith("no: ")
                line = "| " + " | ".join(map(str, row)) + " |"
                print(line, flush=True)
                with table.open("a", encoding="utf-8") as rows:
                    rows.write(line + "\n")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
