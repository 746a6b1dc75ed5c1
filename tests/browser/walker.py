"""A person with a keyboard who does a tab's job, and what they meet on the way; for the browser tests and `walk.py`."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.browser.page_jobs import EXAMPLE, JOBS, NEW, Job

SLOW, NOTICED = 120_000, 5_000
"""Milliseconds that a run may take, and that a page may take to notice that a setting was changed."""
MENU = "document.activeElement.getAttribute('role') === 'combobox'"
ASKING = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
"""What is asked of a page, as `window.walk`."""


class Stopped(Exception):
    """A job cannot go on: what was meant, and why not."""


class Keys:
    """A person with a keyboard on one page."""

    def __init__(self, page: Any) -> None:
        self.page, self.pressed, self.lost, self.last = page, 0, list[str](), ""
        page.add_init_script(ASKING)
        if page.url != "about:blank":
            page.evaluate(ASKING)
        # Else dialogues are caught only from the next one on, and a busy page takes the key before it hears of that.
        page.on("filechooser", _caught)

    def open(self, address: str, job: Job) -> None:
        """From the first screen to the job's sub-tab."""
        self.page.goto(address)
        self.page.locator("#tab-start-button").wait_for()
        self.page.wait_for_function("window.strip")  # the page's own script: what is pressed before is lost
        self.press(f"#tab-{job.tab}-button")
        self.sub(job.tab, job.sub)

    def sub(self, tab: str, sub: str) -> None:
        """Open a sub-tab."""
        if sub:
            found = f"#tab-{tab} button[role=tab]"
            self.page.locator(found).first.wait_for()
            names = self.page.locator(found).all_inner_texts()
            meant = next((n for n, name in enumerate(names) if _slug(name) == sub), None)
            if meant is None:
                raise Stopped(f"no sub-tab {sub} among {names}")
            self.page.evaluate("([s, n]) => document.querySelectorAll(s)[n].dataset.walk = ''", [found, meant])
            self.press("[data-walk]")
            self.page.evaluate("() => delete document.querySelector('[data-walk]').dataset.walk")
        self.arrived(tab, sub)

    def arrived(self, tab: str, sub: str) -> None:
        """Wait until what a job begins with is there."""
        job = next((job for job in JOBS if (job.tab, job.sub) == (tab, sub)), None)
        begins = [job.start, job.state and f"{job.state}-state", *(part for part, _ in job.steps)] if job else []
        first = next(filter(None, begins), "") if job and not job.before else ""
        self.page.wait_for_function("part => walk.seen(part)", arg=first or f"tab-{tab}")
        self.page.evaluate("walk.frames()")

    def key(self, name: str) -> None:
        """Press one key."""
        self.page.keyboard.press(name)
        self.pressed += 1

    def reach(self, selector: str, most: int = 160) -> None:
        """Tab to a part, forwards or backwards, once it can be used. Raises Stopped when it is not reached."""
        self.kept()
        self.last = ""
        with suppress(Exception):  # then it is said where it is
            self.page.wait_for_function("part => walk.able(part)", arg=selector)
        for _ in range(most):
            where = self.page.evaluate("selector => walk.where(selector)", selector)
            if where == "there":
                return
            if where in ("absent", "disabled"):
                raise Stopped(f"{selector} is {where}")
            self.key("Tab" if where == "after" else "Shift+Tab")
        raise Stopped(f"{selector} is not reached by {most} times Tab")

    def press(self, selector: str) -> None:
        """Reach a button and press it; the focus may not fall off the page, then or until the next key."""
        self.reach(selector)
        self.key("Enter")
        self.last = selector
        self.page.evaluate("walk.frames()")
        self.kept()

    def kept(self) -> None:
        """Note that what was pressed last took the focus along; a busy page brings it back a little later."""
        if self.last and self.page.evaluate("walk.lost()"):
            with suppress(Exception):
                self.page.wait_for_function("!walk.lost()", timeout=3_000)
            if self.page.evaluate("walk.lost()"):
                self.lost.append(self.last)

    def give(self, part: str, paths: list[str]) -> None:
        """Choose files in the browser's own dialogue."""
        self.reach(f"#{part} button:not([role=group]):not([aria-label='Clear']), #{part} input:not([type=file])")
        with self.page.expect_file_chooser() as chooser:  # as slow as a busy machine is
            self.key("Enter")
        chooser.value.set_files(paths if chooser.value.is_multiple() else paths[0])

    def use(self, part: str, keys: str) -> None:
        """Press keys on a part, or type what follows an `=`."""
        self.reach(part)
        if keys.startswith("="):
            self.page.keyboard.type(keys[1:])
            self.pressed += len(keys) - 1
        else:
            self.keys(keys.split())
        self.page.evaluate("walk.frames()")

    def keys(self, names: list[str]) -> None:
        """Press one after the other; a menu opens first."""
        for number, name in enumerate(names):
            self.key(name)
            self.page.evaluate("walk.frames()")
            if not number and name == "ArrowDown" and self.page.evaluate(MENU):
                with suppress(Exception):  # then there is none to open
                    self.page.locator("[role=option]").first.wait_for(timeout=5_000)

    def tick(self, part: str) -> None:
        """Tick a box."""
        self.reach(f"#{part} input")
        self.key("Space")

    def write(self, part: str, words: str) -> None:
        """Type into a field."""
        self.reach(f"#{part} input, #{part} textarea")
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(words)
        self.pressed += len(words) + 1

    def change(self, part: str, on: int = 1) -> None:
        """Change a setting by the keys of its kind; of a menu, the choice that is `on` further down."""
        field = f"#{part} input:not([type=file]), #{part} textarea, #{part} button"
        self.reach(field)
        kind = self.page.evaluate("() => document.activeElement.getAttribute('role') || document.activeElement.type")
        keys = {
            "combobox": [*["ArrowDown"] * on, "Enter"],
            "checkbox": ["Space"],
            "radio": ["ArrowRight"],
            "range": ["ArrowRight"],
            "number": ["ArrowUp", "Tab"],
            "textarea": ["Control+A", *"happy"],
            "text": ["Control+A", *(NEW if part.endswith("-name") else "happy")],
            "button": ["Enter"],
        }.get(kind, ["ArrowRight"])
        self.keys(keys)


def _caught(chooser: Any) -> None:
    """That somebody listens is enough."""


def do(person: Keys, job: Job, given: dict[str, list[str]]) -> None:
    """The job, from giving a photo to a file at home. Raises Stopped with where it ended."""
    page = person.page
    for part, kind in job.given.items():
        if kind == EXAMPLE:
            person.press(f"#tab-{job.tab} .column:has(#{part}) .examples:not(.looks) button.gallery-item")
        else:
            person.give(part, given[kind])
        shown = f"#{part} :is(img, video, canvas, .file-preview), #strip [data-photo]"  # on a phone the strip has it
        page.locator(shown).locator("visible=true").first.wait_for()
    for part, words in job.words.items():
        person.write(part, words)
    for part, keys in job.steps:
        person.use(part, keys)
    if job.consent:
        person.tick(job.consent)
    if job.start:
        before = page.evaluate("stem => walk.told(stem)", job.state)
        person.press(f"#{job.start}")
        _noticed(page, job, before)
    if job.state:
        _settled(page, job)
    if job.found:
        page.locator(job.found).locator("visible=true").first.wait_for()
    if job.change:
        _change(person, job)
    if job.file:
        file = job.file if job.file[0] in "#[" else f"#{job.file}"
        person.reach(file)
        with page.expect_download():
            person.press(file)


def _change(person: Keys, job: Job) -> None:
    """A setting, and the run again where the page asks for that; some settings leave a result as it is."""
    page, again = person.page, f"#{job.state}-state [data-press]"
    before = page.evaluate("stem => walk.told(stem)", job.state)
    person.change(job.change, job.on)
    _noticed(page, job, before)
    _settled(page, job)
    if page.evaluate("part => walk.able(part)", again):
        person.press(again)
        page.wait_for_function("stem => walk.state(stem) !== 'stale'", arg=job.state)
        _settled(page, job)


def _noticed(page: Any, job: Job, before: str) -> None:
    """Wait until a job's line tells something else than before, or will not."""
    with suppress(Exception):
        page.wait_for_function(
            "([stem, before]) => walk.told(stem) !== before", arg=[job.state, before], timeout=NOTICED
        )


def do_before(person: Keys, job: Job, given: dict[str, list[str]]) -> None:
    """The job that comes first, in the sub-tab that is open, and the way from there to the job's own. Raises
    Stopped."""
    first = next(each for each in JOBS if (each.tab, each.sub) == (job.tab, job.before))
    do(person, Job(first.tab, first.sub, first.state, first.given), given)
    person.sub(job.tab, job.sub)


def _settled(page: Any, job: Job) -> None:
    page.wait_for_function("stem => walk.settled(stem)", arg=job.state, timeout=SLOW)
    shown = page.locator(f"#{job.state}-state [data-state]").first
    if shown.get_attribute("data-state") == "error":
        raise Stopped(f"error: {shown.inner_text()[:160]}")


def stops(page: Any, most: int = 140) -> list[str]:
    """What is wrong with the stops of the Tab key on the page as it is."""
    page.evaluate("walk.begin()")
    page.evaluate("scrollTo(0, 0)")
    faults, before = list[str](), ""
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate("walk.stop()")
        if stop is None:
            break
        wrong = [
            word
            for word, good in (("no ring", stop["ring"]), ("no name", stop["named"]), ("off screen", stop["seen"]))
            if not good
        ]
        if wrong:
            faults.append(f"{' + '.join(wrong)}: {stop['what']}")
        before = stop["what"]
    else:
        faults.append(f"no end after {most} stops, last {before}")
    return faults


def layout(page: Any) -> list[str]:
    """What is wrong with the page on a phone: targets under 24 px, parts that are cut off, sideways scrolling."""
    faults = [f"target: {each}" for each in page.evaluate("walk.small()")]
    faults += [f"cut off: {each}" for each in page.evaluate("walk.cut()")[:4]]
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > page.viewport_size["width"]:
        faults.append(f"{width} px wide")
    return faults


def _slug(text: str) -> str:
    return "-".join("".join(c.lower() if c.isalnum() else " " for c in text).split())
