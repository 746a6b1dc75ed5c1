"""Where many photos come from: a folder or a pattern, tars of a web data set, Parquet files here or on the Hub.

Every photo has an id, unique in its source, and a place from which any machine can read it.
"""

import glob
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from workbench.batch.files import shown
from workbench.batch.listing import walk
from workbench.batch.stamp import looks
from workbench.decoding import SUFFIXES, content
from workbench.errors import BadImage, BadRequest
from workbench.generation import album
from workbench.settings import Settings


class Item(NamedTuple):
    """One photo of a plan.

    id: relative path, or file and key. uri: what to open. offset, size: bytes in a tar; row group and row in a Parquet
    file; for a file -1 and -1.
    """

    id: str
    uri: str
    offset: int = -1
    size: int = -1


@dataclass(frozen=True, slots=True)
class Source:
    """What was named on the command line. kind: "files", "tar", "parquet" or "vectors" (rows of a .npy, to be drawn).
    root: what ids are relative to."""

    kind: str
    places: tuple[str, ...]
    root: str

    def groups(self, out: Path) -> Iterator[list[Item]]:
        """Photos in pieces that are read together: a folder's, a tar's, a row group's. Raises BadRequest."""
        if self.kind == "files":
            yield from _folders(self, out)
        if self.kind == "vectors":
            yield from _rows(self.places[0])
        for place in self.places if self.kind in ("tar", "parquet") else ():
            named = os.path.relpath(place, self.root) if "://" not in place else place.removeprefix(self.root)
            yield from _tar(place, named) if self.kind == "tar" else _parquet(place, named)


def source_of(text: str) -> Source:
    """A folder, a photo, a pattern (`photos/**/*.jpg`), .tar or .parquet files, or `hf://datasets/…` with a pattern.

    A pattern is to be quoted, so that the shell leaves it alone. Raises BadRequest when there is nothing.
    """
    remote = "://" in text
    places = sorted(_remote(text) if remote else _local(text))
    if not places:
        raise BadRequest(f"{shown(text)} names nothing that is there.")
    suffixes = {os.path.splitext(place)[1].lower() for place in places}
    root = _root(text, remote)
    for kind in ("tar", "parquet"):
        if f".{kind}" in suffixes:
            if len(suffixes) > 1:
                raise BadRequest(f"{shown(text)} names .{kind} files and others; name one kind.")
            return Source(kind, tuple(places), root)
    if remote:
        raise BadRequest(f"{shown(text)}: of remote places only .tar and .parquet files are read.")
    return Source("files", tuple(places), root)


def of_photos(paths: Iterable[Path]) -> Source:
    """These photos, each once; ids are relative to the folder that holds them all."""
    places = sorted({os.path.realpath(path) for path in paths})
    return Source("files", tuple(places), os.path.commonpath([os.path.dirname(place) for place in places]))


def of_vectors(path: Path) -> Source:
    """The rows of a (n, d) float32 .npy file; row n is called what picture n is."""
    return Source("vectors", (os.path.realpath(path),), os.path.dirname(os.path.realpath(path)))


def _rows(place: str) -> Iterator[list[Item]]:
    import numpy as np

    count = len(np.load(place, mmap_mode="r"))
    for start in range(0, count, album.ROUND):
        yield [Item(album.name(number), place, number, 0) for number in range(start, min(start + album.ROUND, count))]


def _local(text: str) -> list[str]:
    if os.path.isdir(text):
        for suffix in (".tar", ".parquet"):
            if found := glob.glob(os.path.join(glob.escape(text), f"*{suffix}")):
                return found
        return [text]
    return (
        [text] if os.path.isfile(text) else [path for path in glob.glob(text, recursive=True) if os.path.isfile(path)]
    )


def _remote(text: str) -> list[str]:
    import fsspec

    try:
        files, _ = fsspec.core.url_to_fs(text)
        scheme = text.partition("://")[0]
        found = files.glob(files._strip_protocol(text)) if "*" in text else [files._strip_protocol(text)]
        return [f"{scheme}://{place}" for place in found]
    except (OSError, ValueError, ImportError) as error:
        raise BadRequest(f"{shown(text)} cannot be read: {error}.") from error


def _root(text: str, remote: bool) -> str:
    before = text.partition("*")[0]
    if remote:
        return before.rpartition("/")[0] + "/"
    if "*" not in text and os.path.isdir(text):
        return os.path.realpath(text)
    return os.path.realpath(before.rpartition("/")[0] or ".")


def _folders(source: Source, out: Path) -> Iterator[list[Item]]:
    for place in source.places:
        if os.path.isdir(place):
            held: list[Item] = []
            for name, kind in walk(Path(place), out):
                if kind == "photo":
                    held.append(Item(name, os.path.join(source.root, name)))
                if len(held) >= 4096:
                    yield held
                    held = []
            yield held
        elif len(source.places) == 1 or os.path.splitext(place)[1].lower() in SUFFIXES:
            path = os.path.realpath(place)
            yield [Item(os.path.relpath(path, source.root), path)]


def _tar(place: str, named: str) -> Iterator[list[Item]]:
    """The photos of a tar, by where their bytes lie; a compressed tar cannot be read from the middle."""
    try:
        with opened(place) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            found = [
                Item(checked_id(f"{named}/{member.name}"), place, member.offset_data, member.size)
                for member in archive
                if member.isreg() and os.path.splitext(member.name)[1].lower() in SUFFIXES
            ]
    except (tarfile.TarError, OSError) as error:
        raise BadRequest(f"{shown(place)} is no plain tar ({error}); unpack a compressed one first.") from error
    yield _unique(found, place)


def _parquet(place: str, named: str) -> Iterator[list[Item]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with opened(place) as stream:
            file = pq.ParquetFile(stream)
            photo_column(file.schema_arrow.names, place)
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                yield [Item(checked_id(f"{named}/{group}/{row}"), place, group, row) for row in range(rows)]
    except (pa.ArrowException, OSError) as error:
        raise BadRequest(f"{shown(place)} cannot be read as Parquet: {error}.") from error


def photo_column(names: list[str], place: str) -> str:
    """The column that holds photos. Raises BadRequest when none does."""
    for name in ("image", "photo", "picture", "img", "jpg", "png", "webp", "bytes"):
        if name in names:
            return name
    raise BadRequest(f"{shown(place)} has no column of photos (image, photo, jpg …); it has {', '.join(names)[:200]}.")


def checked_id(name: str) -> str:
    """An id that can be a file name below a folder. Raises BadRequest for any other."""
    words = name.split("/")
    if "" in words or ".." in words or "\0" in name or not name:
        raise BadRequest(f"A photo is called {shown(name)[:100]!r}; a name must be a path below its source.")
    return name


def _unique(items: list[Item], place: str) -> list[Item]:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise BadRequest(f"{shown(place)} holds two photos called {shown(item.id)!r}: names must be unique.")
        seen.add(item.id)
    return items


def opened(place: str) -> Any:
    """A binary stream of a place here or behind `scheme://`, read as it is asked for."""
    if "://" not in place:
        return open(place, "rb")
    import fsspec

    return fsspec.open(place, "rb").open()


class Reader:
    """Reads the photos of one shard: keeps the file, or the row group, that it read last."""

    def __init__(self, kind: str, settings: Settings) -> None:
        """kind: of the source."""
        self._kind, self._settings = kind, settings
        self._at: Any = None
        self._held: Any = None

    def __call__(self, item: Item) -> bytes:
        """A photo's bytes. Raises BadImage, ImageTooLarge."""
        if self._kind == "files":
            return content(Path(item.uri), self._settings)
        if self._kind == "vectors":
            return self._round(item)
        try:
            return self._from_tar(item) if self._kind == "tar" else self._from_table(item)
        except OSError as error:
            raise BadImage(f"{shown(item.uri)} cannot be read: {error}.") from error

    def _round(self, item: Item) -> bytes:
        """The rows that are drawn together with this one."""
        import numpy as np

        if self._at != item.uri:
            self._held, self._at = np.load(item.uri, mmap_mode="r"), item.uri
        start = item.offset // album.ROUND * album.ROUND
        return np.ascontiguousarray(self._held[start : start + album.ROUND], np.float32).tobytes()

    def looks(self, item: Item) -> tuple[int, str]:
        """Size and times of a photo, as a stamp wants them."""
        if self._kind == "files":
            return looks(Path(item.uri))
        return item.size if self._kind == "tar" else 0, "0-0"

    def close(self) -> None:
        """Let go of what is open."""
        if self._kind == "tar" and self._held is not None:
            self._held.close()
        self._held = self._at = None

    def _from_tar(self, item: Item) -> bytes:
        if self._at != item.uri:
            self.close()
            self._held, self._at = opened(item.uri), item.uri
        self._held.seek(item.offset)
        data: bytes = self._held.read(item.size)
        return data

    def _from_table(self, item: Item) -> bytes:
        import pyarrow.parquet as pq

        if self._at != (item.uri, item.offset):
            with opened(item.uri) as stream:
                file = pq.ParquetFile(stream)
                column = photo_column(file.schema_arrow.names, item.uri)
                self._held = file.read_row_group(item.offset, columns=[column]).column(0)
            self._at = (item.uri, item.offset)
        value = self._held[item.size].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(data, bytes):
            raise BadImage("The row holds no bytes of a photo.")
        return data
