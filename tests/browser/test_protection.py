"""A person chooses a look, sees it at once, protects the photo, compares, downloads; the file scored again gives the
shown figures."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.video import clips
from workbench.tasks.detection import find_faces
from workbench.video.reading import frames, open_clip

SEARCH = 420_000


@pytest.fixture
def tab(page, server, portrait):
    """The Protection tab with a photo in the default look."""
    page.goto(server)
    page.get_by_role("tab", name="Protection").click()
    page.locator("#protect-photo input[type=file]").set_input_files(portrait)
    expect(page.locator("#protect-verdict .verdict")).to_have_attribute("data-state", "makeup", timeout=60_000)
    return page


def test_look_protect_slider_download_and_the_file_gives_the_same_figures(
    tab, bench, astronaut, astronaut_face, keep, tmp_path
):
    tab.locator("#protect-look input").click()
    tab.get_by_role("option", name="Red lipstick").click()
    expect(tab.locator("#protect-look")).to_contain_text("Red lips")
    keep(tab, "look")
    tab.get_by_label("Light: to post").check()
    tab.locator("#protect-start").click()
    expect(tab.locator("#protect-verdict .verdict")).to_have_attribute(
        "data-state", re.compile("^(protected|not protected)$"), timeout=SEARCH
    )
    rows = tab.locator("#protect-table tr[data-model]")
    expect(rows.first).to_be_visible(timeout=30_000)
    assert rows.count() >= 2
    assert tab.locator("#protect-table tr[data-role=judge]").count() >= 1
    expect(tab.locator("#protect-heat img")).to_be_visible()

    expect(tab.locator("#protect-curve circle").first).to_be_attached()
    expect(tab.locator("#protect-level input:checked")).to_have_value("1.5", timeout=30_000)
    failed = "not protected" in (tab.locator("#protect-verdict .verdict").get_attribute("data-state") or "")
    assert tab.locator("#protect-next").is_visible() == failed, "three ways on where it failed, none where it did not"
    shown = tab.locator("#protect-figures").inner_text()
    tab.locator("#protect-level label").first.click()
    expect(tab.locator("#protect-figures")).not_to_have_text(shown, timeout=30_000)

    handle, after = tab.locator("#protect-slider .outer .icon-wrap"), tab.locator("#protect-slider img").last
    before = after.evaluate("image => image.style.clipPath")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 140, box["y"] + box["height"] / 2, steps=5)
    tab.mouse.up()
    moved = after.evaluate("image => image.style.clipPath")
    assert moved != before, "the slider follows the pointer"
    tab.locator("#protect-slider .outer").press("ArrowLeft")
    assert after.evaluate("image => image.style.clipPath") != moved, "and the keys"
    keep(tab, "light")

    with tab.expect_download() as download:
        tab.locator("#protect-jpeg").click()
    photo = tmp_path / "protected.jpg"
    download.value.save_as(photo)
    with tab.expect_download() as download:
        tab.locator("#protect-json").click()
    figures = json.loads(Path(download.value.path()).read_text())
    picture = Image.open(photo)
    assert (picture.size, picture.format, dict(picture.getexif())) == ((512, 512), "JPEG", {})
    _scored_again(photo, figures, tab.locator("#protect-table").inner_text(), bench, astronaut, astronaut_face)


def _scored_again(photo: Path, figures: dict, shown: str, bench, before, face) -> None:
    """The downloaded file, read by itself: found, aligned and scored anew."""
    from workbench.images import decode
    from workbench.tasks.detection import one_face
    from workbench.tasks.recognition import verify

    saved = decode(photo, bench.settings)
    found = one_face(saved, bench.model("blazeface"))
    for reading in figures["readings"]:
        score = verify(before, face, saved, found, bench.model(reading["model"])).score
        assert score == pytest.approx(reading["scores"]["after"], abs=2e-3), reading["model"]
        assert f"{reading['scores']['after']:.3f}" in shown
        told = reading["scores"]["after JPEG 75"]
        matches = told >= reading["threshold"] if reading["metric"] == "cosine" else told <= reading["threshold"]
        if reading["role"] == "judge" and matches:
            assert figures["outcome"] == "not protected"


def test_a_shade_and_an_intensity_show_at_once_and_cancel_keeps_nothing(tab):
    first = tab.locator("#protect-slider img").last.get_attribute("src")
    tab.get_by_role("button", name="Adjust the makeup").click()
    tab.get_by_label("number input for Lips").fill("1")
    tab.get_by_label("number input for Lips").press("Enter")
    expect(tab.locator("#protect-makeup textarea, #protect-makeup input")).to_have_value(re.compile('"lip":1'))
    expect(tab.locator("#protect-slider img").last).not_to_have_attribute("src", first)
    tab.locator("#protect-start").click()
    expect(tab.locator("#protect-verdict .verdict")).to_have_attribute("data-state", "searching", timeout=SEARCH)
    tab.locator("#protect-stop").click()
    expect(tab.locator("#protect-verdict .verdict")).to_have_attribute("data-state", "cancelled", timeout=30_000)
    expect(tab.locator("#protect-jpeg")).to_be_disabled()


def test_blur_mosaic_silhouette(tab, portrait, keep):
    tab.get_by_role("tab", name="Blur, mosaic, silhouette").click()
    tab.locator("#plain-photo input[type=file]").set_input_files(portrait)
    expect(tab.locator("#plain-slider img").first).to_be_visible(timeout=60_000)
    tab.get_by_label("Mosaic").check()
    tab.locator("#plain-start").click()
    expect(tab.locator("#plain-words")).to_contain_text("not matched", timeout=60_000)
    keep(tab)


def test_a_clip_is_hidden_and_downloaded(page, server, tmp_path, astronaut, keep, finder):
    page.goto(server)
    page.get_by_role("tab", name="Protection").click()
    tab = page
    clip = clips.write(tmp_path / "walk.mp4", [astronaut[:300, 20 + number : 320 + number] for number in range(8)])
    tab.get_by_role("tab", name="Hide in video").click()
    tab.locator("#hide-video-clip input[type=file]").set_input_files(clip)
    expect(tab.locator("#hide-video-state")).to_contain_text("Ready", timeout=30_000)
    tab.locator("#hide-video-start").click()
    expect(tab.locator("#hide-video-words .verdict")).to_have_attribute("data-state", "hidden", timeout=90_000)
    with tab.expect_download() as download:
        tab.locator("#hide-video-file").click()
    assert download.value.suggested_filename == "walk_hidden.mp4"
    written = [frame.image for frame in frames(open_clip(Path(download.value.path())))]
    assert len(written) == 8
    assert find_faces(written[4], finder, landmarks=False) == ()
    keep(tab)


@pytest.mark.parametrize("scheme", ["dark", "phone"])
def test_it_is_readable_in_the_dark_and_on_a_phone(chromium, server, portrait, keep, scheme):
    phone = scheme == "phone"
    size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 950}
    context = chromium.new_context(viewport=size, color_scheme="light" if phone else "dark")
    page = context.new_page()
    page.goto(server + ("" if phone else "?__theme=dark"))
    page.get_by_role("tab", name="Protection").click()
    page.locator("#protect-photo input[type=file]").set_input_files(portrait)
    expect(page.locator("#protect-verdict .verdict")).to_have_attribute("data-state", "makeup", timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"] + 1
    keep(page)
    context.close()
