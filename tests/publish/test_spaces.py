"""The Spaces are generated, never drift, and every one of them starts by itself and answers a real question."""

import re
from pathlib import Path

import pytest

from tests.publish.outside import Outside
from tests.publish.questions import QUESTIONS
from workbench.errors import BadRequest
from workbench.publish import spaces as publish
from workbench.tabs import TABS
from workbench.ui.app import builder


def test_generated_files_are_up_to_date() -> None:
    assert publish.check() == []


def test_drift_is_noticed(tmp_path: Path) -> None:
    for name in ("requirements.txt", "constraints.txt", "pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / name).write_text((publish.ROOT / name).read_text())
    publish.write(tmp_path)
    (tmp_path / "spaces" / "parsing" / "app.py").write_text("print('changed by hand')\n")
    (tmp_path / "spaces" / "parsing" / "__init__.py").touch()
    (tmp_path / "spaces" / "forgotten").mkdir()

    faults = publish.check(tmp_path)

    assert len(faults) == 3
    assert "make docs" in faults[0]


def test_a_space_whose_tab_takes_clips_installs_what_reads_them() -> None:
    needed = {stem: (publish.ROOT / "spaces" / stem / "requirements.txt").read_text() for stem in publish.stems()}
    video = re.search(r'^video = \["(.+)"\]$', (publish.ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]

    assert [stem for stem, text in needed.items() if f"\n{video}\n" in text] == ["analysis", "protection", "workbench"]
    assert "\nav" not in (publish.ROOT / "requirements.txt").read_text()


def test_a_card_is_never_cut_inside_a_word() -> None:
    """Three were: the Hub allows 60 characters."""
    assert {stem: text for stem, text in publish.SHORT.items() if len(text) > 60} == {}
    assert set(publish.SHORT) == {publish.ALL, *(tab.stem for tab in TABS)} == set(publish.TAGS)
    long = "Which pixels are hair, skin, brows, eyes, lips and everything else: all"
    assert publish.whole_words(long) == "Which pixels are hair, skin, brows, eyes, lips and"


def test_words_by_hand_survive_writing(tmp_path: Path) -> None:
    for name in ("requirements.txt", "constraints.txt", "pyproject.toml", "LICENSE"):
        (tmp_path / name).write_text((publish.ROOT / name).read_text())
    publish.write(tmp_path)
    readme = tmp_path / "spaces" / "parsing" / "README.md"
    readme.write_text(readme.read_text() + "\nWords by hand.\n")
    publish.write(tmp_path)

    assert readme.read_text().endswith("\nWords by hand.\n")
    assert publish.check(tmp_path) == []


def test_a_tab_has_its_place_in_every_layer() -> None:
    for tab in TABS:
        assert builder(tab).__module__ == f"workbench.ui.{tab.stem}.tab"
        assert (publish.ROOT / "spaces" / tab.stem / "app.py").is_file()
        assert list((publish.ROOT / "tests" / "browser").glob(f"test_{tab.stem}*.py")), (
            f"no browser test for {tab.stem}"
        )


@pytest.mark.parametrize("beside", ["", "app.py"], ids=["alone", "beside an app"])
def test_a_folder_with_something_else_in_it_is_not_overwritten(tmp_path: Path, beside: str) -> None:
    """A checkout has an app.py too."""
    (tmp_path / "thesis.txt").write_text("years of work")
    if beside:
        (tmp_path / beside).write_text("print('mine')")

    with pytest.raises(BadRequest, match="not empty"):
        publish.assemble("parsing", tmp_path)
    assert (tmp_path / "thesis.txt").is_file()


def test_a_space_is_put_together_again_over_itself(tmp_path: Path) -> None:
    folder = publish.assemble("parsing", tmp_path / "space")
    (folder / "app.py").write_text("old")

    assert publish.assemble("parsing", folder) == folder
    assert (folder / "app.py").read_text() != "old"
    assert {path.name for path in folder.iterdir()} == set(publish.ASSEMBLED)


def test_pushing_without_a_token_says_so(tmp_path: Path, settings) -> None:
    with pytest.raises(BadRequest, match="HF_TOKEN"):
        publish.push("parsing", "someone/parsing", settings, tmp_path)


def test_every_space_has_its_question() -> None:
    assert set(QUESTIONS) == set(publish.stems())


def test_an_installed_copy_says_that_spaces_need_a_checkout(tmp_path: Path) -> None:
    for call in (lambda: publish.check(tmp_path), lambda: publish.assemble("parsing", tmp_path / "out", tmp_path)):
        with pytest.raises(BadRequest, match="made from a checkout"):
            call()


@pytest.mark.parametrize("stem", publish.stems())
def test_the_space_starts_by_itself_and_answers(
    stem: str, tmp_path: Path, outside: Outside, portrait: str, settings, example_photos
) -> None:
    """In a plain interpreter without the package: the Hub has no checkout to lean on."""
    folder = publish.assemble(stem, tmp_path / "space")
    assert not (folder / "spaces").exists()
    hub = {"SYSTEM": "spaces", "SPACE_ID": "someone/space", "GRADIO_SERVER_NAME": "127.0.0.1"}
    ours = {"WORKBENCH_DATA": str(tmp_path / "data"), "WORKBENCH_CACHE": str(settings.cache)}
    with outside.serving(folder / "app.py", folder, folder, **hub, **ours) as (address, program):
        assert program.package == folder / "workbench"
        QUESTIONS[stem](address, portrait)
