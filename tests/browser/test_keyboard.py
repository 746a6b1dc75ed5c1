"""A person without a mouse does a tab's whole job, never loses the place, and sees where they are at every stop."""

from playwright.sync_api import expect

from tests.browser.page_jobs import JOBS
from tests.browser.walker import Keys, do, stops

CLEAR = "#strip [data-way=remove]"


def test_a_job_goes_by_keys_alone_and_what_goes_away_takes_the_focus_along_no_more(page, server: str) -> None:
    person = Keys(page)
    page.goto(f"{server}?tab=parsing")
    page.locator("#parsing-start").wait_for()
    do(person, next(job for job in JOBS if job.name == "parsing/one-photo"), {})
    person.press(CLEAR)
    assert page.evaluate("document.activeElement.closest('#strip') !== null"), "Remove went away with the focus"
    assert person.lost == []
    expect(page.locator("#parsing-palette")).to_be_disabled()

    person.press("#tab-parsing button[role=tab]:nth-of-type(3)")  # Cut out, whose sliders had no ring
    page.locator("#cutout-start").wait_for()
    assert stops(page) == []
    expect(page.get_by_role("listbox")).to_have_count(0)  # a menu that Tab had left stood open over what is below it
