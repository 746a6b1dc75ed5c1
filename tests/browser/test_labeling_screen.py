"""The raters' screen at its edges: keys of other keyboards, reloads, two tabs, blocked storage, withdrawal, waiting,
touch, right to left."""

import re
from contextlib import suppress

from playwright.sync_api import Error, expect

from tests.browser.conftest import ROOT
from tests.browser.labeling_booth import TWELVE, consent, goes_round, judge, opened, sent, stored, wait_shown
from workbench.labeling.study.tasktypes import display_order, find_task

ROOT_OF = "#labeling-judge .judge"


def test_with_eleven_choices_key_b_marks_a_broken_picture_and_no_answer_has_it(page, corner) -> None:
    address, folder = corner
    consent(page, address)
    keys = page.locator("[data-part=answers] kbd").all_inner_texts()
    assert len(set(keys)) == 12
    assert not {"z", "b", "k", "?", "space"} & set(keys)
    first = wait_shown(page, "")
    page.keyboard.press("b")
    expect(page.locator("[data-flag=broken]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("b")
    page.keyboard.press(keys[10])
    second = wait_shown(page, first)
    page.keyboard.press(keys[9])
    wait_shown(page, second)
    sent(page)
    rows = stored(folder).set_index("label")
    assert rows.loc[[first, second], "answer"].tolist() == ["c11", "c10"]
    assert rows.loc[[first, second], "flags"].tolist() == ["", ""]


def test_a_picture_of_the_next_pair_that_breaks_does_not_void_this_answer(page, corner) -> None:
    address, folder = corner

    def spoil(route) -> None:
        answer = route.fetch()
        body = answer.json()
        if "items" in body:
            for item in body["items"][1:]:
                item["images"] = ["data:image/png;base64,AAAA"]
        route.fulfill(response=answer, json=body)

    page.route("**/component_server/", spoil)
    consent(page, address)
    first = wait_shown(page, "")
    page.wait_for_timeout(500)
    page.keyboard.press("1")
    second = wait_shown(page, first)
    expect(page.locator("[data-flag=broken]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("2")
    wait_shown(page, second)
    sent(page)
    rows = stored(folder).set_index("label")
    assert rows.loc[[first, second], "flags"].tolist() == ["", "broken"]


PRESS = """([key, code]) => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true }))"""


def test_digits_of_azerty_and_letters_of_cyrillic_work_by_their_place(page, corner) -> None:
    address, folder = corner
    consent(page, address)
    shown, answers = "", {}
    for key, code, answer in (
        ("&", "Digit1", "c1"),
        ("é", "Digit2", "c2"),
        ("ф", "KeyA", "c10"),
        ("9", "Digit9", "c9"),
    ):
        shown = wait_shown(page, shown)
        page.evaluate(PRESS, [key, code])
        answers[shown] = answer
    shown = wait_shown(page, shown)
    page.evaluate(PRESS, ["и", "KeyB"])
    expect(page.locator("[data-flag=broken]")).to_have_attribute("aria-pressed", "true")
    page.evaluate(PRESS, ["w", "KeyZ"])
    page.evaluate(PRESS, ["m", "Semicolon"])
    page.wait_for_timeout(300)
    assert page.locator(ROOT_OF).get_attribute("data-shown") == shown, "a Latin letter is what it writes"
    sent(page)
    rows = stored(folder).set_index("label")
    assert rows.loc[list(answers), "answer"].tolist() == list(answers.values())
    page.evaluate(PRESS, ["я", "KeyZ"])
    again = wait_shown(page, shown)
    assert page.locator("[data-answer].before").inner_text().startswith("c9")
    assert again not in answers


def test_undo_works_after_a_reload(page, corner) -> None:
    address, folder = corner
    consent(page, address)
    first = wait_shown(page, "")
    page.keyboard.press("1")
    second = wait_shown(page, first)
    page.keyboard.press("2")
    third = wait_shown(page, second)
    sent(page)
    page.reload()
    assert wait_shown(page, "") == third
    page.keyboard.press("z")
    again = wait_shown(page, third)
    expect(page.locator("[data-answer].before")).to_have_count(1)
    assert page.locator("[data-answer].before").inner_text().startswith("c2")
    page.keyboard.press("3")
    wait_shown(page, again)
    sent(page)
    rows = stored(folder).set_index("label")
    assert second not in rows.index
    assert rows.loc[again, ["answer", "supersedes"]].tolist() == ["c3", second]


DEAF = """const add = window.addEventListener;
window.addEventListener = function (name, ...rest) { if (name !== 'storage') add.call(this, name, ...rest); };"""
"""A tab that the browser does not tell of the others."""


def test_two_tabs_of_one_rater_lose_nothing_and_contradictions_are_told(chromium, corner) -> None:
    address, folder = corner
    context = chromium.new_context()
    one, two = context.new_page(), context.new_page()
    for tab in (one, two):
        tab.set_default_timeout(30_000)
    two.add_init_script(DEAF)
    consent(one, address)
    two.goto(address)
    same = wait_shown(one, "")
    assert wait_shown(two, "") == same, "one rater's tabs share their items"
    for tab in (one, two):
        tab.route("**/component_server/", lambda route: route.abort())
    given = {}
    for tab, keys in ((one, "123"), (two, "456")):
        shown = same
        for key in keys:
            tab.keyboard.press(key)
            given.setdefault(shown, f"c{key}")
            shown = wait_shown(tab, shown) if key != keys[-1] else shown
    assert list(given.values()) == ["c1", "c2", "c3"], "both tabs answered the same three"
    expect(two.locator("[data-part=notice]")).to_contain_text("answered before, in another tab")
    for tab in (one, two):
        tab.unroute("**/component_server/")
        sent(tab)
    rows = stored(folder).set_index("label")
    assert rows.loc[list(given), "answer"].tolist() == list(given.values())
    assert two.evaluate("Object.keys(localStorage).filter((key) => key.includes(':vote:')).length") == 0
    context.close()


def test_an_answer_that_contradicts_one_the_server_has_is_told(chromium, corner) -> None:
    address, folder = corner
    context = chromium.new_context()
    one, two = context.new_page(), context.new_page()
    two.add_init_script(DEAF)
    consent(one, address)
    two.goto(address)
    same = wait_shown(one, "")
    assert wait_shown(two, "") == same
    one.keyboard.press("1")
    wait_shown(one, same)
    sent(one)
    two.keyboard.press("4")
    expect(two.locator("[data-part=notice]")).to_contain_text("“c1”. That answer stands")
    assert stored(folder).set_index("label").loc[same, "answer"] == "c1"
    context.close()


def test_an_item_answered_in_one_tab_is_not_asked_for_in_the_other(chromium, corner) -> None:
    address, _ = corner
    context = chromium.new_context()
    one, two = context.new_page(), context.new_page()
    consent(one, address)
    two.goto(address)
    same = wait_shown(one, "")
    assert wait_shown(two, "") == same
    one.keyboard.press("1")
    assert wait_shown(two, same) == wait_shown(one, same)
    context.close()


BLOCKED = """for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name,
    { get() { throw new DOMException('blocked', 'SecurityError'); } });"""


def test_with_blocked_storage_judging_works_and_the_page_says_what_a_reload_loses(chromium, corner) -> None:
    address, folder = corner
    context = chromium.new_context()
    context.add_init_script(BLOCKED)
    page = context.new_page()
    consent(page, address)
    expect(page.locator("[data-part=storage]")).to_contain_text("lost on a reload")
    before = len(stored(folder))
    given = judge(page, "12", most=4)
    sent(page)
    assert len(stored(folder)) == before + 4
    page.keyboard.press("z")
    wait_shown(page, given[-1][0])
    expect(page.locator("[data-answer].before")).to_have_count(1)
    page.screenshot(path=ROOT / "artifacts/labeling-blocked-storage.png")
    context.close()


def test_a_full_storage_is_told_and_nothing_is_lost(page, corner) -> None:
    address, folder = corner
    page.add_init_script(
        "const put = Storage.prototype.setItem; Storage.prototype.setItem = function (key, text) { "
        "if (/:(vote|receipt):/.test(key)) throw new DOMException('full', 'QuotaExceededError'); "
        "return put.call(this, key, text); }"
    )
    consent(page, address)
    expect(page.locator("[data-part=storage]")).to_be_hidden()
    before = len(stored(folder))
    judge(page, "12", most=3)
    sent(page)
    expect(page.locator("[data-part=storage]")).to_be_visible()
    assert len(stored(folder)) == before + 3


def test_a_withdrawal_is_kept_by_the_browser_until_the_data_set_knows(page, corner) -> None:
    address, folder = corner
    consent(page, address)
    judge(page, "12", most=2)
    sent(page)
    before = len(stored(folder))
    page.route("**/component_server/", hold_back)
    page.get_by_role("button", name="Withdraw my answers").click()
    page.get_by_role("button", name="Withdraw", exact=True).click()
    expect(page.locator("[data-part=done-text]")).to_contain_text("until the data set knows")
    assert len(stored(folder)) == before - 2
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.endsWith(':left')).length") == 1
    page.reload()
    expect(page.locator("[data-part=done-text]")).to_contain_text("until the data set knows")
    page.unroute("**/component_server/")
    expect(page.locator(ROOT_OF)).to_have_attribute("data-withdrawn", "true", timeout=60_000)
    expect(page.locator("[data-part=done-text]")).to_contain_text("the data set knows of it")
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.includes('twelve')).length") == 0


def hold_back(route) -> None:
    """The Hub has not got the withdrawal yet."""
    with suppress(Error):  # a reload drops the request that is under way
        answer = route.fetch()
        body = answer.json()
        if "on_hub" in body and "receipt" in body:
            body["on_hub"] = False
        route.fulfill(response=answer, json=body)


def test_who_has_to_wait_is_told_and_goes_on_by_itself(page, corner) -> None:
    address, _ = corner
    waits = []

    def wait_first(route) -> None:
        answer = route.fetch()
        body = answer.json()
        if "valid" in body and len(waits) < 1:
            waits.append(1)
            body |= {"items": [], "valid": [], "state": "waiting", "message": "Others are judging what is left."}
        route.fulfill(response=answer, json=body)

    page.route("**/component_server/", wait_first)
    consent(page, address)
    expect(page.locator("[data-part=idle]")).to_contain_text("Others are judging")
    assert wait_shown(page, "")


def test_most_and_least_of_four_are_picked_by_keys_and_by_touch(chromium, corner) -> None:
    address, folder = corner
    names = ["image_1", "image_2", "image_3", "image_4"]
    rows = [",".join(f"faces/{(n + k) % 4:02d}.png" for n in range(4)) for k in range(3)]
    text = TWELVE.replace('task = "category"', 'task = "best_worst"').replace('"kind"', '"lively"')
    text = re.sub(r"choices = .*\n", "", text).replace('folder = "faces"', 'csv = "items.csv"')
    opened(folder, "four", text, [",".join(names), *rows])
    page = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True).new_page()
    consent(page, f"{address}?study=four")
    expect(page.locator("#labeling-judge .question")).to_have_text("Which looks most lively, and which least?")
    first = wait_shown(page, "")
    page.keyboard.press("2")
    expect(page.locator("[data-part=step]")).to_have_text("Now the one with least.")
    expect(page.locator("figure.picked")).to_have_count(1)
    page.keyboard.press("4")
    second = wait_shown(page, first)
    page.locator("figure[data-place='0']").tap()
    page.locator("figure[data-place='0']").tap()  # taken back
    expect(page.locator("[data-part=step]")).to_have_text("First the one with most.")
    page.locator("figure[data-place='3']").tap()
    page.screenshot(path=ROOT / "artifacts/labeling-best-worst.png")
    page.locator("figure[data-place='1']").tap()
    wait_shown(page, second)
    sent(page)
    page.context.close()
    table = stored(folder, "four")
    assert len(table) == goes_round(folder, "four") == 2
    order = [display_order(find_task("best_worst"), int(seed)) for seed in table["seed"]]
    assert table["answer"].tolist() == [
        f"image_{order[0][1] + 1}>image_{order[0][3] + 1}",
        f"image_{order[1][3] + 1}>image_{order[1][1] + 1}",
    ]


def test_the_screen_speaks_arabic_and_keeps_its_places(chromium, corner) -> None:
    address, _ = corner
    context = chromium.new_context(viewport={"width": 390, "height": 800}, locale="ar-EG")
    page = context.new_page()
    page.goto(address)
    root = page.locator("#labeling-judge .judge")
    expect(root).to_have_attribute("data-screen", "consent", timeout=60_000)
    expect(root).to_have_attribute("dir", "rtl")
    expect(page.locator("[data-do=agree]")).to_contain_text("أوافق، ابدأ")
    page.locator("[data-part=age]").check()
    page.locator("[data-do=agree]").click()
    expect(root).to_have_attribute("data-screen", "judging")
    wait_shown(page, "")
    expect(page.locator(".question")).to_have_text("ما هو: kind؟")
    places = page.locator("[data-answer]").evaluate_all(
        "nodes => nodes.slice(0, 2).map(n => n.getBoundingClientRect().x)"
    )
    assert places[0] < places[1], "answers stand from left to right"
    page.screenshot(path=ROOT / "artifacts/labeling-arabic.png")
    first = wait_shown(page, "")
    page.keyboard.press("2")
    second = wait_shown(page, first)
    page.locator("[data-part=language]").select_option("ja")
    expect(root).to_have_attribute("dir", "ltr")
    expect(page.locator(".question")).to_have_text("どれですか：kind？")
    expect(page.locator("[data-do=skip]")).to_contain_text("スキップ")
    page.reload()
    expect(page.locator(".question")).to_have_text("どれですか：kind？", timeout=60_000)
    assert wait_shown(page, "") == second
    page.keyboard.press("1")
    wait_shown(page, second)
    context.close()


def test_questions_and_practice_come_first_by_keys(page, corner) -> None:
    address, folder = corner
    more = '[practice]\ncsv = "practice.csv"\n[comprehension]\n"What is asked?" = ["the kind", "the name"]\n[items]'
    text = TWELVE.replace('folder = "faces"', 'csv = "items.csv"').replace("[items]", more)
    own = folder / "data/studies/school"
    own.mkdir(parents=True)
    (own / "practice.csv").write_text("image_1,gold\nfaces/00.png,c1\nfaces/01.png,c1\n")
    opened(folder, "school", text, ["image_1", *(f"faces/{n:02d}.png" for n in range(3))])
    page.goto(f"{address}?study=school")
    root = page.locator(ROOT_OF)
    expect(root).to_have_attribute("data-screen", "consent", timeout=60_000)
    for _ in range(2):
        page.keyboard.press("Enter")
    expect(root).to_have_attribute("data-screen", "practice")
    page.locator("[data-understood]").select_option("the kind")
    page.locator("[data-practice-key=Enter]").click()
    expect(page.locator("[data-part=practice] .quiet")).to_contain_text("Practice 1 of 2")
    page.keyboard.press("2")
    expect(page.locator("[data-part=feedback]")).to_have_text("Not quite: “c1” was expected.")
    page.keyboard.press("1")
    expect(page.locator("[data-part=practice]")).to_contain_text("read the instructions again")  # one of two is too few
    page.reload()
    expect(root).to_have_attribute("data-screen", "practice", timeout=60_000)
    page.locator("[data-understood]").select_option("the kind")
    page.locator("[data-practice-key=Enter]").click()
    for n in range(2):
        expect(page.locator("[data-part=practice] .quiet")).to_contain_text(f"Practice {n + 1} of 2")
        page.keyboard.press("1")
    page.screenshot(path=ROOT / "artifacts/labeling-practice.png")
    expect(page.locator("[data-practice-key=Enter]")).to_be_visible()
    expect(page.locator("[data-part=feedback]")).to_have_text("Right.")
    page.keyboard.press("Enter")
    first = wait_shown(page, "")
    page.keyboard.press("1")
    wait_shown(page, first)
    sent(page)
    assert len(stored(folder, "school")) == 1


def test_a_refusal_says_what_happened_and_what_to_do_and_no_answer_is_lost(page, corner) -> None:
    """Whatever was not an answer in JSON read "The server cannot be reached"; a failed consent was a dead end."""
    address, folder = corner
    refusals: dict[str, object] = {"welcome": (401, {"detail": "Not authenticated"})}

    def refuse(route) -> None:
        asked = route.request.post_data_json
        found = refusals.get(asked["fn_name"]) if asked["fn_name"] != "sync" or asked["data"]["votes"] else None
        if found is None:
            route.continue_()
        elif found == 0:
            route.abort()
        else:
            status, body = found
            route.fulfill(status=status, **({"body": body} if isinstance(body, str) else {"json": body}))

    page.route("**/component_server/", refuse)
    page.goto(f"{address}?lang=fr")
    expect(page.locator("[data-part=loading]")).to_contain_text("reconnectez-vous", timeout=60_000)
    refusals["welcome"], refusals["enter"] = None, (502, "<h1>Bad Gateway</h1>")
    root, refused = page.locator(ROOT_OF), page.locator("[data-part=refused]")
    expect(root).to_have_attribute("data-screen", "consent", timeout=20_000)
    page.locator("[data-do=agree]").click()
    expect(refused).to_contain_text("Cochez d’abord la case")
    page.locator("[data-part=age]").check()
    page.locator("[data-do=agree]").click()
    expect(refused).to_contain_text("redémarre")
    refusals["enter"] = None
    page.locator("[data-do=agree]").click()
    first, line = wait_shown(page, ""), page.locator("[data-part=error]")
    for found, told in (
        (0, "injoignable"),
        ((500, {"detail": "Ours."}), "erreur 500"),
        ((413, "large"), "en une fois"),
    ):
        refusals["sync"] = found
        if found == 0:
            page.keyboard.press("1")
        page.evaluate("dispatchEvent(new Event('online'))")  # instead of waiting until it tries again
        expect(line).to_contain_text(told, timeout=15_000)
        expect(line).to_contain_text("Vos réponses sont conservées ici")
    refusals["sync"] = None
    page.evaluate("dispatchEvent(new Event('online'))")
    sent(page)
    expect(line).to_be_empty()
    expect(page.locator("[data-part=saved]")).to_have_text("tout est enregistré")  # the data set is a folder
    assert stored(folder).set_index("label").loc[first, "answer"] == "c1"
