"""The Labeling tab without a browser: what its functions refuse, and what the study builder accepts."""

import base64
import io
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from fastapi import HTTPException
from gradio.routes import App
from PIL import Image
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from tests.labeling.conftest import STUDY, draw, write_study
from workbench.bench import Workbench
from workbench.errors import NotAllowed, StudyError, WorkbenchError
from workbench.labeling.serving.folders import choose_folder, chosen_folder, demo_folder
from workbench.labeling.store import members
from workbench.settings import Settings
from workbench.ui.labeling import tab as labeling
from workbench.ui.labeling.room import Room, faces_of_nobody, with_owner_token
from workbench.ui.labeling.studies import Studies

OWNER = "owner token of this test"


@pytest.fixture
def own(tmp_path):
    """A bench with a data folder of its own and an owner."""
    return Workbench(Settings(cache=tmp_path / "cache", data=tmp_path / "data", owner_token=OWNER))


@pytest.fixture
def room(own, tmp_path):
    room = Room(own, write_study(tmp_path / "study"))
    yield room
    room.stop(1)


def wait_ready(room):
    """Until the study's outbox has looked at the Hub."""
    end = time.monotonic() + 20
    while not room.service().outbox.ready and time.monotonic() < end:
        time.sleep(0.01)


def asked_by(size: int):
    return SimpleNamespace(headers={"content-length": str(size)}, client=SimpleNamespace(host="192.0.2.7"))


def functions(room, own):
    return {
        f.__name__: labeling._guarded(f, 1000)
        for f in [*labeling.rater_functions(room), *labeling.owner_functions(room, own)]
    }


def test_the_tab_builds_without_opening_the_study(own):
    room = Room(own, own.settings.data / "nowhere")
    blocks = labeling.build(own, None, room)
    assert [
        name for block in blocks.blocks.values() for name in (f.__name__ for f in getattr(block, "server_fns", []))
    ] == [
        *("welcome", "enter", "sync", "undo", "withdraw", "practice"),
        *("owner", "study"),
    ]
    assert not own.settings.data.exists()


def test_the_screen_asks_no_other_server(own):
    for path in filter(Path.is_file, labeling.SCREEN.rglob("*")):
        text = path.read_text(encoding="utf-8")
        assert "http://" not in text
        assert "https://" not in text.replace('startsWith("https://")', "")


@pytest.mark.parametrize("name", ["owner", "study"])
@pytest.mark.parametrize("token", [None, "", "wrong", OWNER + "x", ["x"]], ids=str)
def test_without_the_token_the_owners_functions_answer_403(room, own, name, token):
    for action in ("overview", "list", "export", "squash"):
        with pytest.raises(HTTPException) as refused:
            functions(room, own)[name]({"token": token, "action": action}, asked_by(10))
        assert refused.value.status_code == 403
        assert "owner's token" in refused.value.detail


@pytest.mark.parametrize(
    ("asked", "size", "status"),
    [
        ({}, 1001, 413),
        ({}, 10_000_000, 413),
        ([], 5, 400),
        ("x", 5, 400),
        (None, 5, 400),
        ({"rater": "forged"}, 5, 403),
        ({"rater": 1}, 5, 403),
    ],
    ids=str,
)
def test_what_is_no_request_is_refused_with_its_status(room, own, asked, size, status):
    wait_ready(room)
    with pytest.raises(HTTPException) as refused:
        functions(room, own)["sync"](asked, asked_by(size))
    assert refused.value.status_code == status


def test_a_bug_of_ours_is_a_500_that_tells_nothing(room, own, monkeypatch, caplog):
    monkeypatch.setattr(room, "service", lambda: 1 / 0)
    with pytest.raises(HTTPException) as failed:
        functions(room, own)["welcome"]({}, asked_by(2))
    assert failed.value.status_code == 500
    assert "division" not in failed.value.detail
    assert "welcome failed" in caplog.text


def test_the_demo_needs_nothing_but_what_ships_and_puts_nobody_beside_themselves(own):
    room = Room(own)
    study = room.service().study
    items = room.service().store.items("demo")
    assert len(items) == 32
    with Image.open(study.folder / items["pictures"].iloc[0][0][0]) as picture:
        assert picture.size == (256, 256)
        assert picture.info["Synthetic"] == "true"
    sample = faces_of_nobody(own)
    faces = [face.tobytes() for face in sample(40, 3)]
    assert all(one != other for one, other in zip(faces[::2], faces[1::2], strict=True))
    assert len(set(faces)) == 16
    assert [face.tobytes() for face in sample(40, 3)] == faces
    room.stop(1)


def test_the_owner_sees_pauses_requeues_and_exports(room, own):
    owner = room.owner()
    wait_ready(room)
    desk = room.service().desk
    rater = desk.enter({"agree": True, "version": "v1"})["rater"]
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    desk.sync({"rater": rater, "votes": [{"lease": item["token"], "answer": "same_2", "response_ms": 900}]})
    seen = owner.do({"token": OWNER, "action": "overview"})
    assert (seen["counts"]["labels"], seen["coverage"]["items"], seen["state"]) == (1, 12, "open")
    assert owner.do({"token": OWNER, "action": "pause"}) == {"state": "paused"}
    assert desk.sync({"rater": rater, "want": 1})["items"] == []
    rows = owner.do({"token": OWNER, "action": "raters"})["raters"]
    assert [(row["answered"], row["seconds"]) for row in rows] == [(1, 0.9)]
    for kind, start in (("parquet", b"PAR1"), ("csv", b"label,"), ("jsonl", b'{"label"'), ("datasets", b"PK")):
        file = owner.do({"token": OWNER, "action": "export", "format": kind})
        assert base64.b64decode(file["base64"]).startswith(start)
    assert owner.do({"token": OWNER, "action": "requeue", "items": ["pair-001"], "more": 2}) == {"requeued": 1}
    assert owner.do({"token": OWNER, "action": "block", "rater": rows[0]["rater"]})["state"] == "blocked"
    whats = [line["what"] for line in owner.do({"token": OWNER, "action": "audit"})["audit"]]
    assert whats == ["blocked", "requeue", "export", "export", "export", "export", "paused", "load"]
    assert "<html" in owner.do({"token": OWNER, "action": "report"})["html"]


def test_too_few_valid_raters_raise_the_alarm(room):
    owner = room.owner()
    wait_ready(room)
    desk = room.service().desk
    for _ in range(2):
        rater = desk.enter({"agree": True, "version": "v1"})["rater"]
        while item := desk.sync({"rater": rater, "want": 1})["items"]:
            desk.sync({"rater": rater, "votes": [{"lease": item[0]["token"], "answer": "same_3", "response_ms": 100}]})
    assert owner.overview()["valid"] == {"share": 0.0, "judged": 2, "unchecked": 0, "alarm": True}


def zipped(names, root):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, (root / name).read_bytes() if (root / name).is_file() else b"x")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture
def studies(room, own):
    return Studies(room, own)


def test_a_study_is_made_from_a_zip_and_served(studies, room, own, tmp_path):
    folder = write_study(tmp_path / "upload", items=4, gold=0)
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".png", ".csv")]
    text = STUDY.replace('name = "pairs"', 'name = "mine"')
    assert studies.do({"token": OWNER, "action": "check", "toml": text})["name"] == "mine"
    made = studies.do({"token": OWNER, "action": "make", "toml": text, "zip": zipped(names, folder)})
    assert made == {"name": "mine", "items": 4, "gold": 0}
    with pytest.raises(StudyError, match="already"):
        studies.do({"token": OWNER, "action": "make", "toml": text, "zip": zipped(names, folder)})
    assert studies.do({"token": OWNER, "action": "serve", "name": "mine"}) == {"serving": "mine"}
    assert chosen_folder(own.settings).name == "mine"
    with pytest.raises(StudyError, match="no study"):
        studies.do({"token": OWNER, "action": "serve", "name": "../study"})


@pytest.mark.parametrize("name", ["../out.png", "/etc/x.png", "run.py", "a/../../b.png", "c:\\x.png"])
def test_a_zip_cannot_write_elsewhere_or_bring_programs(studies, own, tmp_path, name):
    draw(tmp_path / "a.png", 1)
    with pytest.raises(StudyError, match="pictures and CSV"):
        studies.do(
            {
                "token": OWNER,
                "action": "make",
                "toml": STUDY.replace('"pairs"', '"evil"'),
                "zip": zipped([name], tmp_path),
            }
        )
    left = [path for path in (own.settings.data / "studies").rglob("*") if path.is_file()]
    assert left == []


def test_a_study_that_does_not_load_leaves_nothing(studies, own):
    with pytest.raises(StudyError, match="not in its folder"):
        studies.do({"token": OWNER, "action": "make", "toml": STUDY.replace('"pairs"', '"half"')})
    assert list((own.settings.data / "studies").iterdir()) == []
    with pytest.raises(NotAllowed):
        studies.do({"action": "make", "toml": STUDY})


def test_a_missing_served_study_bricks_nothing_and_shows_no_path(own, tmp_path):
    choose_folder(own.settings, tmp_path / "gone away")
    write_study(own.settings.data / "studies/pairs")
    room = Room(own)
    all_of_them = functions(room, own)
    for name in ("welcome", "enter", "sync", "undo", "withdraw"):
        with pytest.raises(HTTPException) as refused:
            all_of_them[name]({"token": OWNER}, asked_by(10))
        assert refused.value.status_code == 400
        assert "'gone away' is not on this server any more" in refused.value.detail
        assert str(tmp_path) not in refused.value.detail
    with pytest.raises(HTTPException) as refused:
        all_of_them["owner"]({"token": OWNER, "action": "overview"}, asked_by(10))
    assert str(tmp_path) not in refused.value.detail
    listed = all_of_them["study"]({"token": OWNER, "action": "list"}, asked_by(10))
    assert listed == {"studies": ["pairs"], "open": [], "serving": "gone away"}
    assert all_of_them["study"]({"token": OWNER, "action": "serve", "name": "pairs"}, asked_by(10)) == {
        "serving": "pairs"
    }
    assert all_of_them["welcome"]({}, asked_by(10))["study"] == "pairs"
    room.stop(1)


@pytest.mark.parametrize("note", ["", "\n", "\udcff", "/"], ids=ascii)
def test_a_damaged_note_of_the_served_study_is_no_study(own, note):
    path = own.settings.data / "studies/serving"
    path.parent.mkdir(parents=True)
    path.write_bytes(note.encode("utf-8", "surrogateescape"))
    expected = Path("/") if note == "/" else demo_folder(own.settings)
    assert chosen_folder(own.settings) == expected
    if note == "/":
        with pytest.raises(WorkbenchError):
            Room(own).service()


def test_guessing_the_owners_token_slows_down_for_every_function_and_for_one_address(room, own):
    all_of_them = functions(room, own)

    def knock(name, token, host):
        request = SimpleNamespace(headers={"content-length": "9"}, client=SimpleNamespace(host=host))
        try:
            all_of_them[name]({"token": token, "action": "list", "caller": "forged"}, request)
        except HTTPException as error:
            return error.detail
        return "in"

    said = [knock(name, f"guess {n}", "192.0.2.1") for n in range(4) for name in ("owner", "study")]
    assert ["Too many wrong tokens" in detail for detail in said] == [False] * 5 + [True] * 3
    assert "Too many" in knock("study", OWNER, "192.0.2.1")
    assert knock("study", OWNER, "198.51.100.1") == "in"


def test_a_half_made_study_is_not_offered(own, studies):
    write_study(own.settings.data / "studies/.mine.part")
    assert studies.do({"token": OWNER, "action": "list"})["studies"] == []


def test_the_owners_token_is_made_once_and_kept_private(tmp_path):
    settings = Settings(cache=tmp_path, data=tmp_path / "data")
    token = with_owner_token(settings).owner_token
    assert len(token) >= 20
    assert with_owner_token(settings).owner_token == token
    assert (tmp_path / "data/owner.token").stat().st_mode & 0o077 == 0
    assert chosen_folder(settings) == demo_folder(settings)
    choose_folder(settings, tmp_path / "other")
    assert chosen_folder(settings) == tmp_path / "other"


def test_members_reach_their_study_alone_and_the_server_stays_its_owners(room, own):
    studies, owner = Studies(room, own), functions(room, own)["owner"]
    room.service()
    made = owner({"token": OWNER, "action": "add_member", "name": "ana", "role": "owner"}, asked_by(10))
    told = studies.do({"token": made["token"], "action": "list"})
    assert told["roles"] == {"pairs": "owner"}
    assert owner({"token": made["token"], "action": "overview"}, asked_by(10))["study"] == "pairs"
    for asked in ({"action": "make"}, {"action": "serve", "name": "demo"}, {"action": "close", "name": "demo"}):
        with pytest.raises(NotAllowed, match="role"):
            studies.do({"token": made["token"]} | asked)
    choose_folder(own.settings, room.service().study.folder)
    own_name = room.service().study.folder.name
    assert studies.do({"token": OWNER, "action": "clone", "name": own_name, "fresh": "again"})["name"] == "again"
    assert "again" in studies.do({"token": OWNER, "action": "list"})["studies"]


def test_a_hub_account_comes_from_the_sealed_session_and_ends_with_it():
    def signed(told):
        return SimpleNamespace(request=SimpleNamespace(scope={"session": told}))

    info = {"oauth_info": {"userinfo": {"preferred_username": "carla"}, "expires_at": 100}}
    assert labeling.account(signed(info), now=99) == "carla"
    assert labeling.account(signed(info), now=101) == ""
    for told in (
        {},
        None,
        {"oauth_info": "carla"},
        {"oauth_info": {"userinfo": {"preferred_username": 1}, "expires_at": 100}},
    ):
        assert labeling.account(signed(told), now=99) == ""
    assert labeling.account(asked_by(1), now=99) == ""


class Sealed:
    """In front of Gradio, as its own middleware where the Hub signs people in: whose session a request belongs to."""

    def __init__(self, app, session) -> None:
        self.app, self.session = app, session

    async def __call__(self, scope, receive, send) -> None:
        await self.app(scope | {"session": self.session}, receive, send)


def test_whoever_signed_in_at_the_hub_is_known_to_the_functions_that_gradio_calls():
    """Gradio hands over the plain request, and only what it wraps elsewhere was looked into: nobody was signed in."""
    with gr.Blocks(analytics_enabled=False) as page:
        box = gr.HTML("x", server_functions=[labeling._guarded(lambda asked: dict(asked), 1000, oauth=True)])
    info = {"userinfo": {"preferred_username": "carla"}, "expires_at": time.time() + 60}
    sealed = {"middleware": [Middleware(Sealed, session={"oauth_info": info})]}
    asked = {"data": {"account": "eve"}, "component_id": box._id, "fn_name": "<lambda>", "session_hash": "x"}
    client = TestClient(App.create_app(page, app_kwargs=sealed), base_url="https://judge.example")

    def account(**headers: str) -> str:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post("/gradio_api/component_server", json=asked, headers=told).json()["account"]

    own, other = {"origin": "https://judge.example"}, {"origin": "https://evil.example"}
    assert [account(), account(**own), account(**own, sec_fetch_site="same-origin")] == ["carla"] * 3
    assert [account(**other), account(**other, sec_fetch_site="cross-site")] == ["", ""], "the cookie comes along"


def test_what_a_browser_says_of_its_account_is_not_believed(room, own):
    members.add(room.service().store, "pairs", "hub:carla", "owner")
    with pytest.raises(HTTPException) as refused:
        functions(room, own)["owner"]({"account": "carla", "action": "overview"}, asked_by(10))
    assert refused.value.status_code == 403
