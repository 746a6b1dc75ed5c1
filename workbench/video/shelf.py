"""What is finished of a clip, on disk: candidates and pieces by segment, so that a run that was stopped goes on."""

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from workbench.batch.files import make_folder, write_atomically
from workbench.batch.record import NAME, Record, begin
from workbench.detections import Detections

Vectors = dict[tuple[int, int], np.ndarray]
"""What a recogniser saw: by picture, and place among its candidates."""


OURS = (NAME, "cast.json", "seen-*.npz", "piece-*.mp4", "piece-*.json", "draft-*.mp4", "whole.mp4", ".*.part")
"""Names of the files that a run makes."""


class Shelf:
    """The folder of a run."""

    def __init__(self, folder: Path, record: Record) -> None:
        """Begin, or go on with, what `record` says. Raises BadRequest when the folder holds another run's work."""
        self.folder = folder
        make_folder(folder)
        begin(record, folder)

    def seen(self, segment: int) -> tuple[list[int], list[Detections], Vectors] | None:
        """Times, candidates and vectors of a segment's pictures; None when it was not looked through yet."""
        path = self._seen(segment)
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as kept:
            ends = np.cumsum(kept["counts"])[:-1]
            parts = [np.split(kept[name], ends) for name in ("boxes", "keypoints", "scores")]
            found = [Detections(*each) for each in zip(*parts, strict=True)]
            places = [(int(number), int(place)) for number, place in kept["places"]]
            return [int(time) for time in kept["times"]], found, dict(zip(places, kept["vectors"], strict=True))

    def keep_seen(self, segment: int, times: list[int], found: list[Detections], vectors: Vectors) -> None:
        """Put a segment's candidates down."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            times=np.array(times, np.int64),
            counts=np.array([len(each) for each in found], np.int64),
            boxes=np.concatenate([each.boxes for each in found]),
            keypoints=np.concatenate([each.keypoints for each in found]),
            scores=np.concatenate([each.scores for each in found]),
            places=np.array(list(vectors), np.int64).reshape(-1, 2),
            vectors=np.array(list(vectors.values()), np.float32),
        )
        write_atomically(self._seen(segment), buffer.getvalue())

    def piece(self, segment: int) -> Path:
        """Where a segment's written pictures are, once they were searched again."""
        return self.folder / f"piece-{segment:05d}.mp4"

    def draft(self, segment: int) -> Path:
        """Where they are before that."""
        return self.folder / f"draft-{segment:05d}.mp4"

    def account(self, segment: int) -> dict[str, Any] | None:
        """What was done with a finished segment; None when it is not finished."""
        path = self.piece(segment).with_suffix(".json")
        return json.loads(path.read_text()) if path.is_file() and self.piece(segment).is_file() else None

    def finish(self, segment: int, account: dict[str, Any]) -> None:
        """A segment's draft was found good."""
        self.draft(segment).replace(self.piece(segment))
        write_atomically(self.piece(segment).with_suffix(".json"), json.dumps(account).encode())

    def kept(self, name: str) -> Any:
        """What was put down under a name; None when nothing was."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else None

    def keep(self, name: str, told: Any) -> None:
        """Put plain values down under a name."""
        write_atomically(self.folder / f"{name}.json", json.dumps(told).encode())

    def clear(self) -> None:
        """Take away what a run puts here, and the folder when nobody else put anything there."""
        with suppress(OSError):
            for pattern in OURS:
                for path in self.folder.glob(pattern):
                    path.unlink(missing_ok=True)
            self.folder.rmdir()

    def _seen(self, segment: int) -> Path:
        return self.folder / f"seen-{segment:05d}.npz"
