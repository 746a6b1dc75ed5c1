"""What a selector keeps: a network trained beside the scorer says which pixels its answer rests on (COMET).

It knows the face and the label, not the scorer's weights: it answers for the scorer it was trained beside, and a map by
it stays where it is when those weights are shuffled.
"""

import numpy as np
import torch

from workbench.errors import BadRequest
from workbench.explanation.fills import make_fill
from workbench.explanation.question import ChipMap, Question


def selected(question: Question) -> ChipMap:
    """How much of each pixel the selector keeps for the label that is asked, 0 to 1; one look, no gradients.

    extra: "kept", the share of the chip; "stays" and "left", the score that people read, of what is kept and of what is
    left, over a blur. Source: Zhang et al., "Comprehensive Attribution" (ECCV 2024), section 3. Raises BadRequest for a
    model without a selector, or a number that is no label's score.
    """
    model, label = question.target.model, question.target.label
    selector = getattr(model, "selector", None)
    if not isinstance(selector, torch.nn.Module):
        raise BadRequest("This model has no selector that was trained beside it.")
    if label not in model.labels:
        raise BadRequest("A selector says what a label rests on; choose a label of this model.")
    question.watch.tell(0.0, "selector")
    with torch.inference_mode():
        kept = selector(question.chip)[0, list(model.labels).index(label)].cpu().numpy()
    fill = make_fill("blur", question.chip)
    stays, left = question.masked([np.stack([kept, 1 - kept])], 2, fill, "selector", shown=True)
    extra = {"kept": round(float(kept.mean()), 4), "stays": round(float(stays), 4), "left": round(float(left), 4)}
    return ChipMap(kept.astype(np.float32), extra)
