"""How figures look, and how they become part of a page: colours for light, dark, and for a page that decides itself.

A figure for a page is drawn with placeholder colours that become CSS variables in its SVG, so one drawing serves both
themes.
"""

import io
import re
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of a figure.

    ink: text and humans. muted: axes and notes. grid: lines behind. series: recognisers in order. ok, flag, bad:
    verdicts. paper: behind everything, "none" for none.
    """

    ink: str
    muted: str
    grid: str
    series: tuple[str, ...]
    ok: str
    flag: str
    bad: str
    paper: str = "none"

    def colour(self, index: int) -> str:
        """Colour of the n-th recogniser; after the last it starts again (then line styles differ)."""
        return self.series[index % len(self.series)]


LIGHT = Look(
    "#1c1b1a",
    "#6b6a66",
    "#e4e3de",
    ("#2a78d6", "#c2571a", "#12805c", "#7a4fc0", "#b0306a", "#8a6d00"),
    "#12805c",
    "#8a6d00",
    "#c03434",
    "#ffffff",
)
DARK = Look(
    "#f2f1ee",
    "#a3a19b",
    "#3a3936",
    ("#6aa8f0", "#f0935a", "#4cc296", "#b394f0", "#f07fb0", "#d9b640"),
    "#4cc296",
    "#d9b640",
    "#f07a7a",
    "#1b1a19",
)
PAGE = Look(
    "#010101",
    "#020202",
    "#030303",
    ("#010a01", "#010a02", "#010a03", "#010a04", "#010a05", "#010a06"),
    "#020b01",
    "#020b02",
    "#020b03",
)
_VARIABLES = {
    PAGE.ink: "ink",
    PAGE.muted: "muted",
    PAGE.grid: "grid",
    PAGE.ok: "ok",
    PAGE.flag: "flag",
    PAGE.bad: "bad",
} | {colour: f"s{index + 1}" for index, colour in enumerate(PAGE.series)}
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)))
_SIZE = (4.4, 3.3)


def css(look: Look) -> str:
    """The CSS variables of a look, for `:root` of a page that shows figures drawn with PAGE."""
    names = {
        "ink": look.ink,
        "muted": look.muted,
        "grid": look.grid,
        "ok": look.ok,
        "flag": look.flag,
        "bad": look.bad,
        "paper": look.paper,
    }
    names |= {f"s{index + 1}": colour for index, colour in enumerate(look.series)}
    return "".join(f"--{name}:{colour};" for name, colour in names.items())


def draw(look: Look, height: float = _SIZE[1]) -> tuple[Figure, Axes]:
    """An empty figure of one plot, 4.4 inches wide, made for a phone's width and up."""
    with rc_context({"font.size": 9, "font.family": "DejaVu Sans", "axes.unicode_minus": True}):
        figure = Figure(figsize=(_SIZE[0], height), layout="constrained", facecolor=look.paper)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot(facecolor="none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(look.muted)
    axes.tick_params(which="both", colors=look.muted, labelsize=9, length=3)
    axes.grid(True, color=look.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def name_axes(axes: Axes, look: Look, across: str, up: str) -> None:
    """Label both axes."""
    axes.set_xlabel(across, color=look.ink, fontsize=9)
    axes.set_ylabel(up, color=look.ink, fontsize=9)


def explain(axes: Axes, look: Look, where: str = "best") -> None:
    """A legend without a frame, where there is something to tell apart."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc=where, frameon=False, fontsize=8.5, labelcolor=look.ink, handlelength=2.2)


def as_pixels(figure: Figure, dpi: int = 160) -> np.ndarray:
    """The figure as an RGB picture, H × W × 3 uint8."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def as_svg(figure: Figure, name: str, words: str) -> str:
    """The figure as an inline <svg> whose PAGE colours are CSS variables.

    name: keeps ids apart on one page. words: what it shows, for people who hear the page.
    """
    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "svg.id": None}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = re.sub(
        r'id="((?:figure|axes|patch|line2d|text|matplotlib|xtick|ytick|PathCollection|LineCollection|FillBetweenPolyCollection|PolyCollection|legend)[^"]*)"',
        "",
        svg,
    )
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px system-ui, sans-serif", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    label = words.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
