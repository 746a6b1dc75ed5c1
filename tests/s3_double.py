"""A loopback double of S3: one bucket in memory, the requests that pyarrow's client makes, and faults on purpose."""

import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class S3Double:
    """A bucket on 127.0.0.1. objects: key → bytes. faults: a list of (method, status); the next request of that method
    answers so, after it was carried out when the status is 0 (the answer is lost)."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.faults: list[tuple[str, int]] = []
        self.numbers = itertools.count(1)
        double = self

        class Handler(_Handler):
            store = double

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> "S3Double":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    store: S3Double
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def _asked(self) -> tuple[str, dict[str, str]]:
        split = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
        return unquote(split.path).lstrip("/").partition("/")[2], query

    def _body(self) -> bytes:
        data = self._sent()
        if "aws-chunked" not in (self.headers.get("Content-Encoding") or ""):
            return data
        found = b""
        while data:
            head, _, data = data.partition(b"\r\n")
            size = int(head.split(b";")[0], 16)
            if not size:
                break
            found, data = found + data[:size], data[size + 2 :]
        return found

    def _sent(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _say(self, status: int = 200, body: str = "", data: bytes | None = None, **headers: str) -> None:
        sent = body.encode() if data is None else data
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(sent)), "ETag": '"x"'} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)

    def _fault(self) -> int | None:
        for n, (method, status) in enumerate(self.store.faults):
            if method == self.command:
                del self.store.faults[n]
                return status
        return None

    def _carry_out(self, work: "object") -> None:
        fault = self._fault()
        if fault:
            self._body()
            self._say(fault, "<Error><Code>InternalError</Code><Message>on purpose</Message></Error>")
            return
        if fault == 0:
            say, self._say = self._say, lambda *_, **__: None  # type: ignore[method-assign]
            work()  # type: ignore[operator]
            self._say = say  # type: ignore[method-assign]
            self.close_connection = True
            self.connection.close()
            return
        work()  # type: ignore[operator]

    def do_PUT(self) -> None:
        key, query = self._asked()

        def work() -> None:
            data = self._body()
            if "uploadId" in query:
                self.store.parts.setdefault(query["uploadId"], {})[int(query["partNumber"])] = data
            else:
                self.store.objects[key] = data
            self._say()

        self._carry_out(work)

    def do_POST(self) -> None:
        key, query = self._asked()

        def work() -> None:
            self._body()
            if "uploads" in query:
                name = f"upload-{next(self.store.numbers)}"
                told = f"<Bucket>b</Bucket><Key>{escape(key)}</Key><UploadId>{name}</UploadId>"
                self._say(body=f"<InitiateMultipartUploadResult>{told}</InitiateMultipartUploadResult>")
                return
            parts = self.store.parts.pop(query["uploadId"], {})
            self.store.objects[key] = b"".join(parts[n] for n in sorted(parts))
            self._say(body=f"<CompleteMultipartUploadResult><Key>{escape(key)}</Key></CompleteMultipartUploadResult>")

        self._carry_out(work)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        key, query = self._asked()

        def work() -> None:
            if not key:
                self._list(query)
            elif key not in self.store.objects:
                self._say(404, "<Error><Code>NoSuchKey</Code></Error>")
            else:
                data, status = self.store.objects[key], 200
                if wanted := self.headers.get("Range"):
                    first, _, last = wanted.removeprefix("bytes=").partition("-")
                    data, status = data[int(first) : int(last or len(data)) + 1], 206
                self._say(status, data=data, Last_Modified="Sat, 31 Jan 2026 12:00:00 GMT")

        self._carry_out(work)

    def do_DELETE(self) -> None:
        key, _ = self._asked()

        def work() -> None:
            self.store.objects.pop(key, None)
            self._say(204)

        self._carry_out(work)

    def _list(self, query: dict[str, str]) -> None:
        prefix, folders = query.get("prefix", ""), query.get("delimiter", "")
        rows, common = [], set()
        for key, data in sorted(self.store.objects.items()):
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if folders and folders in rest:
                common.add(prefix + rest.split(folders)[0] + folders)
                continue
            when = "<LastModified>2026-01-31T12:00:00.000Z</LastModified>"
            rows.append(f"<Contents><Key>{escape(key)}</Key>{when}<Size>{len(data)}</Size></Contents>")
        rows += [f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(common)]
        told = f"<Name>b</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(rows)}</KeyCount>"
        more = "<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
        self._say(body=f'<?xml version="1.0"?><ListBucketResult>{told}{more}{"".join(rows)}</ListBucketResult>')
