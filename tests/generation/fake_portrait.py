"""A portrait model for tests: the small GAN draws a face that the vector chooses, varied by the noise of each
picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.portraits import Preview, Recipe
from workbench.watch import Watch


class FakePortrait:
    """Draws 128 × 128 faces. blank: every third picture shows no face. fails: raised instead of drawing."""

    recogniser = "dlib"
    reads_prompt, photo = False, ""
    side = 128
    steps = (4, 1, 50)
    guidance = (2.0, 1.0, 10.0)

    def __init__(self, sampler: Any, *, blank: bool = False, fails: BaseException | None = None) -> None:
        self.sampler, self.blank, self.fails = sampler, blank, fails
        self.calls: list[tuple[np.ndarray, Recipe]] = []

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        self.calls.append((np.array(vectors), recipe))
        if self.fails:
            raise self.fails
        watch = watch or Watch()
        latents = np.stack([self._latent(row, recipe.seed, number) for number, row in enumerate(vectors)])
        pictures = [np.kron(picture, np.ones((2, 2, 1), np.uint8)) for picture in self.sampler.draw(latents)]
        for step in range(recipe.steps):
            watch.tell((step + 1) / recipe.steps, f"step {step + 1}")
            if preview:
                preview(pictures)
        grey = np.full_like(pictures[0], 128)
        return [grey if self.blank and number % 3 == 2 else picture for number, picture in enumerate(pictures)]

    def _latent(self, row: np.ndarray, seed: int, number: int) -> np.ndarray:
        """Near vectors give near latents."""
        directions = np.random.default_rng(7).standard_normal((100, len(row)))
        varied = np.random.default_rng([seed, number]).standard_normal(100)
        return (0.9 * directions @ (row / np.linalg.norm(row)) + 0.43 * varied).astype(np.float32)


class FakeLooker(FakePortrait):
    """Draws what its own recogniser would read off the photo it was shown, whatever it is told; between two photos what
    lies between. Several people side by side, each as it sees them."""

    photo = "must"

    def __init__(self, sampler: Any, vector: Any = None) -> None:
        super().__init__(sampler)
        self.vector: Any = vector
        self.others: list[Any] = []
        self.spots: Any = ()
        self.asked: list[float] = []

    def shown(self, photo: np.ndarray, face: Any) -> "FakeLooker":
        """A vector from the photo's pixels."""
        small = photo[:: max(1, len(photo) // 8), :: max(1, len(photo) // 8)][:8, :8, :2]
        found = FakeLooker(self.sampler, small.astype(np.float32).ravel() - 127)
        found.asked = self.asked
        return found

    def between(self, other: "FakeLooker", share: float) -> "FakeLooker":
        """What lies between, and a note of the share."""
        self.asked.append(share)
        found = FakeLooker(self.sampler, (1 - share) * self.vector + share * other.vector)
        found.asked = self.asked
        return found

    def beside(self, others: Any, spots: Any) -> "FakeLooker":
        """Everybody, in columns of the order of their spots."""
        found = FakeLooker(self.sampler, self.vector)
        found.others, found.spots = list(others), spots
        return found

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        assert self.vector is not None, "it was shown nothing"
        if not self.others:
            return super().__call__(np.repeat(self.vector[None], len(vectors), 0), recipe, watch, preview)
        seen = [FakeLooker(self.sampler, self.vector), *(view for _, view in self.others)]
        order = sorted(range(len(seen)), key=lambda number: self.spots[number].left)
        columns = [seen[number](vectors, recipe, watch) for number in order]
        rows = [np.concatenate(each, axis=1) for each in zip(*columns, strict=True)]
        gap = [(row.shape[1] - row.shape[0]) // 2 for row in rows]
        return [np.pad(row, ((g, g), (0, 0), (0, 0)), mode="edge") for row, g in zip(rows, gap, strict=True)]


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> FakePortrait:
    """For a row of the catalogue in tests."""
    import os

    from workbench.bench import Workbench
    from workbench.settings import Settings

    return FakePortrait(Workbench(Settings.from_env(os.environ)).model("dcgan-digiface-64"))
