"""A desk over the small study, and what a rater's browser says to it."""

from tests.labeling.conftest import STUDY
from workbench.labeling.hub.hub import LocalHub
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.serving.desk import Desk
from workbench.labeling.serving.tokens import Sealer
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import parse_study

CROWD = """
[crowd]
return_url = "https://crowd.example/done?cc={code}"
parameters = { PROLIFIC_PID = "participant" }
codes = { complete = "OK1", failed_checks = "BAD1", no_consent = "NO1" }
[demographics]
"Age group" = ["18-30", "31-50"]
"""


def open_desk(folder, database, clock, hub, text=STUDY + CROWD, secret=b"s" * 32):
    study = parse_study(text, folder)
    items = load_items(study)
    store = Store(database, clock)
    store.add_study(study, items)
    outbox = Outbox(store, LocalHub(hub))
    outbox.hub.ensure()
    outbox.pull()
    outbox.ready = True
    return Desk(study, items, store, outbox, Sealer(secret))


def agree(desk, **more):
    return desk.enter({"agree": True, "version": "v1"} | more)["rater"]


def vote(item, answer="same_3", **more):
    return {"lease": item["token"], "answer": answer, "response_ms": 1200} | more


def rows(desk):
    return desk.store.judgements("pairs")


def forged(token):
    middle = len(token) // 2
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
