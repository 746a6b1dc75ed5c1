"""Raters for tests: they keep what a browser keeps in its local storage, and resend until the Hub has it."""

import http.client
import json
import random
import threading
import time
import urllib.error
import urllib.request
from typing import Any


class BrowserDouble:
    """One rater's browser: token, receipts and unanswered votes survive the server; everything is sent again until "on
    hub"."""

    def __init__(self, address: str, seed: int) -> None:
        """address: of the server."""
        self.address = address
        self.rng = random.Random(seed)
        self.token = self.entry = ""
        self.receipts: dict[str, str] = {}
        self.pending: list[dict[str, Any]] = []
        self.items: list[dict[str, Any]] = []
        self.on_hub: set[str] = set()
        self.acknowledged: set[str] = set()
        self.refused: list[str] = []
        self.done = False
        self.leaving = False
        self.left: list[dict[str, str]] = []
        self.withdrawn: list[set[str]] = []
        self._own: set[str] = set()

    def post(self, path: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        """The answer, or None when the server is gone, starting or cut in the middle."""
        request = urllib.request.Request(self.address + path, json.dumps(asked).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return None
            raise AssertionError(f"{path}: {error.code} {error.read()!r}") from error
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def withdraw(self) -> bool:
        """Withdraw and begin anew as somebody else; False when it was not acknowledged."""
        answer = self.post("/withdraw", {"rater": self.token}) if self.token else None
        if answer is None or answer["state"] != "withdrawn":
            return False
        self.left.append({"rater": self.token, "receipt": answer["receipt"]})
        self.withdrawn.append(self._own)
        self.acknowledged -= self._own
        self.token = self.entry = ""
        self.receipts, self.pending, self.items, self._own = {}, [], [], set()
        self.done = self.leaving = False
        return True

    def settle(self) -> None:
        """Send the receipts of withdrawals again, until the Hub has them."""
        for one in list(self.left):
            answer = self.post("/withdraw", one)
            if answer is not None and answer["on_hub"]:
                self.left.remove(one)

    def step(self, vote: bool = True) -> bool:
        """One exchange: receipts that are not on the Hub, votes without an answer, a new vote if wanted; False when it
        failed."""
        if not self.token:
            entered = self.post("/enter", {"agree": True, "version": "v1"})
            if entered is None:
                return False
            self.token, self.entry = entered["rater"], entered["receipt"]
        if vote and self.items and not self.pending:
            item = self.items.pop(0)
            answer = self.rng.choice(["same_3", "different_3"])
            self.pending.append({"lease": item["token"], "answer": answer, "response_ms": 1, "id": item["id"]})
        waiting = [key for key in self.receipts if key not in self.on_hub]
        asked = {
            "rater": self.token,
            "resend": [self.entry, *(self.receipts[key] for key in waiting[:99])],
            "votes": [{name: value for name, value in vote.items() if name != "id"} for vote in self.pending],
            "held": [item["token"] for item in self.items],
            "check": waiting[:300],
            "want": 3 if vote else 0,
        }
        said = self.post("/sync", asked)
        if said is None:
            return False
        for vote_sent, result in zip(self.pending, said["votes"], strict=True):
            if "receipt" in result:
                self.receipts[vote_sent["id"]] = result["receipt"]
                self.acknowledged.add(vote_sent["id"])
                self._own.add(vote_sent["id"])
            else:
                self.refused.append(result["state"])
        self.pending = []
        self.on_hub |= set(said["on_hub"])
        if vote:
            self.items = said["items"]
            self.done = said["state"] == "complete"
        return True

    def run(self, stop: threading.Event, think: float) -> None:
        """Judge until told to stop, a little slower while the server is away."""
        while not stop.is_set():
            if self.leaving:
                self.withdraw()
            self.settle()
            good = self.step(vote=not self.done)
            time.sleep(self.rng.uniform(0.5, 1.5) * think if good else 0.1)


class Visitor:
    """A rater behind a proxy: asks one server as long as it answers (`sticky`) or any at random, and sends receipts
    only when it is asked to, as the page does."""

    def __init__(self, addresses: list[str], seed: int, sticky: bool) -> None:
        """addresses: of the servers."""
        self._addresses, self._sticky, self._rng = list(addresses), sticky, random.Random(seed)
        self._rng.shuffle(self._addresses)
        self._rater = self._boot = ""
        self._receipts: dict[str, str] = {}
        self._items: list[dict[str, Any]] = []
        self._pending: list[dict[str, Any]] = []
        self.acknowledged: set[str] = set()
        self.resends = 0
        self.refused: list[str] = []
        self.times: list[float] = []
        self.done = False

    def post(self, path: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        """The answer of the first server that gives one, None when none does."""
        if not self._sticky:
            self._rng.shuffle(self._addresses)
        for address in list(self._addresses):
            answer = BrowserDouble(address, 0).post(path, asked)
            if answer is not None:
                return answer
            self._addresses.append(self._addresses.pop(0))
        return None

    def step(self) -> bool:
        """One exchange; False when nobody answered."""
        if not self._rater:
            entered = self.post("/enter", {"agree": True, "version": "v1"})
            self._rater = entered["rater"] if entered else ""
            return entered is not None
        if self._items and not self._pending:
            item = self._items.pop(0)
            answer = self._rng.choice(["same_3", "different_3"])
            self._pending = [{"lease": item["token"], "answer": answer, "response_ms": 1, "id": item["id"]}]
        votes = [{name: value for name, value in vote.items() if name != "id"} for vote in self._pending]
        have = [item["id"] for item in self._items]
        began = time.perf_counter()
        said = self.post("/sync", {"rater": self._rater, "boot": self._boot, "votes": votes, "have": have, "want": 3})
        if said is None:
            return False
        if said["state"] == "resend":
            self.resends += 1
            self.post("/sync", {"rater": self._rater, "resend": list(self._receipts.values())[:100]})
            self._boot = said["boot"]
            return True
        self.times += [time.perf_counter() - began] * len(votes)
        self._boot = said["boot"]
        for vote, result in zip(self._pending, said["votes"], strict=True):
            if "receipt" in result:
                self._receipts[vote["id"]] = result["receipt"]
                self.acknowledged.add(vote["id"])
            else:
                self.refused.append(result["state"])
        self._pending = []
        self._items = [item for item in self._items if item["id"] in said["valid"]] + said["items"]
        self.done = said["state"] == "complete"
        return True

    def run(self, stop: threading.Event) -> None:
        """Judge until nothing is left or told to stop."""
        while not stop.is_set() and not self.done:
            if not self.step() or not self._items:
                time.sleep(0.05)
