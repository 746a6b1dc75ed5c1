"""A person drops a photo, reads the answer, sees why and whether to believe it, turns the overlay, downloads, cancels,
compares two."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.page_jobs import JOBS
from tests.browser.thumbs import Touch, below
from tests.browser.walker import Keys, layout

VERDICT = re.compile("Evidence|No better than chance here|No evidence")


@pytest.fixture
def tab(page, server, portrait):
    """The Explanation tab with the answer to a photo in it."""
    page.goto(server)
    page.get_by_role("tab", name="Explanation").click()
    page.locator("#explain-photo input[type=file]").set_input_files(portrait)
    expect(page.locator("#explain-answer")).to_contain_text("happy", timeout=120_000)
    return page


def explained(tab) -> Keys:
    """By keys alone. Nothing is explained before somebody asks: it takes long."""
    expect(tab.locator("#explain-state")).to_contain_text("Ready")
    expect(tab.locator("#explain-heat img")).to_have_count(0)
    person = Keys(tab)
    person.press("#explain-start")
    expect(tab.locator("#explain-verdict")).to_contain_text(VERDICT, timeout=240_000)
    return person


def test_answer_heatmap_proof_and_downloads(tab, keep):
    person = explained(tab)
    expect(tab.locator("#explain-heat img")).to_be_visible()
    expect(tab.locator("#explain-curves img")).to_be_visible()
    for part, name in (("heat", "Heatmap"), ("curves", "Curves"), ("shares", "Parts")):
        # Gradio's name was "undefined plot", the heatmap's said its verdict thrice; it is given once the run has ended.
        said = re.compile(f"^{name}: ({VERDICT.pattern}):")
        expect(tab.locator(f"#explain-{part} img")).to_have_attribute("alt", said)
    expect(tab.locator("#explain-shares img")).to_be_visible()
    keep(tab)
    with tab.expect_download() as download:
        person.press("#explain-json")
    recipe = json.loads(download.value.path().read_text())
    assert recipe["method"] == "occlusion"
    assert recipe["proof"]["verdict"]
    with tab.expect_download() as download:
        person.press("#explain-npz")
    assert person.lost == []
    with np.load(download.value.path()) as saved:
        assert saved["heatmap"].shape == (512, 512)


def test_another_method_brings_its_knobs_and_cancel_stops_it(tab):
    tab.get_by_role("button", name="Advanced").first.click()
    tab.locator("#explain-method input").click()
    tab.get_by_role("option", name="RISE").click()
    masks = tab.get_by_label("number input for Masks").first
    expect(masks).to_be_visible()
    masks.fill("8000")
    masks.press("Enter")
    tab.locator("#explain-start").click()
    tab.wait_for_timeout(1500)
    tab.locator("#explain-stop").click()
    expect(tab.locator("#explain-state")).to_contain_text("nothing was kept")
    expect(tab.locator("#explain-knobs textarea, #explain-knobs input")).to_have_value(re.compile('"masks":8000'))


def test_the_photo_goes_to_parsing(tab):
    tab.get_by_role("tab", name="Parsing").click()
    expect(tab.locator("#parsing-viewer .pv")).to_have_attribute("data-state", "ready", timeout=120_000)


def test_what_if_a_slider_is_moved_by_keyboard_the_score_follows_and_the_flip_is_shown(page, server, portrait, keep):
    page.goto(server)
    page.get_by_role("tab", name="Explanation").click()
    page.get_by_role("tab", name="What if", exact=True).click()
    page.locator("#whatif-photo input[type=file]").set_input_files(portrait)
    expect(page.locator("#whatif-bars")).to_contain_text("it says happy", timeout=120_000)
    page.get_by_role("button", name="Light and colour").click()
    slider = page.get_by_label("range slider for Blur everything")
    slider.focus()
    slider.press("End")
    expect(page.locator("#whatif-bars")).to_contain_text("flipped: happy", timeout=60_000)
    expect(page.locator("#whatif-curve svg .flip").first).to_be_attached()
    expect(page.locator("#whatif-curve")).to_contain_text("flips at")
    expect(page.locator("#whatif-bars")).to_contain_text("Identity")
    keep(page)


def test_two_photos_are_compared_and_explained(phone, server, portrait, astronaut, tmp_path, keep):
    """By touch."""
    other, job = tmp_path / "mirrored.png", next(job for job in JOBS if job.state == "pair")
    Image.fromarray(astronaut[:, ::-1]).save(other)
    person = Touch(phone)
    person.open(server, job)
    person.give("pair-0", [portrait])
    person.give("pair-1", [str(other)])
    expect(phone.locator("#pair-words")).to_contain_text("one person", timeout=120_000)
    phone.get_by_role("button", name="Advanced").last.tap()
    phone.get_by_label("Prove both maps (slower)").uncheck()
    person.press("#pair-start")
    expect(phone.locator("#pair-map-1 img")).to_be_visible(timeout=240_000)
    expect(phone.locator("#pair-verdict")).to_contain_text("Makes them alike")
    assert (layout(phone), person.far) == ([], [])
    assert below(phone, job) <= 24
    keep(phone)


def test_the_api_explains_what_the_screen_has_not_listed(server, portrait):
    """A client never saw the screen: the age model's target is not among the choices the page opened with."""
    from gradio_client import Client, handle_file

    client = Client(server, verbose=False)
    asked = (handle_file(portrait), "Face 1", "age", "age", "grad_cam", "{}", "none", False, 0, 0.7)
    picture, verdict, _, _, png, npz, record = client.predict(*asked, api_name="/explain")
    assert Image.open(picture).size == (420, 420)
    assert VERDICT.search(verdict)
    assert json.loads(Path(record).read_text())["target"] == "age"
    assert Image.open(png).size == (512, 512)
    with np.load(npz) as saved:
        assert saved["deletion"].shape == (53, 13)
