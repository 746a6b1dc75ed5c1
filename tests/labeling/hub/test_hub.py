"""A folder and the (doubled) Hugging Face Hub keep what they were given, and tell in a sentence when they cannot."""

import time

import pytest

from tests.hub_double import Fault, HubDouble
from workbench.errors import SourceUnreachable, StudyError
from workbench.labeling.hub.hub import HeadMoved, HuggingFaceHub, LocalHub, blob_id


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
