"""A person with a phone who does a tab's job by touch; for the browser tests and `walk.py`."""

from contextlib import suppress
from typing import Any

from tests.browser.page_jobs import NEW, Job
from tests.browser.walker import MENU, Keys, Stopped

BELOW = """([stem, start]) => {
    const line = document.getElementById(stem + '-state'), button = document.getElementById(start);
    const above = button && button.closest('.actions');
    return line && above ? Math.round(line.getBoundingClientRect().top - above.getBoundingClientRect().bottom) : 0;
}"""
"""How far below its button's row the line of a result stands, in pixels."""


class Touch(Keys):
    """A person with a phone. far: buttons that had to be scrolled to."""

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.far: list[str] = []

    def open(self, address: str, job: Job) -> None:
        """By a link, as phones get them."""
        self.page.goto(
            f"{address}{'&' if '?' in address else '?'}tab={job.tab}" + (f"&sub={job.sub}" if job.sub else "")
        )
        self.page.wait_for_function("window.strip")
        self.arrived(job.tab, job.sub)

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
            self.page.locator("[role=option]").last.tap()
        self.page.evaluate("walk.frames()")

    def tick(self, part: str) -> None:
        """Tick a box."""
        self.page.locator(f"#{part} label").first.tap()
        self.pressed += 1

    def write(self, part: str, words: str) -> None:
        """Type into a field."""
        self.page.locator(f"#{part} input, #{part} textarea").first.fill(words)
        self.pressed += 1

    def change(self, part: str, on: int = 1) -> None:
        """Change a setting by taps."""
        every = f"#{part} input:not([type=file]), #{part} textarea, #{part} button"
        field = self.page.locator(every).locator("visible=true").first
        kind = field.get_attribute("role") or field.get_attribute("type")
        if kind == "combobox":
            field.tap()
            options = self.page.locator("[role=option]")
            options.first.wait_for()
            options.nth(min(on, options.count() - 1)).tap()
        elif kind == "radio":
            self.page.locator(f"#{part} label").last.tap()
        elif kind in ("range", "number"):
            number = self.page.locator(f"#{part} input[type=number]").first
            number.fill(str(float(number.input_value() or 0) + float(number.get_attribute("step") or 1)))
            number.blur()
        elif kind == "text" or not kind:
            field.fill(NEW if part.endswith("-name") else "happy")
        else:
            field.tap()
        self.pressed += 1


def below(page: Any, job: Job) -> int:
    """How far below the row of its button the line of a job's result stands, in pixels."""
    return int(page.evaluate(BELOW, [job.state, job.start]))
