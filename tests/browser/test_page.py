"""The page itself: a tab can be linked to, Back goes back, a reload returns; its gaps in access are mended."""

import re

from playwright.sync_api import expect


def _chosen(page, name: str) -> None:
    expect(page.get_by_role("tab", name=name).first).to_have_attribute("aria-selected", "true", timeout=15_000)


def test_a_tab_and_its_part_can_be_linked_to_and_back_goes_back(page, server: str) -> None:
    page.goto(f"{server}?tab=protection&sub=many-photos")
    _chosen(page, "Protection")
    _chosen(page, "Many photos")
    expect(page).to_have_title(re.compile("Protection · Face Workbench"))

    page.get_by_role("tab", name="Evaluation").click()
    expect(page).to_have_url(re.compile(r"\?tab=evaluation$"))
    expect(page).to_have_title(re.compile("Evaluation"))
    expect(page.locator("#evaluation-table")).to_have_count(1)
    expect(page.locator("#evaluation-table")).to_be_hidden()  # a table of nothing was headed 1, 2, 3
    page.go_back()
    _chosen(page, "Protection")
    page.reload()
    _chosen(page, "Protection")


def test_an_address_nobody_made_opens_the_first_screen_whose_portrait_is_live_and_whose_cards_lead_on(
    page, server: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if "/queue/join" in sent.url else None)
    page.goto(f"{server}?tab=<script>&sub=x")

    _chosen(page, "Start")
    expect(page.locator("#start-portrait .first")).to_have_attribute("data-state", "ready")
    portrait, words = page.locator("#start-portrait canvas"), page.locator("#start-portrait .first-say")
    box = portrait.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(words).to_contain_text("Nose")
    portrait.press("ArrowRight")
    expect(words).not_to_contain_text("Nose")
    page.get_by_role("button", name="Why “happy”?").click()
    page.mouse.move(5, 5)
    expect(words).to_contain_text("happy over 99 %, but why?")
    assert asked == [], "the first screen asks no model"

    page.get_by_role("link", name="Everything at a glance").click()
    _chosen(page, "Parsing")
    expect(page.locator("#glance-start")).to_be_visible(timeout=20_000)
    page.go_back()
    _chosen(page, "Start")


def test_the_models_are_cards_that_filters_narrow_at_once_also_on_a_phone(page, server: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server}?tab=models")
    count = page.locator(".model-count")
    expect(count).to_contain_text("ready here", timeout=20_000)
    everything = count.inner_text()
    page.locator("#models-cards select[name=task]").select_option("clicks")
    expect(count).to_contain_text("1 of ")
    expect(page.locator(".model-cards article:visible")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#models-cards select[name=task]").select_option("")
    expect(count).to_have_text(everything)


def test_what_gradio_leaves_out_for_people_who_hear_the_page_is_there(page, server: str) -> None:
    page.goto(server)
    page.get_by_role("tab", name="Explanation").click()
    expect(page.locator("#explain-heat .empty")).to_have_attribute("role", "img")
    expect(page.locator("#explain-photo button[aria-label^='Drop an image']")).to_have_count(0)


def test_a_link_opens_a_tab_that_a_phone_folds_away(chromium, server: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    try:
        page.goto(f"{server}?tab=generation")
        expect(page.locator("#tab-generation")).to_be_visible(timeout=20_000)
        expect(page.locator("#tab-parsing")).to_be_hidden()
        page.goto(f"{server}?tab=generation&sub=mix-two-people")
        expect(page.locator("#mix-start")).to_be_visible(timeout=20_000)
    finally:
        context.close()
