"""The embedded portrait model: who is asked decides the picture, noise is a row's own, and everything bad is said in
words."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from workbench.errors import BadRequest, BadWeights, Cancelled
from workbench.geometry import DLIB_MEAN, similarity
from workbench.images import warp
from workbench.models.portraits import identity_prior
from workbench.models.portraits.identity_prior import TOGETHER, IdentityPrior, IdentityPriorPipeline, Search
from workbench.models.portraits.identity_prior_network import LatentPrior, chips, windows
from workbench.portraits import Recipe
from workbench.watch import Watch

QUICK = Recipe(seed=5, steps=6)


@pytest.fixture(scope="module")
def whole(bench):
    return bench.model("identity-prior-64")


@pytest.fixture(scope="module")
def model(whole):
    """The same with a search of two steps, for speed."""
    return IdentityPrior(whole.spec, whole.pipeline, whole.guide, whole.device, Search(steps=2))


@pytest.fixture(scope="module")
def people(bench, model):
    """Two vectors of faces of nobody, from latents no training saw."""
    gan, guide = model.guide.gan, model.guide
    with torch.inference_mode():
        pixels = gan.network(torch.from_numpy(gan.latents(2, 2_000_001)))
        return guide.see(pixels, guide.frames(pixels)).numpy()


def distances(model, pictures, vectors):
    pixels = torch.stack([torch.from_numpy(picture).permute(2, 0, 1) / 127.5 - 1 for picture in pictures])
    with torch.inference_mode():
        seen = model.guide.see(pixels, model.guide.frames(pixels)).numpy()
    return np.linalg.norm(seen - vectors, axis=1)


@pytest.fixture(scope="module")
def sheet(model, people):
    return model(people, QUICK)


def test_one_rgb_picture_per_vector(sheet):
    assert [(picture.shape, picture.dtype) for picture in sheet] == [((64, 64, 3), np.uint8)] * 2


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(model, people, sheet):
    assert all((first == second).all() for first, second in zip(sheet, model(people, QUICK), strict=True))
    assert any(
        (first != second).any() for first, second in zip(sheet, model(people, Recipe(seed=6, steps=6)), strict=True)
    )


def test_a_row_does_not_depend_on_how_many_are_asked_for(model, people, sheet):
    np.testing.assert_array_equal(model(people[:1], QUICK)[0], sheet[0])


def test_rows_of_one_vector_differ(model, people):
    first, second = model(np.repeat(people[:1], 2, axis=0), QUICK)
    assert np.abs(first.astype(int) - second).mean() > 5


def test_the_vector_decides_who_is_drawn(model, people, sheet):
    own, other = distances(model, sheet, people), distances(model, sheet, people[::-1])
    assert (own < other).all(), (own, other)


def test_the_search_brings_latents_nearer_and_leaves_them_faces(whole, people):
    found, model = whole.raw(people, Recipe(seed=1)), whole
    pictures = {name: model.guide.gan.draw(latents) for name, latents in found.items()}
    proposed, searched = (distances(model, pictures[name], people).mean() for name in ("proposed", "found"))
    assert searched < proposed - 0.05
    assert np.sqrt((found["found"] ** 2).mean()) < 1.5, "latents left the normal the GAN was trained on"


def test_more_guidance_draws_people_apart(model, people):
    rows = torch.from_numpy(np.repeat(people, 16, axis=0))
    noise = torch.randn(len(rows), 100, generator=torch.Generator().manual_seed(0))
    apart = []
    for guidance in (1.0, 4.0):
        first, second = model.pipeline(rows, noise, 8, guidance).reshape(2, 16, 100).mean(1)
        apart.append(float((first - second).norm()))
    assert apart[1] > 1.3 * apart[0]


def test_what_tells_photos_from_drawings_is_taken_away(model, people):
    prior, rows = model.pipeline.prior, torch.from_numpy(people)
    assert prior.photo.abs().sum() > 0
    moved = rows + 0.3 * prior.photo[:1]
    torch.testing.assert_close(prior.match(moved), prior.match(rows), atol=1e-4, rtol=0)


def test_previews_are_pictures_of_the_rows_and_progress_rises_to_one(model, people):
    shown, told = [], []
    watch = Watch(lambda share, word: told.append(share))
    model(people, QUICK, watch, shown.append)
    assert len(shown) >= 4
    assert {len(pictures) for pictures in shown} == {2}
    assert {picture.shape for pictures in shown for picture in pictures} == {(64, 64, 3)}
    assert told == sorted(told)
    assert told[-1] == 1


def test_the_pictures_of_a_long_sheet_stay_in_the_previews(model, people):
    shown: list[int] = []
    pictures = model(
        np.repeat(people[:1], TOGETHER + 1, axis=0), QUICK, None, lambda pictures: shown.append(len(pictures))
    )
    assert len(pictures) == TOGETHER + 1
    assert max(shown) == TOGETHER + 1


@pytest.mark.parametrize("after", [1, 8])
def test_cancel_stops_the_prior_and_the_search(model, people, after):
    looks = []

    def cancelled() -> bool:
        looks.append(1)
        return len(looks) > after

    with pytest.raises(Cancelled):
        model(people, QUICK, Watch(cancelled=cancelled))
    assert len(looks) == after + 1


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (np.zeros((2, 512), np.float32), "n × 128"),
        (np.zeros((0, 128), np.float32), "n × 128"),
        (np.zeros(128, np.float32), "n × 128"),
        (np.zeros((1, 128), np.int64), "int64"),
        (np.full((1, 128), np.nan, np.float32), "not finite"),
    ],
)
def test_bad_vectors_are_refused_in_words(model, vectors, words):
    with pytest.raises(BadRequest, match=words):
        model(vectors, QUICK)


@pytest.mark.parametrize(
    "recipe", [Recipe(steps=1), Recipe(steps=1000), Recipe(guidance=0.5), Recipe(guidance=99.0), Recipe(seed=-1)]
)
def test_recipes_out_of_range_are_refused(model, people, recipe):
    with pytest.raises(BadRequest):
        model(people, recipe)


def test_the_folder_is_one_that_diffusers_reads(bench, model):
    from workbench.sources import fetching as sources

    folder = sources.verify(bench.spec("identity-prior-64").files[0], bench.settings).parent
    loaded = IdentityPriorPipeline.from_pretrained(folder, low_cpu_mem_usage=False, dtype=torch.float32)
    assert isinstance(loaded.scheduler, DDIMScheduler)
    for (name, ours), theirs in zip(
        model.pipeline.prior.state_dict().items(), loaded.prior.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs), name


def test_a_folder_of_something_else_is_refused(bench, tmp_path):
    spec = bench.spec("identity-prior-64")
    with pytest.raises(BadWeights, match="identity-prior-64"):
        identity_prior.load(spec, {file.role: tmp_path / file.role for file in spec.files}, "cpu")


def test_an_untrained_prior_proposes_without_the_vector():
    torch.manual_seed(0)
    prior = LatentPrior(16, 1).eval()
    scheduler = DDIMScheduler(1000, prediction_type="v_prediction", clip_sample=False)
    noise = torch.randn(1, 100).expand(2, 100)
    latents = IdentityPriorPipeline(prior, scheduler)(torch.randn(2, 128), noise, 3, 2.0)
    torch.testing.assert_close(latents[0], latents[1])


def test_calls_that_overlap_do_not_disturb_each_other(model, people):
    rows, noise = torch.from_numpy(people), torch.randn(2, 100, generator=torch.Generator().manual_seed(2))
    alone = model.pipeline(rows, noise, 6, 2.0)
    beside = model.pipeline(rows, noise, 6, 2.0, lambda done, latents: model.pipeline(rows, noise, 3, 1.0))
    assert torch.equal(alone, beside)


def test_crops_are_those_of_the_photo_code():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (64, 64, 3), np.uint8)
    points, template = rng.uniform(15, 50, (5, 2)), (0.25 + DLIB_MEAN) / 1.5 * 150
    matrix = similarity(points, template)
    ours = windows(torch.from_numpy(points[None]).float(), torch.from_numpy(template).float())
    np.testing.assert_allclose(ours[0].numpy(), matrix, atol=1e-3)
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None] / 127.5 - 1
    crop = chips(pixels, ours, 150)[0].permute(1, 2, 0).numpy()
    assert np.abs(crop - warp(picture, matrix, (150, 150))).mean() < 1.5


def test_the_second_recogniser_takes_no_part(bench, model):
    assert model.recogniser == "dlib"
    assert model.guide.recogniser.spec.id != "sface"
    assert not any("sface" in file.source for file in bench.spec("identity-prior-64").files)
    assert Search().steps > 0
