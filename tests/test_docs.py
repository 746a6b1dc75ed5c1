"""What the README shows is run: its commands exist, its library example works, its links lead somewhere, its tables are
fresh."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.cli import COMMANDS, main
from workbench.tabs import TABS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_readme_shows_every_tab_in_a_small_picture() -> None:
    for tab in TABS:
        picture = ROOT / "docs" / "images" / f"{tab.stem}.png"

        assert f"](docs/images/{tab.stem}.png)" in README
        assert picture.stat().st_size <= 150_000, picture
        assert Image.open(picture).width >= 900


def _commands() -> list[str]:
    found: list[str] = []
    for path in DOCS:
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL):
            found += [
                line.split("#")[0].strip() for line in block.splitlines() if line.startswith("python -m workbench")
            ]
    return sorted(set(found))


@pytest.mark.parametrize("command", _commands())
def test_every_command_in_the_docs_exists(command: str, capsys: pytest.CaptureFixture) -> None:
    words = shlex.split(command)[3:]
    depth = 2 if words[0] in ("models", "spaces", "label") else 1
    with pytest.raises(SystemExit) as stopped:
        main([*words[:depth], "--help"])

    assert stopped.value.code == 0
    helped = capsys.readouterr().out
    for option in (word for word in words if word.startswith("--")):
        assert option in helped, f"{command}: no option {option}"


def test_every_command_that_does_shards_has_its_line_for_a_job(capsys: pytest.CaptureFixture) -> None:
    """`hf jobs run … python -m workbench COMMAND … --shard`, with options that the command has."""
    text = (ROOT / "docs/scale.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("    hf jobs run")]
    told = {line.split("python -m workbench ")[1].split()[0]: line for line in lines}
    helped = {}
    for name in sorted(COMMANDS):
        with pytest.raises(SystemExit):
            main([name, "--help"])
        helped[name] = capsys.readouterr().out
    assert set(told) == {name for name, text in helped.items() if "--shard I/N" in text}
    for name, line in told.items():
        assert re.search(r"--shard \$i/\d+$", line), line
        words = line.split(f"workbench {name} ")[1].split()
        assert [word for word in words if word.startswith("--") and word not in helped[name]] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_stands_in_the_readme(name: str) -> None:
    assert f"python -m workbench {name}" in README


def test_every_tab_stands_in_the_readme() -> None:
    for tab in TABS:
        assert f"**{tab.title}**" in README


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make (\w+)", README)) - {"is"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_library_example_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, astronaut: np.ndarray, settings
) -> None:
    Image.fromarray(astronaut).save(tmp_path / "photo.jpg", quality=95)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    names: dict = {}
    exec(compile(code[1], "README.md", "exec"), names)

    assert names["hair"].shape == (512, 512)
    assert names["hair"].mean() > 0.005


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_and_named_files_lead_somewhere(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (path.parent / target).exists(), target
    for name in re.findall(r"`((?:workbench|tests|docs|spaces|benchmarks)/[\w./-]+\.\w+)`", text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_docs_name_no_machine_path(path: Path) -> None:
    top = "|".join(("work", "root", "home", "tmp"))
    assert not re.search(rf"/({top})/", path.read_text())


def test_the_version_is_one() -> None:
    from workbench import __version__

    assert 'version = { attr = "workbench.__version__" }' in (ROOT / "pyproject.toml").read_text()
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_changelog_says_everything_once() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    for start in ("# ", "## ", "### ", "- "):
        told = [line for line in lines if line.startswith(start)]
        assert len(told) == len(set(told)), [line for line in told if told.count(line) > 1]


def test_the_site_names_only_pages_and_modules_there_are() -> None:
    """`make site` builds it strictly; here is what that would find, without building."""
    import importlib.util

    import yaml

    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    pages = [page for part in site["nav"] for page in (next(iter(part.values())) if isinstance(part, dict) else [part])]
    named = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "reference.md").read_text(), re.MULTILINE)

    assert len(pages) == len(set(pages))
    assert [page for page in pages if not (ROOT / "docs" / page).is_file()] == []
    assert len(named) > 10
    for name in named:
        module = name if name.rpartition(".")[2].islower() else name.rpartition(".")[0]
        assert importlib.util.find_spec(module) is not None, name
