"""Makeup without protection: a look, sliders and shades, painted at once while the person moves them."""

import secrets
from typing import Any

import gradio as gr

from workbench import drawing
from workbench.bench import Workbench
from workbench.images import encode_jpeg
from workbench.makeup import looks
from workbench.makeup.palettes import ORDER, PALETTES, shades
from workbench.marks import kept
from workbench.ui.common.events import GPU
from workbench.ui.common.faces import choice, chosen
from workbench.ui.protection import views
from workbench.ui.protection.parts import Ready, look_of, pair, ready

DEFAULT = "neutral"
TITLES = {"brow": "Brows", "lip": "Lips", "liner": "Eyeliner", "shadow": "Eye shadow"}
EMPTY = views.box(
    "Drop a photo",
    "Makeup shows at once; Protect then searches for what recognisers cannot read through. That takes some 25 seconds "
    "on two cores.",
    "plain",
    "empty",
)
ONLY = views.box(
    "Makeup only: not protected",
    "Recognisers read through makeup alone. Press Protect to search for what they do not.",
    "plain",
    "makeup",
)


def look_choice(render: bool = True) -> gr.Dropdown:
    """A dropdown of looks with their sentences."""
    return gr.Dropdown(
        [(look.name.capitalize(), look.name) for look in looks.LOOKS.values()],
        value=DEFAULT,
        label="Look",
        info=looks.LOOKS[DEFAULT].sentence,
        elem_id="protect-look",
        render=render,
    )


def adjustments(look: gr.Dropdown) -> gr.Textbox:
    """An intensity and a shade per region; returns the JSON they write, hidden. They follow the look when it
    changes."""
    makeup = gr.Textbox("{}", visible="hidden", label="makeup", elem_id="protect-makeup")
    start = looks.find(DEFAULT)
    controls: list[Any] = []
    for region in ORDER:
        with gr.Row(equal_height=True):
            value, shade = _of(start, region)
            amount = gr.Slider(
                0,
                1,
                value,
                step=0.05,
                label=TITLES.get(region, region.capitalize()),
                elem_id=f"makeup-{region}",
                scale=3,
                min_width=140,
            )
            color = gr.Dropdown(
                _shade_names(region), value=shade, label="Shade", scale=2, min_width=110, elem_id=f"shade-{region}"
            )
        amount.input(None, [makeup, amount], makeup, js=_write("intensities", region), api_visibility="private")
        color.input(None, [makeup, color], makeup, js=_write("shades", region), api_visibility="private")
        controls += [amount, color]
    look.change(_follow, look, [look, makeup, *controls], api_visibility="private", show_progress="hidden")
    return makeup


def _shade_names(region: str) -> list[str]:
    return [looks.OWN, looks.PALER, *shades(region)] if region == "foundation" else list(shades(region))


def _write(kind: str, region: str) -> str:
    """The browser's function that notes one control in the JSON."""
    note = f"(all['{kind}'] ??= {{}})['{region}'] = value"
    return f"(text, value) => {{ const all = JSON.parse(text || '{{}}'); {note}; return JSON.stringify(all); }}"


def _of(look: looks.Look, region: str) -> tuple[float, str]:
    layer = look.layers.get(region)
    if layer is None:
        return 0.0, looks.OWN if region == "foundation" else next(iter(PALETTES[region]))
    return layer.intensity, max(layer.shades, key=lambda shade: layer.shades[shade])


def _follow(name: str) -> list[Any]:
    look = looks.find(name)
    values = [value for region in ORDER for value in _of(look, region)]
    return [gr.Dropdown(info=look.sentence), "{}", *values]


@GPU
def arrive(bench: Workbench, source: Any, look: str, makeup: str) -> tuple[Any, ...]:
    """A new photo: its faces, and the first one in the look; asks which when there are several. Ready, faces, then as
    `dress`."""
    if source is None:
        return None, choice(1), None, EMPTY, *blank()
    waiting = ready(bench, source)
    if len(waiting.faces) == 1:
        return waiting, choice(1), *dress(bench, waiting, "Face 1", look, makeup)
    path = waiting.folder / "faces.jpg"
    path.write_bytes(encode_jpeg(drawing.draw_faces(waiting.image, waiting.faces), 90))
    words = f"The photo has {len(waiting.faces)} faces. Choose one at “Face”; their numbers are in the picture."
    box = views.box("Which face?", words, "plain", "which")
    return waiting, choice(len(waiting.faces)), (str(path), str(path)), box, *blank()


def dress(bench: Workbench, waiting: Ready | None, face: str, look: str, makeup: str) -> tuple[Any, ...]:
    """The chosen face in the look: the slider's two pictures and the word that this protects from nothing; old figures
    go."""
    from workbench.makeup.photo import apply_makeup

    if waiting is None or (not face and len(waiting.faces) > 1):
        return gr.skip(), gr.skip(), *blank()
    _, mine = chosen(waiting.found, face)
    painted = apply_makeup(waiting.image, mine, look_of(look, makeup), waiting.parsing)
    return pair(waiting.folder, waiting.image, painted, mine, f"look-{secrets.token_hex(4)}"), ONLY, *blank()


def blank() -> tuple[Any, ...]:
    """Table, figures, heatmap and both downloads of a result that no longer holds, the note of its likeness, its
    curve."""
    return (
        gr.HTML("", visible=False),
        gr.Markdown("", visible=False),
        gr.Image(None, visible=False),
        gr.DownloadButton(interactive=False),
        gr.DownloadButton(interactive=False),
        None,
        "",
    )


@GPU
def apply_makeup(
    bench: Workbench, source: Any, face: str = "", look: str = DEFAULT, makeup: str = "{}"
) -> tuple[Any, ...]:
    """Makeup alone, at the photo's own resolution.

    face: "Face 1" is the largest, or a place in the photo ("x, y" or "left, top, right, bottom"); needed when there are
    several. makeup: JSON of changes to the look. Returns close-ups before and after, the word that this protects from
    nothing, and the whole photo as JPEG without metadata.
    """
    from workbench.makeup.photo import apply_makeup as paint

    waiting = ready(bench, source, whole=True)
    _, mine = chosen(waiting.found, face)
    painted = paint(waiting.image, mine, look_of(look, makeup), waiting.parsing)
    path = waiting.file("makeup.jpg")
    path.write_bytes(kept(encode_jpeg(painted, 94), waiting.found.photo.source))
    return pair(waiting.folder, waiting.image, painted, mine, "after"), ONLY, str(path)
