"""The owner uploads another tool's file, and saves the study for one."""

import base64
import json
from types import SimpleNamespace

import pytest

from tests.labeling.foreign.studies import given, write
from workbench.errors import BadRequest, NotAllowed, StudyError
from workbench.labeling.foreign import files
from workbench.labeling.serving.access import Gate
from workbench.labeling.serving.owner import Owner
from workbench.labeling.serving.tokens import Sealer
from workbench.labeling.store.store import Store

TOKEN = "the owner's"


@pytest.fixture
def owner(tmp_path):
    shown = write(tmp_path / "faces", "expression")
    store = Store(tmp_path / "labels.db")
    store.add_study(shown.study, shown.items)
    desk = SimpleNamespace(sealer=Sealer(b"s" * 32))
    yield Owner(SimpleNamespace(study=shown.study, store=store, desk=desk, outbox=None), Gate(TOKEN)), shown, store
    store.close()


def _ask(owner, **asked):
    return owner.do({"token": TOKEN} | asked)


def test_an_upload_is_imported_and_saved_again(owner):
    owner, shown, store = owner
    lines = ["item,rater,answer,reason"]
    lines += [f'{one.item},{one.rater},"{one.answer}",' for one in given(shown)]
    data = base64.b64encode("\n".join(lines).encode()).decode()
    done = _ask(owner, action="import", format="csv", base64=data)
    assert (done["new"], done["raters"], done["left_out"]) == (9, 3, 0)
    assert _ask(owner, action="import", format="csv", base64=data)["already"] == 9
    assert [line["what"] for line in store.audit_log("faces")].count("import") == 2
    for kind in files.FORMATS:
        if kind == "coco":
            with pytest.raises(StudyError, match="drawn or placed"):
                _ask(owner, action="export", format=kind)
        else:
            assert base64.b64decode(_ask(owner, action="export", format=kind)["base64"])


def test_an_upload_that_is_none_is_refused(owner):
    owner, _, store = owner
    tasks = base64.b64encode(json.dumps([{"data": {"item": "x"}, "annotations": [{"result": []}]}]).encode()).decode()
    for asked, error in (
        ({"format": "xls", "base64": tasks}, BadRequest),
        ({"format": "csv", "base64": "%%%"}, BadRequest),
        ({"format": "csv", "base64": "", "words": [1]}, BadRequest),
        ({"format": "csv", "base64": ""}, StudyError),
        ({"format": "label-studio", "base64": tasks}, StudyError),
    ):
        with pytest.raises(error):
            _ask(owner, action="import", **asked)
    with pytest.raises(NotAllowed):
        owner.do({"token": "wrong", "action": "import", "format": "csv", "base64": tasks})
    assert len(store.judgements("faces")) == 0
