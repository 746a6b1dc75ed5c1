"""The wheel holds all of the package, and works in an empty folder where no checkout is at hand."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests.publish.outside import PLAIN, SITE, Outside, environment
from tests.publish.questions import QUESTIONS, ask_study
from workbench import __version__
from workbench.publish.spaces import ROOT

MEGA = 1_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what a clone holds, so that no earlier build lends a file."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    shutil.copytree(ROOT / "workbench", source / "workbench", ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
    _pip("wheel", str(source), "--no-deps", "--no-build-isolation", "--wheel-dir", str(out))
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in an empty folder; what it requires is the running interpreter's, which is read and not written."""
    folder = tmp_path_factory.mktemp("elsewhere") / "site"
    _pip("install", "--no-deps", "--target", str(folder), str(wheel))
    return folder


def _pip(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_wheel_holds_every_file_of_the_package(wheel: Path, record_property) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    tree = (path for path in (ROOT / "workbench").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    wanted = {path.relative_to(ROOT).as_posix() for path in tree if path.suffix not in (".pyc", ".pyi")}
    size = wheel.stat().st_size
    record_property("wheel", f"{wheel.name}: {size / MEGA:.1f} MB, {len(held)} files")

    assert "workbench/py.typed" in wanted
    assert wanted - held == set()
    assert not [name for name in held - wanted if ".dist-info/" not in name]
    assert 10 * MEGA < size < 60 * MEGA


def test_the_command_says_its_version(installed: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [*PLAIN, str(installed / "bin" / "face-workbench"), "--version"],
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": f"{installed}{os.pathsep}{SITE}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == f"face-workbench {__version__}\n"
    assert wheel_version(installed) == __version__


def wheel_version(installed: Path) -> str:
    (metadata,) = installed.glob("face_workbench-*.dist-info/METADATA")
    return next(line.split()[1] for line in metadata.read_text().splitlines() if line.startswith("Version:"))


def test_the_changelog_is_headed_by_this_version() -> None:
    heads = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert heads[0].split()[1] == __version__


class TestInstalled:
    """Each command in another folder, with the package from the wheel."""

    @pytest.fixture
    def here(self, installed: Path, outside: Outside, tmp_path: Path, settings, example_photos):
        ours = {"WORKBENCH_DATA": str(tmp_path / "data"), "WORKBENCH_CACHE": str(settings.cache)}
        place = {"script": installed / "bin" / "face-workbench", "package": installed, "cwd": tmp_path, **ours}

        def start(*words: str):
            program = outside.start(arguments=words, **place)
            assert program.wait() == 0, program.said[-3000:]
            assert program.package == (installed / "workbench").resolve()
            return program.said

        start.serving = lambda *words: outside.serving(arguments=words, **place)
        return start

    def test_parse_writes_a_part_map(self, here, tmp_path: Path, portrait: str, astronaut) -> None:
        (tmp_path / "photos").mkdir()
        shutil.copy(portrait, tmp_path / "photos" / "astronaut.png")
        here("parse", "photos", "--out", "maps")

        with Image.open(tmp_path / "maps" / "astronaut.png") as parts:
            assert parts.size == astronaut.shape[1::-1]
            assert len(parts.getcolors()) > 8

    def test_serve_parsing_answers(self, here, portrait: str, installed: Path) -> None:
        with here.serving("serve", "parsing") as (address, program):
            assert program.package == (installed / "workbench").resolve()
            QUESTIONS["parsing"](address, portrait)

    def test_a_study_is_made_and_served(self, here) -> None:
        assert "of them gold" in here("label", "init", "study")
        with here.serving("label", "serve", "study") as (address, _):
            ask_study(address)
