"""The raters' screen speaks seven languages, and no string of it is missing in any."""

import json
import re
from pathlib import Path

import pytest

from tests.labeling.conftest import STUDY
from workbench.errors import StudyError
from workbench.labeling.serving.words import WORDS
from workbench.labeling.study.details import UNITS
from workbench.labeling.study.study import parse_study
from workbench.labeling.study.tasktypes import TASK_TYPES
from workbench.ui.common.widgets import refusals
from workbench.ui.labeling.tab import LANGUAGES, SCREEN, SCRIPTS, words_of

TEXT = r'"((?:[^"\\]|\\.)*)"'


def spoken() -> set[str]:
    """Every string that a rater can read."""
    code = "".join((SCREEN / name).read_text() for name in SCRIPTS if name != "box.js") + refusals()
    found = set(re.findall(rf"\bt\({TEXT}", code)) | set(re.findall(rf"\|\| {TEXT}\)", code))
    found |= set(re.findall(rf"data-t(?:-title|-label)?={TEXT}", (SCREEN / "judge.html").read_text()))
    keys = (SCREEN / "keys.js").read_text()
    found |= set(
        re.findall(TEXT, re.search(r"const TITLES = \{.*\}", keys)[0] + re.search(r"const REASONS = .*", keys)[0])
    )
    for task in TASK_TYPES.values():
        found |= {task.question, *(answer.title for answer in (task.answers if task.picks == 1 else task.buttons))}
    return (found | set(UNITS.values()) | set(WORDS.values())) - {""}


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_no_string_of_the_raters_screen_is_missing_in_a_language(language):
    words, wanted = words_of(language), spoken()
    assert len(wanted) > 100
    assert wanted - set(words) == set(), "missing"
    assert set(words) - wanted == set(), "nobody says this any more"
    for english, theirs in words.items():
        assert theirs.strip()
        assert sorted(re.findall(r"\{\w+\}", theirs)) == sorted(re.findall(r"\{\w+\}", english)), english


def test_every_language_of_the_page_has_its_words_and_no_other_file_is_read():
    named = set(re.findall(r"(\w\w): ", re.search(r"const LANGUAGES = \{.*\}", (SCREEN / "words.js").read_text())[0]))
    assert named == set(LANGUAGES)
    assert {path.stem for path in (SCREEN / "words").glob("*.json")} == named - {"en"}
    assert words_of("../../../../pyproject") == words_of("xx") == words_of("en") == {}


def test_nothing_a_rater_reads_is_written_past_the_words():
    """Text handed to the screen goes through t()."""
    code = (SCREEN / "judge.js").read_text() + (SCREEN / "keys.js").read_text()
    shown = re.findall(
        r'(?:say\("[\w-]+", |make\("(?:p|h3|button|option|a)", |finish\(|idle\(|notice\()"([^"]+)"', code
    )
    assert [text for text in shown if re.search("[A-Za-z]{3}", text)] == []


def test_a_study_has_its_own_texts_in_several_languages(tmp_path):
    text = STUDY + '[texts.de]\ntitle = "Paare"\nconsent = "Ihre Antworten bleiben."\n'
    study = parse_study(text, Path())
    assert study.texts == {"de": {"title": "Paare", "consent": "Ihre Antworten bleiben."}}
    for wrong in ('[texts.German]\ntitle = "x"\n', '[texts.de]\nquestion = "x"\n'):
        with pytest.raises(StudyError, match="texts"):
            parse_study(STUDY + wrong, Path())


def test_the_words_are_plain_json_without_markup():
    for path in (SCREEN / "words").glob("*.json"):
        words = json.loads(path.read_text(encoding="utf-8"))
        assert not [theirs for theirs in words.values() if "<" in theirs or "&" in theirs]
