"""What has been kept as long as its study says is erased: from the database, its log, and the data set."""

from pathlib import Path

import pytest

from tests.labeling.conftest import STUDY, write_study
from tests.labeling.votes import answer_all
from workbench.labeling.hub.hub import LocalHub
from workbench.labeling.hub.keeping_clock import KeepingClock, erase_due
from workbench.labeling.hub.loading import load_labels
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.store.keeping_times import due
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study

DAY = 86_400
NAME = "the-platform-calls-them-so"


@pytest.fixture
def kept(tmp_path, clock):
    """A pushed study that keeps names for 10 days and answers for 30, with an answer of a rater known by name."""
    rule = "\n[retention]\nnames = 10\nanswers = 30\n"
    study = load_study(write_study(tmp_path / "study", items=3, gold=1, text=STUDY + rule))
    store = Store(tmp_path / "labels.db", clock)
    store.add_study(study, load_items(study))
    rater = store.join(study, person={"participant": NAME, "session": "s"})
    answer_all(store, study, rater, most=3)
    outbox = Outbox(store, LocalHub(tmp_path / "hub"))
    assert outbox.attempt()
    yield outbox, study, rater
    store.close()


def on_disk(outbox: Outbox, text: str) -> list[str]:
    """Files of the database in which these letters stand."""
    database = Path(outbox.store.database.engine.url.database)
    return [path.name for path in database.parent.glob(f"{database.name}*") if text.encode() in path.read_bytes()]


def test_names_go_first_and_nothing_of_them_is_left_on_the_disk(kept, clock):
    outbox, study, rater = kept
    assert on_disk(outbox, NAME)
    clock.seconds += 9 * DAY
    assert erase_due(outbox) == 0
    clock.seconds += 2 * DAY
    assert due(outbox.store, study).names == (rater,)
    assert erase_due(outbox) == 1
    assert on_disk(outbox, NAME) == []
    assert len(outbox.store.judgements("pairs")) == 3
    assert erase_due(outbox) == 0


def test_answers_leave_the_database_its_log_and_the_data_set_and_the_card_says_so(kept, clock):
    outbox, study, _ = kept
    labels = list(outbox.store.judgements("pairs")["label"])
    clock.seconds += 20 * DAY
    late = outbox.store.join(study)
    answer_all(outbox.store, study, late, most=2)
    clock.seconds += 11 * DAY
    assert erase_due(outbox) == 1
    assert set(outbox.store.judgements("pairs")["rater"]) == {late}
    assert not any(on_disk(outbox, label) for label in labels)
    assert set(load_labels(outbox.hub.folder)["rater"]) == {late}
    card = (outbox.hub.folder / "README.md").read_text()
    assert "answers 30 days after a rater's last answer; all answers of 1 raters were erased" in card
    again = Store(outbox.hub.folder / "again.db", clock)
    Outbox(again, outbox.hub).pull()
    assert set(again.judgements("pairs")["rater"]) == {late}
    again.close()


def test_the_clock_looks_once_an_hour_and_a_hub_that_is_away_is_tried_again(kept, clock, caplog):
    outbox, *_ = kept
    outbox.ready = True
    ticking = KeepingClock(outbox)
    ticking.tick()
    clock.seconds += 31 * DAY
    outbox.hub.folder.rename(outbox.hub.folder.with_name("away"))
    outbox.hub.folder.write_text("no folder")
    ticking.tick()
    assert "tried" not in caplog.text
    assert "could not be erased everywhere yet" in caplog.text
    assert outbox.store.judgements("pairs").empty, "out of use all the same"
    outbox.hub.folder.unlink()
    outbox.hub.folder.with_name("away").rename(outbox.hub.folder)
    ticking.tick()
    clock.seconds += 3601
    ticking.tick()
    assert load_labels(outbox.hub.folder).empty


def test_a_study_without_keeping_times_loses_nothing(tmp_path, clock):
    study = load_study(write_study(tmp_path / "study", items=2, gold=1))
    store = Store(tmp_path / "labels.db", clock)
    store.add_study(study, load_items(study))
    answer_all(store, study, store.join(study, person={"participant": NAME}), most=2)
    clock.seconds += 36_000 * DAY / 10
    assert erase_due(Outbox(store, LocalHub(tmp_path / "hub"))) == 0
    assert len(store.judgements("pairs")) == 2
    store.close()
