"""What the owner's page uploads from another labeling tool, on its way into the study."""

import base64
import binascii
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import BadRequest
from workbench.labeling.foreign.bringing import bring
from workbench.labeling.foreign.files import READ, read
from workbench.labeling.foreign.given import Shown
from workbench.labeling.serving.service import Service
from workbench.labeling.study.reading import load_items


def bring_in(service: Service, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Import an uploaded file: `format`, `base64`, and if wanted `lenient` and `words` (theirs → ours).

    Returns what was new, what was here and the first twenty sentences on what was left out. Raises BadRequest for what
    is no upload, StudyError for a file that does not fit, and then nothing was changed.
    """
    kind, words = str(asked.get("format")), asked.get("words", {})
    if kind not in READ:
        raise BadRequest(f"Import one of {', '.join(READ)}, not {kind[:40]!r}.")
    if not isinstance(words, Mapping) or len(words) > 200:
        raise BadRequest("words: expected an object of the other tool's answers and this study's, at most 200.")
    try:
        data = base64.b64decode(str(asked.get("base64", "")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("base64: expected the bytes of a file.") from error
    study, items = service.study, load_items(service.study)
    shown = Shown(study, tuple(items), {str(theirs): str(ours) for theirs, ours in words.items()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(data)
        secret = service.desk.sealer.key("import")
        done = bring(service.store, study, items, read(path, shown, kind), secret, lenient=asked.get("lenient") is True)
    told = {"new": done.new, "already": done.already, "raters": done.raters, "left_out": len(done.left_out)}
    return told | {"sentences": list(done.left_out[:20])}
