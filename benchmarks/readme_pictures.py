"""The README's pictures, taken of a workbench that runs: each tab with a result, as a person sees it on a laptop.

    python benchmarks/readme_pictures.py http://127.0.0.1:7860/ docs/images [STEM ...]

Shows NASA's portrait and drawn faces only. Needs Chromium and Playwright. Look at each picture before it is committed.
"""

import argparse
import io
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from PIL import Image

from tests.browser.chromium import launched
from tests.browser.page_jobs import JOBS, files
from tests.browser.walker import Keys, do

SHOWN = {
    "parsing": "parsing/one-photo",
    "analysis": "analysis/photo",
    "explanation": "explanation/one-face",
    "generation": "generation/new-identities",
    "protection": "protection/blur-mosaic-silhouette",
    "labeling": "labeling/judge",
    "evaluation": "evaluation/people-in-a-folder",
    "models": "models",
}
"""Picture → the job whose result it shows."""
ASKED = {"explanation/one-face": "#explain-answer .why"}
"""Job → what is pressed instead of its start."""
SIZE, SIDE = {"width": 1280, "height": 720}, (960, 540)
"""Of the page, and of the picture."""
MOST = 150_000
"""Bytes of a picture."""


def taken(browser: Any, address: str, name: str, given: dict[str, list[str]]) -> Image.Image:
    """The page after a job was done. Raises Stopped where it cannot be done."""
    page = browser.new_context(viewport=SIZE, reduced_motion="reduce").new_page()
    page.set_default_timeout(60_000)
    job, person = next(job for job in JOBS if job.name == name), Keys(page)
    page.goto(f"{address}?tab={job.tab}" + (f"&sub={job.sub}" if job.sub else ""))
    page.wait_for_function("window.strip")
    person.arrived(job.tab, job.sub)
    page.evaluate("walk.calm()")
    if name in ASKED:  # the first answer's own question, not the setting that happens to stand there
        do(person, replace(job, start="", state="", change="", file=""), given)
        page.locator(ASKED[name]).first.wait_for()
        person.press(ASKED[name])
        job = replace(job, given={}, start="")
    if job.tab in ("labeling", "models"):  # as they open
        page.locator(job.steps[0][0]).wait_for()
    else:
        do(person, replace(job, change="", file=""), given)
    page.evaluate("walk.calm()")
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(SIDE, Image.Resampling.LANCZOS)
    page.context.close()
    return picture


def small(picture: Image.Image) -> bytes:
    """As a PNG of as many colours as fit into `MOST` bytes. Raises ValueError where not even 32 do."""
    for colours in (256, 128, 64, 32):
        stream = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
        if stream.tell() <= MOST:
            return stream.getvalue()
    raise ValueError(f"expected at most {MOST} bytes, got {stream.tell()}")


def main() -> None:
    """Write the pictures that are asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("address")
    asked.add_argument("folder", type=Path)
    asked.add_argument("stems", nargs="*", help=f"of {', '.join(SHOWN)}; all when none is named")
    said = asked.parse_args()
    with launched() as browser, tempfile.TemporaryDirectory() as folder:
        given = files(Path(folder))
        for stem in said.stems or SHOWN:
            data = small(taken(browser, said.address, SHOWN[stem], given))
            (said.folder / f"{stem}.png").write_bytes(data)
            print(f"{stem}: {len(data) // 1000} kB", flush=True)


if __name__ == "__main__":
    main()
