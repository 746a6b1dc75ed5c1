"""What a folder of results, or a table, was made with: another command, other options or other weights do not go into
it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.batch.files import shown, write_atomically
from workbench.errors import BadRequest

NAME = "run.json"
MADE_BY = "face-workbench"
_HEAD = f'{{\n "made_by": "{MADE_BY}",'.encode()


@dataclass(frozen=True, slots=True)
class Record:
    """What decides the results of a run.

    command: its name. folder: where the photos are, absolute. options: what was asked, settled, as JSON can hold it.
    weights: sha256 by model id, of all its files. thresholds: what recognisers that have a say are read against, by
    model id: a recalibration between two runs changes who is taken for whom.
    """

    command: str
    folder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, float | None] = field(default_factory=dict)

    def flat(self) -> dict[str, Any]:
        """Everything under one name each, to be compared."""
        named = {f"weights of {name}": digest[:12] for name, digest in self.weights.items()}
        read = {f"threshold of {name}": value for name, value in self.thresholds.items()}
        told = {"command": self.command, "folder": self.folder, **self.options, **named, **read}
        return json.loads(json.dumps(told, sort_keys=True))

    def as_json(self) -> str:
        """The file's text."""
        content = {
            "made_by": MADE_BY,
            "command": self.command,
            "folder": self.folder,
            "options": dict(sorted(self.options.items())),
            "weights": dict(sorted(self.weights.items())),
            **({"thresholds": dict(sorted(self.thresholds.items()))} if self.thresholds else {}),
        }
        return json.dumps(content, indent=1) + "\n"


def place(out: Path) -> Path:
    """Where the record of a folder of results, or of one file, lies."""
    return out / NAME if out.is_dir() or not out.suffix else out.with_name(f"{out.name}.{NAME}")


def begin(record: Record, out: Path) -> bool:
    """Take `out` for a run, or find that the same run has begun it; whether it had been.

    Raises BadRequest, naming every difference, when it was begun by another run.
    """
    kept = place(out)
    if not kept.is_file():
        write_atomically(kept, record.as_json().encode())
        return False
    if differences := _differences(read(kept).flat(), record.flat()):
        raise BadRequest(
            f"{shown(out)} holds something else, made with {'; '.join(differences)}. Choose another --out, or delete "
            "it to do everything again."
        )
    return True


def read(path: Path) -> Record:
    """A record from its file. Raises BadRequest when it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["made_by"] != MADE_BY:
            raise ValueError("made by something else")
        read_against = dict(found.get("thresholds", {}))
        return Record(found["command"], found["folder"], dict(found["options"]), dict(found["weights"]), read_against)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"{shown(path)} does not say what was done here ({error}). Choose another --out, or delete it."
        ) from error


def is_output(folder: Path) -> bool:
    """Whether a folder holds results of a run: it has a record of ours."""
    try:
        with (folder / NAME).open("rb") as stream:
            return stream.read(len(_HEAD)) == _HEAD
    except OSError:
        return False


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [f"{name} {_said(before.get(name))}, now {_said(now.get(name))}" for name in names]


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "", False) else str(value)
