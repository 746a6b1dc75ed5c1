"""How the Hub's double answers on the wire: the routes that huggingface_hub 2.4 asks, without Xet."""

import base64
import hashlib
import json
import re
import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub_repo import Repo, blob_id

if TYPE_CHECKING:
    from tests.hub_double import HubDouble

_KINDS = {"datasets": "dataset", "models": "model", "spaces": "space"}
_API = re.compile(r"/api/(datasets|models|spaces)/([^/]+/[^/]+)(?:/(.*))?")


class Wire(BaseHTTPRequestHandler):
    """One request, answered from `hub`."""

    hub: "HubDouble"
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._route("GET")

    def do_HEAD(self) -> None:
        self._route("HEAD")

    def do_POST(self) -> None:
        self._route("POST")

    def do_PUT(self) -> None:
        self._route("PUT")

    def _route(self, method: str) -> None:
        self.body = (
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self._chunked()
            else self._read_chunks()
        )
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.hub.requests.append((method, path))
        self.hub.tokens.add(self.headers.get("Authorization", ""))
        kind = next(
            (
                k
                for k in ("commit", "preupload", "tree", "resolve", "create", "paths-info", "super-squash")
                if f"/{k}" in path
            ),
            "other",
        )
        fault = self.hub.fault(kind)
        if fault and fault.stall:
            time.sleep(fault.stall)
        if fault and fault.drop_before:
            return self._cut()
        if fault and fault.status:
            return self._json(
                fault.status, {"error": f"fault {fault.status}"}, {"Retry-After": "0"} if fault.status == 429 else {}
            )
        self.drop = bool(fault and fault.drop_after)
        if (
            self.hub.private_token
            and self.headers.get("Authorization") != f"Bearer {self.hub.private_token}"
            and method != "PUT"
        ):
            return self._json(401, {"error": "Invalid credentials"}, {"X-Error-Message": "Invalid credentials"})
        return self._dispatch(method, path, parse_qs(url.query))

    def _dispatch(self, method: str, path: str, query: dict[str, list[str]]) -> None:
        if path == "/api/repos/create":
            return self._create()
        if path == "/api/validate-yaml":
            return self._json(200, {"errors": [], "warnings": []})
        if path == "/api/whoami-v2":
            return self._json(200, {"name": "tester", "type": "user", "auth": {}})
        if path.startswith("/lfs/"):
            return self._large(method, path)
        if match := re.fullmatch(r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            return self._batch()
        if match := _API.fullmatch(path):
            return self._api(method, _KINDS[match[1]], match[2], match[3] or "", query)
        if match := re.fullmatch(r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._resolve(_KINDS[match[1] or "models"], match[2], match[3], match[4])
        return self._json(404, {"error": f"no such route {path}"})

    def _create(self) -> None:
        asked = json.loads(self.body)
        kind = asked.get("type") or "model"
        name = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        url = {"url": f"{self.hub.address}/{'' if kind == 'model' else kind + 's/'}{name}", "name": name, "id": name}
        with self.hub.lock:
            there = (kind, name) in self.hub.repos
            self.hub.repo(kind, name)
        return self._json(409 if there else 200, url | ({"error": "You already created this repo"} if there else {}))

    def _api(self, method: str, kind: str, name: str, rest: str, query: dict[str, list[str]]) -> None:
        with self.hub.lock:
            repo = self.hub.repos.get((kind, name))
            if repo is None:
                return self._json(
                    404,
                    {"error": "Repository not found"},
                    {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"},
                )
            action, _, tail = rest.partition("/")
            if action in ("", "revision"):
                return self._info(repo, tail)
            if action == "preupload":
                return self._preupload(repo)
            if action == "commit":
                return self._commit(repo)
            if action == "tree":
                return self._tree(repo, tail.partition("/")[2], query)
            if action == "paths-info":
                return self._paths_info(repo)
            if action == "super-squash":
                repo.commits.clear()
                repo.commit(json.loads(self.body or b"{}").get("message", "squash"))
                return self._json(200, {})
            if action == "lfs-files" and method == "GET":
                return self._json(200, self._large_files(repo))
            if action == "lfs-files" and tail == "batch":
                for oid in json.loads(self.body)["deletions"]["sha"]:
                    self.hub.large.pop(oid, None)
                return self._json(200, {})
            return self._json(404, {"error": f"no such route {rest}"})

    def _paths_info(self, repo: Repo) -> None:
        plain = self.body.startswith(b"{")
        asked = json.loads(self.body)["paths"] if plain else parse_qs(self.body.decode())["paths"]
        return self._json(200, [repo.entry(path) for path in asked if path in repo.files])

    def _large_files(self, repo: Repo) -> list[dict[str, Any]]:
        """What LFS stores: the files of every commit, and uploads that no commit names."""
        stored = {
            hashlib.sha256(data).hexdigest(): (path, len(data))
            for commit in repo.commits
            for path, data in commit["files"].items()
            if path in repo.lfs
        }
        stored |= {oid: ("", len(data)) for oid, data in self.hub.large.items() if oid not in stored}
        also = {"pushedAt": "2026-01-01T00:00:00.000Z", "ref": "main"}
        return [
            {"fileOid": oid, "filename": path, "oid": oid, "size": size} | also for oid, (path, size) in stored.items()
        ]

    def _info(self, repo: Repo, revision: str) -> None:
        files = repo.files
        sha = repo.head
        if re.fullmatch(r"[0-9a-f]{40}", revision):
            found = [c for c in repo.commits if c["oid"] == revision]
            if not found:
                return self._json(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
            files, sha = found[0]["files"], revision
        siblings = [{"rfilename": path} for path in sorted(files)]
        answer = {
            "id": repo.name,
            "sha": sha,
            "private": False,
            "tags": [],
            "siblings": siblings,
            "downloads": 0,
            "likes": 0,
        }
        return self._json(200, answer)

    def _preupload(self, repo: Repo) -> None:
        answer = []
        for asked in json.loads(self.body)["files"]:
            path = asked["path"]
            large = path.endswith(self.hub.lfs_suffixes)
            row = {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            if path in repo.files:
                data = repo.files[path]
                row["oid"] = hashlib.sha256(data).hexdigest() if large else blob_id(data)
            answer.append(row)
        return self._json(200, {"files": answer})

    def _commit(self, repo: Repo) -> None:
        lines = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        header = lines[0]["value"]
        if header.get("parentCommit") and header["parentCommit"] != repo.head:
            return self._json(412, {"error": "A commit has happened since. Please refresh and try again."})
        files, large = dict(repo.files), set(repo.lfs)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
                large.discard(value["path"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.large:
                    return self._json(400, {"error": f"LFS object {value['oid']} was not uploaded"})
                files[value["path"]] = self.hub.large[value["oid"]]
                large.add(value["path"])
            elif line["key"] == "deletedFile":
                if files.pop(value["path"], None) is None:
                    return self._json(400, {"error": f"{value['path']} does not exist"})
            elif line["key"] == "deletedFolder":
                files = {
                    path: data for path, data in files.items() if not path.startswith(value["path"].rstrip("/") + "/")
                }
        repo.files, repo.lfs = files, {path for path in large if path in files}
        oid = repo.commit(header["summary"])
        where = f"{'' if repo.kind == 'model' else repo.kind + 's/'}{repo.name}"
        return self._json(
            200, {"commitOid": oid, "commitUrl": f"{self.hub.address}/{where}/commit/{oid}", "hookOutput": ""}
        )

    def _tree(self, repo: Repo, folder: str, query: dict[str, list[str]]) -> None:
        paths = sorted(p for p in repo.files if not folder or p.startswith(folder.rstrip("/") + "/"))
        if folder and not paths:
            return self._json(404, {"error": f"{folder} does not exist"}, {"X-Error-Code": "EntryNotFound"})
        start = int(query.get("cursor", ["0"])[0])
        extra = {}
        if start + self.hub.page < len(paths):
            extra["Link"] = (
                f"<{self.hub.address}{urlsplit(self.path).path}?recursive=true&cursor={start + self.hub.page}>; "
                f'rel="next"'
            )
        return self._json(200, [repo.entry(path) for path in paths[start : start + self.hub.page]], extra)

    def _resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        with self.hub.lock:
            repo = self.hub.repos.get((kind, name))
            if repo is None:
                return self._json(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            files = next((c["files"] for c in repo.commits if c["oid"] == revision), repo.files)
            data = files.get(path)
        if data is None:
            return self._json(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        extra = {
            "X-Repo-Commit": revision if len(revision) == 40 else repo.head,
            "ETag": f'"{blob_id(data)}"',
            "Accept-Ranges": "bytes",
        }
        if path in repo.lfs:
            digest = hashlib.sha256(data).hexdigest()
            extra |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data)), "ETag": f'"{digest}"'}
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(match[1]), int(match[2] or len(data) - 1)
            extra["Content-Range"] = f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
            return self._answer(206, data[first : last + 1], "application/octet-stream", extra)
        return self._answer(200, data, "application/octet-stream", extra)

    def _batch(self) -> None:
        rows = []
        for asked in json.loads(self.body)["objects"]:
            row: dict[str, Any] = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.hub.large:
                where = f"{self.hub.address}/lfs/{asked['oid']}"
                row["actions"] = {"upload": {"href": where, "header": {}}, "verify": {"href": f"{where}/verify"}}
            rows.append(row)
        return self._answer(
            200, json.dumps({"transfer": "basic", "objects": rows}).encode(), "application/vnd.git-lfs+json", {}
        )

    def _large(self, method: str, path: str) -> None:
        oid = path.split("/")[2]
        if method == "PUT":
            if hashlib.sha256(self.body).hexdigest() != oid:
                return self._json(400, {"error": "the bytes do not have this sha256"})
            self.hub.large[oid] = self.body
        return self._json(200 if oid in self.hub.large else 404, {})

    def _json(self, status: int, answer: Any, extra: dict[str, str] | None = None) -> None:
        return self._answer(status, json.dumps(answer).encode(), "application/json", extra or {})

    def _answer(self, status: int, data: bytes, kind: str, extra: dict[str, str]) -> None:
        if getattr(self, "drop", False):
            return self._cut()
        try:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **extra}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
        except OSError:
            self.close_connection = True
        return None

    def _cut(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _chunked(self) -> bool:
        return "chunked" in self.headers.get("Transfer-Encoding", "")

    def _read_chunks(self) -> bytes:
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data
