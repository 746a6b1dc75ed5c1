"""Write a vector for the largest face of every photo of a folder."""

import argparse
import io
import threading
from pathlib import Path

import numpy as np

from workbench import batch
from workbench.errors import BadRequest
from workbench.settings import Settings

EVERY = 64
"""Photos after which what there is goes to disk."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a folder of photos, or one photo")
    parser.add_argument("--model", default="sface", help="catalogue id of a recogniser (default: sface)")
    parser.add_argument(
        "--out", type=Path, required=True, help="the .npz to write: names, embeddings (n × d float32), metric, model"
    )
    parser.add_argument("--workers", type=int, default=2, help="photos at a time (default: 2)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.chosen import name

    photos = batch.photos(args.folder)
    account = embed_photos(
        {path: name(path, args.folder) for path in photos}, args.model, args.out, Workbench(settings), args.workers
    )
    print(f"Wrote {args.out}.")
    return account.tell()


def embed_photos(names: dict[Path, str], model_id: str, out: Path, bench: object, workers: int) -> batch.Account:
    """Embed the largest face of every photo that `out` does not hold yet; names: of each photo in the file."""
    from workbench.bench import Workbench
    from workbench.cli.chosen import largest_face
    from workbench.tasks.recognition import embed

    assert isinstance(bench, Workbench)
    bench.spec(model_id, "recognition")
    finder, model = bench.finder(), bench.recogniser(model_id)
    vectors = Vectors(out, model_id, model.metric)

    def work(path: Path) -> None:
        image, face, _ = largest_face(path, finder, bench.settings)
        vectors.add(names[path], embed(image, face, model).vector)

    with vectors:
        return batch.run(
            list(names),
            work,
            done=lambda path: names[path] in vectors.rows,
            workers=max(1, min(workers, 16)),
            label="embed",
        )


class Vectors:
    """The .npz that grows: rows by name, saved now and then and when the work ends or is stopped.

    Raises BadRequest when the file is of another model, or none of ours.
    """

    def __init__(self, path: Path, model: str, metric: str) -> None:
        self._path, self._model, self._metric, self._guard = path, model, metric, threading.Lock()
        self.rows = self._old()

    def _old(self) -> dict[str, np.ndarray]:
        if not self._path.is_file():
            return {}
        try:
            with np.load(self._path, allow_pickle=False) as found:
                model, names, vectors = str(found["model"]), found["names"].tolist(), found["embeddings"]
        except (KeyError, ValueError, OSError) as error:
            raise BadRequest(
                f"{self._path} is no file of embeddings ({error}). Choose another --out, or delete it."
            ) from error
        if model != self._model:
            raise BadRequest(
                f"{self._path} holds vectors of {model}, not of {self._model}. Choose another --out, or delete it."
            )
        return dict(zip(names, vectors, strict=True))

    def __enter__(self) -> "Vectors":
        return self

    def __exit__(self, *fault: object) -> None:
        self.save()

    def add(self, name: str, vector: np.ndarray) -> None:
        """Take in a row; safe from several threads."""
        with self._guard:
            self.rows[name] = vector
            if len(self.rows) % EVERY == 0:
                self.save()

    def save(self) -> None:
        """Write everything in one step, sorted by name."""
        names = sorted(self.rows)
        vectors = (
            np.stack([self.rows[name] for name in names]).astype(np.float32) if names else np.zeros((0, 0), np.float32)
        )
        stream = io.BytesIO()
        np.savez(
            stream,
            names=np.array(names, dtype=np.str_),
            embeddings=vectors,
            metric=np.array(self._metric),
            model=np.array(self._model),
        )
        batch.write_atomically(self._path, stream.getvalue())
