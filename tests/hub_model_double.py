"""A Hub on this machine that serves weights as the real one does, and goes wrong on request.

    with ModelHub() as hub:
        hub.put("model", "owner/name", {"model.safetensors": data})
        hub.trouble.append(Trouble("cut", after=1000))      # the next download breaks off after a thousand bytes

Large files are answered with a redirect to another host (`localhost` for `127.0.0.1`), which sees no token.
"""

import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any

from tests.hub_double import Fault, HubDouble
from tests.hub_repo import blob_id
from tests.hub_wire import Wire

__all__ = ["Fault", "ModelHub", "Trouble"]


@dataclass
class Trouble:
    """What happens to the next bytes of a large file. kind: cut, stall, tamper, page (a login page), status,
    no_range."""

    kind: str
    after: int = 0
    seconds: float = 0.0
    status: int = 503


class ModelHub(HubDouble):
    """The Hub and its store of large files in one server. `trouble` is taken from the front, one per download."""

    def __init__(self) -> None:
        super().__init__(lfs_suffixes=(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx"))
        self.trouble: list[Trouble] = []
        self.gated: set[str] = set()
        self.login_page = False
        self.store_tokens: set[str] = set()
        self.ranges: list[str] = []
        self._server.RequestHandlerClass = type("Handler", (_ModelHandler,), {"hub": self})
        self.store = self.address.replace("127.0.0.1", "localhost")


class _ModelHandler(Wire):
    hub: ModelHub

    def _dispatch(self, method: str, path: str, query: dict[str, list[str]]) -> None:
        if path.startswith("/store/"):
            return self._store(path.split("/")[2])
        if self.hub.login_page:
            return self._answer(
                200, b"<!DOCTYPE html><title>Welcome to the hotel</title>", "text/html; charset=utf-8", {}
            )
        return super()._dispatch(method, path, query)

    def _resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        repo = self.hub.repos.get((kind, name))
        if name in self.hub.gated:
            return self._json(
                401,
                {"error": "gated"},
                {"X-Error-Code": "GatedRepo", "X-Error-Message": f"Access to model {name} is restricted"},
            )
        if repo is None:
            return self._json(
                401, {"error": "Invalid username or password."}, {"X-Error-Message": "Invalid username or password."}
            )
        if re.fullmatch(r"[0-9a-f]{40}", revision) and revision not in {commit["oid"] for commit in repo.commits}:
            return self._json(
                404,
                {"error": "Revision not found"},
                {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"},
            )
        if path not in repo.lfs or path not in repo.files:
            return super()._resolve(kind, name, revision, path)
        data = next((commit["files"] for commit in repo.commits if commit["oid"] == revision), repo.files)[path]
        digest = hashlib.sha256(data).hexdigest()
        self.hub.large[digest] = data
        return self._answer(
            302,
            b"",
            "text/plain",
            {
                "X-Repo-Commit": revision if len(revision) == 40 else repo.head,
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(data)),
                "ETag": f'"{blob_id(data)}"',
                "Location": f"{self.hub.store}/store/{digest}",
            },
        )

    def _store(self, digest: str) -> None:
        self.hub.store_tokens.add(self.headers.get("Authorization", ""))
        self.hub.ranges.append(self.headers.get("Range", ""))
        data = self.hub.large[digest]
        trouble = self.hub.trouble.pop(0) if self.hub.trouble else None
        if trouble and trouble.kind == "status":
            return self._json(trouble.status, {"error": "busy"}, {"Retry-After": "0"})
        if trouble and trouble.kind == "page":
            return self._answer(200, b"<html>Please log in to this network</html>", "text/html", {})
        if trouble and trouble.kind == "tamper":
            data = data[:-1] + bytes([data[-1] ^ 1])
        first = self._first(len(data)) if not (trouble and trouble.kind == "no_range") else 0
        extra = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if first else {}
        return self._send(206 if first else 200, data[first:], extra, trouble)

    def _first(self, size: int) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return min(int(match[1]), size) if match else 0

    def _send(self, status: int, data: bytes, extra: dict[str, Any], trouble: Trouble | None) -> None:
        if trouble is None or trouble.kind not in ("cut", "stall"):
            return self._answer(status, data, "application/octet-stream", extra)
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(data)),
            **extra,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: trouble.after])
        self.wfile.flush()
        time.sleep(trouble.seconds)
        return self._cut()
