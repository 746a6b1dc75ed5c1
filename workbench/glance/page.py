"""A glance as one HTML page that can be handed on: its pictures are inside it, it loads nothing and runs nothing."""

import base64
import html
from collections.abc import Iterable

import cv2
import numpy as np

from workbench import drawing, images
from workbench.explanation.methods import find
from workbench.glance.look import Glance, Pair, Why
from workbench.parts import PARTS, title
from workbench.tasks.analysis import FaceAnalysis
from workbench.values import Face, Scores

SIDE = 900
"""The whole photo is shown at most so large, a face at half of it."""
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem; color: #1e293b; background: #fff; }
img { max-width: 100%; height: auto; border-radius: 8px; }
.pair { display: flex; flex-wrap: wrap; gap: 1rem; } .pair figure { flex: 1 1 300px; margin: 0; }
figcaption, .note { color: #475569; font-size: .9rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: 3px 12px 3px 0; vertical-align: top; }
.chip { display: inline-block; margin: 2px 8px 2px 0; } .chip i { display: inline-block; width: .8em; height: .8em; border-radius: 3px; margin-right: 4px; }
@media (prefers-color-scheme: dark) { body { color: #e2e8f0; background: #0f172a; } figcaption, .note { color: #94a3b8; } }
"""  # noqa: E501


def page(glance: Glance) -> str:
    """The page. It holds the photo: whoever gets it sees it."""
    name = html.escape(glance.found.photo.name or "photo")
    body = [f"<h1>{name} at a glance</h1>", _whole(glance)]
    body += [_face(glance, face) for face in glance.faces]
    body += [_why(glance, glance.why)] if glance.why else []
    body += [_pairs(glance.pairs)] if glance.pairs else []
    untold = [*glance.untold, *(sentence for face in glance.faces for sentence in face.untold)]
    body += ["<h2>What could not be said</h2>", _list(dict.fromkeys(untold))] if untold else []
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name} at a glance</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f"{head}{view}<style>{STYLE}</style></head><body><main>{''.join(body)}</main></body></html>"


def _whole(glance: Glance) -> str:
    pictures = [
        _figure(
            drawing.draw_faces(glance.image, glance.found.faces),
            f"{_count(len(glance.faces))}, with points and the head's axes",
        )
    ]
    if glance.parsing is not None:
        labels = glance.parsing.labels
        chips = "".join(
            f'<span class="chip"><i style="background:{drawing.hex_color(PARTS[i])}"></i>{title(PARTS[i])}</span>'
            for i in np.flatnonzero(np.bincount(labels.ravel(), minlength=len(PARTS)))
            if i
        )
        words = f"Parts by {glance.parsing.model}"
        pictures.append(_figure(drawing.overlay(glance.image, labels), words, chips))
    return f'<div class="pair">{"".join(pictures)}</div>'


def _face(glance: Glance, face: FaceAnalysis) -> str:
    rows = [("Place", f"{face.face.size:.0f} px large, found with {face.face.score:.0%}")]
    if face.quality is not None:
        rows.append(("Can it be judged?", face.quality.words))
    if pose := face.face.pose:
        rows.append(("Head", f"yaw {pose.yaw:+.0f}°, pitch {pose.pitch:+.0f}°, roll {pose.roll:+.0f}°"))
    if face.gaze is not None:
        rows.append(("Gaze", f"yaw {face.gaze.yaw:+.0f}°, pitch {face.gaze.pitch:+.0f}° against the camera"))
    if face.expression_scores is not None:
        rows.append(("Expression", f"{face.expression_word} ({_scores(face.expression_scores)})"))
    if face.age is not None:
        rows.append(("Looks to a network", f"{face.age:.0f} years old"))
    rows += [(f"By {scores.model}", _scores(scores)) for scores in face.attributes]
    rows += [(f"Quality by {name}", f"{value:.3f}") for name, value in face.networks.items()]
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(words)}</td></tr>" for name, words in rows)
    return f'<h2>Face {face.number}</h2><div class="pair">{_close(glance.image, face)}<table>{cells}</table></div>'


def _close(image: np.ndarray, face: FaceAnalysis) -> str:
    return _figure(_cut(image, face.face), f"Face {face.number}: {face.expression_word or 'no expression asked'}")


def _why(glance: Glance, why: Why) -> str:
    heat = drawing.heat(glance.image, why.heatmap.values, 0.7)
    words = f"Why {why.heatmap.model} says {why.heatmap.target}: {find(why.heatmap.method).title}"
    tried = ", ".join(f"{find(method).title}: {word}" for method, word in why.tried)
    return (
        f'<h2>Why?</h2><div class="pair">{_figure(_cut(heat, glance.found.faces[0]), words)}'
        f"<div><p>{html.escape(why.proof.verdict.sentence)}"
        f'</p><p class="note">Tried: {html.escape(tried)}. The best supported one is shown.</p></div></div>'
    )


def _pairs(pairs: Iterable[Pair]) -> str:
    lines = [f"Faces {pair.first} and {pair.second}: {match.words()}" for pair in pairs for match in pair.matches]
    return f"<h2>Are they one person to recognisers?</h2>{_list(lines)}"


def _count(faces: int) -> str:
    return "1 face" if faces == 1 else f"{faces} faces"


def _scores(scores: Scores, most: int = 3) -> str:
    best = np.argsort(scores.values)[::-1][:most]
    return ", ".join(f"{scores.labels[i]} {scores.values[i]:.0%}" for i in best)


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(text)}</li>' for text in lines)}</ul>"


def _cut(image: np.ndarray, face: Face) -> np.ndarray:
    """The surroundings of a face."""
    centre, reach = (face.box[:2] + face.box[2:]) / 2, 0.95 * face.size
    low = np.clip(np.floor(centre - reach).astype(int), 0, image.shape[1::-1])
    high = np.clip(np.ceil(centre + reach).astype(int), 0, image.shape[1::-1])
    crop = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
    scale = SIDE / 2 / max(crop.shape[:2])
    return crop if scale <= 1 else cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def _figure(image: np.ndarray, words: str, more: str = "") -> str:
    data = base64.b64encode(images.encode_jpeg(images.limit(image, SIDE), 88)).decode()
    text = html.escape(words)
    picture = f'<img alt="{text}" src="data:image/jpeg;base64,{data}">'
    return f"<figure>{picture}<figcaption>{text} {more}</figcaption></figure>"
