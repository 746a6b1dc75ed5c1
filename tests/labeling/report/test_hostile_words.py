"""A study's texts, groups and raters' comments are shown as they were written, wherever they are shown."""

from tests.labeling.conftest import write_study
from tests.labeling.votes import answer_all
from workbench.labeling.hub.card import card_for
from workbench.labeling.hub.hub import LocalHub
from workbench.labeling.report.report import pictures_of, report
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.store.leases import Vote
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study

TAG = "<img src=x onerror=alert(1)>"
TEXT = f"""
[study]
name = "faces"
title = "{TAG} & 'quotes'"
task = "category"
attribute = "{TAG}"
choices = ["{TAG}", "plain"]
instructions = "{TAG}"
contact = "{TAG}"
license = "{TAG}"
[consent]
version = "v1"
text = "{TAG}"
[items]
csv = "items.csv"
[assignment]
raters_per_item = 3
[blocks]
size = 10
gold = 0
repeats = 0
[crowd]
pay = "{TAG}"
[demographics]
"{TAG}" = ["{TAG}", "other"]
[adjudication]
rule = "disagreement"
"""


def test_no_word_of_a_study_or_of_a_rater_becomes_a_tag(tmp_path, clock):
    folder = write_study(tmp_path / "study", items=3, gold=0)
    rows = [f'pair{n},images/{n}a.png,"{TAG}"' for n in range(3)]
    (folder / "items.csv").write_text("\n".join(["item,image_1,group", *rows]) + "\n")
    (folder / "study.toml").write_text(TEXT)
    study = load_study(folder)
    store = Store(tmp_path / "labels.db", clock)
    store.add_study(study, load_items(study))
    for answer in (TAG, "plain", TAG):
        rater = store.join(study, demographics={TAG: TAG})
        answer_all(store, study, rater, Vote(answer, 1500, reason=TAG))
    decider = store.join(study)
    store.appoint("faces", decider, True)
    answer_all(store, study, decider, Vote("plain", 1500), most=1)

    items = store.items("faces")
    judged, raters = store.judgements("faces"), store.raters("faces")
    found = analyse(study, judged, items, raters=raters, rounds=20, decisions=store.decisions("faces"))
    page = report(found, pictures_of(study, items)).html

    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "&amp;lt;" not in page, "escaped once"
    card = card_for(store, LocalHub(tmp_path / "hub")).decode()
    assert "<img" not in card
    store.close()
