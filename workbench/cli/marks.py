"""Say what pictures' files say of how they came to be, check C2PA manifests, and sign pictures with one."""

import argparse
from pathlib import Path

from workbench import batch
from workbench.errors import BadRequest, WorkbenchError
from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", help="pictures, of any program")
    parser.add_argument(
        "--sign", type=Path, metavar="CHAIN", help="certificates (PEM), the signer's first: sign PNG, JPEG"
    )
    parser.add_argument("--key", type=Path, help="the signer's private key (PEM, PKCS #8)")
    parser.add_argument("--algorithm", default="es256", help="of the signature: es256, es384, ps256, ed25519, …")
    parser.add_argument("--out", type=Path, help="folder for the signed pictures, which keep their names")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.generation.credentials import Signature, signed

    signature = None
    if args.sign or args.key or args.out:
        if not (args.sign and args.key and args.out):
            raise BadRequest("To sign, give --sign CHAIN, --key KEY and --out FOLDER.")
        signature = Signature(_read(args.sign, settings), _read(args.key, settings), args.algorithm)
    failed = 0
    for path in args.files:
        try:
            data = _read(path, settings)
            if signature is not None:
                data = signed(data, signature, batch.shown(path.name))
                args.out.mkdir(parents=True, exist_ok=True)
                batch.write_atomically(args.out / path.name, data)
            print(f"{batch.shown(path)}: {_words(data)}")
        except WorkbenchError as error:
            failed += 1
            print(f"{batch.shown(path)}: {error}")
    return 1 if failed else 0


def _read(path: Path, settings: Settings) -> bytes:
    try:
        if path.stat().st_size > settings.max_bytes:
            raise BadRequest(f"{batch.shown(path)}: larger than {settings.max_bytes:,} bytes.")
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{batch.shown(path)}: {error.strerror or 'cannot be read'}.") from error


def _words(data: bytes) -> str:
    """What the marks say; a manifest is checked where its package is installed."""
    from workbench import marks
    from workbench.generation import credentials

    found = marks.read(data)
    if not found.content or not credentials.here():
        return found.words()
    told = credentials.checked(data)
    return found.words().replace(marks.UNCHECKED, "no readable C2PA manifest" if told is None else told.words())
