"""Tokens that only this server can write and read: who a rater is, which item was lent, and receipts for votes.

Sealed, not only signed: a lease must not tell the rater's browser which item is gold, nor an item's name who is
pictured. Standard library only: a keyed BLAKE2 stream for secrecy, then HMAC-SHA-256 over everything (encrypt, then
authenticate).
"""

import base64
import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Any

from workbench.errors import NotAllowed, StudyError
from workbench.labeling.serving.access import kept_secret

_NONCE, _MAC = 16, 32


class Sealer:
    """Seals small JSON objects under a secret. A token of one kind is never accepted as another."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: at least 16 bytes that no one else knows; the same secret reads tokens after a restart."""
        if len(secret) < 16:
            raise ValueError("a secret needs at least 16 bytes")
        self._stream_key = hashlib.blake2b(b"stream", key=secret[:64], digest_size=32).digest()
        self._mac_key = hashlib.blake2b(b"mac", key=secret[:64], digest_size=32).digest()

    def seal(self, kind: str, body: dict[str, Any]) -> str:
        """A URL-safe token that carries `body`."""
        nonce = secrets.token_bytes(_NONCE)
        clear = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        hidden = self._mix(nonce, clear)
        return base64.urlsafe_b64encode(nonce + hidden + self._mac(kind, nonce + hidden)).decode().rstrip("=")

    def open(self, kind: str, token: Any) -> dict[str, Any]:
        """The body of a token of this kind. Raises NotAllowed for anything this server did not write."""
        refusal = NotAllowed(f"This {kind} token was not issued here or was changed. Reload the page to get a new one.")
        if not isinstance(token, str) or len(token) > 8000:
            raise refusal
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise refusal from error
        body, mac = sealed[:-_MAC], sealed[-_MAC:]
        if len(body) < _NONCE or not hmac.compare_digest(mac, self._mac(kind, body)):
            raise refusal
        opened: dict[str, Any] = json.loads(self._mix(body[:_NONCE], body[_NONCE:]))
        return opened

    def key(self, purpose: str) -> bytes:
        """32 secret bytes for something else than tokens, the same as long as the secret is."""
        return hashlib.blake2b(purpose.encode(), key=self._mac_key, person=b"purpose", digest_size=32).digest()

    def _mix(self, nonce: bytes, text: bytes) -> bytes:
        blocks = (len(text) + 63) // 64
        stream = b"".join(
            hashlib.blake2b(nonce + n.to_bytes(8, "big"), key=self._stream_key).digest() for n in range(blocks)
        )
        mixed = int.from_bytes(text, "big") ^ int.from_bytes(stream[: len(text)], "big")
        return mixed.to_bytes(len(text), "big")

    def _mac(self, kind: str, sealed: bytes) -> bytes:
        return hmac.digest(self._mac_key, kind.encode() + b"\0" + sealed, "sha256")


def signing_secret(folder: Path, phrase: str = "") -> bytes:
    """32 secret bytes: derived from `phrase` where one is set (so that a wiped disk keeps its raters), else kept in a
    file.

    The file is made on first use, readable by its owner only. Deriving takes 128 MB and a good part of a second on
    purpose (scrypt), as whoever holds a rater's token can try phrases at home; what comes out is a key for signing
    alone, from which the phrase cannot be told. Raises StudyError when the file cannot be read or made.
    """
    if phrase:
        slow = hashlib.scrypt(
            phrase.encode(), salt=b"face-workbench labeling 2", n=2**17, r=8, p=1, maxmem=2**28, dklen=32
        )
        return hashlib.blake2b(b"signing", key=slow, digest_size=32).digest()
    text = kept_secret(folder / "secret.key", lambda: secrets.token_hex(32))
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise StudyError("secret.key in the data folder is damaged. Put it back, or remove it.") from error


def fingerprint(secret: bytes) -> str:
    """What tells one signing secret from another without giving it away."""
    return hashlib.blake2b(secret, person=b"fingerprint", digest_size=16).hexdigest()
