"""The page speaks seven languages: no fixed text of it is missing in any, and each is one file, sent when asked for."""

import re

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.ui.page_texts import Words, core, missing, of_html, of_page
from workbench.tabs import TABS
from workbench.ui.app import PRIVACY
from workbench.ui.common.languages import FOLDER, NAMES, Languages, choice, files, script, words_of

OTHERS = [name for name in NAMES if name != "en"]
TODO = (
    "{language} lacks {number} texts of the page. Add each to workbench/ui/languages/{language}.json as it stands, "
    "with its translation (docs/languages.md; by machine is fine as a start):\n{texts}"
)


@pytest.fixture(scope="module")
def texts(page):
    return of_page(page.get_config_file())


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_of_the_page_is_missing_in_a_language(texts, language) -> None:
    lacks = missing(texts, words_of(language))

    assert not lacks, TODO.format(language=language, number=len(lacks), texts="\n".join(lacks))


@pytest.mark.parametrize("language", OTHERS)
def test_no_heading_of_a_tab_on_a_page_of_its_own_is_missing(language) -> None:
    told = Words(words_of(language))
    texts = {core(text) for tab in TABS for text in of_html(f"<h1>{tab.title}</h1><p>{tab.sentence} {PRIVACY}</p>")}

    assert {text for text in texts - {""} if not told.has(text)} == set()


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_keeps_figures_and_what_is_bold_or_linked(language) -> None:
    words = words_of(language)

    assert words.keys() == words_of("de").keys(), "every language has the same texts"
    for english, theirs in words.items():
        assert theirs.strip(), english
        assert sorted(re.findall(r"\{\w+\}", theirs)) == sorted(re.findall(r"\{\w+\}", english)), english
        assert re.findall(r"</?\w+>", theirs) == re.findall(r"</?\w+>", english), "the same tags in the same order"
        assert english.startswith("{") or core(english) == english, (
            "words.js looks for a text without what stands around its words"
        )


def test_no_part_of_the_page_itself_is_marked_as_somebodys_own_words(page) -> None:
    """Re-pose's consent and its menu of faces stood in a row called "given" for its place, and stayed English."""
    parts = page.get_config_file()["components"]

    assert [part["type"] for part in parts if "given" in (part["props"].get("elem_classes") or ())] == []


def test_a_text_that_no_language_has_yet_is_told(texts) -> None:
    words = words_of("de")
    lacks = missing(texts, {english: theirs for english, theirs in words.items() if english != "Parse"})

    assert lacks == ["Parse"]


def test_a_language_is_one_file_that_a_browser_keeps_also_behind_a_prefix() -> None:
    behind = Starlette(routes=[Route("/{path:path}", lambda request: PlainTextResponse("Gradio's"))])
    client = TestClient(Languages(behind))
    assert set(files()) == set(OTHERS) == {path.stem for path in FOLDER.glob("*.json")}

    for address in (f"/{files()['ar']}", f"/tool/{files()['ar']}"):
        answer = client.get(address)
        assert answer.json() == words_of("ar")
        assert "immutable" in answer.headers["cache-control"]
    assert client.head(f"/{files()['ar']}").content == b""
    for other in ("/words-ar-0123456789abcdef.json", "/words-xx-0123456789abcdef.json", "/words-ar.json", "/"):
        assert client.get(other).text == "Gradio's"
    assert client.post(f"/{files()['ar']}").status_code == 405
    assert words_of("../../../pyproject") == words_of("en") == words_of("xx") == {}


def test_the_menu_and_the_script_name_every_language_and_english_needs_no_file() -> None:
    code = script().decode()

    assert re.findall(r'value="(\w\w)"', choice()) == list(NAMES)
    assert not any(of_html(choice())), "languages are called by their own names in every language"
    assert all(name in code for name in files().values())
    assert "words-en" not in code
    assert "</script" not in code
