"""The page's own names in the visitor's language: tabs, buttons and main labels. What explains and what is found stays
English.

Gradio looks every label up by its text; a word's key is therefore its English, and components know nothing of this.
"""

import functools
import json
from pathlib import Path

import gradio as gr

WORDS = Path(__file__).parent / "words"
LANGUAGES = ("ar", "de", "es", "fr", "ja", "zh")
"""Besides English, which is what components say."""


@functools.cache
def words(language: str) -> dict[str, str]:
    """English → the same in a language."""
    found: dict[str, str] = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    return found


def word_of(text: str) -> str:
    """A name without the sign that stands before it: "🎨 Parsing" is "Parsing"."""
    sign, _, rest = text.partition(" ")
    return rest if rest and not any(letter.isalnum() for letter in sign) and rest in words(LANGUAGES[0]) else text


def translations(page: gr.Blocks) -> gr.I18n:
    """What Gradio needs to show this page's names in the visitor's language; tabs keep their signs."""
    named = [str(block.label) for block in page.blocks.values() if isinstance(block, gr.Tab)]
    signed = [text for text in named if word_of(text) != text]
    found = {}
    for language in LANGUAGES:
        theirs = words(language)
        with_sign = {text: f"{text.partition(' ')[0]} {theirs[word_of(text)]}" for text in signed}
        found[language] = {**theirs, **with_sign}
    return gr.I18n(**found)


def english(page: gr.Blocks) -> dict[str, str]:
    """The English name of every tab by what its button is known by in the browser: addresses are the same in every
    language."""
    tabs = [block for block in page.blocks.values() if isinstance(block, gr.Tab)]
    return {str(tab._id if tab.id is None else tab.id): str(tab.label) for tab in tabs}
