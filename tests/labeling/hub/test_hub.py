"""A folder and the (doubled) Hugging Face Hub keep what they were given, and tell in a sentence when they cannot."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hub_double import Fault, HubDouble
from workbench.errors import SourceUnreachable, StudyError
from workbench.labeling.hub.hub import HeadMoved, HuggingFaceHub, LocalHub, blob_id

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def double():
    with HubDouble() as double:
        yield double


@pytest.fixture(params=["folder", "hugging face"])
def hub(request, tmp_path, double):
    if request.param == "folder":
        return LocalHub(tmp_path / "hub")
    return HuggingFaceHub("tester/faces", "hf_test", endpoint=double.address, seconds=15)


def test_what_was_committed_is_listed_and_read_back(hub):
    hub.ensure()
    hub.ensure()
    files = {
        "data/labels/a.jsonl": b'{"x":1}\n',
        "data/labels-parquet/b.parquet": b"PAR1 not really",
        "README.md": b"---\n---\n",
    }
    hub.commit(files, (), "three files", hub.look()[0])
    assert hub.holds(files) == set(files)
    assert hub.holds({"data/labels/a.jsonl": b"other", "none": b""}) == set()
    assert hub.listing("data") == ["data/labels-parquet/b.parquet", "data/labels/a.jsonl"]
    assert hub.listing("nothing") == []
    assert set(hub.look()[1]) >= set(files)
    assert dict(hub.read("data/labels", ["data/labels/a.jsonl"])) == {"data/labels/a.jsonl": b'{"x":1}\n'}


def test_a_commit_on_an_old_head_is_refused(hub):
    hub.ensure()
    old = hub.look()[0]
    hub.commit({"a": b"1"}, (), "one", old)
    with pytest.raises(HeadMoved, match=r"changed meanwhile|status 412"):
        hub.commit({"b": b"2"}, (), "two", old)
    assert hub.holds({"b": b"2"}) == set()


def test_the_same_commit_again_changes_nothing(hub):
    hub.ensure()
    hub.commit({"a": b"1"}, (), "one", hub.look()[0])
    hub.commit({"a": b"1"}, (), "one", hub.look()[0])
    assert hub.holds({"a": b"1"}) == {"a"}


def test_deleting_and_squashing(hub, double):
    hub.ensure()
    hub.commit({"a": b"1", "b.parquet": b"2"}, (), "add", hub.look()[0])
    hub.commit({}, ["a", "b.parquet"], "delete", hub.look()[0])
    hub.squash("forget")
    assert hub.holds({"a": b"1", "b.parquet": b"2"}) == set()
    if isinstance(hub, HuggingFaceHub):
        repo = double.repo("dataset", "tester/faces")
        assert len(repo.commits) == 1
        assert double.large == {}


@pytest.mark.parametrize("status", [409, 412, 429, 500, 503])
def test_a_refused_commit_says_so(double, status):
    hub = HuggingFaceHub("tester/faces", "hf_test", endpoint=double.address, seconds=15)
    hub.ensure()
    double.faults.append(Fault("commit", status=status))
    with pytest.raises(SourceUnreachable, match=f"status {status}"):
        hub.commit({"a": b"1"}, (), "one", hub.look()[0])
    hub.commit({"a": b"1"}, (), "one", hub.look()[0])
    assert hub.holds({"a": b"1"})


def test_a_stalled_hub_is_given_up_in_time(double):
    hub = HuggingFaceHub("tester/faces", "hf_test", endpoint=double.address, seconds=0.5)
    double.faults.append(Fault("create", stall=3))
    start = time.monotonic()
    with pytest.raises(SourceUnreachable, match=r"did not answer .* within 0.5 s"):
        hub.ensure()
    assert time.monotonic() - start < 2.5


def test_a_lost_answer_is_an_error_although_the_commit_is_there(double):
    hub = HuggingFaceHub("tester/faces", "hf_test", endpoint=double.address, seconds=15)
    hub.ensure()
    double.faults.append(Fault("commit", drop_after=True))
    with pytest.raises(SourceUnreachable):
        hub.commit({"a": b"1"}, (), "one", hub.look()[0])
    assert hub.holds({"a": b"1"}) == {"a"}


def test_a_wrong_token_is_told_in_words(double):
    double.private_token = "hf_right"
    hub = HuggingFaceHub("tester/faces", "hf_wrong", endpoint=double.address, seconds=15)
    with pytest.raises(SourceUnreachable, match="token is not valid"):
        hub.ensure()


@pytest.mark.parametrize(("dataset", "token"), [("faces", "hf_x"), ("a/b", ""), ("a/b/c", "hf_x")])
def test_a_hub_needs_a_name_and_a_token(dataset, token):
    with pytest.raises(StudyError, match="WORKBENCH_HUB_DATASET"):
        HuggingFaceHub(dataset, token)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceUnreachable, match="cannot be written"):
        LocalHub(tmp_path / "file").ensure()


def test_blob_ids_are_those_of_git():
    assert blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


READING = """
import sys
from workbench.labeling.hub.hub import HuggingFaceHub
hub = HuggingFaceHub("tester/faces", "hf_test", endpoint=sys.argv[1], seconds=60)
paths = [f"data/labels/{n}.jsonl" for n in range(6)]
print("reading", flush=True)
list(hub.read("data/labels", paths))
print("read", flush=True)
"""


def test_a_process_killed_while_it_reads_the_hub_leaves_no_judgement_on_the_disk(tmp_path, double):
    files = {f"data/labels/{n}.jsonl": b'{"answer":"a judgement of somebody"}\n' for n in range(6)}
    double.put("dataset", "tester/faces", files)
    double.faults.append(Fault("resolve", stall=60))
    own = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp"), "HF_HOME": str(tmp_path / "hf")}
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", READING, double.address],
        cwd=ROOT, env=os.environ | own | {"HF_HUB_DISABLE_XET": "1"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "reading\n"
    end = time.monotonic() + 30
    while sum("/resolve/" in path for _, path in double.requests) < 6 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    assert process.poll() is None, "it still waits for the last file"
    process.kill()
    process.wait(20)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and b"judgement" in path.read_bytes()]
    assert left == []


def test_many_files_are_read_in_order_and_a_passing_fault_is_no_obstacle(hub, double):
    hub.ensure()
    files = {f"data/labels/{n:03d}.jsonl": f"{n}\n".encode() for n in range(150)}
    hub.commit(files, (), "many", "")
    double.faults.append(Fault("resolve", status=503))
    assert dict(hub.read("data/labels", files)) == files
    with pytest.raises(SourceUnreachable):
        list(hub.read("data/labels", ["data/labels/none.jsonl"]))


def test_what_a_killed_process_had_half_written_is_cleared_away(tmp_path):
    hub = LocalHub(tmp_path / "hub")
    hub.ensure()
    hub.commit({"data/labels/a.jsonl": b"1"}, (), "one", "")
    (tmp_path / "hub/data/labels/.part-killed").write_bytes(b"a judgement")
    LocalHub(tmp_path / "hub").ensure()
    assert [path.name for path in (tmp_path / "hub/data").rglob("*") if path.is_file()] == ["a.jsonl"]
