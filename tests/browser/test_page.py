"""The page itself: a tab can be linked to, Back goes back, a reload returns; its gaps in access are mended."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

PAGE = Path(__file__).parents[2] / "workbench" / "ui" / "common"


WIDE = """() => { const wide = document.createElement('div');
    const column = document.getElementById('mix-state').closest('.column');
    wide.style.minWidth = '900px'; column.append(wide);
    const right = column.getBoundingClientRect().right; wide.remove(); return right; }"""
"""Where the column of a result ends that holds something wide, in pixels."""


def _ready(page, address: str) -> None:
    """Open the page and wait for the strip's own script: what is given or asked before is lost."""
    page.goto(address)
    page.wait_for_function("window.strip")


def _chosen(page, name: str) -> None:
    expect(page.get_by_role("tab", name=name).first).to_have_attribute("aria-selected", "true")


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
    portrait.hover()  # its middle, once it stands still
    expect(words).to_contain_text("Nose")
    portrait.press("ArrowRight")
    expect(words).not_to_contain_text("Nose")
    page.get_by_role("button", name="Why “happy”?").click()
    page.mouse.move(5, 5)
    expect(words).to_contain_text("happy over 99 %, but why?")
    assert asked == [], "the first screen asks no model"

    page.get_by_role("link", name="Everything at a glance").click()
    _chosen(page, "Parsing")
    expect(page.locator("#glance-start")).to_be_visible()
    page.go_back()
    _chosen(page, "Start")


def test_the_models_are_cards_that_filters_narrow_at_once_also_on_a_phone(page, server: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server}?tab=models")
    count = page.locator(".model-count")
    expect(count).to_contain_text("ready here")
    everything = count.inner_text()
    page.locator("#models-cards select[name=task]").select_option("clicks")
    expect(count).to_contain_text("2 of ")
    expect(page.locator(".model-cards article:visible")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#models-cards select[name=task]").select_option("")
    expect(count).to_have_text(everything)


def test_what_gradio_leaves_out_for_people_who_hear_the_page_is_there(page, server: str) -> None:
    page.goto(server)
    page.get_by_role("tab", name="Explanation").click()
    expect(page.locator("#explain-heat .empty")).to_have_attribute("role", "img")
    expect(page.locator("#explain-photo button[aria-label^='Drop an image']")).to_have_count(0)


def test_the_page_of_the_api_opens_from_the_footer_and_tells_of_tabs_that_were_not_open(page, server: str) -> None:
    """The button led to the page without it, and a tab that was open had all its parts twice."""
    page.goto(f"{server}?tab=parsing")
    expect(page.locator("#parsing-start")).to_be_visible()
    page.locator("footer .show-api").click()
    for name in ("/parse", "/protect", "/compare_parsers"):
        expect(page.get_by_text(name, exact=True).first).to_be_attached(timeout=60_000)
    expect(page.locator("#parsing-start")).to_have_count(1)


def test_a_phone_reaches_every_tab_by_thumb_and_a_link_brings_its_tab_into_view(chromium, server: str) -> None:
    """Two tabs and a button that hid the others were all that a phone showed."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    try:
        page.goto(f"{server}?tab=generation&sub=mix-two-people")
        expect(page.locator("#mix-start")).to_be_visible()
        expect(page.get_by_label("More tabs")).to_have_count(0)
        for row, name in (("#tabs > .tab-wrapper", "Generation"), ("#tab-generation .tab-wrapper", "Mix two people")):
            tab = page.locator(f"{row} [role=tablist]").first.get_by_role("tab", name=name)
            expect(tab).to_be_in_viewport(ratio=0.99)
            assert tab.bounding_box()["height"] >= 44
        assert page.evaluate(WIDE) <= 390, "a filmstrip made its column wider than the phone, where nothing scrolls"
        last = page.get_by_role("tab", name="Models")
        last.tap()
        expect(last).to_be_in_viewport(ratio=0.99)
        expect(page.locator("#strip")).to_be_hidden()  # nothing is asked of a photo there
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    finally:
        context.close()


def test_two_quick_changes_of_the_photo_leave_none_of_them_in_a_gallery_that_is_not_open(page, server: str) -> None:
    """Only the last photo but one was known as the page's: what had come before it stayed among a person's photos, also
    after Remove."""
    _ready(page, server)
    left = page.evaluate("""async () => {
        const one = path => JSON.stringify({path}), holds = path => [{image: {path}, caption: null}];
        const made = window.made;
        if (made) {  // as when the strip is there before the page's own script
            delete window.made;
            setTimeout(() => { window.made = made; }, 50);
        }
        for (const text of [one('a'), one('b'), '']) window.strip.changed(text);
        return await Promise.all(['a', 'own'].map(path => window.strip.take('strip', '', holds(path), true)));
    }""")
    assert left == [[[]], None], "the page's photo goes, a person's own stays"


def test_photos_that_a_person_put_into_a_tab_are_there_when_they_come_back(page, server: str) -> None:
    """Whoever looked into another tab came back to the page's photo, and what had been drawn of their own was gone."""
    _ready(page, f"{server}?tab=parsing")
    expect(page.locator("#parsing-photo")).to_be_visible()
    taken = page.evaluate("""async () => {
        const holds = path => path ? [{image: {path}, caption: null}] : [], told = [];
        for (const [photo, mine] of [['a', ''], ['a', 'a'], ['a', 'own'], ['b', 'own'], ['b', '']]) {
            const next = await window.strip.take('parsing-photo', JSON.stringify({path: photo}), holds(mine), true);
            told.push(next ? next[0][0].image.path : 'stays');
        }
        return told;
    }""")
    assert taken == ["a", "stays", "stays", "b", "b"]


def test_a_webcam_is_asked_for_once_however_often_it_is_pressed(page, server: str) -> None:
    """Of two streams only the later one was shut, and the camera stayed on."""
    _ready(page, server)
    webcam = page.locator("#strip [data-way=webcam]")
    expect(webcam).to_be_visible()
    page.evaluate("""() => {
        window.streams = [];
        navigator.mediaDevices.getUserMedia = () => new Promise(done => setTimeout(() => {
            window.streams.push(1); done(new MediaStream()); }, 300));
    }""")
    webcam.dblclick()
    expect(page.locator("#strip dialog")).to_be_visible()
    page.wait_for_timeout(500)
    assert page.evaluate("window.streams.length") == 1


TOO_LARGE = "Too large: at most 40 MB can be sent at once."
REFUSALS: dict[str, dict[str, object]] = {
    TOO_LARGE: {"status": 413, "json": {"detail": TOO_LARGE}},
    "The server is busy or just being restarted.": {"status": 502, "body": "<h1>Bad Gateway</h1>"},
    "The server made a mistake (error 500).": {"status": 500, "body": ""},
}


def _refusing(page, address: str, answer: dict[str, object]) -> None:
    page.unroute(address)
    page.route(address, lambda route: route.fulfill(**answer))


def test_remove_takes_the_mask_out_of_the_editor_that_is_open_and_what_is_not_taken_says_why(
    page, server: str, portrait: str
) -> None:
    """The strip told of `HTTP 413: {"detail": …}`, or a proxy's whole page; a run nobody took was running for ever."""
    _ready(page, f"{server}?tab=parsing")
    page.locator("#strip input[type=file]").set_input_files(portrait)
    expect(page.locator("#parsing-state [data-state=done]")).to_be_visible()
    page.get_by_role("tab", name="Correct").click()
    expect(page.locator("#correct-editor .me[data-state=ready]")).to_be_visible()
    page.locator("#strip").get_by_role("button", name="Remove").click()
    expect(page.locator("#correct-editor .me[data-state=empty]")).to_be_visible()

    for told, answer in REFUSALS.items():
        _refusing(page, "**/upload*", answer)
        page.locator("#strip input[type=file]").set_input_files(portrait)
        expect(page.locator("#strip .strip-say")).to_have_text(f"The photo did not arrive: {told}")
        expect(page.locator("[data-testid=toast-body]").filter(has_text="HTTP")).to_have_count(0)  # nor in a corner
    page.unroute("**/upload*")

    page.get_by_role("tab", name="One photo").click()
    page.locator("#strip input[type=file]").set_input_files(portrait)
    line = page.locator("#parsing-state [data-state]")
    expect(line).to_have_attribute("data-state", "done")
    _refusing(page, "**/queue/join*", {"status": 502, "body": "<h1>Bad Gateway</h1>"})
    page.locator("#parsing-start").click()
    expect(line).to_have_attribute("data-state", "error")  # it said "Running" for ever
    expect(line).to_contain_text("The server is busy or just being restarted.")
    page.unroute("**/queue/join*")
    line.get_by_role("button", name="Again").click()
    expect(line).to_have_attribute("data-state", "done")


def test_one_photo_and_one_face_of_it_serve_every_tab_and_a_new_photo_leaves_nothing_of_the_old_one(
    page, server: str, portrait: str, several_people
) -> None:
    ran: list[int] = []
    page.on("request", lambda sent: ran.append(1) if "/queue/join" in sent.url else None)
    _ready(page, f"{server}?tab=parsing")
    page.locator("#strip input[type=file]").set_input_files(several_people)
    expect(page.locator("#parsing-state [data-state=done]")).to_be_visible()
    expect(page.locator("#parsing-face input")).to_have_value("All faces")
    second = page.locator("#strip").get_by_role("button", name="Face 2")
    second.click()
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#parsing-face input")).to_have_value("Face 2")

    page.get_by_role("tab", name="Explanation").click()
    expect(page.locator("#explain-face input")).to_have_value("Face 2")
    expect(page.locator("#explain-answer")).to_contain_text("this is face 2")
    page.locator("#strip").get_by_role("button", name="Face 3").click()
    expect(page.locator("#explain-answer")).to_contain_text("this is face 3")

    ran.clear()
    page.locator("#strip input[type=file]").set_input_files(portrait)
    expect(page.locator("#strip [role=status]")).to_have_text("One face")
    expect(page.locator("#explain-answer")).to_contain_text("happy")
    expect(page.locator("#parsing-palette")).to_be_disabled()
    expect(page.locator("#parsing-photo img"), "a tab that is not open keeps nothing of the old photo").to_have_count(0)
    assert len(ran) == 2, "the faces were looked for once, and the tab that is open answered once"

    page.locator("#strip").get_by_role("button", name="Remove").click()
    expect(page.locator("#explain-photo img")).to_have_count(0)
    expect(page.locator("#explain-answer")).not_to_contain_text("happy")
    assert "png" not in page.url
    dropped = "window.strip.take('explain-photo', '', {path: 'dropped the moment the tab opened'}, false)"
    assert page.evaluate(dropped) is None, "what is not the page's yet is not taken away"


ROOM = """tall => {
  const html = {headline: `<div id="headline" style="height:${tall}px"></div>`, strip: '<div id="strip"></div>', photo:
    '<div id="start-photo" style="height:190px"></div>', examples: '<div class="examples" style="height:92px"></div>'};
  const tops = missing => {
    const part = name => missing.includes(name) ? '' : html[name];
    const row = `<div class="row"><div class="column">${part('photo')}${part('examples')}<p id="start-words"
      style="margin-bottom:0">words</p></div></div>`;
    const tab = `<div class="column" style="gap:16px">
      ${missing.includes('row') ? '' : row}<p id="start-cards">-</p></div>`;
    document.body.innerHTML = `<main><div class="column" style="gap:16px">${part('headline')}${part('strip')}
      <div id="tabs">${tab}</div><footer>words</footer></div></main>`;
    return Math.round(document.getElementById('start-cards').getBoundingClientRect().top);
  };
  return [[], ['row'], ['photo'], ['examples'], ['photo', 'examples'], ['headline'], ['strip']].map(tops);
}"""
"""Where the cards of the first screen are while some of what stands before them has not come."""


@pytest.mark.parametrize(("width", "headline"), [(1280, 33), (390, 50)])
def test_parts_of_the_page_that_come_late_push_nothing_away(chromium, width: int, headline: int) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 720})
    style = "*, p { box-sizing: border-box; margin: 0; } .column { display: flex; flex-direction: column; } "
    style += ".row { display: flex; } .row > .column { gap: 16px; flex: 1; }"
    page.set_content(f"<html data-tab='start'><head><style>{style}</style><body></body></html>")
    page.add_style_tag(path=PAGE / "page.css")
    tops = page.evaluate(ROOM, headline)
    assert max(tops) - min(tops) <= 12, tops
    page.evaluate("document.documentElement.dataset.tab = 'models'")  # without a strip, the footer is no second line
    tabs, footer = (page.locator(name).bounding_box() for name in ("#tabs", "footer"))
    assert footer["y"] >= tabs["y"] + tabs["height"]
    page.evaluate("""() => {
      document.documentElement.dataset.tab = 'labeling';
      document.body.insertAdjacentHTML('beforeend', '<div class="judge" data-screen="judging"></div>');
    }""")  # while people judge, the headline gives its room to the answers
    assert page.locator("#tabs").bounding_box()["y"] <= 48
    box = "<div class='block' style='height:256px'></div>"
    below = []
    for come in ("", box):
        page.set_content(f"<div class='column file-room'>{come}</div><p>below</p>")
        page.add_style_tag(path=PAGE / "page.css")
        below.append(page.locator("p").bounding_box()["y"])
    assert below[0] == below[1], below
    page.close()


def test_one_empty_box_stands_for_a_result_and_a_failure_is_said_by_its_line_alone(chromium) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    box = "<div class='block'><div class='empty'>box</div></div>"
    for state, seen in (("empty", 1), ("error", 1), ("done", 3)):
        line = f"<div class='outcome'><div data-state='{state}'>line</div></div>"
        failed = "<div data-testid='status-tracker'><span class='error'>Error</span></div>"
        page.set_content(f"<div class='row'><div class='column'>{line}{box * 3}{failed}</div></div>")
        page.add_style_tag(path=PAGE / "page.css")
        assert [each.is_visible() for each in page.locator(".empty").all()].count(True) == seen
        assert page.locator(".error").is_visible() == (state != "error")
    page.close()


def test_a_menu_says_every_model_that_is_chosen_in_the_line_above_the_result(chromium) -> None:
    page = chromium.new_page()
    page.set_content("<div id='models'><span class='token'>One</span><span class='token'>Two</span><input></div>")
    page.evaluate((PAGE / "outcome.js").read_text("utf-8"))
    said = page.evaluate("outcome.begun({stem: 'x', named: ['models'], held: 0}, [])[0]")
    assert "Running: One, Two" in said
    page.close()
