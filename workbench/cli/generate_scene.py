"""What `generate` may be told of the scene, and its variants: for models whose row says that they take it."""

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import images
from workbench.batch.files import shown
from workbench.errors import BadRequest

if TYPE_CHECKING:
    from workbench.bench import Workbench
    from workbench.catalog.spec import ModelSpec
    from workbench.portraits import Recipe

SCENE = {
    "negative": "words of what must not be seen, for models that take them",
    "strength": "how strongly the person counts beside the words, up to 1.5 (default: the model's own)",
    "size": "side of the pictures in pixels, for models that take it (default: the model's own)",
    "style": "studio, window, outdoors, film, black and white, passport, painting or pencil, for models that read it",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Scene, pose and variants."""
    for name, words in SCENE.items():
        kind = {"size": int, "strength": float}.get(name, str)
        parser.add_argument(f"--{name}", type=kind, default=kind(), help=words)
    parser.add_argument(
        "--pose",
        type=Path,
        help="another photo, of anybody: faces are drawn where its face is, by models that take one",
    )
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="CHOICES",
        help="draw --count pictures of each variant, one after another: 'style=film strength=0.6 seed=3', or "
        "'3, 14, 15' for a seed each; may be given several times",
    )


def check(args: argparse.Namespace, shards: bool) -> None:
    """Raises BadRequest for what a study, new people or shards cannot be told, and a photo that is not there."""
    if args.variant and (args.study or args.new is not None or shards):
        raise BadRequest("--variant is for pictures of one person, drawn in this process.")
    if args.pose and (args.study or shards):
        raise BadRequest("--pose is for pictures that are drawn in this process, not for a study.")
    if args.pose and not args.pose.is_file():
        raise BadRequest(f"--pose {shown(args.pose)}: there is no such file.")
    if args.study and any(getattr(args, name) for name in SCENE):
        raise BadRequest(f"--study is drawn plainly: leave out {', '.join(f'--{name}' for name in SCENE)}.")


def recipes(args: argparse.Namespace, spec: "ModelSpec") -> list["Recipe"]:
    """The recipe, and after it one per variant, each of which the model's row allows. Raises BadRequest."""
    from workbench.generation import variants
    from workbench.portraits import Recipe, heeded, read_wishes
    from workbench.scenes import Scene
    from workbench.scenes import heeded as taken

    scene = Scene(args.negative, args.strength, args.size, args.style)
    first = Recipe(args.seed, args.steps, args.guidance, args.prompt, read_wishes(args.wish), scene)
    queue = [first, *variants.read("\n".join(args.variant), first)]
    for recipe in queue:
        heeded(recipe.wishes, spec.wishes)
        taken(recipe.scene, spec.takes, spec.sides, spec.title)
    if args.pose and "pose" not in spec.takes:
        raise BadRequest(f"{spec.title} takes no pose from a photo. Leave out --pose.")
    return queue


def posed(args: argparse.Namespace, bench: "Workbench", model: Any) -> Any:
    """The model, whose faces lie as that of `--pose` does."""
    from workbench.generation import references

    return references.posed(model, images.decode(args.pose, bench.settings), bench.finder()) if args.pose else model


def plan(args: argparse.Namespace) -> dict[str, Any]:
    """What of this must be the same for a run to go on; nothing of what was not asked for, as in plans of before."""
    told = {name: getattr(args, name) for name in (*SCENE, "variant") if getattr(args, name)}
    return told | ({"pose": hashlib.sha256(args.pose.read_bytes()).hexdigest()} if args.pose else {})
