"""Editors of photos that draw a person anew from words: stock diffusers pipelines, for graphics cards. What they look
at is the photo; no face vector is heard. Files stand under their paths in the repository, which are their roles."""

from workbench.catalog.spec import File, ModelSpec

_CONFIG = 2_000
"""Bytes of a configuration, about."""

_BPE = (("tokenizer_config.json", 7_000), ("vocab.json", 2_780_000), ("merges.txt", 1_670_000))
_QWEN_WORDS = (*_BPE, ("added_tokens.json", 700), ("special_tokens_map.json", 700), ("chat_template.jinja", 4_000))


def _files(repository: str, *named: tuple[str, int]) -> tuple[File, ...]:
    return tuple(File(f"hub:{repository}:{name}", size=size, role=name) for name, size in named)


def _network(folder: str, size: int, pieces: int = 1, stem: str = "diffusion_pytorch_model") -> list[tuple[str, int]]:
    """A network's configuration and weights; of several pieces, with their index. size: of all weights, in bytes."""
    found = [(f"{folder}/config.json", _CONFIG)]
    if pieces == 1:
        return [*found, (f"{folder}/{stem}.safetensors", size)]
    found += [
        (f"{folder}/{stem}-{piece:05d}-of-{pieces:05d}.safetensors", size // pieces) for piece in range(1, pieces + 1)
    ]
    return [*found, (f"{folder}/{stem}.safetensors.index.json", 100_000)]


def _in(folder: str, named: tuple[tuple[str, int], ...]) -> list[tuple[str, int]]:
    return [(f"{folder}/{name}", size) for name, size in named]


_SCHEDULER = ("scheduler/scheduler_config.json", 500)

_KONTEXT = _files(
    "black-forest-labs/FLUX.1-Kontext-dev",
    *_network("transformer", 23_800_000_000, 3),
    *_network("text_encoder_2", 9_520_000_000, 2, "model"),
    *_network("text_encoder", 246_000_000, 1, "model"),
    *_network("vae", 168_000_000),
    *_in("tokenizer", (("tokenizer_config.json", 700), ("special_tokens_map.json", 600), ("vocab.json", 1_060_000))),
    ("tokenizer/merges.txt", 525_000),
    *_in("tokenizer_2", (("tokenizer_config.json", 21_000), ("tokenizer.json", 2_420_000), ("spiece.model", 792_000))),
    ("tokenizer_2/special_tokens_map.json", 2_500),
    _SCHEDULER,
)
_KLEIN = _files(
    "black-forest-labs/FLUX.2-klein-4B",
    *_network("transformer", 7_750_000_000),
    *_network("text_encoder", 8_040_000_000, 2, "model"),
    *_network("vae", 168_000_000),
    *_in("tokenizer", (*_QWEN_WORDS, ("tokenizer.json", 11_400_000))),
    _SCHEDULER,
)
_QWEN = _files(
    "Qwen/Qwen-Image-Edit-2509",
    *_network("transformer", 40_900_000_000, 5),
    *_network("text_encoder", 16_600_000_000, 4, "model"),
    *_network("vae", 254_000_000),
    *_in("tokenizer", _QWEN_WORDS),
    *_in("processor", (*_QWEN_WORDS, ("preprocessor_config.json", 800), ("tokenizer.json", 11_400_000))),
    ("processor/video_preprocessor_config.json", 900),
    _SCHEDULER,
)

_UNVERIFIED = "the names of the files in its repository are not verified"


def _rows(
    id: str, title: str, load: str, files: tuple[File, ...], terms: str, paper: str, parameters: int, note: str
) -> tuple[ModelSpec, ModelSpec]:
    """The row, and the same with the weights of large networks held in 8 bits."""

    def row(name: str, mark: str, more: str) -> ModelSpec:
        return ModelSpec(
            id=name,
            task="portrait",
            title=f"{title} ({mark})",
            load=f"workbench.models.portraits.photo_editor:{load}",
            files=files,
            weights_license=terms,
            data_license="not published by its authors",
            paper=paper,
            parameters=parameters,
            reads_prompt=True,
            photo="must",
            hears=False,
            takes=("size", "style", *(("negative",) if load == "load_qwen" else ())),
            sides=(512, 1280),
            gpu_seconds=120,
            note=f"needs a graphics card; edits the photo as a sentence says, hears no face vector; {note}; {more}",
        )

    half = "in 8 bits: linear maps held as 8-bit floats, about half the memory"
    return row(id, "GPU", _UNVERIFIED), row(f"{id}-8bit", "GPU, 8 bit", f"{half}; {_UNVERIFIED}")


ROWS = (
    *_rows(
        "flux2-klein-4b",
        "FLUX.2 klein 4B",
        "load_klein",
        _KLEIN,
        "Apache-2.0 (Black Forest Labs; its text encoder Qwen3-4B: Apache-2.0)",
        "Black Forest Labs, FLUX.2, 2025",
        8_000_000_000,
        "4 steps, 16 GB",
    ),
    *_rows(
        "flux1-kontext",
        "FLUX.1 Kontext",
        "load_kontext",
        _KONTEXT,
        "FLUX.1 [dev] Non-Commercial License (Black Forest Labs; asks for consent on the Hub)",
        "Black Forest Labs, arXiv 2506.15742",
        16_900_000_000,
        "28 steps, 34 GB",
    ),
    *_rows(
        "qwen-image-edit",
        "Qwen-Image-Edit 2509",
        "load_qwen",
        _QWEN,
        "Apache-2.0 (Qwen)",
        "Wu et al., Qwen-Image, arXiv 2508.02324",
        28_800_000_000,
        "40 steps, 58 GB",
    ),
)
