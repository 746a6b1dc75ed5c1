"""Methods × models as a table: a map per cell, and on it a badge that says whether it counts as evidence."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench import images
from workbench.explanation.methods import find
from workbench.ui.common.widgets import data_url

STYLE = (
    "<style>.matrix { overflow-x: auto; } .matrix table { border-collapse: collapse; font-size: .86rem; } "
    ".matrix th, .matrix td { padding: 4px 6px !important; text-align: start; vertical-align: top; } "
    ".matrix td { min-width: 130px; max-width: 220px; } .matrix figure { position: relative; margin: 0; } "
    ".matrix img { display: block; width: 100%; height: auto; border-radius: 6px; margin: 0; } "
    ".matrix .badge { position: absolute; inset-inline-start: 4px; bottom: 4px; max-width: calc(100% - 8px); "
    "box-sizing: border-box; padding: 1px 7px; border-radius: 8px; line-height: 1.3; "
    "font-size: .78rem; color: #fff; background: #475569; } .matrix .badge.good { background: #166534; } "
    ".matrix .badge.bad { background: #b91c1c; } "
    "@media (max-width: 640px) { .matrix table { width: 100%; table-layout: fixed; font-size: .78rem; } "
    ".matrix th, .matrix td { padding: 2px 3px !important; overflow-wrap: anywhere; hyphens: auto; } "
    ".matrix td { min-width: 0; } .matrix thead td { width: 22%; } .matrix .badge { position: static; display: block; "
    "max-width: none; font-size: .72rem; } }</style>"
)


def matrix_html(cells: Sequence[Any], drawn: Mapping[tuple[str, str], np.ndarray], titles: Mapping[str, str]) -> str:
    """The table. cells: of a grid. drawn: a picture by (model, method). titles: of models by id."""
    models = list(dict.fromkeys(cell.model for cell in cells))
    methods = list(dict.fromkeys(cell.method for cell in cells))
    at = {(cell.model, cell.method): cell for cell in cells}
    heads = "".join(f"<th scope='col'>{html.escape(titles.get(model, model))}</th>" for model in models)
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(find(method).title)}</th>"
        + "".join(_cell(at.get((model, method)), drawn, titles) for model in models)
        + "</tr>"
        for method in methods
    )
    return (
        f"{STYLE}<div class='matrix'><table><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(cell: Any, drawn: Mapping[tuple[str, str], np.ndarray], titles: Mapping[str, str]) -> str:
    if cell is None:
        return "<td></td>"
    picture = drawn.get((cell.model, cell.method))
    if picture is None:
        return f"<td>{html.escape(cell.reason or 'not drawn')}</td>"
    verdict = cell.proof.verdict if cell.proof else None
    word = f"{verdict.word} ({verdict.gain:.2f})" if verdict else "not proved"
    tone = "" if verdict is None else " good" if verdict.counts else " bad"
    sign = "" if verdict is None else "✓ " if verdict.counts else "✗ "
    named = html.escape(f"{find(cell.method).title} on {titles.get(cell.model, cell.model)}: {word}", quote=True)
    source = data_url(images.encode_jpeg(picture, 80), "image/jpeg")
    return (
        f"<td><figure><img src='{source}' alt='{named}' width='{picture.shape[1]}' height='{picture.shape[0]}'>"
        f"<span class='badge{tone}'>{sign}{html.escape(word)}</span></figure></td>"
    )
