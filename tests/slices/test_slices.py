"""Slices: a planted shortcut surfaces as its own cluster, filters choose, the map keeps neighbours."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.explanation.toys import Toy
from workbench.cli import main
from workbench.errors import BadRequest
from workbench.evaluation.truth import Case
from workbench.explanation.overview import FRAME
from workbench.slices.clusters import clustered, grouped, layout
from workbench.slices.page import as_csv, clusters_of, page
from workbench.slices.table import Filter, Row, Rows, gather, groups_of
from workbench.values import Face, Scores

SIDE = 64
EYES_AND_MOUTH = np.array([(22, 26), (42, 26), (32, 36), (24, 46), (40, 46)], np.float32)


def drawn(smiles: bool, sticker: bool, random: np.random.Generator) -> np.ndarray:
    """A coarse face: a mouth that is bright when it smiles, and perhaps a yellow sticker on the forehead."""
    image = random.integers(90, 130, (SIDE, SIDE, 3)).astype(np.uint8)
    for x, y in EYES_AND_MOUTH[:2].astype(int):
        image[y - 2 : y + 2, x - 3 : x + 3] = 30
    mouth = random.integers(100, 190) if smiles else random.integers(60, 150)
    image[44:49, 24:41] = mouth
    if sticker:
        image[6:14, 44:54] = (240, 220, 20)
    return image


class Learnt(Toy):
    """A linear model fitted here to pixels and labels, which takes what is easiest."""

    def __init__(self, photos: np.ndarray, labels: np.ndarray) -> None:
        pixels = photos.reshape(len(photos), -1).astype(np.float64) / 255
        mean = pixels.mean(axis=0)
        kernel = (pixels - mean) @ (pixels - mean).T + 40.0 * np.eye(len(pixels))
        weight = (pixels - mean).T @ np.linalg.solve(kernel, 2.0 * labels - 1)
        network = nn.Linear(pixels.shape[1], 2)
        scaled = torch.from_numpy(np.stack([-weight, weight]) * 12).float()
        network.weight.data, network.bias.data = scaled, -scaled @ torch.from_numpy(mean).float()
        super().__init__(nn.Sequential(_Flat(), network), SIDE, ("neutral", "happy"))

    def scores(self, image: np.ndarray, face: Face) -> Scores:
        chip = torch.from_numpy(self.crop(image, face)).permute(2, 0, 1)[None].float()
        return Scores(self.labels, self.values(chip)[0].numpy(), "toy")

    def align(self, image: np.ndarray, face: Face) -> np.ndarray:
        return image

    def batch(self, chips: np.ndarray) -> np.ndarray:
        return np.asarray(chips, np.float32).mean(axis=(1, 2))


class _Flat(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1) / 255


def finder(image: np.ndarray, **asked) -> list[Face]:
    return [Face(np.array([10, 10, 54, 58], np.float32), EYES_AND_MOUTH.copy(), 1.0)]


@pytest.fixture(scope="module")
def planted() -> tuple[Rows, np.ndarray]:
    """Forty drawn faces, of which half smile; two in five of the smiling ones carry a sticker, and nobody else does."""
    random = np.random.default_rng(3)
    smiles = np.arange(40) % 2 == 1
    stickers = smiles & (np.arange(40) % 10 < 4)
    photos = np.stack([drawn(s, k, random) for s, k in zip(smiles, stickers, strict=True)])
    model = Learnt(photos, smiles.astype(float))
    words = ["happy" if each else "neutral" for each in smiles]
    cases = [Case(f"{n}.png", None, label=word, groups={"half": str(n % 2)}) for n, word in enumerate(words)]
    patch = pytest.MonkeyPatch()
    patch.setattr("workbench.slices.table.find_faces", lambda image, finder: finder(image))
    try:
        found = gather(
            cases, lambda case: photos[int(case.id[:-4])], finder, model, model,
            method="occlusion", knobs={"window": 8, "stride": 4, "fill": "mean"},
        )  # fmt: skip
    finally:
        patch.undo()
    return found, stickers


def test_a_sticker_planted_on_one_class_surfaces_as_its_own_cluster(planted):
    found, stickers = planted
    clusters = clusters_of(found)
    with_sticker = {int(place) for place in np.flatnonzero(stickers) if found.rows[place].said == "happy"}
    theirs = max(clusters, key=lambda each: len(with_sticker & set(each.rows)))

    assert len(with_sticker) >= 6
    assert theirs.suspicious
    assert len(with_sticker & set(theirs.rows)) >= 0.9 * len(theirs.rows), "others are in the sticker's cluster"
    assert len(with_sticker & set(theirs.rows)) >= 0.9 * len(with_sticker), "the cluster misses stickers"
    assert "Look here" in page(found, clusters)


def test_maps_without_a_second_reason_make_no_second_cluster():
    random = np.random.default_rng(0)
    y, x = np.mgrid[:FRAME, :FRAME]
    heats = [np.exp(-((x - 64 - a) ** 2 + (y - 80 - b) ** 2) / 300) for a, b in random.normal(0, 2, (24, 2))]
    clusters = clustered(np.stack(heats), ["happy"] * 24)

    assert not any(each.suspicious for each in clusters)


def test_two_places_make_two_clusters_whatever_the_order():
    y, x = np.mgrid[:FRAME, :FRAME]
    random = np.random.default_rng(1)
    centres = np.array([(40, 40)] * 7 + [(90, 95)] * 13) + random.normal(0, 2, (20, 2))
    heats = np.stack([np.exp(-((x - a) ** 2 + (y - b) ** 2) / 200) for a, b in centres])
    shuffled = random.permutation(20)
    groups = grouped(heats[shuffled])

    assert set(groups) == {0, 1}
    assert len({(int(g), bool(s)) for g, s in zip(groups, shuffled < 7, strict=True)}) == 2


def test_filters_choose_by_group_truth_confidence_and_quality(planted):
    rows = planted[0].rows
    assert groups_of(rows) == ("half=0", "half=1")
    assert all(row.groups["half"] == "1" for row in rows if Filter(group="half=1").keeps(row))
    assert sum(Filter(group="half=1").keeps(row) for row in rows) == 20
    right = [row for row in rows if Filter(right=True).keeps(row)]
    wrong = [row for row in rows if Filter(right=False).keeps(row)]
    assert len(right) + len(wrong) == len(rows)
    middle = float(np.median([row.confidence for row in rows]))
    assert 0 < sum(Filter(confidence=(middle, 1.0)).keeps(row) for row in rows) < len(rows)
    with pytest.raises(BadRequest, match="quality: expected"):
        Filter(quality=(0.9, 0.1))


def test_the_map_keeps_what_varies_most_and_umap_says_how_to_get_it(monkeypatch):
    vectors = np.random.default_rng(0).normal(0, 1, (30, 5)) * (9, 3, 0.1, 0.1, 0.1)
    places = layout(vectors)
    assert abs(np.corrcoef(places[:, 0], vectors[:, 0])[0, 1]) > 0.95
    assert layout(vectors[:1]).shape == (1, 2)
    monkeypatch.setitem(__import__("sys").modules, "umap", None)
    with pytest.raises(BadRequest, match="pip install"):
        layout(vectors, "umap")
    with pytest.raises(BadRequest, match="pca or umap"):
        layout(vectors, "tsne")


def test_umap_keeps_groups_apart_the_same_way_each_time_and_refuses_what_is_too_few():
    pytest.importorskip("umap", reason="the extra `map` is heavy and not among the development packages")
    random = np.random.default_rng(0)
    vectors = np.concatenate([random.normal(0, 1, (20, 8)), random.normal(9, 1, (20, 8))])
    places = layout(vectors, "umap")
    assert places.shape == (40, 2)
    assert places.dtype == np.float64
    near, far = np.linalg.norm(places[:20] - places[:20].mean(0), axis=1), places[20:].mean(0) - places[:20].mean(0)
    assert near.max() < np.linalg.norm(far)
    assert np.array_equal(places, layout(vectors, "umap"))
    assert layout(vectors[:5], "umap").shape == (5, 2)
    with pytest.raises(BadRequest, match="at least 5 photos"):
        layout(vectors[:4], "umap")


def test_a_table_runs_no_formula_and_a_page_no_markup(planted):
    row = planted[0].rows[0]
    forged = Row("=1+1.png", "<b>x</b>", row.scores, row.quality, {}, row.heat, row.vector, None)
    found = Rows((forged,), (("<i>y", "why"),), "toy", "occlusion")
    assert b"'=1+1.png" in as_csv(found.rows, ())
    made = page(found, clusters_of(found))
    assert "<b>x" not in made
    assert "<i>y" not in made


def test_a_file_name_that_is_no_text_is_written_and_shown(planted):
    row = planted[0].rows[0]
    odd = Row("caf\udce9,.png", "caf\udce9", row.scores, row.quality, {}, row.heat, row.vector, None)
    found = Rows((odd,), (("t\udcea.png", "why"),), "toy", "occlusion")
    assert b'"caf\\xe9,.png",caf\\xe9,' in as_csv(found.rows, ())
    made = page(found, clusters_of(found)).encode().decode()
    assert made.count("caf\\xe9,.png") == 2
    assert "t\\xea.png" in made


def test_the_command_writes_a_page_and_a_table_of_a_folder(tmp_path, astronaut, settings, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    for name in ("happy/a.png", "sad/b.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(astronaut).save(path)
    Image.new("RGB", (40, 40)).save(tmp_path / "photos" / "sad" / "wall.png")
    out = tmp_path / "out"
    asked = ["--model", "fer", "--method", "grad_cam", "--out", str(out)]
    assert main(["slices", str(tmp_path / "photos"), *asked]) == 0
    table = (out / "slices.csv").read_text().splitlines()
    assert len(table) == 3
    assert {line.split(",")[4] for line in table[1:]} == {"yes", "no"}
    assert "1 left out" in capsys.readouterr().out
    assert "wall.png" in (out / "slices.html").read_text()


def test_the_screen_shows_the_rows_that_pass_the_filters(planted):
    from workbench.slices.page import cells
    from workbench.ui.explanation import slices as screen

    rows = planted[0].rows
    held = list(zip(rows, cells(rows, ()), strict=True))
    answers, groups = screen.choices(None, held)
    assert ("happy", "happy") in answers.choices
    assert ("half=1", "half=1") in groups.choices
    assert len(screen.shown(None, held, "happy", "half=1", "all", 0, 0)) == sum(
        row.said == "happy" and row.groups["half"] == "1" for row in rows
    )
    with pytest.raises(BadRequest):
        screen.shown(None, held, "all", "all", "all", "much", 0)


def test_names_reach_the_table_and_the_page_as_every_other_table_writes_them(planted):
    found = planted[0]
    names = ("=1+1.png", "\t=1+1.png", "\r=1.png", "\udcff.png", "<script>alert(1)</script>.png")
    rows = tuple(replace(row, file=name) for row, name in zip(found.rows, names, strict=False))
    hostile = Rows(rows, (("\udcfe.png", "<b>no face</b>"),), found.model, found.method)
    clusters = clusters_of(hostile)

    lines = as_csv(rows, clusters).decode().splitlines()
    text = page(hostile, clusters, title="photos \udcff").encode()

    assert [line.split(",")[0] for line in lines[1:5]] == ["'=1+1.png", r"\u0009=1+1.png", r"\u000d=1.png", r"\xff.png"]
    assert b"<script" not in text
    assert b"<b>no face" not in text
