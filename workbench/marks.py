"""What a picture's file says of how it came to be: IPTC's digital source type in XMP, and the notes of other programs.

Reads and writes bytes; believes nothing: a mark can be taken out or forged, and a file without one says nothing.
Source: IPTC Photo Metadata Standard, property Digital Source Type; its NewsCodes,
cv.iptc.org/newscodes/digitalsourcetype.
"""

import re
import struct
import zlib
from dataclasses import dataclass
from html import escape

from workbench import __version__
from workbench.errors import BadRequest

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DRAWN, EDITED = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
"""Made by a trained model; a photo into which something was put by one."""

GENERATED = (DRAWN, "algorithmicMedia", "virtualRecording")
"""Types that say that no camera saw the picture."""

CHANGED = (EDITED, "compositeSynthetic", "algorithmicallyEnhanced", "composite", "compositeCapture", "humanEdits")

UNCHECKED = "a C2PA manifest (not verified)"
"""In words, until `generation.credentials` has looked at it."""

_TYPE = re.compile(rb"digitalsourcetype/([A-Za-z]{3,60})")
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_OTHERS = {
    "Stable Diffusion's parameters": (b"tEXtparameters\x00", b"iTXtparameters\x00", b"Negative prompt: "),
    "ComfyUI's workflow": (b"tEXtworkflow\x00", b"tEXtprompt\x00", b"iTXtworkflow\x00"),
    "a note AI-generated": (b"AI-generated\x00true", b"AI-generated:"),
    "a note Edited": (b"tEXtEdited\x00true",),
}


@dataclass(frozen=True, slots=True)
class Marks:
    """source: the digital source type a file names, the last word of its address; "" for none. content: whether it
    holds a
    C2PA manifest, which is not checked here. notes: what other programs left.
    """

    source: str = ""
    content: bool = False
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """generated, edited, or "" when the file says neither."""
        if self.source in GENERATED or any(note != "a note Edited" for note in self.notes):
            return "generated"
        return "edited" if self.source in CHANGED or self.notes else ""

    def words(self) -> str:
        """A line for a table."""
        told = [self.verdict or "nothing said"]
        told += [f"source type {self.source}"] if self.source else []
        told += [UNCHECKED] if self.content else []
        return "; ".join([*told, *self.notes])


def read(data: bytes) -> Marks:
    """The marks of a file's bytes, whatever its format."""
    found = [kind.decode() for kind in _TYPE.findall(data)]
    source = next((kind for kind in found if kind in (*GENERATED, *CHANGED)), found[0] if found else "")
    notes = tuple(name for name, signs in _OTHERS.items() if any(sign in data for sign in signs))
    return Marks(source, b"jumb" in data and b"c2pa" in data, notes)


def after_edit(source: str) -> str:
    """The type of a picture that was edited here: a drawn one stays drawn, an edited one edited; of others nothing is
    said."""
    return DRAWN if source in GENERATED else EDITED if source in CHANGED else ""


def kept(data: bytes, photo: bytes | str) -> bytes:
    """The JPEG or PNG that was made of a photo, with the mark it inherits. photo: its file, or the source type that it
    named."""
    write = in_png if data.startswith(_PNG) else in_jpeg
    return write(data, after_edit(photo if isinstance(photo, str) else read(photo).source))


def xmp(source: str, description: str = "") -> bytes:
    """The XMP packet that says a digital source type. Raises BadRequest for a word that is none."""
    if not re.fullmatch("[A-Za-z]{3,60}", source):
        raise BadRequest(f"A digital source type is one word, such as {DRAWN}; got {source[:40]!r}.")
    words = f"<rdf:li xml:lang='x-default'>{escape(description)}</rdf:li>"
    told = f"<dc:description><rdf:Alt>{words}</rdf:Alt></dc:description>"
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'Iptc4xmpExt:DigitalSourceType="{VOCABULARY}{source}" xmp:CreatorTool="Face Workbench {__version__}">'
        f"{told if description else ''}</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def in_jpeg(data: bytes, source: str) -> bytes:
    """A JPEG's bytes with a digital source type beside its pixels, which stay as they are; unchanged for no type.

    Raises BadRequest for what is no JPEG.
    """
    if not source:
        return data
    if not data.startswith(b"\xff\xd8"):
        raise BadRequest("Expected a JPEG to mark.")
    packet = _JPEG_XMP + xmp(source)
    place = 2
    if data[2:4] == b"\xff\xe0":  # JFIF's own segment stays first
        place = 4 + struct.unpack(">H", data[4:6])[0]
    return data[:place] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + data[place:]


def in_png(data: bytes, source: str) -> bytes:
    """A PNG's bytes with a digital source type behind its header; unchanged for no type. Raises BadRequest."""
    if not source:
        return data
    if not data.startswith(_PNG):
        raise BadRequest("Expected a PNG to mark.")
    chunk = b"iTXt" + b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp(source)
    place = 33  # the signature and the header, which has to come first
    packed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:place] + packed + data[place:]
