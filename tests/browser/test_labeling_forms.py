"""Answers that say more than a class, given by keys and by touch on one phone: graded, coded, placed, painted."""

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import ROOT
from tests.browser.labeling_booth import TWELVE, consent, goes_round, opened, sent, stored, wait_shown
from workbench.labeling.study import details
from workbench.labeling.study.tasktypes import TASK_TYPES, choices_as_answers

CHOICES = 'choices = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c12"]\n'


def form(corner, task: str, more: str, columns: int = 1) -> str:
    """Open a study of this task; its address."""
    address, folder = corner
    text = TWELVE.replace('task = "category"', f'task = "{task}"').replace(CHOICES, "")
    text = text.replace('attribute = "kind"', more).replace('folder = "faces"', 'csv = "items.csv"')
    rows = [",".join(f"faces/{n:02d}.png" for _ in range(columns)) for n in range(3)]
    opened(folder, task, text, [",".join(f"image_{n + 1}" for n in range(columns)), *rows])
    return f"{address}?study={task}"


def drag(page, canvas, start, end) -> float:
    """Draw a line over the canvas, in shares of it; the most of the picture that a stroke painted anew, as a share."""
    box = canvas.bounding_box()
    spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*spots[0])
    page.mouse.down()
    most = page.evaluate(
        """([x0, y0, x1, y1]) => { const canvas = document.querySelector('[data-layer=marks]'), painted = [];
        const pen = CanvasRenderingContext2D.prototype, put = pen.putImageData; let anew = 0;
        pen.putImageData = function (...sent) { anew += sent[0].width * sent[0].height; put.apply(this, sent); };
        for (let n = 1; n <= 20; n += 1) { anew = 0;
          canvas.dispatchEvent(new PointerEvent('pointermove', {pointerId: 1, bubbles: true,
            clientX: x0 + (x1 - x0) * n / 20, clientY: y0 + (y1 - y0) * n / 20}));
          painted.push(anew); }
        pen.putImageData = put;
        return Math.min(...painted) ? Math.max(...painted) / (canvas.width * canvas.height) : 1; }""",
        [*spots[0], *spots[1]],
    )
    page.mouse.up()
    return float(most)


def test_graded_coded_placed_and_painted_answers_by_keys_and_by_touch(chromium, corner) -> None:
    folder = corner[1]
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(30_000)

    consent(page, form(corner, "expression", ""))
    first = wait_shown(page, "")
    for key in ("2", "4", "ArrowRight", "ArrowRight", "ArrowUp", "Enter"):  # happy, strong, pleasant
        page.keyboard.press(key)
    second = wait_shown(page, first)
    page.locator("[data-answer='0']").tap()  # neutral has no strength
    page.locator("[data-cell='-1,-2']").tap()
    page.screenshot(path=ROOT / "artifacts/labeling-expression.png")
    page.locator("[data-send]").tap()
    wait_shown(page, second)
    sent(page)
    assert stored(folder, "expression")["answer"].tolist() == ["happy#4,2,1", "neutral#0,-1,-2"]

    consent(page, form(corner, "action_units", 'choices = ["1", "4", "12", "26"]'))
    first = wait_shown(page, "")
    for key in ("1", "3", "1", "Enter"):  # AU1 on, AU12 on, AU1 off again
        page.keyboard.press(key)
    second = wait_shown(page, first)
    page.locator("[data-unit='26']").tap()
    page.locator("[data-unit='4']").tap()
    page.screenshot(path=ROOT / "artifacts/labeling-units.png")
    page.locator("[data-send]").tap()
    wait_shown(page, second)
    sent(page)
    assert stored(folder, "action_units")["answer"].tolist() == ["coded#12", "coded#4,26"]

    consent(page, form(corner, "points", 'choices = ["nose", "chin"]'))
    first = wait_shown(page, "")
    expect(page.locator("[data-part=step]")).to_have_text("1. nose")
    for key in ("ArrowRight", "ArrowDown", "Enter", "n", "Backspace", "n", "Enter"):
        page.keyboard.press(key)
    second = wait_shown(page, first)
    box = page.locator("[data-layer=marks]").bounding_box()
    for x, y in ((0.25, 0.75), (0.5, 0.5)):
        page.touchscreen.tap(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.locator("[data-send]").tap()
    wait_shown(page, second)
    sent(page)
    rows = stored(folder, "points")["answer"].tolist()
    assert rows[0] == "placed#5100,5100;-"
    assert np.allclose(details.points(rows[1]), [(0.25, 0.75), (0.5, 0.5)], atol=0.01)

    consent(page, form(corner, "correct_mask", 'attribute = "hair"', 2))
    first = wait_shown(page, "")
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=error]")).to_have_text("Change the mask first, or say that it fits.")
    page.keyboard.press("f")
    second = wait_shown(page, first)
    page.locator("[data-tool=erase]").tap()
    assert drag(page, page.locator("[data-layer=marks]"), (0.1, 0.5), (0.9, 0.5)) <= 0.1, "a stroke paints itself"
    page.screenshot(path=ROOT / "artifacts/labeling-mask.png")
    page.locator("[data-send]").tap()
    third = wait_shown(page, second)
    page.keyboard.press("z")  # the corrected mask is there again
    again = wait_shown(page, third)
    for key in ("ArrowDown", "x", "Enter"):
        page.keyboard.press(key)
    wait_shown(page, again)
    sent(page)
    rows = stored(folder, "correct_mask")
    assert rows["answer"].tolist()[0] == "fine"
    corrected = details.drawn(rows["answer"].tolist()[1])
    item = int(rows["item"].tolist()[1]) - 1
    model = np.asarray(Image.open(folder / f"study/faces/{item:02d}.png").convert("RGB").resize((256, 256))).sum(axis=2)
    assert not corrected[120:136, 40:216].any(), "erased"
    away = np.r_[0:80, 180:256]
    assert ((model[away] > 381) == corrected[away]).mean() > 0.8, "the rest is the model's mask"

    consent(page, form(corner, "attention", 'attribute = "who is it?"'))
    first = wait_shown(page, "")
    for key in ("p", "Enter"):
        page.keyboard.press(key)
    second = wait_shown(page, first)
    drag(page, page.locator("[data-layer=marks]"), (0.2, 0.2), (0.2, 0.6))
    page.locator("[data-send]").tap()
    wait_shown(page, second)
    sent(page)
    looks = [details.drawn(answer) for answer in stored(folder, "attention")["answer"]]
    assert looks[0][32, 32]
    assert not looks[0][:16].any()
    assert looks[1][15:36, 12].all()
    context.close()
    assert errors == []
    for task in ("expression", "action_units", "points", "correct_mask", "attention"):
        assert goes_round(folder, task) == 2


CHOSEN = [task for task in TASK_TYPES.values() if not task.form and task.picks == 1]


def test_every_question_with_one_answer_is_answered_by_a_key_and_by_touch(chromium, corner) -> None:
    """And goes to another tool's file and back, and is analysed."""
    folder = corner[1]
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    for task in CHOSEN:
        more = 'attribute = "bright"' if task.needs_attribute else ""
        more += '\nchoices = ["dark", "bright"]' if task.open_choices else ""
        consent(page, form(corner, task.name, more, task.images))
        first = wait_shown(page, "")
        page.keyboard.press("2")
        second = wait_shown(page, first)
        page.locator("[data-answer='0']").tap()
        wait_shown(page, second)
        sent(page)
        rows = stored(folder, task.name)
        answers = choices_as_answers(("dark", "bright")) if task.open_choices else task.answers
        assert len(rows) == 2
        assert set(rows["answer"]) <= {answer.key for answer in answers}
        if not task.choose_image:  # else sides are shuffled
            assert rows["answer"].tolist() == [answers[1].key, answers[0].key]
        assert goes_round(folder, task.name) == 2
    context.close()
