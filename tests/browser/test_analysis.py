"""The Analysis tab reads the face of an uploaded photo: drawn over it, on a card, in files named after it."""

import csv
from pathlib import Path

import cv2
import pandas as pd
from playwright.sync_api import expect

from tests.browser.walker import ASKING, Keys
from tests.video import clips


def test_a_face_is_read_drawn_and_saved(page, server, portrait, keep) -> None:
    """By keys alone."""
    person = Keys(page)
    page.goto(f"{server}?tab=analysis")
    page.wait_for_function("window.strip")
    person.give("analysis-photo", [portrait])

    expect(page.locator("#analysis-cards .card")).to_have_count(1, timeout=60_000)
    expect(page.locator("#analysis-cards")).to_contain_text("Gaze")
    expect(page.locator("#analysis-table")).to_contain_text("mouth_open")
    dots, corner = page.locator(".fa .l-mesh"), page.locator(".fa .l-p68 title").nth(36)
    expect(dots).to_be_visible()
    person.use(".fa .t-mesh", "Space")
    person.use(".fa .t-p68", "Space")
    expect(dots).to_be_hidden()
    expect(corner).to_have_text("36: eye (image left)")
    with page.expect_download() as saved:
        person.press("#analysis-csv")
    assert person.lost == []
    assert saved.value.suggested_filename == f"{Path(portrait).stem}_analysis.csv"
    keep(page)


def test_a_clip_is_analysed_drawn_over_time_and_downloaded(page, server, tmp_path, astronaut, keep):
    clip = clips.write(tmp_path / "walk.mp4", [astronaut[:300, 20 + number : 320 + number] for number in range(8)])
    page.add_init_script(ASKING)
    page.goto(server)
    page.get_by_role("tab", name="Analysis").click()
    page.get_by_role("tab", name="Clip").click()
    page.locator("#clip-source input[type=file]").set_input_files(clip)
    expect(page.locator("#clip-state")).to_contain_text("Ready")
    page.locator("#clip-start").click()
    expect(page.locator("#clip-words")).to_contain_text("8 faces of one person", timeout=90_000)
    expect(page.locator("#clip-plot canvas, #clip-plot svg").first).to_be_visible()
    rows = list(csv.DictReader(_saved(page, "#clip-csv", "walk_faces.csv").read_text().splitlines()))
    assert [row["picture"] for row in rows] == [str(number) for number in range(8)]
    assert page.evaluate("walk.small()") == [], "each is large enough for a finger; the player's buttons were 11 pixels"
    table = pd.read_parquet(_saved(page, "#clip-parquet", "walk_faces.parquet"))
    assert table["picture"].tolist() == list(range(8))
    assert list(table.columns) == list(rows[0])
    drawn = cv2.VideoCapture(str(_saved(page, "#clip-mp4", "walk_annotated.mp4")))
    assert [drawn.read()[0] for _ in range(9)] == [True] * 8 + [False]
    drawn.release()
    keep(page)


def _saved(page, button: str, name: str) -> Path:
    """The file behind a button, which is called so."""
    with page.expect_download() as download:
        page.locator(button).click()
    assert download.value.suggested_filename == name
    return Path(download.value.path())


def test_the_camera_is_seen_live(page, server, keep):
    """Chromium's camera double shows no face; its pictures come back all the same."""
    page.goto(server)
    page.get_by_role("tab", name="Analysis").click()
    page.get_by_role("tab", name="Camera").click()
    page.locator("#live-camera").get_by_text("Click to Access Webcam").click()
    page.locator("#live-camera .button-wrap button").first.click()
    picture = page.locator("#live-faces img")
    expect(picture).to_be_visible(timeout=60_000)
    first = picture.get_attribute("src")
    expect(picture).not_to_have_attribute("src", first or "")
    keep(page)
