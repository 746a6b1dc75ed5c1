"""The embedded portrait model of 256 pixels: who is asked decides the picture, noise is a row's own, and what is bad is
said."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from workbench.errors import BadRequest, BadWeights, Cancelled
from workbench.mesh import OVAL, polygon
from workbench.models.portraits import appearance_portrait
from workbench.models.portraits.appearance_portrait import DARKEST, TRIES
from workbench.models.portraits.chance import Chance
from workbench.portraits import Recipe, Wishes
from workbench.tasks.detection import find_faces
from workbench.watch import Watch

QUICK = Recipe(seed=5, steps=6)


@pytest.fixture(scope="module")
def model(bench):
    return bench.model("appearance-portrait-256")


@pytest.fixture(scope="module")
def people(bench):
    """Vectors of two faces of nobody, far apart."""
    from workbench.generation.packing import new_identities
    from workbench.generation.population import population

    found = population("dlib")
    return new_identities(2, 60.0, "l2", found, seed=3)


@pytest.fixture(scope="module")
def sheet(model, people):
    return model(people, QUICK)


def ordered(model, people, recipe):
    """What a picture of the first person shall be."""
    vector = torch.from_numpy(people[:1])
    return model.order(vector, vector, recipe)


def found_in(bench, picture):
    return find_faces(picture, bench.model("blazeface"), limit=1)[0]


def grey(picture, face):
    """Mean grey of a face."""
    inside = polygon(face.mesh, OVAL, picture.shape[:2]) > 127
    return float((picture[inside] @ np.array([0.299, 0.587, 0.114])).mean())


def vectors_of(bench, pictures):
    recogniser, finder = bench.model("dlib"), bench.model("blazeface")
    return np.stack([recogniser.embed(picture, find_faces(picture, finder, limit=1)[0]).vector for picture in pictures])


def test_one_rgb_picture_per_vector(sheet):
    assert [(picture.shape, picture.dtype) for picture in sheet] == [((256, 256, 3), np.uint8)] * 2


def test_every_picture_shows_one_face_that_is_lit(bench, sheet):
    for picture in sheet:
        faces = find_faces(picture, bench.model("blazeface"))
        assert len(faces) == 1
        assert faces[0].mesh is not None
        assert picture.mean() > DARKEST


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(model, people, sheet):
    assert all((first == second).all() for first, second in zip(sheet, model(people, QUICK), strict=True))
    assert np.abs(sheet[0].astype(int) - model(people[:1], replace(QUICK, seed=6))[0]).mean() > 3


def test_a_row_does_not_depend_on_how_many_are_asked_for(model, people, sheet):
    np.testing.assert_array_equal(model(people[:1], QUICK)[0], sheet[0])


def test_rows_of_one_vector_differ(model, people):
    first, second = model(np.repeat(people[:1], 2, axis=0), QUICK)
    assert np.abs(first.astype(int) - second).mean() > 3


def test_the_vector_decides_who_is_drawn(bench, people, sheet):
    seen = vectors_of(bench, sheet)
    own = np.linalg.norm(seen - people, axis=1)
    other = np.linalg.norm(seen - people[::-1], axis=1)
    assert (own < other).all(), (own, other)


def test_more_steps_bring_the_picture_nearer_to_the_vector(bench, model, people):
    apart = []
    for steps in (2, 20):
        seen = vectors_of(bench, model(people, Recipe(seed=1, steps=steps)))
        apart.append(float(np.linalg.norm(seen - people, axis=1).mean()))
    assert apart[1] < apart[0] - 0.03, apart


def test_the_search_holds_pose_and_light_and_brightness(model, people):
    found, linear = model.raw(people, Recipe(seed=1)), model.model
    before, after = (torch.from_numpy(found[name]) for name in ("proposed", "found"))
    assert (after - before).norm() > 1
    for rows in (linear.attributes, linear.bright[None] / linear.bright.norm()):
        assert ((after - before) @ rows.T).abs().max() < 0.6
    assert torch.equal(after[:, linear.textures :], before[:, linear.textures :])


def test_more_guidance_draws_less_varied_faces(model, people):
    def spread(guidance):
        chances = [Chance.of(seed, 0, 0, model.model, 2) for seed in range(12)]
        order = ordered(model, people, Recipe(guidance=guidance))
        return float(torch.cat([model.proposed(order, chance)[0] for chance in chances]).std(0).mean())

    assert spread(6.0) < spread(1.0) / 2


def test_a_dark_picture_is_drawn_again_and_counted(model, people, monkeypatch):
    looked = []

    def whole(picture, pose):
        looked.append(picture)
        return len(looked) > 1

    monkeypatch.setattr(model, "whole", whole)
    before = model.redrawn
    model(people[:1], QUICK)
    assert model.redrawn == before + 1
    assert (looked[0] != looked[1]).any()


def test_it_gives_up_drawing_again_after_some_tries(model, people, monkeypatch):
    monkeypatch.setattr(model, "whole", lambda picture, pose: False)
    before = model.redrawn
    assert len(model(people[:1], Recipe(seed=5, steps=2))) == 1
    assert model.redrawn == before + TRIES - 1


def test_black_pictures_and_pictures_without_a_face_are_not_whole(model, people, sheet):
    chance = Chance.of(5, 0, 0, model.model, 6)
    _, pose = model.proposed(ordered(model, people, QUICK), chance)
    assert model.whole(sheet[0], pose)
    assert not model.whole(np.zeros((256, 256, 3), np.uint8), pose)
    assert not model.whole(np.full((256, 256, 3), 128, np.uint8), pose)


def test_previews_are_pictures_of_the_rows_and_progress_rises_to_one(model, people):
    shown, told = [], []
    model(people, Recipe(seed=5, steps=10), Watch(lambda share, word: told.append(share)), shown.append)
    assert [len(pictures) for pictures in shown] == [1, 1, 2, 2]
    assert {picture.shape for pictures in shown for picture in pictures} == {(256, 256, 3)}
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.parametrize("after", [0, 5])
def test_cancel_stops_the_search(model, people, after):
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


def test_files_of_something_else_are_refused(bench, tmp_path):
    other = tmp_path / "linear.safetensors"
    other.write_bytes(b"not weights")
    with pytest.raises(BadWeights, match="appearance-portrait-256"):
        appearance_portrait.load(
            bench.spec("appearance-portrait-256"), {"linear": other, "network": other, "hair": other}, "cpu"
        )


def test_the_judging_recognisers_take_no_part(bench, model):
    assert model.recogniser == "dlib"
    sources = [file.source for file in bench.spec("appearance-portrait-256").files]
    assert not any(name in source for source in sources for name in ("sface", "mobilefacenet", "faceres"))


def test_a_face_is_as_bright_as_its_photo_whatever_its_light(bench, model, people, astronaut, astronaut_face):
    for share in (0.6, 1.0):
        photo = (astronaut * share).astype(np.uint8)
        (picture,) = model.shown(photo, astronaut_face)(people[:1], QUICK)
        assert grey(picture, found_in(bench, picture)) == pytest.approx(grey(photo, astronaut_face), rel=0.08)


def test_a_photo_of_long_hair_is_answered_by_an_outline_of_long_hair(model, astronaut, astronaut_face):
    seen = model.shown(astronaut, astronaut_face).look
    outlines = model.model.outlines.reshape(-1, 3, 64, 64)
    beside = (outlines[:, 1, 40, 8:16].max(1).values > 0).numpy()  # hair beside the mouth
    assert beside[int(seen.outlines.argmax())] == beside[np.argsort(seen.outlines)[-2]]
    assert not seen.glasses
    assert seen.hair is not None
    assert model.look is None


def test_wishes_change_what_they_name(bench, model, people, sheet):
    plain = found_in(bench, sheet[0])
    (turned,) = model(people[:1], replace(QUICK, wishes=Wishes(yaw=15, background="dark", brightness=90)))
    face = found_in(bench, turned)
    assert face.pose.yaw - plain.pose.yaw > 6
    assert grey(turned, face) == pytest.approx(90, rel=0.08)
    assert turned[:12, :12].mean() < sheet[0][:12, :12].mean() - 20


def test_glasses_are_drawn_when_they_are_wished_for_and_only_around_the_eyes(model, people):
    vector = torch.from_numpy(people[:1])
    poses = {}
    for word in ("none", "round"):
        order = model.order(vector, vector, replace(QUICK, wishes=Wishes(glasses=word)))
        poses[word] = model.proposed(order, Chance.of(5, 0, 0, model.model, 2))[1]
    assert poses["none"].glasses is None
    cover = poses["round"].glasses[3].numpy()
    eyes = model.frame.mean[[33, 263]]
    assert cover[: int(eyes[:, 1].min() - 40)].max() == 0
    assert cover[int(eyes[:, 1].max() + 40) :].max() == 0
    assert cover.max() > 0.9


def test_years_are_added_along_what_ages_faces_and_held_in_the_search(model, people):
    vector = torch.from_numpy(people[:1])
    young, old = (model.order(vector, vector, replace(QUICK, wishes=Wishes(age=years))) for years in (0.0, 20.0))
    chance = Chance.of(5, 0, 0, model.model, 2)
    first, second = (model.proposed(order, chance)[0] for order in (young, old))
    assert float((second - first) @ model.model.age) > 0
    slope = torch.randn(1, model.model.count, generator=torch.Generator().manual_seed(0))
    assert float((model.model.held(slope, age=True) @ model.model.age).abs()) < 1e-3


def test_a_study_holds_brightness_while_identity_turns(bench, model, people):
    steady = model.steady(people[:1])
    pictures = [steady(row[None], QUICK)[0] for row in people]
    first, second = (grey(picture, found_in(bench, picture)) for picture in pictures)
    assert first == pytest.approx(second, rel=0.06)
    with pytest.raises(BadRequest, match="steady"):
        steady(people, QUICK)


def test_a_shown_photo_s_person_is_sought_by_a_second_recogniser_too(bench, model, astronaut, astronaut_face):
    second, told = bench.model("mobilefacenet"), bench.model("dlib").embed(astronaut, astronaut_face).vector
    shown = model.shown(astronaut, astronaut_face)
    one_only = model.shown(astronaut, astronaut_face)
    one_only.plan, shown.plan = (replace(model.plan, share=share) for share in (0.0, 2.0))
    wanted = second.embed(astronaut, astronaut_face).vector
    cosines = [
        second.embed(picture, found_in(bench, picture)).vector @ wanted
        for picture in (each(told[None], Recipe(seed=2, steps=12))[0] for each in (one_only, shown))
    ]
    assert cosines[1] > cosines[0] + 0.05, cosines


def test_who_is_turned_away_from_the_photo_s_person_is_not_held_to_it(model, people, astronaut, astronaut_face):
    shown = model.shown(astronaut, astronaut_face)
    own, stranger = (
        shown.order(vector[None], vector[None], Recipe()).sure
        for vector in (torch.from_numpy(shown.look.known.vector), torch.from_numpy(people[0]))
    )
    assert own == pytest.approx(1, abs=1e-5)
    assert stranger == 0
    assert ordered(model, people, Recipe()).second is None
