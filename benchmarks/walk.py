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
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser.chromium import launched
from tests.browser.page_jobs import JOBS, Job, files
from tests.browser.thumbs import Touch, below
from tests.browser.walker import Keys, do, do_before, layout, stops


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
    if touch and job.start and not where and (under := below(page, job)) > 24:
        faults.append(f"the result stands {under} px below its button")
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
