"""The demo study is a whole, reproducible study of faces marked synthetic."""

import numpy as np
from PIL import Image

from workbench.labeling.study.demo import build_demo, upscale, vary
from workbench.labeling.study.reading import load_items


def sample(n, seed):
    small = np.random.default_rng(seed).integers(40, 200, (n, 4, 4, 3), dtype=np.uint8)
    return [np.kron(face, np.ones((16, 16, 1), np.uint8)) for face in small]


def test_the_demo_study_loads_with_gold_and_truth(tmp_path):
    study = build_demo(tmp_path / "demo", sample, vary, people=6, gold=2)
    items = load_items(study)
    assert len(items) == 16
    assert sum(bool(item.gold) for item in items) == 4
    assert sum(item.truth == "same" for item in items) == 8
    assert study.source.synthetic
    assert set(study.texts) == {"de", "es", "fr", "zh", "ja", "ar"}, "its consent was English in every language"
    assert all(own.keys() == {"title", "instructions", "consent"} for own in study.texts.values())
    assert "same" not in "".join(p.file for item in items for p in item.pictures)


def test_every_demo_picture_says_it_is_synthetic(tmp_path):
    build_demo(tmp_path, sample, vary, people=3, gold=1)
    for path in (tmp_path / "images").iterdir():
        with Image.open(path) as image:
            assert image.info["Synthetic"] == "true"
            assert image.size == (256, 256)


def test_building_again_changes_nothing(tmp_path):
    build_demo(tmp_path / "a", sample, vary, people=3, gold=1)
    build_demo(tmp_path / "b", sample, vary, people=3, gold=1)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    (tmp_path / "a/study.toml").write_text((tmp_path / "a/study.toml").read_text() + "# my note\n")
    assert build_demo(tmp_path / "a", sample, vary).text.endswith("# my note\n")


def test_a_variant_resembles_its_face_more_than_another_face_does():
    faces = [upscale(face) for face in sample(6, 3)]
    variant = vary(faces[0], 9).astype(float)
    gaps = [np.abs(variant - face).mean() for face in faces]
    assert gaps[0] == min(gaps)
    assert gaps[0] > 3
    assert np.array_equal(vary(faces[0], 9), vary(faces[0], 9))
    assert not np.array_equal(vary(faces[0], 9), vary(faces[0], 10))
