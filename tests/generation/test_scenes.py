"""What a model is told of the scene, and variants: each takes what its row says, and the server refuses the rest."""

import pytest

from workbench.catalog import MODELS
from workbench.errors import BadRequest
from workbench.generation import variants
from workbench.portraits import Recipe, Wishes
from workbench.scenes import STYLES, Scene, heeded


def test_a_style_puts_words_around_the_prompt_and_says_what_must_not_be_seen():
    scene = Scene(negative="a hat", style="film")

    assert scene.worded("a man {img}") == "a man {img}, 35 mm film photo, fine grain, muted colours"
    assert scene.against("blur") == "a hat, oversaturated, plastic skin"
    assert Scene().worded("x") == "x"
    assert Scene().against("blur") == "blur"
    assert all("{}" in words for words, _ in STYLES.values())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"strength": 2.0}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"size": 100}, "multiple of 64"),
        ({"size": -64}, "multiple of 64"),
        ({"style": "vangogh"}, "studio, window"),
        ({"negative": "x" * 1001}, "1,001 characters"),
    ],
)
def test_a_scene_that_is_none_is_refused(given, words):
    with pytest.raises(BadRequest, match=words):
        Scene(**given)


def test_every_row_takes_what_it_says_and_refuses_the_rest_by_name():
    seen = set()
    for row in MODELS.values():
        for name, scene in {
            "negative": Scene(negative="a"),
            "strength": Scene(strength=0.5),
            "size": Scene(size=512),
            "style": Scene(style="film"),
        }.items():
            if name in row.takes:
                assert heeded(scene, row.takes, row.sides, row.title) is scene
                seen.add(name)
            else:
                with pytest.raises(BadRequest, match=f"takes no {name}"):
                    heeded(scene, row.takes, row.sides, row.title)
    assert seen == {"negative", "strength", "size", "style"}
    with pytest.raises(BadRequest, match="256 to 768 pixels, got 1024"):
        heeded(Scene(size=1024), MODELS["arc2face"].takes, MODELS["arc2face"].sides, "Arc2Face")


def test_a_variant_of_endless_steps_is_refused_in_words():
    """A number that no float holds broke off in the sentence that was to refuse it."""
    for line in ("steps=1" + "0" * 400, "guidance=nan", "guidance=1e300"):
        with pytest.raises(BadRequest, match="expected a number from 0 to 1000"):
            variants.read(line, Recipe())


def test_variants_are_a_queue_of_recipes_and_a_line_of_numbers_is_a_seed_each():
    first = Recipe(7, 5, 2.0, "a man", Wishes(yaw=4), Scene(style="film"))
    found = variants.read("3, 14\n\nstrength=0.6 prompt='in a park'\nstyle=studio hair=red", first)

    assert [each.seed for each in found] == [3, 14, 7, 7]
    assert (found[2].prompt, found[2].scene) == ("in a park", Scene(strength=0.6, style="film"))
    assert (found[3].wishes, found[3].scene.style) == (Wishes(yaw=4, hair="red"), "studio")
    assert variants.read("", first) == []
    assert variants.in_words(found[2], first) == "prompt in a park, strength 0.6"
    assert variants.told(found[:2], first, 2) == ("seed 3", "seed 3", "seed 14", "seed 14")


def test_a_variant_that_leaves_to_the_model_what_the_first_recipe_names_says_so():
    """It was named after its seed, as if nothing differed."""
    first = Recipe(7, 5, prompt="a man", wishes=Wishes(hair="red"), scene=Scene(strength=0.6, style="film"))
    found = variants.read("strength=0\nstyle= hair=\nprompt= steps=0\nseed=0\nsteps=5", first)

    assert [variants.in_words(each, first) for each in found] == [
        "strength left to the model",
        "hair left to the model, style left to the model",
        "steps left to the model, prompt left to the model",
        "seed 0",
        "seed 7",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n".join(["1"] * 17), "at most 16, got 17"),
        ("x" * 5000, "5,000 characters"),
        ("colour=red", "got 'colour=red'"),
        ("strength=much", "strength: expected a number"),
        ("seed=-1", "seed of 0"),
        ("99999999999999", "seed of 0"),
        ("prompt='open", "No closing quotation"),
        ("yaw=500", "yaw"),
        ("size=100", "multiple of 64"),
    ],
)
def test_a_variant_that_is_none_is_refused_in_a_sentence(text, words):
    with pytest.raises(BadRequest, match=words):
        variants.read(text, Recipe())
