"""The Landmarks tab finds the face of an uploaded photo."""

from playwright.sync_api import expect


def test_a_face_is_found_and_measured(page, server, portrait, keep) -> None:
    page.goto(server)
    page.get_by_role("tab", name="Landmarks").click()
    page.locator("#landmarks-photo input[type=file]").set_input_files(portrait)

    expect(page.locator("#landmarks-drawn img")).to_be_visible(timeout=60_000)
    expect(page.locator("#landmarks-table")).to_contain_text("mouth open")
    keep(page)
