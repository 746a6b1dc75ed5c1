"""A Hugging Face Hub on this machine, for tests: repositories, commits, LFS, trees, downloads, and faults on request.

    with HubDouble() as hub:
        api = HfApi(endpoint=hub.address, token="hf_test")
        hub.faults.append(Fault("commit", status=429))          # the next commit is refused
        hub.faults.append(Fault("commit", drop_after=True))     # the one after is applied, then the connection is cut

Serves data sets, models and Spaces. It speaks what huggingface_hub 2.4 sends (seen on the wire), without Xet.
"""

import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any

from tests.hub_repo import Fault, Repo
from tests.hub_wire import Wire

__all__ = ["Fault", "HubDouble", "Repo"]


class HubDouble:
    """The server; a context manager. `repos[("dataset", "owner/name")]`, `requests` (method, path), `faults`, `tokens`
    seen."""

    def __init__(
        self, lfs_suffixes: tuple[str, ...] = (".parquet", ".safetensors", ".bin", ".png", ".jpg"), page: int = 1000
    ) -> None:
        """lfs_suffixes: files that upload through LFS. page: entries per page of a tree."""
        self.repos: dict[tuple[str, str], Repo] = {}
        self.large: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.random_fault: Callable[[str], Fault | None] = lambda kind: None
        self.requests: list[tuple[str, str]] = []
        self.tokens: set[str] = set()
        self.private_token = ""
        self.lfs_suffixes, self.page = lfs_suffixes, page
        self.lock = threading.RLock()
        double = self

        class Handler(Wire):
            hub = double

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that was killed or hung up is no error here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "HubDouble":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def repo(self, kind: str, name: str) -> Repo:
        """The repository, made when it is not there."""
        with self.lock:
            key = (kind, name)
            if key not in self.repos:
                self.repos[key] = Repo(kind, name)
                self.repos[key].files[".gitattributes"] = b"*.parquet filter=lfs\n"
                self.repos[key].commit("initial commit")
            return self.repos[key]

    def put(self, kind: str, name: str, files: dict[str, bytes], message: str = "put") -> str:
        """Commit files from another side, as a rival or as test data."""
        with self.lock:
            repo = self.repo(kind, name)
            repo.files.update(files)
            repo.lfs |= {path for path in files if path.endswith(self.lfs_suffixes)}
            return repo.commit(message)

    def fault(self, kind: str) -> Fault | None:
        """The fault that is due for this request."""
        with self.lock:
            for index, fault in enumerate(self.faults):
                if fault.kind in (kind, "any"):
                    return self.faults.pop(index)
        return self.random_fault(kind)
