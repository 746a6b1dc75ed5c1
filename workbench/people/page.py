"""The groups of a folder's faces as one page that needs nothing else: look through them, move faces, name people, save
the table. Escapes what it is given."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from workbench.batch.names import cell, escaped
from workbench.labeling.report import page as pieces
from workbench.people.faces import Faces, names
from workbench.people.looking import Doubt, Like, Twice

MOST = 4000
"""Faces that one page holds; the table holds all."""
SIDE = 76
SHOWN = 60
"""Duplicates, doubts and hits shown as pictures; the tables hold all."""
_HERE = Path(__file__).parent


def page(
    faces: Faces,
    people: Sequence[str],
    *,
    title: str,
    found: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    twice: Sequence[Twice] = (),
    doubtful: Sequence[Doubt] = (),
    like: Sequence[Like] = (),
) -> str:
    """The page as HTML. people: (n,) a name for each face, "" alone. found: large figures with their words."""
    count = len({who for who in people if who})
    alone = sum(not who for who in people)
    head = f'<p class="kicker">{escape(escaped(title))} · {escape(faces.model)}</p><h1>People in a folder</h1>'
    tiles = [(f"{count:,}", "people with several faces"), (f"{alone:,}", "faces that are like no other"), *found]
    body = head + pieces.tiles(tiles) + (pieces.card(pieces.listing(notes)) if notes else "")
    told = tuple(escaped(name) for name in names(faces))
    body += pieces.section("Most like the photo searched for", _hits(faces, told, like))
    body += pieces.section("Probably in the wrong folder", _doubts(faces, told, doubtful))
    body += pieces.section("Probably the same picture twice", _twice(faces, told, twice))
    body += pieces.section("Groups", _groups(faces, told, people, {each.face for each in doubtful}))
    if faces.failed:
        rows = [[escape(escaped(photo)), escape(why)] for photo, why in faces.failed[:500]]
        body += pieces.folded(f"{len(faces.failed):,} photos without a face", pieces.raw_table(["Photo", "Why"], rows))
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return pieces.page("People in a folder", f"<style>{style}</style>{body}<script>{script}</script>")


def _groups(faces: Faces, told: Sequence[str], people: Sequence[str], doubted: set[int]) -> str:
    rows_of: dict[str, list[int]] = {}
    for number, who in enumerate(people):
        rows_of.setdefault(who, []).append(number)
    order = sorted((who for who in rows_of if who), key=lambda who: (-len(rows_of[who]), who))
    left, shown = MOST, []
    for who in (*order, ""):
        rows = rows_of.get(who, [])[: max(left, 0)]
        left -= len(rows)
        if rows or not who:
            shown.append(_person(who, [_face(faces, told, row, row in doubted) for row in rows]))
    hidden = _unshown(told, people, rows_of, order)
    note = pieces.paragraphs(
        f"{len(hidden):,} faces are not on this page; the table it saves holds them as they are." if hidden else ""
    )
    lines = json.dumps(hidden, ensure_ascii=True).replace("<", "\\u003c")
    blank = f'<template id="blank">{_person("person", [])}</template>'
    data = f'<script type="application/json" id="unshown">{lines}</script>'
    return f'{note}{_BAR}<div class="people" id="people">{"".join(shown)}</div>{blank}{data}'


def _unshown(
    told: Sequence[str], people: Sequence[str], rows_of: Mapping[str, Sequence[int]], order: Sequence[str]
) -> list[str]:
    """Lines of the table for faces beyond the page."""
    rows = [row for who in (*order, "") for row in rows_of.get(who, ())][MOST:]
    return [",".join(_quoted(cell(text)) for text in (told[row], escaped(people[row]))) for row in rows]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(letter in text for letter in ',"\n') else text


_BAR = """<div id="bar"><output aria-live="polite"></output>
<button class="tool" id="fresh" data-needs>New person</button>
<button class="tool" id="alone" data-needs>Set alone</button>
<button class="tool" id="undo">Undo</button>
<button class="tool main" id="save">Save people.csv</button></div>"""


def _person(who: str, shown: Sequence[str]) -> str:
    if who:
        name = f'<input value="{escape(who)}" aria-label="Name of this person" maxlength="80" spellcheck="false">'
        mark = ""
    else:
        name, mark = "<b>Like no other</b>", ' data-alone="1"'
    return (
        f'<section class="person"{mark}><header>{name}<span class="count muted"></span>'
        '<button class="tool" data-here data-needs>Move chosen here</button>'
        '<button class="tool" data-all>Choose all</button></header>'
        f'<div class="shown">{"".join(shown)}</div></section>'
    )


def _face(faces: Faces, told: Sequence[str], row: int, doubted: bool) -> str:
    name = escape(told[row])
    mark = " doubt" if doubted else ""
    return (
        f'<button class="face{mark}" aria-pressed="false" data-face="{name}" title="{name}">'
        f'<img src="{_address(faces, row)}" alt="{name}" loading="lazy"></button>'
    )


def _address(faces: Faces, row: int) -> str:
    with Image.open(io.BytesIO(faces.pictures[row])) as opened:
        small = opened.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=78)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _side(faces: Faces, rows: Sequence[int], words: str) -> str:
    pictures = "".join(f'<img src="{_address(faces, row)}" alt="">' for row in rows)
    return f"<figure>{pictures}<figcaption>{words}</figcaption></figure>"


def _twice(faces: Faces, told: Sequence[str], twice: Sequence[Twice]) -> str:
    shown = [
        _side(faces, (each.first, each.second), f"{escape(told[each.first])} · {escape(told[each.second])}"
              f"{', mirrored' if each.mirrored else ''}")
        for each in twice[:SHOWN]
    ]  # fmt: skip
    return _shown(shown, len(twice))


def _doubts(faces: Faces, told: Sequence[str], doubtful: Sequence[Doubt]) -> str:
    shown = [
        _side(faces, (each.face,), f"<b>{escape(told[each.face])}</b><br>{escape(escaped(each.words()))}")
        for each in doubtful[:SHOWN]
    ]
    return _shown(shown, len(doubtful))


def _hits(faces: Faces, told: Sequence[str], like: Sequence[Like]) -> str:
    verdict = {True: ", taken for this person", False: "", None: ""}
    shown = [
        _side(faces, (each.face,), f"{faces.metric.word} {each.score:.3f}{verdict[each.same]}<br>"
              f"{escape(told[each.face])}")
        for each in like[:SHOWN]
    ]  # fmt: skip
    return _shown(shown, len(like))


def _shown(shown: Sequence[str], count: int) -> str:
    if not shown:
        return ""
    more = f"<p>The {len(shown)} surest of {count}; the table holds all.</p>" if count > len(shown) else ""
    return f'{more}<div class="side">{"".join(shown)}</div>'
