"""The Analysis tab reads the face of an uploaded photo: drawn over it, on a card, in files named after it."""

from pathlib import Path

from playwright.sync_api import expect


def test_a_face_is_read_drawn_and_saved(page, server, portrait, keep) -> None:
    page.goto(f"{server}?tab=analysis")
    page.locator("#analysis-photo input[type=file]").set_input_files(portrait)

    expect(page.locator("#analysis-cards .card")).to_have_count(1, timeout=60_000)
    expect(page.locator("#analysis-cards")).to_contain_text("Gaze")
    expect(page.locator("#analysis-table")).to_contain_text("mouth_open")
    dots, corner = page.locator(".fa .l-mesh"), page.locator(".fa .l-p68 title").nth(36)
    expect(dots).to_be_visible()
    page.locator(".fa .t-mesh").uncheck()
    page.locator(".fa .t-p68").check()
    expect(dots).to_be_hidden()
    expect(corner).to_have_text("36: eye (image left)")
    with page.expect_download() as saved:
        page.locator("#analysis-csv").click()
    assert saved.value.suggested_filename == f"{Path(portrait).stem}_analysis.csv"
    keep(page)
