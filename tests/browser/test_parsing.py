"""A person uploads a photo, reads the parts, switches one off, downloads a mask and takes the photo to another tab."""

import io
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.page_jobs import JOBS
from tests.browser.thumbs import Touch
from tests.browser.walker import do, layout
from workbench.parts import INDEX


def _upload(page, server: str, path: str, more: str = "") -> None:
    page.goto(f"{server}?tab=parsing{more}")
    page.locator("#parsing-photo input[type=file]").set_input_files(path)
    expect(page.locator("#parsing-viewer .pv")).to_have_attribute("data-state", "ready", timeout=60_000)


def _canvas(page) -> np.ndarray:
    data = page.locator("#parsing-viewer .pv-canvas").evaluate("c => c.toDataURL('image/png').split(',')[1]")
    import base64

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), np.int16)


def test_a_photo_is_parsed_switched_and_downloaded(page, server, portrait, keep) -> None:
    _upload(page, server, portrait)
    chips = page.locator("#parsing-viewer .pv-chips button")
    hair = chips.filter(has_text=re.compile("^Hair$"))
    expect(hair).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#parsing-table")).to_contain_text("Hair")

    before = _canvas(page)
    hair.click()
    expect(hair).to_have_attribute("aria-pressed", "false")
    page.mouse.move(5, 5)
    changed = (np.abs(_canvas(page) - before).max(axis=2) > 8).mean()
    assert 0.01 < changed < 0.6, "switching hair off must change the hair's pixels and not the whole photo"
    keep(page)

    with page.expect_download() as download:
        page.locator("#parsing-masks").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        assert any("hair" in name for name in names)
    with page.expect_download() as download:
        page.locator("#parsing-palette").click()
    labels = np.asarray(Image.open(download.value.path()))
    assert labels.shape == (512, 512)
    assert INDEX["hair"] in labels


def test_pointing_names_the_part(page, server, portrait) -> None:
    _upload(page, server, portrait)
    canvas = page.locator("#parsing-viewer .pv-canvas")
    box = canvas.bounding_box()
    # the middle of the astronaut's cheek, once the picture stands still
    canvas.hover(position={"x": box["width"] * 0.40, "y": box["height"] * 0.30})

    expect(page.locator("#parsing-viewer .pv-status")).to_have_text(re.compile("Skin|Nose"))


def test_the_photo_travels_to_another_tab(page, server, portrait, keep) -> None:
    _upload(page, server, portrait)
    page.get_by_role("tab", name="Analysis").click()
    expect(page.locator("#tab-analysis")).to_be_visible()
    expect(page.locator("#analysis-viewer svg")).to_be_visible(timeout=60_000)
    expect(page.locator("#analysis-table")).to_contain_text("yaw", timeout=60_000)
    keep(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_sideways_scrolling(phone, server, keep, scheme) -> None:
    """And one does the whole job by touch."""
    phone.emulate_media(color_scheme=scheme)
    person, job = Touch(phone), next(job for job in JOBS if job.state == "parsing")
    person.open(f"{server}?__theme={scheme}", job)
    do(person, replace(job, change=""), {})
    keep(phone)
    assert (layout(phone), person.far) == ([], [])


def test_a_text_file_named_jpg_gets_a_sentence(page, server, tmp_path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("this is no photo")
    page.goto(f"{server}?tab=parsing")
    page.locator("#parsing-photo input[type=file]").set_input_files(str(path))
    said = page.locator("#parsing-state [data-state=error]")

    expect(said).to_contain_text("got a text file")
    expect(page.get_by_test_id("toast-body")).to_have_count(0)  # it was said twice
    expect(page.locator("#parsing-photo")).to_be_hidden()  # it showed a torn picture


def test_two_models_are_compared(page, server, portrait, keep) -> None:
    page.goto(f"{server}?tab=parsing")
    page.get_by_role("tab", name="Compare models").click()
    page.locator("#compare-photo input[type=file]").set_input_files(portrait)
    expect(page.locator("#strip [data-photo]")).to_be_visible()
    page.locator("#compare-start").click()
    expect(page.locator("#compare-right .pv")).to_have_attribute("data-state", "ready", timeout=60_000)
    expect(page.locator("#compare-table")).to_contain_text("Hair")
    keep(page)
    page.set_viewport_size({"width": 390, "height": 844})  # side by side, their sliders lay over each other
    left, right = (page.locator(f"#compare-{side}").bounding_box() for side in ("left", "right"))
    assert right["y"] >= left["y"] + left["height"]


WHOLE = """() => {
  const [stage, photo] = [".me-stage", ".me-photo"].map(part => document.querySelector(part).getBoundingClientRect());
  return photo.left > stage.left - 2 && photo.right < stage.right + 2 && photo.bottom < stage.bottom + 2;
}"""
TOUCHES = """stage => {
  const box = stage.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
  const send = (kind, id, dx) => stage.dispatchEvent(new PointerEvent(kind,
    { pointerId: id, pointerType: "touch", clientX: x + dx, clientY: y, bubbles: true, isPrimary: id === 7 }));
  send("pointerdown", 7, -20); send("pointerdown", 8, 20); send("pointermove", 8, 80);
  send("pointerup", 8, 80); send("pointerup", 7, -20);
}"""
PEN = """(stage, [x, y]) => {
  for (const kind of ["pointerdown", "pointermove", "pointerup"]) stage.dispatchEvent(new PointerEvent(kind,
    { pointerId: 9, pointerType: "pen", pressure: 0.9, clientX: x, clientY: y, bubbles: true }));
}"""


PALM = """(stage, [x, y]) => {
  const send = (kind, id, type, dx) => stage.dispatchEvent(new PointerEvent(kind,
    { pointerId: id, pointerType: type, pressure: 0.5, clientX: x + dx, clientY: y + dx, bubbles: true }));
  send("pointerdown", 21, "touch", 90); send("pointerdown", 20, "pen", 0); send("pointerdown", 22, "touch", 60);
  send("pointermove", 20, "pen", 8); send("pointerup", 22, "touch", 60); send("pointermove", 20, "pen", 12);
  send("pointerup", 21, "touch", 90); send("pointerup", 20, "pen", 12);
}"""
FITS = """editor => {
  const bars = [...editor.querySelectorAll(".me-bar:not(:last-child), .me-parts")];
  const low = [...editor.querySelectorAll("button")].filter(each => each.clientHeight < 42);
  return [low.map(each => each.textContent), bars.filter(bar => bar.clientHeight > 60).length, editor.clientHeight];
}"""


def _editor(page):
    page.get_by_role("tab", name="Correct", exact=True).click()
    editor = page.locator("#correct-editor .me")
    expect(editor).to_have_attribute("data-state", "ready")
    return editor


def test_a_mask_is_painted_undone_used_saved_and_opened_again(page, server, portrait, keep, tmp_path) -> None:
    _upload(page, server, portrait)
    editor = _editor(page)
    editor.get_by_role("radio", name="Ear (image left)").click()
    stage = editor.locator(".me-stage")
    box = stage.bounding_box()
    side = min(box["width"], box["height"])

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + (box["width"] - side) / 2 + x * side, box["y"] + (box["height"] - side) / 2 + y * side

    page.mouse.move(*at(0.25, 0.2))
    page.mouse.down()
    page.mouse.move(*at(0.28, 0.26), steps=4)
    page.mouse.up()
    status = editor.locator(".me-status")
    expect(status).to_have_text("Ear (image left): painted")
    stage.press("Control+z")
    expect(status).to_have_text("Undone: Ear (image left): painted")
    stage.press("Control+y")
    stage.press("g")
    expect(status).to_have_text("Ear (image left): grown")
    keep(page)
    before = page.locator(".me-world").evaluate("world => world.style.transform")
    stage.evaluate(TOUCHES)
    assert page.locator(".me-world").evaluate("world => world.style.transform") != before, "two fingers zoom"
    expect(status).to_have_text("Ear (image left): grown")
    stage.press("0")
    stage.evaluate(PEN, [*at(0.7, 0.3)])
    expect(status).to_have_text("Ear (image left): painted")
    stage.press("Enter")
    stage.press("x")
    page.mouse.click(*at(0.7, 0.3))
    expect(status).to_have_text("Ear (image left): 1 click")
    stage.press("c")
    page.mouse.click(*at(0.337, 0.24))
    expect(status).to_have_text(re.compile("2 clicks|as you clicked"))
    keep(page, "clicked")
    editor.get_by_role("button", name="Use this mask").click()
    expect(status).to_have_text("This mask is the photo's mask from now on.")
    expect(page.locator("#correct-score")).to_contain_text("Ear (image left)")

    with page.expect_download() as download:
        page.locator("#correct-coco").click()
    saved = tmp_path / "mask.json"
    download.value.save_as(saved)
    assert '"image_left_ear"' in saved.read_text()
    page.locator("#correct-back").click()
    expect(page.locator("#correct-score")).not_to_contain_text("Ear (image left)")
    page.locator("#correct-open input[type=file]").set_input_files(saved)
    expect(page.locator("#correct-score")).to_contain_text("Ear (image left)")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(WHOLE)  # a phone that was turned showed a corner of the photo
    page.wait_for_function(
        f"() => {{ const [low, wrapped] = ({FITS})(document.querySelector('.me')); return !low.length && !wrapped; }}"
    )  # tools are as large as fingers, in rows that scroll
    height = editor.evaluate(FITS)[2]
    assert height < 844, "tools and picture are in one view"
    keep(page, "phone")
    stage.press("f")
    said = status.text_content()
    stage.evaluate(TOUCHES)
    assert status.text_content() == said, "the first of two fingers filled what lay under it"
    stage.press("0")
    stage.press("b")
    phone = stage.bounding_box()
    stage.evaluate(PALM, [phone["x"] + phone["width"] / 2, phone["y"] + phone["height"] / 2])
    expect(status).to_have_text("Ear (image left): painted")  # the hand beside the pen ended the stroke
    stage.press("Control+z")
    page.set_viewport_size({"width": 1280, "height": 950})
    page.get_by_role("tab", name="Cut out", exact=True).click()
    page.locator("#cutout-start").click()
    expect(page.locator("#cutout-shown img")).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        page.locator("#cutout-saved").click()
    assert Image.open(download.value.path()).mode == "RGBA"
    keep(page, "cut")
    page.get_by_role("tab", name="One photo", exact=True).click()
    expect(page.locator("#parsing-viewer .pv-status")).to_contain_text("corrected by hand")
    keep(page, "after")
