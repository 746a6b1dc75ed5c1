"""A photo that recognisers do not match, or a made-up or anonymised one."""

from collections.abc import Mapping
from typing import Any

from workbench.bench import Workbench
from workbench.marks import kept
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import finder_id, photo_and_faces
from workbench.scale.steps.hiding import hider
from workbench.watch import Watch

FIGURES = (
    "outcome", "aim", "compared with", "visibility", "ssim", "psnr", "skin_change", "skin_tint", "patchiness",
    "steps", "seconds",
)  # fmt: skip
NAMED = ("_protected.jpg", "_not-protected.jpg")
"""A file is called protected only when a judge says so."""


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: one of anonymise (how; see `hiding.hider`), makeup (a look) with faces, "largest" or "all"; or look,
    strength, attack, judge, all_in, resemble. Raises BadRequest."""
    if options.get("anonymise"):
        return hider(bench, options)
    if options.get("makeup"):
        return _painter(bench, options)
    return _protector(bench, options)


def _step(
    bench: Workbench,
    settled: Mapping[str, Any],
    models: tuple[str, ...],
    columns: tuple[str, ...],
    open: Any,
    files: tuple[str, ...] = (".jpg",),
    judges: tuple[str, ...] = (),
) -> Step:
    several = len(files) > 1
    return Step("protect", settled, (finder_id(bench), *models), columns, open, files, either=several, judges=judges)


def _painter(bench: Workbench, options: Mapping[str, Any]) -> Step:
    from workbench.makeup import looks

    look, which, parser = looks.find(options["makeup"]), options.get("faces") or "largest", bench.first("parsing").id

    def open(bench: Workbench) -> Work:
        from workbench.images import encode_jpeg
        from workbench.makeup.photo import apply_makeup

        bench.parser(parser)

        def work(name: str, data: bytes, watch: Watch) -> Outcome:
            image, faces = photo_and_faces(data, bench.finder(), bench.settings)
            parsing, painted = _parts(bench, parser, image, faces), image
            chosen = faces if which == "all" else faces[:1]
            for face in chosen:
                painted = apply_makeup(painted, face, look, parsing)
            row = {"outcome": f"makeup: {look.name}", "faces": len(faces), "worked on": len(chosen)}
            return Outcome((row,), {".jpg": kept(encode_jpeg(painted, 94), data)})

        return work

    settled = {"makeup": look.name, "faces": which, "parser": parser}
    return _step(bench, settled, (parser,), ("outcome", "faces", "worked on"), open)


def _protector(bench: Workbench, options: Mapping[str, Any]) -> Step:
    from workbench.makeup import looks
    from workbench.protection.strength import strength_of

    attacked, judges = _roles(bench, options)
    look, parser = looks.find(options.get("look") or "neutral"), bench.first("parsing").id
    strength, number = options.get("strength") or "light", options.get("resemble")
    strength_of(strength)
    drawer = [] if number is None else [bench.first("generation").id]
    settled = {"attack": attacked, "judge": judges, "look": look.name, "strength": strength, "resemble": number}
    columns = ("faces", "worked on", "look", "strength", *FIGURES, *_readings([*attacked, *judges]))
    models = (*attacked, *judges, parser, *drawer)
    read = (*attacked, *judges)
    return _step(bench, settled, models, columns, lambda bench: _search(bench, settled, look, parser), NAMED, read)


def _readings(models: list[str]) -> list[str]:
    from workbench.protection.judge import TREATMENTS

    figures = ("role", "threshold", "before", "after", *(f"after {kind}" for kind in TREATMENTS))
    return [f"{model} {figure}" for model in models for figure in figures]


def _search(bench: Workbench, settled: Mapping[str, Any], look: Any, parser: str) -> Work:
    from workbench.protection.protect import Request, protect
    from workbench.protection.summary import row
    from workbench.protection.targets import draw_target

    finder, number, strength = bench.finder(), settled["resemble"], settled["strength"]
    target = None if number is None else draw_target(bench.generator(), finder, number)
    request = Request(aim="dodge" if target is None else "impersonate", strength=strength, look=look, target=target)
    models = (
        [bench.recogniser(model) for model in settled["attack"]],
        [bench.recogniser(model) for model in settled["judge"]],
    )
    bench.parser(parser)

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        image, faces = photo_and_faces(data, bench.finder(), bench.settings)
        found = protect(image, faces[0], _parts(bench, parser, image, faces), *models, finder, request, watch)
        figures = {"faces": len(faces), "worked on": 1, "look": look.name, "strength": strength, **row(found)}
        return Outcome((figures,), {f"_{found.word}.jpg": kept(found.photo, data)})

    return work


def _parts(bench: Workbench, parser: str, image: Any, faces: Any) -> Any:
    from workbench.tasks.parsing import parse

    return parse(image, bench.parser(parser), faces)


def _roles(bench: Workbench, options: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Who is attacked and who judges."""
    from workbench.protection.roles import calibrated_here, checked_roles, usual_roles

    here = calibrated_here(bench.specs("recognition"), bench.available, bench.threshold)
    if options.get("all_in"):
        return here, []
    usual = usual_roles(here)
    attacked = options.get("attack") or usual[0]
    judge = options.get("judge")
    return checked_roles(here, attacked, [model for model in here if model not in attacked] if judge is None else judge)
