"""Who gets in: the owner by a token that is made once and cannot be guessed, a rater by more than a platform's id."""

import errno
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.labeling.conftest import STUDY
from tests.labeling.desks import CROWD, open_desk, vote
from workbench.errors import NotAllowed, StudyError
from workbench.labeling.serving.access import SHORTEST, Gate, kept_secret, owner_token
from workbench.labeling.serving.tokens import Sealer, signing_secret
from workbench.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
GOOD = "a token nobody guesses"


def settings(folder, token=""):
    return Settings(cache=folder, data=folder / "data", owner_token=token)


def test_of_many_makers_at_once_one_token_stands_and_all_read_it(tmp_path):
    for attempt in range(20):
        barrier = threading.Barrier(8)

        def make(n, attempt=attempt, barrier=barrier):
            barrier.wait()
            return owner_token(settings(tmp_path / str(attempt)))

        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(make, range(8)))
        assert len(found) == 1
        assert len(found.pop()) >= SHORTEST


def test_of_many_processes_at_once_one_token_stands(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from workbench.labeling.serving.access import owner_token; "
        "from workbench.settings import Settings; folder = Path(sys.argv[1]); print('ready', flush=True); "
        "sys.stdin.readline(); print(owner_token(Settings(cache=folder, data=folder / 'data')))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in started:
        assert process.stdout.readline() == "ready\n"
    found = {process.communicate("\n", timeout=60)[0] for process in started}
    assert len(found) == 1
    assert len(found.pop().strip()) >= SHORTEST


def test_a_full_disk_leaves_no_empty_token_and_locks_nobody_out(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StudyError, match=r"owner\.token cannot be kept.*No space left"):
            owner_token(settings(tmp_path))
    left = [path.name for path in (tmp_path / "data").iterdir() if not path.name.endswith(".lock")]
    assert left == []
    assert len(owner_token(settings(tmp_path))) >= SHORTEST


def test_an_empty_token_file_is_as_none(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/owner.token").touch()
    token = owner_token(settings(tmp_path))
    assert len(token) >= SHORTEST
    assert owner_token(settings(tmp_path)) == token
    assert (tmp_path / "data/owner.token").stat().st_mode & 0o077 == 0


def test_a_disk_without_links_still_keeps_the_token(tmp_path, monkeypatch):
    def unlinked(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unlinked)
    assert kept_secret(tmp_path / "x", lambda: "secret words") == "secret words"
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == ["x"]


def test_the_signing_secret_is_made_in_the_same_way(tmp_path):
    (tmp_path / "secret.key").touch()
    made = signing_secret(tmp_path)
    assert len(made) == 32
    assert signing_secret(tmp_path) == made
    (tmp_path / "secret.key").write_text("no hex")
    with pytest.raises(StudyError, match=r"secret\.key .* is damaged"):
        signing_secret(tmp_path)


@pytest.mark.parametrize("token", ["short", "123456789012345", "aaaaaaaaaaaaaaaaaaaaaaaa", "abcabcabcabcabcabcabc"])
def test_a_weak_token_is_refused_in_words_that_do_not_tell_it(tmp_path, token):
    with pytest.raises(StudyError, match="at least 16 characters") as refused:
        owner_token(settings(tmp_path, token))
    assert token not in str(refused.value)
    assert str(len(token)) not in str(refused.value).replace("16", "").replace("8", "")


def test_a_weak_token_in_the_file_is_refused_too(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/owner.token").write_text("owner")
    with pytest.raises(StudyError, match=r"owner\.token: expected at least 16"):
        owner_token(settings(tmp_path))


def test_what_signs_is_not_what_lets_in_and_is_slow_to_try(tmp_path):
    start = time.perf_counter()
    secret = signing_secret(tmp_path, GOOD)
    took = time.perf_counter() - start
    assert GOOD.encode() not in secret
    assert took > 0.02, "a list of passwords against a rater's token costs this for each"
    with pytest.raises(NotAllowed):
        Gate(GOOD).check(secret.hex())
    token = Sealer(secret).seal("rater", {"a": 1})
    assert GOOD not in token


def test_wrong_tokens_are_answered_more_and_more_slowly():
    now = [0.0]
    gate = Gate(GOOD, lambda: now[0])

    def knock(token, caller="192.0.2.1"):
        try:
            gate.check(token, caller)
        except NotAllowed as error:
            return "slower" if "Try again in" in str(error) else "wrong"
        return "in"

    assert [knock(f"guess {n}") for n in range(7)] == ["wrong"] * 5 + ["slower"] * 2
    assert knock(GOOD) == "slower", "until the wait is over not even the right one is looked at"
    assert knock(GOOD, "198.51.100.9") == "in", "another address is not kept waiting"
    tried = 0
    for _ in range(3600):
        now[0] += 1.0
        tried += knock("again") == "wrong"
    assert tried <= 70, "guesses in an hour"
    now[0] += 61
    assert knock(GOOD) == "in"
    assert [knock("x") for _ in range(5)] == ["wrong"] * 5, "who was let in begins anew"


@pytest.mark.parametrize("token", [None, 5, [], {}, "", "\ud800", "é" * 40], ids=ascii)
def test_anything_else_is_a_wrong_token(token):
    with pytest.raises(NotAllowed, match="needs the owner's token"):
        Gate(GOOD).check(token)
    with pytest.raises(NotAllowed):
        Gate("").check(token)


SESSIONS = CROWD.replace('{ PROLIFIC_PID = "participant" }', '{ PROLIFIC_PID = "participant", SESSION_ID = "session" }')


@pytest.mark.parametrize(
    "forged",
    [
        {"PROLIFIC_PID": "P1"},
        {"PROLIFIC_PID": "P1", "SESSION_ID": "guessed"},
        {"PROLIFIC_PID": "P1", "SESSION_ID": ""},
        {"PROLIFIC_PID": "P1", "SESSION_ID": ["s1"]},
        {"SESSION_ID": "s1"},
        {"participant": "P1", "session": "s1"},
    ],
    ids=str,
)
def test_knowing_a_platform_id_does_not_make_one_that_rater(study_folder, tmp_path, clock, forged):
    desk = open_desk(study_folder, tmp_path / "l.db", clock, tmp_path / "hub", STUDY + SESSIONS)

    def enter(parameters):
        return desk.enter({"agree": True, "version": "v1", "parameters": parameters})["rater"]

    mine = enter({"PROLIFIC_PID": "P1", "SESSION_ID": "s1"})
    item = desk.sync({"rater": mine, "want": 1})["items"][0]
    label = desk.sync({"rater": mine, "votes": [vote(item)]})["votes"][0]["id"]
    attacker = enter(forged)
    with pytest.raises(NotAllowed):
        desk.undo({"rater": attacker, "label": label})
    desk.withdraw({"rater": attacker})
    assert len(desk.store.judgements("pairs")) == 1
    back = enter({"PROLIFIC_PID": "P1", "SESSION_ID": "s1"})
    assert desk.sealer.open("rater", back)["rater"] == desk.sealer.open("rater", mine)["rater"]
    desk.store.close()
