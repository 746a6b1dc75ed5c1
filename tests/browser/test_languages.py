"""The page in the reader's language: links lead to the same place in every language, and English comes back whole."""

import re
from pathlib import Path

from playwright.sync_api import expect

from workbench.ui.common.languages import files, script, words_of

SCREEN = Path(__file__).resolve().parents[2] / "workbench/ui/labeling/screen"


def test_the_page_in_arabic_runs_from_right_to_left_and_english_comes_back(page, server, keep) -> None:
    page.goto(f"{server}?tab=parsing&sub=compare-models&lang=ar")
    html, tab = page.locator("html"), page.locator("#tab-parsing-button")
    expect(html).to_have_attribute("dir", "rtl", timeout=60_000)
    expect(html).to_have_attribute("lang", "ar")
    expect(page.locator("#compare-start")).to_be_visible(timeout=60_000)
    expect(tab).not_to_contain_text("Parsing")
    assert tab.bounding_box()["x"] < page.locator("#tab-start-button").bounding_box()["x"], "the first stands right"
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    arabic = page.locator("#compare-start").inner_text()

    page.locator("#tab-parsing button[role=tab]").first.click()
    page.locator("#tab-parsing .examples .gallery-item").first.click()
    line = page.locator("#parsing-state [data-state=done]")
    expect(line).to_be_visible(timeout=60_000)
    expect(line).not_to_contain_text("Compact parser")
    expect(page).not_to_have_url(re.compile("sub="))
    keep(page)

    page.locator("#page-language").select_option("en")
    expect(html).to_have_attribute("dir", "ltr")
    expect(tab).to_contain_text("Parsing")
    expect(line).to_contain_text("Compact parser")
    assert "lang=en" in page.url
    page.locator("#tab-parsing button[role=tab]", has_text="Compare models").click()
    expect(page).to_have_url(re.compile("sub=compare-models"))
    expect(page.locator("#compare-start")).to_have_text("Compare")
    assert arabic != "Compare"


def test_only_languages_that_are_here_are_spoken(page) -> None:
    """`constructor` is a name that every table of JavaScript knows, and "not found" was read as a file of words."""

    def answer(route) -> None:
        if route.request.url.endswith("/words.js"):
            route.fulfill(body=script().decode(), content_type="text/javascript")
        elif route.request.is_navigation_request():
            html = '<!doctype html><html lang="en"><script src="/words.js"></script><body><p>detail</p></body></html>'
            route.fulfill(body=html, content_type="text/html")
        else:
            route.fulfill(status=404, json={"detail": "Not Found"})

    page.route("**/*", answer)
    for name in ("constructor", "__proto__", "de"):
        page.goto(f"http://127.0.0.1:9/?lang={name}", wait_until="networkidle")
        assert page.evaluate("document.documentElement.lang") == "en", name
        assert page.locator("p").inner_text() == "detail"

    page.goto("http://127.0.0.1:9/?lang=constructor")
    page.add_script_tag(path=SCREEN / "words.js")
    assert page.evaluate("[preferred(), t('toString'), t('{valueOf}', {})]") == ["en", "toString", "{valueOf}"]


OWN = """<table><tr class="file"><td class="filename">Parse</td><td>Parse</td></tr></table><h2 translate="no">Parse</h2>
<div class="given-0 given-2"><b data-col="0">Parse</b><i data-col="1">Parse</i><b data-col="2">Parse</b></div>
<div class="given-heads"><span role="columnheader">Parse</span></div>
<div class="given-names"><p class="caption-label">✓ Fear: 2 faces</p><img alt="Fear: 2 faces"><p>Parse</p></div>
<p>Parse · Parse</p><p id="told">Parse was made with 3 items, 1 of them gold. Choose it above to serve it.</p>
<div class="given-choices"><input role="combobox" value="Parse">
<div><span role="option">All</span><span role="option">All</span></div></div>"""


def test_what_somebody_gave_keeps_its_words_where_it_reads_like_a_text_of_the_page(page) -> None:
    """A group called "Fear", a study called "Parse" and a file of that name were translated on the screen."""

    def answer(route) -> None:
        url = route.request.url
        if url.endswith("/words.js"):
            route.fulfill(body=script().decode(), content_type="text/javascript")
        elif url.endswith(files()["de"]):
            route.fulfill(json=words_of("de"))
        else:
            html = f'<!doctype html><meta charset="utf-8"><script src="/words.js"></script><body>{OWN}</body>'
            route.fulfill(body=html, content_type="text/html")

    page.route("**/*", answer)
    page.goto("http://127.0.0.1:9/?lang=de", wait_until="networkidle")
    page.wait_for_function("document.querySelector('p:not([class])').textContent === 'Segmentieren'")
    texts = page.locator("td, h2, b, i, span, p").all_inner_texts()
    theirs = ["Parse", "Segmentieren", "Parse", "Parse", "Segmentieren", "Parse", "Parse", "✓ Fear: 2 Gesichter"]
    assert texts[:8] == theirs
    assert texts[8:10] == ["Segmentieren", "Segmentieren · Segmentieren"]
    assert texts[10].startswith("Parse wurde mit 3")
    assert texts[11:] == ["Alle", "All"]
    assert page.locator("img").get_attribute("alt") == "Fear: 2 Gesichter"
    assert page.locator("[role=combobox]").evaluate("field => field.parentElement.dataset.words") is None
