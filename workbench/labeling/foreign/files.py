"""Every format under its name: a study's judgements written for another tool, and another tool's file read."""

from collections.abc import Callable, Iterator
from pathlib import Path

from workbench.errors import BadRequest, StudyError
from workbench.labeling.foreign import coco, label_studio, potato, tables
from workbench.labeling.foreign.given import Given, Shown, read_bytes
from workbench.labeling.hub import export as own
from workbench.labeling.store.store import Store

READ = ("label-studio", "potato", "coco", "csv", "jsonl", "parquet", "datasets")
"""Formats that can be imported."""
FORMATS = (*own.FORMATS, "label-studio", "label-studio-interface", "potato", "coco")
"""Formats that can be exported."""
_Reader = Callable[[bytes, Shown, str], Iterator[Given]]
_READERS: dict[str, _Reader] = {"label-studio": label_studio.read, "potato": potato.read, "coco": coco.read}


def export(store: Store, shown: Shown, kind: str) -> tuple[str, bytes]:
    """(file name, bytes) of a study's judgements. Raises BadRequest for another format, StudyError where the format
    cannot hold them."""
    study = shown.study
    if kind in own.FORMATS:
        return own.export(store, study.name, kind)
    if kind == "label-studio":
        return f"{study.name}-label-studio.json", label_studio.write(shown, store.judgements(study.name))
    if kind == "label-studio-interface":
        return f"{study.name}-label-studio.xml", label_studio.interface(study)
    if kind == "potato":
        return f"{study.name}-potato.jsonl", potato.write(shown, store.judgements(study.name))
    if kind == "coco":
        return f"{study.name}-coco.json", coco.write(shown, store.judgements(study.name))
    raise BadRequest(f"Export as one of {', '.join(FORMATS)}, not {str(kind)[:40]!r}.")


def read(path: Path, shown: Shown, kind: str) -> Iterator[Given]:
    """The answers in a file of this format. Raises StudyError with the place of what is wrong, BadRequest for another
    format."""
    if kind not in READ:
        raise BadRequest(f"Import one of {', '.join(READ)}, not {str(kind)[:40]!r}.")
    if not path.exists():
        raise StudyError(f"There is no file {path}.")
    if kind in _READERS:
        return _READERS[kind](read_bytes(path), shown, path.name)
    return tables.read(path, shown, kind)
