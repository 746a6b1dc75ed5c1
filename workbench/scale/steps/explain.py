"""A heatmap with its proof, its numbers (NPZ) and a recipe (JSON) from which the same map can be made again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench import drawing, images
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.explanation.methods import find
from workbench.parts import PARTS
from workbench.photo import Photo
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import finder_id
from workbench.watch import Watch

FIGURES = (
    "verdict", "gain", "deletion_auc", "insertion_auc", "gain_chance_p95", "gain_edges", "gain_middle", "randoms_beaten",  # noqa: E501
    "depends_on_weights", "randomised_spearman", "randomised_sizes", "randomised_ssim",
    "human_cam_cos", "human_iou", "human_correlation", "human_chance",
    *(f"heat_{part}" for part in PARTS),
    "road", "unexplained", "sensitivity",
)  # fmt: skip
COLUMNS = ("run", "target", "score", "faces", "left", "top", "right", "bottom", *FIGURES)
NO_PARSER = "none"


@dataclass(frozen=True, slots=True)
class Run:
    """What is asked of every photo."""

    model: str
    target: str
    method: str
    knobs: dict[str, Any]
    face: int
    parser: str
    seed: int
    photo_sha256: str = ""
    proof: bool = True
    shuffle: bool = True
    more: bool = False

    def words(self) -> str:
        """The run in one cell of the table."""
        knobs = " ".join(f"{name}={value}" for name, value in self.knobs.items())
        words = (
            f"{self.model} {self.method} {self.target or 'own answer'} face={self.face} seed={self.seed} "
            f"parser={self.parser}"
        )
        return f"{words} {knobs}".strip()


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: the fields of `Run`. Raises BadRequest for an unknown model, method or knob."""
    asked = Run(**{**options, "knobs": find(options["method"]).settle(options["knobs"])})
    spec = bench.spec(asked.model)
    parser = () if asked.parser == NO_PARSER else (bench.spec(asked.parser, "parsing").id,)
    settled = {name: getattr(asked, name) for name in Run.__slots__}
    files = (".png", ".npz", ".json")
    return Step(
        "explain",
        settled,
        (spec.id, finder_id(bench), *parser),
        COLUMNS,
        lambda bench: _open(bench, asked),
        files,
        short=False,
    )


def _open(bench: Workbench, asked: Run) -> Work:
    spec, finder, model = bench.spec(asked.model), bench.finder(), bench.model(asked.model)
    parser = None if asked.parser == NO_PARSER else bench.parser(asked.parser)

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        return _explained(name, data, asked, finder, model, spec.task, parser, bench, watch)

    return work


def _explained(
    name: str, data: bytes, asked: Run, finder: Any, model: Any, task: str, parser: Any, bench: Workbench, watch: Watch
) -> Outcome:
    """One photo's row and files. Raises WorkbenchError when it cannot be explained."""
    from workbench.explanation import explain as explanation
    from workbench.explanation import record as explanation_record
    from workbench.explanation.targets import named
    from workbench.tasks.detection import find
    from workbench.tasks.expression import check_size
    from workbench.tasks.parsing import parse

    image = images.decode(data, bench.settings)
    if asked.photo_sha256 and explanation_record.photo_hash(image) != asked.photo_sha256:
        raise BadRequest("this is not the photo that the recipe was made from")
    photo = find(Photo(image), finder)
    faces, face = photo.faces, photo.face(asked.face)
    check_size(face)
    label = asked.target or (model.scores(image, face).top if task != "parsing" else "hair")
    parsing = None if parser is None else parse(image, parser, faces)
    found = explanation.explained(
        named(model, task, label), image, face, asked.method, asked.knobs, parsing=parsing, seed=asked.seed, watch=watch
    )
    proof = explanation.proof_of(found, randomise=asked.shuffle, more=asked.more, watch=watch) if asked.proof else None
    told = {"run": asked.words(), "target": label, "faces": len(faces), **_figures(found, face, proof)}
    recipe = explanation_record.recipe(
        found, image, asked.face, label, "" if parsing is None else parsing.model, name.rpartition("/")[2]
    )
    files = {
        ".png": images.encode_png(drawing.heat(image, found.heatmap.values)),
        ".npz": explanation_record.as_npz(found, proof),
        ".json": explanation_record.as_json(recipe, found, proof),
    }
    return Outcome((told,), files)


def _figures(found: Any, face: Any, proof: Any) -> dict[str, str]:
    from workbench.scale.steps.faces import box

    score = float(found.question.scores(found.question.chip, shown=True)[0])
    figures = proof.figures() if proof else {}
    return {"score": f"{score:.6g}", **box(face), **{name: _cell(figures.get(name, "")) for name in FIGURES}}


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
