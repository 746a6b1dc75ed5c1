"""The page's names exist in every language: tabs, buttons and main labels."""

import gradio as gr
import pytest

from workbench.ui.app import build_app
from workbench.ui.common import tongues


@pytest.fixture(scope="module")
def page(bench) -> gr.Blocks:
    return build_app(bench)


@pytest.mark.parametrize("language", tongues.LANGUAGES)
def test_every_language_has_every_word_and_no_word_is_empty(language: str) -> None:
    theirs = tongues.words(language)

    assert set(theirs) == set(tongues.words("de"))
    assert all(text.strip() for text in theirs.values())
    same = [word for word, text in theirs.items() if word == text]
    assert len(same) < 12, same


def test_every_tab_and_every_button_of_the_page_is_among_the_words(page: gr.Blocks) -> None:
    known = tongues.words("de")
    tabs = [str(block.label) for block in page.blocks.values() if isinstance(block, gr.Tab)]
    buttons = [str(block.value) for block in page.blocks.values() if type(block) is gr.Button and block.visible is True]

    assert [text for text in tabs if tongues.word_of(text) not in known] == []
    assert sorted({text for text in buttons if text not in known}) == []


def test_every_word_is_somewhere_on_the_page(page: gr.Blocks) -> None:
    said = {
        str(text)
        for block in page.blocks.values()
        for text in (getattr(block, "label", None), getattr(block, "value", None))
        if isinstance(text, str)
    }
    said |= {tongues.word_of(text) for text in said}

    assert sorted(set(tongues.words("de")) - said) == []


def test_a_tab_keeps_its_sign_in_every_language(page: gr.Blocks) -> None:
    told = tongues.translations(page).translations

    assert told["de"]["🎨 Parsing"] == "🎨 Zerlegung"
    assert all(text.startswith("🛡️ ") for text in (words["🛡️ Protection"] for words in told.values()))
