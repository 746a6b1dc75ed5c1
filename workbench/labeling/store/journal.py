"""How SQLite keeps its journal, by where the file lies and which SQLite this is.

A write-ahead log needs shared memory and file locks that hold: not on network file systems and mounted buckets. There
the journal is a file that is deleted at each commit, and the database is locked once, for as long as it is open. On a
disk of this machine the log is used where SQLite is free of the fault that loses commits (fixed in 3.51.3, 3.50.7 and
3.44.6), else a truncated rollback journal.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
_REMOTE = (
    *("nfs", "cifs", "smb", "afs", "9p", "ceph", "gluster", "lustre", "beegfs", "gpfs", "orangefs", "davfs", "sshfs"),
    *("fuse", "virtiofs", "gcsfuse", "s3fs", "goofys", "geesefs", "rclone", "juicefs", "ocfs2", "gfs2"),
)
"""How the names of file systems begin that lie on other machines or are made of objects in a bucket."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """journal: WAL, TRUNCATE or DELETE. exclusive: locked while it is open. reason: why, in words; "" on a plain
    disk."""

    journal: str
    exclusive: bool = False
    reason: str = ""

    def pragmas(self) -> tuple[str, ...]:
        """What to tell SQLite, in this order. The limit empties a journal that an exclusive lock would keep, with the
        rows of before in it."""
        locking = "EXCLUSIVE" if self.exclusive else "NORMAL"
        return (f"locking_mode={locking}", f"journal_mode={self.journal}", "journal_size_limit=0")


def keeping(path: Path, mounted: bool = False) -> Keeping:
    """How to keep the journal of the database at `path`. mounted: it may lie on a bucket that does not say so."""
    kind = file_system(path)
    if kind.startswith(_REMOTE):
        return Keeping("DELETE", True, f"the data folder lies on {kind}, where file locks are not to be trusted")
    if mounted:
        return Keeping("DELETE", True, "on a Space the data folder may be a mounted bucket")
    return Keeping("WAL" if wal_is_safe(sqlite3.sqlite_version_info) else "TRUNCATE")


def file_system(path: Path) -> str:
    """The kind of file system that holds `path` (which need not exist yet); "" where the system does not say."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        real = path.resolve()
    except (OSError, RuntimeError):
        return ""
    kinds = {_plain(words[1]): words[2].lower() for words in map(str.split, lines) if len(words) > 2}
    holding = [place for place in kinds if real.is_relative_to(place)]
    return kinds[max(holding, key=len)] if holding else ""


def _plain(place: str) -> str:
    """A mount point as written in the list, with its spaces back."""
    return place.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the write-ahead-log fault of 3.7.0 to 3.51.2."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)
