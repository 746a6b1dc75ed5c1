"""A card per face: what it shows, in words and figures, with what each figure may be off by. HTML; knows no gradio."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np

from workbench.signs import Signs
from workbench.tasks.analysis import FaceAnalysis
from workbench.tasks.analysis.errors import GAZE_WORDS, OPEN_WORDS, POSE_WORDS
from workbench.tasks.analysis.figures import USUAL, word
from workbench.tasks.expression import UNSURE, Verdict
from workbench.ui.analysis.overlay import thumbnail
from workbench.values import Pose, Scores

MOST = 40
"""Cards on the page; the table and the files have every face."""


def cards(image: np.ndarray, faces: Sequence[FaceAnalysis]) -> str:
    """HTML: a card per face, largest first."""
    told = "".join(card(image, found) for found in faces[:MOST])
    more = len(faces) - MOST
    rest = f'<p class="rest">{more:,} more faces stand in the table and the files.</p>' if more > 0 else ""
    return f'<div class="cards">{told}</div>{rest}'


def card(image: np.ndarray, found: FaceAnalysis) -> str:
    """One face's card."""
    quality = found.quality
    verdict = f'<span class="verdict {quality.verdict}">{quality.verdict} photo</span>' if quality else ""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{content}</dd>" for name, content in _rows(found))
    words = f'<p class="words">{escape(quality.words)}</p>' if quality else ""
    untold = "".join(f'<p class="untold">{escape(sentence)}</p>' for sentence in found.untold)
    return (
        f'<article class="card" aria-label="Face {found.number}"><header><img src="{thumbnail(image, found)}" alt="">'
        f"<div><h3>Face {found.number}</h3>{verdict}</div>{dial(found.face.pose)}</header>"
        f"<dl>{rows}</dl>{words}{untold}{''.join(_details(found))}</article>"
    )


def dial(pose: Pose | None) -> str:
    """Where the head points as a round picture: the dot is its nose, the bar its eyes."""
    if pose is None:
        return ""
    words = _angles(pose)
    x, y = np.clip([pose.yaw / 60, -pose.pitch / 60], -1, 1) * 34
    return (
        f'<svg class="dial" viewBox="-44 -44 88 88" role="img" aria-label="Head: {words}"><title>{words}</title>'
        '<circle r="40" class="rim"/><path class="cross" d="M-40,0H40M0,-40V40"/>'
        f'<g transform="rotate({pose.roll:.1f})"><path class="bar" d="M-22,-10H-8M8,-10H22"/></g>'
        f'<line x1="0" y1="0" x2="{x:.1f}" y2="{y:.1f}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="nose"/></svg>'
    )


def _angles(pose: Pose) -> str:
    side = "straight ahead" if abs(pose.yaw) < 3 else f"{abs(pose.yaw):.0f}° to the image's {_side(pose.yaw)}"
    lift = "" if abs(pose.pitch) < 3 else f", {abs(pose.pitch):.0f}° {'up' if pose.pitch > 0 else 'down'}"
    tilt = "" if abs(pose.roll) < 3 else f", tilted {pose.roll:+.0f}°"
    return side + lift + tilt


def _side(yaw: float) -> str:
    return "right" if yaw > 0 else "left"


def _rows(found: FaceAnalysis) -> Iterator[tuple[str, str]]:
    yield from _turned(found)
    if found.expression is not None:
        yield "Expression", _expression(found.expression)
    if found.age is not None:
        yield "Looks about", f"{found.age:.0f} years old"
    yield from _attributes(found.attributes)
    for model, value in found.networks.items():
        yield f"Quality, {model}", f"{value:.2f}"
    for signs in found.signs:
        if signs.valence is not None and signs.arousal is not None:
            yield f"Mood, {signs.model}", f"valence {signs.valence:+.2f}, arousal {signs.arousal:+.2f}"


def _turned(found: FaceAnalysis) -> Iterator[tuple[str, str]]:
    """Head, gaze and openness."""
    face = found.face
    if face.pose is not None:
        yield "Head", _hint(_angles(face.pose), POSE_WORDS)
    for signs in found.signs:
        if signs.pose is not None:
            yield f"Head, {signs.model}", escape(_angles(signs.pose))
    if found.gaze is not None:
        yield "Gaze", _hint(_looks(found), GAZE_WORDS)
    elif face.mesh is not None:
        yield "Gaze", "not told: the eyes are closed"
    if face.eyes_open is not None and face.mouth_open is not None:
        left, right = face.eyes_open
        words = f"eyes {left:.2f} and {right:.2f}, mouth {face.mouth_open:.2f}"
        yield "Open", _hint(words, OPEN_WORDS)


def _hint(words: str, about: str) -> str:
    return f'<span title="{escape(about)}">{escape(words)}</span> <small>{escape(about)}</small>'


def _looks(found: FaceAnalysis) -> str:
    gaze = found.gaze
    assert gaze is not None
    where = []
    if abs(gaze.yaw) >= 10:
        where.append(f"{abs(gaze.yaw):.0f}° to the image's {_side(gaze.yaw)}")
    if abs(gaze.pitch) >= 10:
        where.append(f"{abs(gaze.pitch):.0f}° {'up' if gaze.pitch > 0 else 'down'}")
    return ", ".join(where) or "about into the camera"


def _expression(expression: Verdict | Scores) -> str:
    scores = expression.scores if isinstance(expression, Verdict) else expression
    said = expression.word if isinstance(expression, Verdict) else expression.top
    why = f" (leans to {scores.top}, not surely enough to be said)" if said == UNSURE else ""
    return f"<b>{escape(said)}</b>{escape(why)}{_bars(dict(list(scores.as_dict().items())[:3]))}"


def _attributes(read: Sequence[Scores]) -> Iterator[tuple[str, str]]:
    for scores in read:
        shares = scores.as_dict()
        if set(shares) == {"female", "male"}:
            words = f"{scores.top} to a network ({shares[scores.top]:.0%}); says nothing of a person's gender"
            yield "Looks", escape(words)
        elif scores.exclusive:
            yield scores.model, f"{escape(scores.top)} ({shares[scores.top]:.0%})"
        else:
            yes = ", ".join(label for label, value in shares.items() if value >= 0.5)
            yield scores.model, escape(yes or "nothing above one half")


def _bars(shares: Mapping[str, float]) -> str:
    lines = "".join(
        f'<li><span>{escape(name)}</span><i style="--s:{min(max(value, 0), 1):.3f}"></i><em>{value:.2f}</em></li>'
        for name, value in shares.items()
    )
    return f'<ul class="bars">{lines}</ul>'


def _details(found: FaceAnalysis) -> Iterator[str]:
    if found.figures:
        lines = "".join(
            f"<li><span>{escape(name)}</span><em>{value:.2f}{_usual(name, value)}</em></li>"
            for name, value in found.figures.items()
        )
        about = "Distances of the mesh in widths between the outer eye corners; not action units."
        yield _folded("Geometry", f'<ul class="list">{lines}</ul><p class="about">{about}</p>')
    if found.quality is not None:
        lines = "".join(
            f"<li><span>{escape(finding.name)}</span><em>{finding.value:.2f} {escape(finding.unit)}</em></li>"
            for finding in found.quality.findings
        )
        yield _folded("Quality in figures", f'<ul class="list">{lines}</ul>')
    for signs in found.signs:
        yield from _heads(signs)


def _usual(name: str, value: float) -> str:
    if name not in USUAL:
        return ""
    low, high = USUAL[name]
    return f", {word(name, value)} ({low:.2f} to {high:.2f} in most portraits)"


def _heads(signs: Signs) -> Iterator[str]:
    """A model's longer lists: action units, blendshapes, visibility, its own angles."""
    if signs.units:
        yield _folded(f"Action units, {signs.model}", _bars(signs.units))
    if signs.blendshapes:
        strongest = dict(sorted(signs.blendshapes.items(), key=lambda pair: -pair[1]))
        yield _folded(f"Blendshapes, {signs.model}", _bars(strongest))
    if signs.visibility:
        yield _folded(f"Visibility, {signs.model}", _bars(signs.visibility))
    if signs.own:
        lines = "".join(f"<li><span>{escape(n)}</span><em>{v:+.1f}</em></li>" for n, v in signs.own.items())
        yield _folded(f"Its own angles, {signs.model}", f'<ul class="list">{lines}</ul>')


def _folded(name: str, content: str) -> str:
    return f"<details><summary>{escape(name)}</summary>{content}</details>"
