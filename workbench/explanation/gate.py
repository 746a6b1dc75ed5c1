"""What the network itself says it weighed: some have gates, numbers from 0 to 1 that let parts of a face through."""

import numpy as np
import torch

from workbench.errors import BadRequest
from workbench.explanation.question import ChipMap, Question


def own_gates(question: Question) -> ChipMap:
    """The network's gates, laid on the face: 0 is shut, 1 open. They do not depend on the target.

    A network's `gate` gives (N, h, w) of chips; `gates`, where it has them, a number for every named part. Raises
    BadRequest for a network without.
    """
    network = question.target.model.network
    if not callable(getattr(network, "gate", None)):
        raise BadRequest("This model has no gates of its own.")
    question.watch.tell(0.0, "gates")
    with torch.inference_mode():
        found = network.gate(question.chip)
        named = network.gates(question.chip) if callable(getattr(network, "gates", None)) else {}
    side = question.size
    fine = torch.nn.functional.interpolate(found[:, None].float(), (side, side), mode="bilinear", align_corners=False)
    return ChipMap(
        fine[0, 0].cpu().numpy().astype(np.float32), {name: round(value, 4) for name, value in named.items()}
    )
