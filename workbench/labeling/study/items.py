"""The items of a study: which pictures belong together, from a CSV, a folder or a data set on the Hub.

Pictures are named by id and sha256 and lie inside the study's folder, nowhere else: what a CSV names outside is
refused.
"""

import csv
import hashlib
import io
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from workbench.errors import StudyError, first_line
from workbench.labeling.study import cells
from workbench.labeling.study.study import Study
from workbench.labeling.study.tables import NAME

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MOST_PIXELS = 60_000_000
"""A larger picture is refused when the study is read; no rater's screen could show it."""
_NO_PICTURE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    KeyError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What Pillow raises for a file that is no picture, breaks off or contradicts itself."""
_COLUMNS = (
    "item",
    "image_1",
    "image_2",
    "image_3",
    "image_4",
    "sha256_1",
    "sha256_2",
    "sha256_3",
    "sha256_4",
    "source_1",
    "source_2",
    "source_3",
    "source_4",
    "group",
    "gold",
    "truth",
    "conflict",
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture file. file: path below the study's folder, with forward slashes. source: what made it (a model), for
    the ranking; no rater is told."""

    file: str
    sha256: str = ""
    source: str = ""

    @property
    def id(self) -> str:
        """A name that tells a rater nothing: the first 16 digits of the sha256."""
        return self.sha256[:16]


@dataclass(frozen=True, slots=True)
class Item:
    """What one judgement is about. gold: accepted answers or kinds, joined with |; "" for ordinary items.

    truth: what is known of it and never shown (for example "same"). conflict: words; a rater meets one word only now
    and then.
    """

    id: str
    pictures: tuple[Picture, ...]
    group: str = ""
    gold: str = ""
    truth: str = ""
    conflict: tuple[str, ...] = ()


def items_from_csv(study: Study, path: Path) -> Iterator[Item]:
    """Items from a CSV whose header names image_1 (image_2, image_3), and if wanted item, group, gold, truth, conflict,
    sha256_n."""
    inside(study.folder, str(path.relative_to(study.folder)) if path.is_relative_to(study.folder) else str(path))
    try:
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
        yield from _items(study, path, rows)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise StudyError(f"{path.name} is not a CSV file in UTF-8: {error}.") from error


def _items(study: Study, path: Path, rows: "csv.DictReader[str]") -> Iterator[Item]:
    header = rows.fieldnames or []
    needed = [f"image_{n + 1}" for n in range(study.task.images)]
    if missing := [name for name in needed if name not in header]:
        raise StudyError(
            f"{path.name}: task {study.task.name!r} needs the columns {', '.join(needed)}; missing "
            f"{', '.join(missing)}."
        )
    if unknown := [name for name in header if name not in _COLUMNS]:
        raise StudyError(f"{path.name}: unknown column {str(unknown[0])[:60]!r}; known are {', '.join(_COLUMNS)}.")
    base = path.parent.relative_to(study.folder)
    for number, row in enumerate(rows, start=1):
        if None in row or any(not row.get(name) for name in needed):
            raise StudyError(
                f"{path.name}, line {rows.line_num}: expected {len(header)} columns with a file in {', '.join(needed)}."
            )
        row = {name: cells.plain(cell or "") for name, cell in row.items()}
        beside = [f"image_{study.task.images + n + 1}" for n in range(study.task.beside)]
        pictures = tuple(
            Picture(
                (base / row[name]).as_posix(),
                (row.get(f"sha256_{n + 1}") or "").lower(),
                row.get(f"source_{n + 1}") or "",
            )
            for n, name in enumerate([*needed, *(name for name in beside if row.get(name))])
        )
        yield Item(
            id=row.get("item") or f"{number:06d}",
            pictures=pictures,
            group=row.get("group") or "",
            gold=row.get("gold") or "",
            truth=row.get("truth") or "",
            conflict=tuple(word for word in (row.get("conflict") or "").split("|") if word),
        )


def items_from_folder(study: Study) -> list[Item]:
    """One item per picture of a folder, for tasks that show one; its subfolder is the group."""
    if study.task.images != 1:
        raise StudyError(
            f"[items] folder: task {study.task.name!r} shows {study.task.images} pictures at once. "
            "Use csv, or identities (one folder per person) to build pairs."
        )
    root = inside(study.folder, study.source.folder)
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    names = [path.relative_to(study.folder) for path in files]
    return [
        Item(f"{number:06d}", (Picture(name.as_posix()),), group=name.parent.name if path.parent != root else "")
        for number, (path, name) in enumerate(zip(files, names, strict=True), start=1)
    ]


def inside(folder: Path, name: str) -> Path:
    """The path of `name` in `folder`. Raises StudyError when it is absent or, links followed, lies outside."""
    try:
        path = (folder / name).resolve()
        outside, there = Path(name).is_absolute() or not path.is_relative_to(folder.resolve()), path.exists()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null in it, links in a circle
        raise StudyError(f"{name[:120]!r} is no name of a file in the study's folder.") from error
    if outside:
        raise StudyError(
            f"{name[:120]!r} lies outside the study's folder; copy it inside and name it relative to study.toml."
        )
    if not there:
        raise StudyError(f"{name[:120]!r} is named by the study but is not in its folder.")
    return path


def hashed(items: Iterable[Item], folder: Path) -> Iterator[Item]:
    """The same items with the sha256 of every picture; each file is read once. Raises StudyError for a file that
    changed."""
    seen: dict[str, str] = {}
    for item in items:
        for picture in item.pictures:
            if picture.file not in seen:
                seen[picture.file] = _digest(inside(folder, picture.file))
            if picture.sha256 not in ("", seen[picture.file]):
                raise StudyError(
                    f"{picture.file}: its sha256 is {seen[picture.file][:12]}…, the item list says "
                    f"{picture.sha256[:12]}…."
                )
        yield replace(item, pictures=tuple(replace(one, sha256=seen[one.file]) for one in item.pictures))


def write_items(items: Sequence[Item], path: Path) -> None:
    """Write items as the CSV that `items_from_csv` reads; files are named relative to the CSV's folder.

    A cell that a spreadsheet would run as a formula gets an apostrophe in front, which reading takes off.
    """
    shown = max((len(item.pictures) for item in items), default=1)
    sourced = any(picture.source for item in items for picture in item.pictures)
    header = [
        "item",
        *(f"image_{n + 1}" for n in range(shown)),
        *(f"sha256_{n + 1}" for n in range(shown)),
        *(f"source_{n + 1}" for n in range(shown if sourced else 0)),
        "group",
        "gold",
        "truth",
        "conflict",
    ]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for item in items:
            files, digests = [p.file for p in item.pictures], [p.sha256 for p in item.pictures]
            sources = [p.source for p in item.pictures] if sourced else []
            row = [item.id, *files, *digests, *sources, item.group, item.gold, item.truth, "|".join(item.conflict)]
            writer.writerow([cells.safe(cell) for cell in row])


def check_items(study: Study, items: Sequence[Item]) -> None:
    """Raises StudyError for an id that is taken twice or malformed, and for a gold answer the study does not offer."""
    known = {answer.key for answer in study.answers} | {answer.kind for answer in study.answers if answer.kind}
    ids: set[str] = set()
    for item in items:
        if not NAME.fullmatch(item.id) or item.id in ids:
            raise StudyError(
                f"Item {item.id[:90]!r}: expected an id of letters, digits, '.', '_', '-' that occurs once."
            )
        ids.add(item.id)
        _check_names(item)
        if strange := [word for word in item.gold.split("|") if item.gold and word.strip() not in known]:
            raise StudyError(
                f"Item {item.id!r}: gold {strange[0][:60]!r} is no answer of this study; expected "
                f"{', '.join(sorted(known))}."
            )


def _check_names(item: Item) -> None:
    """Raises StudyError for a file or a folder whose name is not UTF-8: no database and no data set could hold it."""
    for name in (
        *(word for one in item.pictures for word in (one.file, one.source)),
        item.group,
        item.truth,
        *item.conflict,
    ):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise StudyError(f"{ascii(name)[:120]}: the name is not UTF-8; rename the file or folder.") from error


def _digest(path: Path) -> str:
    try:
        with Image.open(path) as image:
            kind, (width, height) = image.format, image.size
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except _NO_PICTURE as error:
        raise StudyError(f"{path.name} is not a picture that can be read: {type(error).__name__}.") from error
    if kind not in ("JPEG", "PNG", "WEBP"):
        raise StudyError(f"{path.name}: expected JPEG, PNG or WebP, got {kind}.")
    if width * height > MOST_PIXELS:
        raise StudyError(
            f"{path.name}: expected at most {MOST_PIXELS / 1e6:.0f} megapixels, got {width} × {height}. Make it "
            "smaller."
        )
    return digest


def hub_folder(study: Study) -> Path:
    """Where `label init` put the data set: below the study's folder, named after it."""
    folder = study.folder / "hub" / study.source.hub.replace("/", "+")
    if not folder.is_dir():
        raise StudyError(
            f"{study.source.hub} is not here yet. `python -m workbench label init FOLDER` brings it into the study's folder."  # noqa: E501
        )
    return folder


def fetch_hub_items(study: Study, token: str = "", endpoint: str = "") -> Path:
    """Bring the Hub data set that holds a study's items and pictures into the study's folder; returns where it is.

    Raises StudyError with the Hub's answer when it cannot be had.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    repository, _, commit = study.source.hub.partition("@")
    folder = study.folder / "hub" / study.source.hub.replace("/", "+")
    patterns = ["*.csv", *(f"*{suffix}" for suffix in SUFFIXES)]
    try:
        HfApi(endpoint=endpoint or None, token=token or False).snapshot_download(
            repository, repo_type="dataset", revision=commit or None, local_dir=folder, allow_patterns=patterns
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise StudyError(f"{study.source.hub} could not be fetched: {first_line(error)}") from error
    return folder
