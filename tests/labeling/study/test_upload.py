"""What an owner uploads: unpacked a piece at a time, refused in a sentence, never kept by halves."""

import errno
import io
import random
import resource
import shutil
import tracemalloc
import zipfile

import pytest

from tests.labeling.conftest import STUDY, write_study
from workbench.errors import StudyError
from workbench.labeling.study import upload
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import parse_study


def zipped(files, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data, **options)
    return buffer.getvalue()


def bomb(size):
    """A zip of `size` zeros in one picture, some thousandth as large."""
    buffer = io.BytesIO()
    archive = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("zeros.png", "w", force_zip64=True) as stream:
        for _ in range(size // 1_000_000):
            stream.write(bytes(1_000_000))
    return buffer.getvalue()


def uploaded(tmp_path, **study):
    folder = write_study(tmp_path / "upload", **study)
    names = [path for path in folder.rglob("*") if path.suffix in (".png", ".csv")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}


def test_a_zip_of_zeros_is_refused_without_filling_memory_or_disk(tmp_path):
    data = bomb(1_500_000_000)
    assert len(data) < 2_000_000
    tracemalloc.start()
    try:
        with pytest.raises(StudyError, match="more than 40 MB"):
            upload.make_study(STUDY, data, tmp_path / "studies")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 20_000_000, most
    assert list((tmp_path / "studies").iterdir()) == []


def test_a_zip_that_lies_about_its_sizes_is_counted_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "MOST_PER_FILE", 1000)
    data = bytearray(zipped({"a.png": bytes(50_000)}))
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = (10).to_bytes(4, "little")  # the size in the directory
    data[22:26] = (10).to_bytes(4, "little")
    with pytest.raises(StudyError):
        upload.unpack(bytes(data), tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 1000


def test_many_files_that_are_too_much_together_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "MOST_BYTES", 100_000)
    with pytest.raises(StudyError, match="unpacks to more"):
        upload.unpack(zipped({f"{n}.png": bytes(30_000) for n in range(5)}), tmp_path)
    monkeypatch.setattr(upload, "MOST_FILES", 4)
    with pytest.raises(StudyError, match="holds 5 files; expected at most 4"):
        upload.unpack(zipped({f"{n}.png": b"x" for n in range(5)}), tmp_path)


def test_a_good_zip_makes_the_study(tmp_path):
    study, items = upload.make_study(STUDY, zipped(uploaded(tmp_path)), tmp_path / "studies")
    assert (study.name, len(items)) == ("pairs", 16)
    assert [path.name for path in (tmp_path / "studies").iterdir()] == ["pairs"]
    with pytest.raises(StudyError, match="already"):
        upload.make_study(STUDY, b"", tmp_path / "studies")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(upload.Path, "rename", full)
    with pytest.raises(StudyError, match="No space left"):
        upload.make_study(STUDY, zipped(uploaded(tmp_path)), tmp_path / "studies")
    assert list((tmp_path / "studies").iterdir()) == []


@pytest.mark.parametrize("data", [b"no zip", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), bytes(100)], ids=ascii)
def test_what_is_no_zip_is_one_sentence(tmp_path, data):
    with pytest.raises(StudyError):
        upload.make_study(STUDY, data, tmp_path / "studies")


def test_damaged_zips_are_one_sentence_each(tmp_path):
    whole, rng = zipped(uploaded(tmp_path, items=3, gold=0)), random.Random(0)
    for n in range(300):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if n % 5 == 0:
            del data[rng.randrange(len(data)) :]
        try:
            upload.make_study(STUDY, bytes(data), tmp_path / "studies")
        except StudyError:
            continue
        else:
            shutil.rmtree(tmp_path / "studies/pairs")
    assert list((tmp_path / "studies").iterdir()) == []


def test_an_encrypted_zip_is_one_sentence(tmp_path):
    data = bytearray(zipped({"a.png": b"x" * 100}))
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + place] |= 1
    with pytest.raises(StudyError, match="RuntimeError"):
        upload.unpack(bytes(data), tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "too deep|not valid"),
        ("a = " + "{b = " * 5000 + "1" + "}" * 5000, "too deep|not valid"),
        ("[" + ".".join("a" * 1 for _ in range(20000)) + "]\nb = 1", "too deep|unknown key|not valid|missing"),
        ('x = "\ud800"', "half a character"),
        (f"x = {'9' * 5000}", "not valid TOML|unknown key|missing"),
        ("x = 2026-02-31", "not valid TOML"),
        ("x = 25:00:00", "not valid TOML"),
        ("\0", "not valid TOML"),
        (STUDY.replace("seed = 7", "seed = nan"), "expected a number"),
        (STUDY.replace("seed = 7", "seed = inf"), "expected a number"),
        (STUDY.replace('title = "Pairs"', f"title = {'[' * 60}{']' * 60}"), "expected text"),
    ],
    ids=["lists", "tables", "keys", "surrogate", "digits", "day", "hour", "null", "nan", "inf", "title"],
)
def test_a_study_file_that_cannot_be_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(StudyError, match=sentence) as refused:
        parse_study(text, tmp_path)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "row",
    [
        "x,images/\0.png,images/0b.png,,,,",
        f"x,{'a' * 5000}.png,images/0b.png,,,,",
        f"x,{'a/' * 3000}.png,images/0b.png,,,,",
        f"{'x' * 200_000},images/0a.png,images/0b.png,,,,",
        "x,images/loop.png,images/0b.png,,,,",
        "x,images,images/0b.png,,,,",
        "x,images/half.png,images/0b.png,,,,",
        "x,images/huge.png,images/0b.png,,,,",
    ],
    ids=["null", "long", "deep", "field", "circle", "folder", "half", "huge"],
)
def test_an_item_that_cannot_be_is_one_sentence(tmp_path, row):
    folder = write_study(tmp_path / "study")
    (folder / "images/loop.png").symlink_to("loop.png")
    (folder / "images/half.png").write_bytes((folder / "images/0a.png").read_bytes()[:20])
    huge = bytearray((folder / "images/0a.png").read_bytes())
    huge[16:24] = (20_000).to_bytes(4, "big") * 2
    (folder / "images/huge.png").write_bytes(bytes(huge))
    with (folder / "items.csv").open("a") as stream:
        stream.write(row + "\n")
    with pytest.raises(StudyError):
        load_items(parse_study(STUDY, folder))


def test_memory_is_measured_in_the_process_that_unpacks(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(StudyError):
        upload.unpack(bomb(600_000_000), tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"
