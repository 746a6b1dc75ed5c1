"""The table of tabs: one row each, in the order they are shown. The app, the Spaces, the docs and the tests read it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab, which is also one Space.

    stem: the name every layer uses. build: "module:function", imported when the app is built; `(bench, photo) ->
    gr.Blocks`.
    tasks: catalogue tasks whose default models it needs. takes_photo: the page's photo is taken here.
    api: its main endpoint, "" when it has none.
    needs: groups of requirements.txt and extras of pyproject.toml that its Space installs. colors: of its card.
    """

    stem: str
    title: str
    emoji: str
    sentence: str
    build: str
    tasks: tuple[str, ...]
    api: str = ""
    takes_photo: bool = True
    needs: tuple[str, ...] = ("core", "runtimes")
    colors: tuple[str, str] = ("indigo", "blue")


TABS: tuple[Tab, ...] = (
    Tab(
        stem="parsing",
        title="Parsing",
        emoji="🎨",
        sentence="Which pixels are hair, skin, brows, eyes, lips: every face of a photo, coloured and measured.",
        build="workbench.ui.parsing.tab:build",
        api="parse",
        tasks=("detection", "parsing", "clicks", "matte"),
        needs=("core", "runtimes", "models"),
    ),
    Tab(
        stem="analysis",
        title="Analysis",
        emoji="📍",
        sentence=(
            "Everything a face shows: points, where head and eyes turn, expression, age, and how well it can be seen; "
            "each with what it may be off by."
        ),
        build="workbench.ui.analysis.tab:build",
        api="analyse",
        tasks=("detection", "parsing", "expression", "attributes"),
        needs=("core", "runtimes", "models", "video"),
    ),
    Tab(
        stem="explanation",
        title="Explanation",
        emoji="🔍",
        sentence="Why a model says what it says of a face, and whether the heatmap deserves to be believed.",
        build="workbench.ui.explanation.tab:build",
        api="explain",
        tasks=("detection", "parsing", "expression", "attributes", "recognition"),
        needs=("core", "runtimes", "models"),
        colors=("purple", "indigo"),
    ),
    Tab(
        stem="generation",
        title="Generation",
        emoji="🧬",
        sentence=(
            "Faces drawn from an identity, your own photo re-posed, people who do not exist; each with the figures "
            "that say how like."
        ),
        build="workbench.ui.generation.tab:build",
        api="generate",
        tasks=("detection", "recognition", "portrait"),
        needs=("core", "runtimes", "models", "labeling"),
        colors=("blue", "green"),
    ),
    Tab(
        stem="protection",
        title="Protection",
        emoji="🛡️",
        sentence=(
            "Makeup that recognition cannot read through: a natural photo of you, and what every recogniser still "
            "reads in it."
        ),
        build="workbench.ui.protection.tab:build",
        api="protect",
        tasks=("detection", "parsing", "recognition", "generation"),
        needs=("core", "runtimes", "models", "video"),
        colors=("pink", "purple"),
    ),
    Tab(
        stem="evaluation",
        title="Evaluation",
        emoji="📏",
        sentence=(
            "How good a model is on your own photos, and for whom: figures with intervals, per group, model "
            "against model."
        ),
        build="workbench.ui.evaluation.tab:build",
        tasks=("detection", "parsing", "expression", "recognition"),
        api="evaluate",
        takes_photo=False,
        needs=("core", "runtimes", "models", "labeling", "people"),
        colors=("yellow", "green"),
    ),
    Tab(
        stem="labeling",
        title="Labeling",
        emoji="🏷️",
        sentence="Are these two the same person? People judge, no vote is lost, and the statistics come with it.",
        build="workbench.ui.labeling.tab:build",
        tasks=("detection", "generation"),
        takes_photo=False,
        needs=("core", "runtimes", "models", "labeling"),
        colors=("green", "blue"),
    ),
)


def find(stem: str) -> Tab:
    """The row of this stem; KeyError when there is none."""
    return next(tab for tab in TABS if tab.stem == stem)
