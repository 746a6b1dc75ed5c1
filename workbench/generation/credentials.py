"""Content Credentials: a C2PA manifest says, signed, how a picture came to be; what one that is there is worth.

`marks` writes what anybody can write; a manifest is bound to the file's bytes and signed with a certificate of whoever
runs the workbench. The package that signs and reads is the standard's own (c2pa-python), an extra; it is never allowed
to fetch anything. Source: C2PA Technical Specification 2.2, sections 10 (claims), 15 (validation), 18.15 (actions).
"""

import importlib.util
import io
import json
from dataclasses import dataclass
from types import ModuleType

from workbench import __version__, marks
from workbench.errors import BadRequest

INSTALL = 'Content Credentials need one more package: pip install "face-workbench[c2pa]" (it is called c2pa-python).'

ALGORITHMS = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")
"""Of signatures (section 13.2.1)."""

_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """Whoever signs. chain: PEM, the signer's certificate first, without a root it ends at the one that issued it. key:
    PEM, PKCS #8. algorithm: of `ALGORITHMS`, fitting the key."""

    chain: bytes
    key: bytes
    algorithm: str = "es256"

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise BadRequest(f"algorithm: expected one of {', '.join(ALGORITHMS)}, got {self.algorithm!r}.")
        if b"BEGIN CERTIFICATE" not in self.chain or b"PRIVATE KEY" not in self.key:
            raise BadRequest("Expected a certificate and a private key as PEM.")


@dataclass(frozen=True, slots=True)
class Credential:
    """What c2pa's reader says of a file. state: Invalid (bytes or signature were changed), Valid, or Trusted (and the
    certificate is on the reader's list). source: the digital source type of its last action. signer: whose certificate;
    problems: the standard's codes."""

    state: str
    source: str
    signer: str
    problems: tuple[str, ...] = ()

    def words(self) -> str:
        """For a table or a line."""
        said = {"Trusted": "signed by a trusted", "Valid": "signed, unbroken, by a not listed"}.get(self.state)
        if said is None:
            return f"a broken C2PA manifest ({', '.join(self.problems) or 'invalid'})"
        return (
            f"a C2PA manifest, {said} certificate of {self.signer or 'nobody named'}: {self.source or 'no source type'}"
        )


def signed(data: bytes, signature: Signature, title: str = "") -> bytes:
    """A PNG's or JPEG's bytes with a manifest that says what the file's own mark says; its pixels stay as they are.

    Also of an edit it says that it was created, as a composite: "opened" would have to carry the photo along, and that
    stays where it is. Raises BadRequest for another format, a file without a mark, a certificate or key that do not
    sign, and where the package is not installed.
    """
    c2pa, kind = _package(), _kind(data)
    source = marks.read(data).source
    if source not in (*marks.GENERATED, *marks.CHANGED):
        raise BadRequest("The file does not say whether it was drawn or edited, so there is nothing to sign.")
    said = {"action": "c2pa.created", "digitalSourceType": marks.VOCABULARY + source}
    manifest = {
        "claim_generator_info": [{"name": "Face Workbench", "version": __version__}],
        "title": title or "Picture",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [said]}}],
    }
    out = io.BytesIO()
    try:
        info = c2pa.C2paSignerInfo(
            alg=signature.algorithm.encode(), sign_cert=signature.chain, private_key=signature.key, ta_url=None
        )
        with c2pa.Context.from_dict(_OFFLINE) as context, c2pa.Signer.from_info(info) as signer:
            c2pa.Builder(json.dumps(manifest), context=context).sign(signer, kind, io.BytesIO(data), out)
    except c2pa.C2paError as error:
        raise BadRequest(f"The manifest could not be signed: {str(error)[:200]}") from error
    return out.getvalue()


def checked(data: bytes) -> Credential | None:
    """What a file's manifest is worth, None without one. Raises BadRequest for what cannot be read as a picture with a
    manifest, and where the package is not installed."""
    c2pa, kind = _package(), _kind(data)
    try:
        with (
            c2pa.Context.from_dict(_OFFLINE) as context,
            c2pa.Reader(kind, io.BytesIO(data), context=context) as reader,
        ):
            told = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise BadRequest(f"The file's manifest could not be read: {str(error)[:200]}") from error
    manifest = told.get("manifests", {}).get(told.get("active_manifest"), {})
    problems = tuple(str(each.get("code", "")) for each in told.get("validation_status", []))
    return Credential(
        str(told.get("validation_state", "Invalid")),
        _source(manifest),
        str(manifest.get("signature_info", {}).get("issuer", "")),
        problems,
    )


def here() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("c2pa") is not None


def _source(manifest: dict[str, object]) -> str:
    """The digital source type of the last action that names one."""
    found = ""
    for assertion in manifest.get("assertions", []):  # type: ignore[attr-defined]
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", []):
                found = str(action.get("digitalSourceType", "")).rsplit("/", 1)[-1] or found
    return found


def _kind(data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    raise BadRequest("Expected a PNG or a JPEG.")


def _package() -> ModuleType:
    try:
        import c2pa
    except ImportError as error:
        raise BadRequest(INSTALL) from error
    return c2pa
