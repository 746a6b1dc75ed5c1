"""The owner's report: with the recognisers asked for, with faces only on purpose, and by command."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.labeling.conftest import write_study
from workbench.cli import main
from workbench.errors import BadRequest
from workbench.labeling.serving.access import Gate
from workbench.labeling.serving.owner import Owner
from workbench.labeling.statistics import quality
from workbench.labeling.store.leases import Vote
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study

TOKEN = "the owner's"
IDLE = SimpleNamespace(hub="", ready=True, waiting=0, last_push=None, last_error="")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A store in which three raters judged thirty pairs, right about six times of seven.

    What a rater says of a pair hangs on the two alone: items come in an order that is drawn anew in every run, and
    answers drawn along it had all three excluded in some runs.
    """
    folder = tmp_path_factory.mktemp("owner")
    study = load_study(write_study(folder / "study", items=30))
    clock = SimpleNamespace(seconds=1_800_000_000.0)
    store = Store(folder / "data/labels.db", lambda: clock.seconds)
    store.add_study(study, load_items(study))
    for seed in range(3):
        rater = store.join(study, f"rater-{seed}")
        while held := store.hold(study, rater, 1):
            clock.seconds += 4
            number = int(held[0].item.split("-")[1])
            truth, other = ("same", "different") if number % 2 else ("different", "same")
            wrong = np.random.default_rng([seed, number]).random() < 0.15
            store.record(study, held[0], Vote(f"{other if wrong else truth}_2", 3000))
    yield study, store
    store.close()


def likeness(study, items, names):
    """A recogniser that knows the truth, with noise."""
    rng = np.random.default_rng(0)
    same = (items["truth"] == "same").to_numpy(dtype=float)
    return pd.DataFrame({"item": items["item"]} | {name: same + rng.normal(0, 0.3, len(items)) for name in names}), ()


@pytest.fixture
def owner(judged):
    study, store = judged
    return Owner(SimpleNamespace(store=store, study=study), Gate(TOKEN), ("sface", "dlib"), likeness)


def report(owner, **asked):
    return owner.do({"token": TOKEN, "action": "report", **asked})["html"]


def test_recognisers_stand_beside_people_only_when_asked_for(owner):
    assert "Humans and recognisers" not in report(owner)
    page = report(owner, recognisers=["dlib"], pictures="yes")
    assert "<h2>Humans and recognisers</h2>" in page
    assert "dlib and people" in page
    assert "sface" not in page
    assert "data:image" not in page, "faces are shown for the word true alone"


def test_faces_are_on_the_page_when_asked_for(owner):
    assert report(owner, recognisers=["sface"], pictures=True).count("data:image") >= 2


@pytest.mark.parametrize("asked", [["nobody"], "sface", [["sface"]], [1]])
def test_another_recogniser_is_refused(owner, asked):
    with pytest.raises(BadRequest, match="among sface, dlib"):
        report(owner, recognisers=asked)


def test_without_a_scorer_there_is_nobody_to_choose(judged):
    study, store = judged
    alone = Owner(SimpleNamespace(store=store, study=study), Gate(TOKEN))
    with pytest.raises(BadRequest, match="among none"):
        report(alone, recognisers=["sface"])
    page = report(alone)
    assert "0 excluded" in page
    assert "<h2>Agreement</h2>" in page


def test_the_command_says_which_pictures_had_no_face(tmp_path, monkeypatch, capsys, settings):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.chdir(tmp_path)
    study = load_study(write_study(tmp_path / "study"))
    clock = SimpleNamespace(seconds=1_800_000_000.0)
    store = Store(tmp_path / "data/labels.db", lambda: clock.seconds)
    store.add_study(study, load_items(study))
    store.close()
    assert main(["label", "report", str(tmp_path / "study"), "--recognisers", "sface", "--out", "r.html"]) == 0
    said = capsys.readouterr().out
    assert said.count("not scored: sface, item pair-") == 16
    assert "Wrote r.html" in said
    assert "nothing to aggregate" in (tmp_path / "r.html").read_text()
    assert (tmp_path / "data/scores/pairs-sface.csv").is_file()


def test_raters_are_checked_anew_only_when_rows_have_come(tmp_path, monkeypatch):
    study = load_study(write_study(tmp_path / "study", items=4))
    store = Store(tmp_path / "labels.db")
    store.add_study(study, load_items(study))
    first, second = store.join(study), store.join(study)
    store.record(study, store.hold(study, first, 1)[0], Vote("same_2", 3000))
    owner, rounds = (
        Owner(SimpleNamespace(store=store, study=study, outbox=SimpleNamespace(status=lambda: IDLE)), Gate(TOKEN)),
        [],
    )
    monkeypatch.setattr(
        quality, "assess", lambda table, rules, real=quality.assess: rounds.append(len(table)) or real(table, rules)
    )
    for _ in range(3):
        owner.do({"token": TOKEN, "action": "overview"})
        owner.do({"token": TOKEN, "action": "raters"})
    assert rounds == [1]
    store.record(study, store.hold(study, second, 1)[0], Vote("same_2", 3000))
    owner.do({"token": TOKEN, "action": "overview"})
    assert rounds == [1, 2]
    store.close()
