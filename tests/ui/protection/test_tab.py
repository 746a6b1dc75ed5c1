"""The Protection tab's handlers, called without a browser: figures of exactly the saved file, and sentences for every
bad input."""

import csv
import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import bad_images
from tests.protection.toys import hurry
from workbench.errors import BadRequest, Cancelled, ManyFaces, NoFace, WorkbenchError
from workbench.makeup import looks
from workbench.protection import protect
from workbench.protection.targets import draw_target
from workbench.ui.protection import curve as protection_curve
from workbench.ui.protection import elsewhere as protection_elsewhere
from workbench.ui.protection import makeup as protection_makeup
from workbench.ui.protection import many as protection_many
from workbench.ui.protection import noise as protection_noise
from workbench.ui.protection import one as protection_one
from workbench.ui.protection import plain as protection_plain
from workbench.ui.protection import views as protection_views
from workbench.ui.protection.parts import look_of, proposed_roles, ready, roles
from workbench.values import Protection, Reading

TOLD: list[tuple[float, str]] = []


def _progress(share: float, desc: str = "") -> None:
    TOLD.append((share, desc))


@pytest.fixture
def here(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The bench, with a folder of its own for results, and searches of three steps."""
    monkeypatch.setattr("workbench.ui.common.widgets.uploads.folder", lambda settings: tmp_path)
    hurry(monkeypatch)
    return bench


@pytest.fixture
def portrait(tmp_path: Path, astronaut: np.ndarray) -> str:
    """The photo with EXIF that tells a place."""
    path = tmp_path / "astronaut.jpg"
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.fromarray(astronaut).save(path, quality=95, exif=exif)
    return str(path)


@pytest.fixture
def two(tmp_path: Path, astronaut: np.ndarray) -> str:
    path = tmp_path / "two.png"
    Image.fromarray(np.hstack([astronaut, astronaut[:, ::-1]])).save(path)
    return str(path)


def _last(steps: Iterator[tuple[Any, ...]]) -> tuple[Any, ...]:
    return list(steps)[-1]


def _protect(bench, source: Any, **asked: Any) -> tuple[Any, ...]:
    usual = {"attack": ["dlib"], "judge": ["sface"], "strength": "light", "progress": _progress}
    return _last(protection_one.protect(bench, source, **(usual | asked)))


def test_a_photo_arrives_in_the_look(here, portrait: str) -> None:
    waiting, face, (before, after), words, *_ = protection_makeup.arrive(here, portrait, "red lipstick", "{}")

    assert len(waiting.faces) == 1
    assert face.value == "Face 1"
    assert "not protected" in words
    assert np.abs(np.asarray(Image.open(before)).astype(int) - np.asarray(Image.open(after))).max() > 40


def test_several_faces_are_asked_about_and_never_guessed(here, two: str) -> None:
    _, face, _, words, *_ = protection_makeup.arrive(here, two, "neutral", "{}")

    assert face.value is None
    assert face.choices == [("Face 1", "Face 1"), ("Face 2", "Face 2")]
    assert "2 faces" in words
    for work in (lambda: _protect(here, two), lambda: protection_makeup.apply_makeup(here, two)):
        with pytest.raises(ManyFaces, match="2 faces"):
            work()


def test_makeup_alone_paints_the_whole_photo_without_metadata(here, two: str, portrait: str) -> None:
    _, _, path = protection_makeup.apply_makeup(here, two, "Face 2", "goth", '{"shades": {"lip": "red"}}')
    painted = np.asarray(Image.open(path)).astype(int)
    change = np.abs(painted - np.asarray(Image.open(two))).max(axis=2)
    sides = sorted((change[:, :512].max(), change[:, 512:].max()))

    assert painted.shape == (512, 1024, 3)
    assert sides[0] < 40 < 80 < sides[1], "one face is painted; the other changes by JPEG alone"
    _, _, path = protection_makeup.apply_makeup(here, portrait)
    assert b"taken at home" not in Path(path).read_bytes()


def test_the_figures_are_those_of_the_saved_file(here, portrait: str, astronaut, finder, monkeypatch) -> None:
    TOLD.clear()
    monkeypatch.setattr(protect, "_rising", tuple)  # a search of three steps does not climb: every level is kept
    (_, after), words, table, figures, heat, photo, numbers, state, curve, climbed = _protect(
        here, portrait, face="Face 1", look="natural"
    )
    data = Path(photo).read_bytes()
    told = json.loads(Path(numbers).read_text())
    picture = Image.open(BytesIO(data))

    assert (picture.format, picture.size, len(picture.getexif()), b"taken at home" in data) == (
        "JPEG",
        (512, 512),
        0,
        False,
    )
    from workbench.tasks.detection import one_face
    from workbench.tasks.recognition import verify

    before, saved = np.asarray(Image.open(portrait)), np.asarray(picture)
    for reading in told["readings"]:
        model = here.model(reading["model"])
        score = verify(before, one_face(before, finder), saved, one_face(saved, finder), model).score
        assert reading["scores"]["after"] == pytest.approx(score, abs=1e-4)
        assert f"{score:.3f}" in table
    assert "<b>judge</b>" in table
    assert 'data-state="' not in words
    assert any(state in words for state in ("data-state='protected'", "data-state='not protected'"))
    assert f"SSIM {told['looks']['ssim']:.3f}" in figures
    assert heat.shape[2] == 3
    assert state == (told["looks"]["ssim"], ["dlib"], ["sface"])
    assert TOLD[-1][0] > 0.5
    assert Path(after).is_file()
    assert [point["judges"] for point in told["curve"]] == [1] * 4
    assert curve.count("<circle") == 4
    levels = protection_curve.choice(climbed)
    assert (levels.value, levels.visible) == ("1.5", True)
    picked = protection_curve.pick(here, climbed, "3")
    assert json.loads(Path(picked[6]).read_text())["looks"]["visibility"] == climbed.found[-1].visibility
    assert Path(picked[5]).name == f"{Path(portrait).stem}_{climbed.found[-1].word}.jpg", "named after what was found"
    assert Path(picked[5]).read_bytes() == climbed.found[-1].photo != data
    assert protection_curve.stronger(climbed, "1").value == "1.5"
    assert protection_curve.stronger(climbed, "3").value == "3"


def test_all_in_leaves_no_judge_and_claims_nothing(here, portrait: str) -> None:
    _, words, table, *_ = _protect(here, portrait, all_in=True)

    assert "data-state='not judged'" in words
    assert "none is left to judge" in words
    assert "<b>judge</b>" not in table


def test_to_resemble_somebody_made_up_compares_with_them(here, portrait: str) -> None:
    _, _, table, *_ = _protect(here, portrait, aim="impersonate", target=3)

    assert "Compared with the made-up person" in table
    picture, face = draw_target(here.model("dcgan-digiface-64"), here.model("blazeface"), 3)
    again, _ = draw_target(here.model("dcgan-digiface-64"), here.model("blazeface"), 3)
    assert np.array_equal(picture, again)
    assert face.mesh is not None


def test_a_photo_nobody_matches_is_left_alone(here, portrait: str, tmp_path: Path) -> None:
    """Compared with a photo of somebody else, who is nobody."""
    picture, _ = draw_target(here.model("dcgan-digiface-64"), here.model("blazeface"), 3)
    other = tmp_path / "other.png"
    Image.fromarray(picture).save(other)
    _, words, *_ = _protect(here, portrait, other=str(other))

    assert "data-state='not needed'" in words


def test_a_protection_that_fails_is_red_and_never_ticked() -> None:
    html = protection_views.verdict_html(_outcome(after=0.9), {"sface": "SFace"})
    table = protection_views.table_html(_outcome(after=0.9), {"sface": "SFace"})

    assert "verdict bad" in html
    steps = protection_curve.next_steps(_outcome(after=0.9))
    assert steps in protection_views.verdict_html(_outcome(after=0.9), {}, steps)
    assert "A second photo of you" in steps
    assert protection_curve.next_steps(_outcome(after=0.1)) == ""
    assert "Not protected" in html
    assert "SFace still matches it (0.900, one person from ≥ 0.300 on)" in html
    assert "role=" not in html, "the page's own region says it once, not at every step of the search"
    assert "✓" not in html + table.split("<p")[0]
    assert "verdict good" in protection_views.verdict_html(_outcome(after=0.1), {})
    assert "verdict open" in protection_views.verdict_html(_outcome(after=None), {})


def test_who_gave_a_second_photo_is_not_asked_for_one() -> None:
    steps = protection_curve.next_steps(_outcome(after=0.9, against="the other photo"))

    assert steps.count("<li>") == 3
    assert "second photo of you" not in steps
    assert "A third photo of you" in steps


def _outcome(after: float | None, against: str = "the photo as it came") -> Protection:
    reading = Reading("sface", "judge", "cosine", 0.3, 1.0, after, {"JPEG 75": after})
    return Protection(b"", "dodge", against, (reading,), 0.9, 30.0, 1.0, 0.5, 0.5, np.zeros((4, 4), np.uint8))


def test_a_photo_protected_elsewhere_is_judged_on_the_screen(here, portrait: str, monkeypatch) -> None:
    one = [("MobileFaceNet", "mobilefacenet")]
    monkeypatch.setattr(protection_elsewhere, "recognisers", lambda bench: one)
    (before, after), words, table, figures, heat = protection_elsewhere.judge_protected(here, portrait, portrait)

    assert Path(before).is_file()
    assert Path(after).is_file()
    assert "Still matched" in words
    assert "0 of 1 recognisers" in words
    assert "1.000" in table
    assert "visibility 0.0" in figures
    assert heat.shape[2] == 3
    with pytest.raises(BadRequest, match="Two photos are needed"):
        protection_elsewhere.judge_protected(here, portrait, None)


def test_words_from_outside_are_escaped_on_the_screen() -> None:
    reading = Reading("<script>", "judge", "cosine", 0.3, 1.0, 0.1, {"JPEG 75": 0.1})
    found = Protection(b"", "dodge", "<img>", (reading,), 0.9, 30.0, 1.0, 0.5, 0.5, np.zeros((4, 4), np.uint8))

    assert "<script>" not in protection_views.table_html(found, {})
    assert "<img>" not in protection_views.table_html(found, {})


def test_cancel_stops_the_search_and_shows_the_look_again(here, portrait: str) -> None:
    steps = protection_one.protect(here, portrait, attack=["dlib"], judge=["sface"], progress=_progress)
    next(steps)
    steps.close()
    waiting, *_ = protection_makeup.arrive(here, portrait, "neutral", "{}")
    _, words, _, _, _, photo, *_ = protection_one.stopped(here, waiting, "Face 1", "neutral", "{}")

    assert "Cancelled" in words
    assert photo.interactive is False


def test_pixel_noise_is_as_visible_as_the_protection(here, portrait: str) -> None:
    waiting = ready(here, portrait)
    _, table = _last(protection_noise.compare(here, waiting, "Face 1", (0.93, ["dlib"], ["sface"]), progress=_progress))
    seen = float(table.split("SSIM ")[1].split(" ")[0])

    assert seen == pytest.approx(0.93, abs=0.03)
    with pytest.raises(BadRequest, match="Protect a photo first"):
        _last(protection_noise.compare(here, waiting, "Face 1", None, progress=_progress))


def test_hiding_one_face_leaves_the_other(here, two: str) -> None:
    _, words, path = protection_plain.anonymise(here, two, "silhouette", 1.0, ["Face 2"])
    hidden = np.asarray(Image.open(path)).astype(int)
    change = np.abs(hidden - np.asarray(Image.open(two))).max(axis=2)

    assert words.count("<tr>") == 2
    assert sorted(side.max() > 60 for side in (change[:, :512], change[:, 512:])) == [False, True]
    _, words, _ = protection_plain.anonymise(here, two)
    assert words.count("<tr>") == 3


def test_a_crowd_is_hidden_whole_and_read_in_part(here, tmp_path: Path, astronaut: np.ndarray) -> None:
    path = tmp_path / "crowd.png"
    Image.fromarray(bad_images.crowd([astronaut[20:220, 125:325]], 25, 100)).save(path)
    _, words, saved = protection_plain.anonymise(here, str(path), "silhouette")

    assert "25 found, 25 hidden; the saved photo was searched again." in words
    assert words.count("<tr>") == 1 + protection_plain.READ
    assert Path(saved).name == "crowd_hidden.jpg"


def test_many_photos_make_one_zip_and_name_the_broken_one(here, portrait: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("no photo")
    package, table = _last(
        protection_many.protect_many(here, [portrait, str(broken)], "natural", "light", ["dlib"], ["sface"], _progress)
    )

    with zipfile.ZipFile(next(tmp_path.glob("result-*/protection.zip"))) as archive:
        name = archive.namelist()[0]
        assert name in ("001-astronaut_protected.jpg", "001-astronaut_not-protected.jpg")
        assert archive.namelist()[1:] == ["summary.csv"]
        outcome = next(csv.DictReader(archive.read("summary.csv").decode().splitlines()))["outcome"]
        assert name.endswith("_protected.jpg") == (outcome == "protected")
        assert archive.read(name)[:3] == b"\xff\xd8\xff"
    assert table["outcome"][0] in ("protected", "not protected")
    assert "Expected a photo" in table["result"][1]
    assert Path(package).name == "protection.zip"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"look": "clown"}, "no look"),
        ({"makeup": "{"}, "expected JSON"),
        ({"makeup": '{"intensities": {"lip": "much"}}'}, "numbers from 0 to 1"),
        ({"makeup": '{"intensities": {"lip": 7}}'}, "expected 0 to 1"),
        ({"makeup": '{"shades": {"lip": "blue"}}'}, "no lip shade"),
        ({"strength": "invisible"}, "strength"),
        ({"aim": "hide"}, "aim"),
        ({"aim": "impersonate", "target": 1.5}, "whole number"),
        ({"aim": "impersonate", "target": -1}, "whole number"),
        ({"attack": []}, "at least one"),
        ({"attack": ["../../etc/passwd"]}, "cannot take part"),
        ({"attack": ["sface"], "judge": ["sface"]}, "cannot judge"),
        ({"face": "Face 9"}, "no face"),
        ({"face": "<script>"}, "no face"),
    ],
)
def test_bad_requests_are_refused_in_words(here, portrait: str, asked: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        _protect(here, portrait, **asked)


@pytest.mark.parametrize("name", sorted(bad_images.REFUSED))
def test_every_bad_picture_gets_a_sentence(here, tmp_path: Path, name: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        _protect(here, str(bad_images.write(tmp_path, name)))

    assert not isinstance(caught.value, Cancelled)
    assert str(caught.value).endswith(".")


def test_no_photo_no_face_and_a_small_face_are_told_apart(here, tmp_path: Path, astronaut) -> None:
    empty, small = tmp_path / "empty.png", tmp_path / "small.png"
    Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(empty)
    Image.fromarray(astronaut[::2, ::2]).save(small)

    with pytest.raises(BadRequest, match="Drop a photo"):
        _protect(here, None)
    with pytest.raises(NoFace, match="No face was found"):
        _protect(here, str(empty))
    with pytest.raises(WorkbenchError, match="pixels wide between the cheeks; at least 80"):
        _protect(here, str(small))


def test_a_number_that_draws_no_face_says_so(here) -> None:
    def blank(n: int, seed: int = 0) -> list[np.ndarray]:
        return [np.full((64, 64, 3), 90, np.uint8)] * n

    with pytest.raises(NoFace, match="Choose another number"):
        draw_target(blank, here.model("blazeface"), 1)


def test_roles_default_to_one_attacked_and_one_judge(here) -> None:
    attacked, judges = proposed_roles(here)

    assert "dlib" in attacked
    assert "sface" in judges
    assert roles(here, attacked, judges, True) == (
        sorted(attacked + judges, key=[m.id for m in here.specs("recognition")].index),
        [],
    )


def test_a_look_takes_its_changes(here) -> None:
    look = look_of("natural", '{"intensities": {"lip": 0.9, "liner": 0}, "shades": {"lip": "red"}}')

    assert look.layers["lip"].intensity == 0.9
    assert look.layers["lip"].shades == {"red": 1.0}
    assert look.layers["liner"].intensity == 0
    assert look.layers["blush"] == looks.find("natural").layers["blush"]


def test_a_recogniser_that_was_fetched_joins_without_a_new_start(here, monkeypatch: pytest.MonkeyPatch) -> None:
    every = [value for _, value in protection_one.offered(here)[0].choices]
    monkeypatch.setattr(here, "available", lambda model: model in ("sface", "dlib"))

    assert [value for _, value in protection_one.offered(here)[1].choices] == ["sface", "dlib"]
    assert set(every) >= {"sface", "dlib"}
