"""Portrait models of the field, and the recognisers whose vectors they are told: fetched when asked for, or brought by the person."""

from collections.abc import Iterable

from workbench.catalog import File, ModelSpec

_SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
_OPENRAIL = "CreativeML OpenRAIL-M (Stable Diffusion 1.5)"
_LAION = "LAION-2B-en (Stable Diffusion 1.5)"
_PACK = "InsightFace pack: non-commercial research only"

RECOGNISER_ROWS = (
    ModelSpec(
        id="arc2face-arcface-r100",
        task="recognition",
        title="ArcFace R100 of Arc2Face",
        load="workbench.models.insight_recogniser:load_onnx",
        files=(File("hub:FoivosPar/Arc2Face:arcface.onnx", size=261_000_000),),
        weights_license="MIT (card of Arc2Face)",
        data_license="WebFace42M: research, non-commercial",
        paper="Deng et al., ArcFace, arXiv 1801.07698; Paraperas Papantoniou et al., Arc2Face, arXiv 2403.11641",
        parameters=65_200_000,
        note="the vectors Arc2Face was trained on; a black box without gradients",
    ),
)


def _hub(repository: str, *names: tuple[str, int]) -> Iterable[File]:
    return (File(f"hub:{repository}:{name}", size=size) for name, size in names)


def _autoencoder_and_words(vae: str = _SD15, folder: str = "vae/") -> tuple[File, ...]:
    """What every model on Stable Diffusion 1.5 shares: autoencoder, noise schedule and the table of words."""
    return (
        *_hub(vae, (f"{folder}config.json", 550), (f"{folder}diffusion_pytorch_model.safetensors", 335_000_000)),
        *_hub(_SD15, ("scheduler/scheduler_config.json", 310), ("tokenizer/vocab.json", 1_060_000), ("tokenizer/merges.txt", 525_000)),
    )


_ARC2FACE = (
    *_hub(
        "FoivosPar/Arc2Face",
        ("arc2face/config.json", 1_500),
        ("arc2face/diffusion_pytorch_model.safetensors", 3_440_000_000),
        ("encoder/config.json", 700),
        ("encoder/pytorch_model.bin", 492_000_000),
    ),
    *_autoencoder_and_words(),
)


def _arc2face(id: str, title: str, note: str, extra: tuple[File, ...] = ()) -> ModelSpec:
    return ModelSpec(
        id=id,
        task="portrait",
        title=title,
        load="workbench.models.arc2face:load",
        files=(*_ARC2FACE, *extra),
        weights_license=f"MIT (card of Arc2Face); {_OPENRAIL}",
        data_license=f"WebFace42M: research, non-commercial; FFHQ: CC BY-NC-SA 4.0; CelebA-HQ: research, non-commercial; {_LAION}",
        paper="Paraperas Papantoniou et al., Arc2Face, arXiv 2403.11641",
        parameters=1_066_200_000,
        note=note,
    )


_LCM = File("hub:latent-consistency/lcm-lora-sdv1-5:pytorch_lora_weights.safetensors", size=135_000_000)

ROWS = (
    _arc2face(
        "arc2face-lcm",
        "Arc2Face, few steps (LCM-LoRA)",
        "3 steps without guidance: the one for a CPU. 5 GB of memory",
        (_LCM,),
    ),
    _arc2face("arc2face", "Arc2Face", "25 steps with guidance 3, as its authors use it: minutes on a CPU. 5 GB of memory"),
)
