"""Portrait models of the field: fetched when asked for, or brought by the person. The recognisers whose vectors they
are told stand in `hub_recognition`."""

from collections.abc import Iterable
from dataclasses import replace

from workbench.catalog.spec import File, ModelSpec

_SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
_OPENRAIL = "CreativeML OpenRAIL-M (Stable Diffusion 1.5)"
_LAION = "LAION-2B-en (Stable Diffusion 1.5)"
_SIDES, _XL_SIDES = (256, 768), (512, 1280)
_SCENE = ("negative", "size", "style")


def _hub(repository: str, *names: tuple[str, str, int]) -> Iterable[File]:
    """Files of a repository. names: role, path, bytes."""
    return (File(f"hub:{repository}:{name}", size=size, role=role) for role, name, size in names)


def _autoencoder_and_words(vae: str = _SD15, folder: str = "vae/") -> tuple[File, ...]:
    """What every model on Stable Diffusion 1.5 shares: autoencoder, noise schedule and the table of words."""
    return (
        *_hub(
            vae,
            ("vae_config", f"{folder}config.json", 550),
            ("vae", f"{folder}diffusion_pytorch_model.safetensors", 335_000_000),
        ),
        *_hub(
            _SD15,
            ("scheduler", "scheduler/scheduler_config.json", 310),
            ("vocabulary", "tokenizer/vocab.json", 1_060_000),
            ("merges", "tokenizer/merges.txt", 525_000),
        ),
    )


_ARC2FACE = (
    *_hub(
        "FoivosPar/Arc2Face",
        ("unet_config", "arc2face/config.json", 1_500),
        ("unet", "arc2face/diffusion_pytorch_model.safetensors", 3_440_000_000),
        ("text_encoder_config", "encoder/config.json", 700),
        ("text_encoder", "encoder/pytorch_model.bin", 492_000_000),
    ),
    *_autoencoder_and_words(),
)


def _arc2face(id: str, title: str, note: str, extra: tuple[File, ...] = ()) -> ModelSpec:
    return ModelSpec(
        id=id,
        task="portrait",
        title=title,
        load="workbench.models.portraits.arc2face:load",
        files=(*_ARC2FACE, *extra),
        weights_license=f"MIT (card of Arc2Face); {_OPENRAIL}{'; LCM-LoRA: OpenRAIL++' if extra else ''}",
        data_license=(
            f"WebFace42M: research, non-commercial; FFHQ: CC BY-NC-SA 4.0; CelebA-HQ: research, non-commercial; "
            f"{_LAION}"
        ),
        paper="Paraperas Papantoniou et al., Arc2Face, arXiv 2403.11641",
        parameters=1_066_200_000,
        note=note,
        takes=("size",),
        sides=_SIDES,
    )


_VEC2FACE = ModelSpec(
    id="vec2face",
    task="portrait",
    title="Vec2Face",
    load="workbench.models.portraits.vec2face:load",
    files=(File("hub:BooBooWu/Vec2Face:weights/vec2face_generator.pth", size=697_000_000),),
    weights_license="MIT (card of Vec2Face)",
    data_license="WebFace4M: research, non-commercial; Glint360K (its recogniser): research, non-commercial",
    paper="Wu et al., Vec2Face, arXiv 2409.02979",
    parameters=174_126_998,
    note="112 pixels, one forward pass: under a second on one core; no prompt. 1 GB of memory",
)

_REALISTIC = "SG161222/Realistic_Vision_V4.0_noVAE"
_VAE_MSE = "stabilityai/sd-vae-ft-mse"
_IMAGE_ENCODER = tuple(
    _hub(
        "h94/IP-Adapter",
        ("image_encoder_config", "models/image_encoder/config.json", 700),
        ("image_encoder", "models/image_encoder/model.safetensors", 2_530_000_000),
    )
)
"""CLIP ViT-H/14 of LAION, as IP-Adapter's authors repeat it."""


def _realistic(base: str, unet: str, text: str) -> tuple[File, ...]:
    """Stable Diffusion 1.5 tuned for photos, with the autoencoder its card asks for. unet, text: names of the weights'
    files."""
    return (
        *_hub(
            base,
            ("unet_config", "unet/config.json", 1_550),
            ("unet", f"unet/{unet}", 3_440_000_000),
            ("text_encoder_config", "text_encoder/config.json", 612),
            ("text_encoder", f"text_encoder/{text}", 492_000_000),
        ),
        *_autoencoder_and_words(_VAE_MSE, ""),
    )


def _faceid(kind: str, title: str, size: int, note: str, plus: bool = True) -> ModelSpec:
    return ModelSpec(
        id=f"ip-adapter-{kind}",
        task="portrait",
        title=f"IP-Adapter-{title} (SD 1.5)",
        load=f"workbench.models.portraits.faceid:load{'_plus' * plus}{'_v2' * kind.endswith('v2')}",
        files=(
            *_realistic(_REALISTIC, "diffusion_pytorch_model.safetensors", "model.safetensors"),
            *_hub("h94/IP-Adapter-FaceID", ("adapter", f"ip-adapter-{kind}_sd15.bin", size)),
            *(_IMAGE_ENCODER if plus else ()),
        ),
        weights_license=f"IP-Adapter-FaceID: research, non-commercial (its face vectors are InsightFace's); {_OPENRAIL}; VAE: MIT",  # noqa: E501
        data_license=(
            f"{_LAION}; faces: not published for FaceID, LAION-2B and COYO-700M in the paper; "
            f"{'CLIP ViT-H: MIT, LAION-2B; ' * plus}recogniser: WebFace600K"
        ),
        paper="Ye et al., IP-Adapter, arXiv 2308.06721",
        parameters=1_091_000_000 if not plus else 1_738_000_000,
        reads_prompt=True,
        photo="must" if plus else "",
        mixes=plus,
        people=4,
        note=note,
        takes=(*_SCENE, "strength"),
        sides=_SIDES,
    )


_CONSISTENT_ID = ModelSpec(
    id="consistentid",
    task="portrait",
    title="ConsistentID (SD 1.5)",
    load="workbench.models.portraits.consistent_id:load",
    files=(
        *_realistic("SG161222/Realistic_Vision_V6.0_B1_noVAE", "diffusion_pytorch_model.bin", "pytorch_model.bin"),
        *_hub("JackAILab/ConsistentID", ("adapter", "ConsistentID-v1.bin", 669_000_000)),
        *_IMAGE_ENCODER,
        *_hub("JackAILab/ConsistentID", ("parser", "face_parsing.pth", 53_300_000)),
    ),
    weights_license=(
        f"MIT (card of ConsistentID); {_OPENRAIL}; VAE: MIT; its face vectors are InsightFace's: non-commercial"
    ),
    data_license=(
        f"{_LAION}; FGID (of FFHQ, CelebA-HQ, SFHQ): research; CLIP ViT-H: LAION-2B; parser: CelebAMask-HQ, "
        f"non-commercial"
    ),
    paper="Huang et al., ConsistentID, arXiv 2404.16771",
    parameters=1_867_000_000,
    reads_prompt=True,
    photo="must",
    mixes=True,
    takes=(*_SCENE, "strength"),
    sides=_SIDES,
    note="reads a prompt, looks at the photo and its regions; 50 steps: a quarter of an hour on a CPU. 9 GB of memory",
)

_XL = "stabilityai/stable-diffusion-xl-base-1.0"
_XL_LICENSE = "CreativeML OpenRAIL++-M (SDXL)"
_XL_WORDS = (
    ("scheduler", "scheduler/scheduler_config.json", 480),
    ("vocabulary", "tokenizer/vocab.json", 1_060_000),
    ("merges", "tokenizer/merges.txt", 525_000),
)


def _xl(base: str) -> tuple[File, ...]:
    """Stable Diffusion XL in half precision, but for the autoencoder, which overflows there."""
    return tuple(
        _hub(
            base,
            ("unet_config", "unet/config.json", 1_680),
            ("unet", "unet/diffusion_pytorch_model.fp16.safetensors", 5_140_000_000),
            ("text_encoder_config", "text_encoder/config.json", 565),
            ("text_encoder", "text_encoder/model.fp16.safetensors", 246_000_000),
            ("text_encoder_2_config", "text_encoder_2/config.json", 575),
            ("text_encoder_2", "text_encoder_2/model.fp16.safetensors", 1_390_000_000),
        )
    ) + tuple(
        _hub(
            _XL,
            ("vae_config", "vae/config.json", 642),
            ("vae", "vae/diffusion_pytorch_model.safetensors", 335_000_000),
            *_XL_WORDS,
        )
    )


def _photo_maker(version: str, size: int, terms: str, note: str) -> ModelSpec:
    repository = "TencentARC/PhotoMaker-V2" if version == "v2" else "TencentARC/PhotoMaker"
    return ModelSpec(
        id=f"photomaker-{version}",
        task="portrait",
        title=f"PhotoMaker {version} (SDXL, GPU)",
        load="workbench.models.portraits.photo_maker:load",
        files=(*_xl("SG161222/RealVisXL_V4.0"), *_hub(repository, ("adapter", f"photomaker-{version}.bin", size))),
        weights_license=f"{terms}; {_XL_LICENSE}",
        data_license="its own collection of celebrities' photos (paper), not published; SDXL: not published",
        paper="Li et al., PhotoMaker, arXiv 2312.04461",
        parameters=3_940_000_000 if version == "v2" else 3_820_000_000,
        reads_prompt=True,
        photo="must",
        mixes=True,
        hears=version == "v2",
        takes=_SCENE,
        sides=_XL_SIDES,
        gpu_seconds=60,
        note=note,
    )


def _instant_id(id: str, title: str, repository: str, terms: str, data: str, paper: str, note: str) -> ModelSpec:
    return ModelSpec(
        id=id,
        task="portrait",
        title=title,
        load="workbench.models.portraits.instant_id:load",
        files=(
            *_xl(_XL),
            *_hub(
                repository,
                ("adapter", "ip-adapter.bin", 1_690_000_000),
                ("controlnet_config", "ControlNetModel/config.json", 1_380),
                ("controlnet", "ControlNetModel/diffusion_pytorch_model.safetensors", 2_500_000_000),
            ),
        ),
        weights_license=f"{terms}; {_XL_LICENSE}; its face vectors are InsightFace's: non-commercial",
        data_license=f"{data}; SDXL: not published; recogniser: Glint360K",
        paper=paper,
        parameters=5_600_000_000,
        reads_prompt=True,
        photo="may",
        takes=(*_SCENE, "strength", "pose"),
        sides=_XL_SIDES,
        gpu_seconds=60,
        note=f"needs a graphics card; 1,024 pixels, reads a prompt{note}",
    )


def _in_8_bits(row: ModelSpec) -> ModelSpec:
    """The same files, the denoiser's weights held in 8 bits."""
    if row.title.endswith("GPU)"):
        more = "in 8 bits: the denoiser's weights held as 8-bit floats, about half the memory"
        title = row.title.replace("GPU)", "GPU, 8 bit)")
    else:
        more = (
            "in 8 bits: the denoiser's weights held as 8-bit floats, 0.9 GB instead of 3.4, for small graphics cards; "
            "on a processor nothing is gained, for every layer is widened again at every step"
        )
        title = f"{row.title}, 8 bit"
    return replace(row, id=f"{row.id}-8bit", title=title, note=f"{row.note}; {more}")


_RETRAINED = "; InstantID's network trained anew; the names of the files in its repository are not verified"
_INSTANT_IDS = (
    _instant_id(
        "instantid",
        "InstantID (SDXL, GPU)",
        "InstantX/InstantID",
        "Apache-2.0 (card of InstantID)",
        "LAION-Face and its own collection (paper)",
        "Wang et al., InstantID, arXiv 2401.07519",
        "",
    ),
    _instant_id(
        "instantid-faceid-6m",
        "InstantID trained on FaceID-6M (SDXL, GPU)",
        "Super-shuhe/InstantID-FaceID-6M",
        "not stated",
        "FaceID-6M, filtered from LAION-5B: research",
        "FaceID-6M, arXiv 2503.07091; Wang et al., InstantID, arXiv 2401.07519",
        _RETRAINED,
    ),
    _instant_id(
        "instantid-crossfaceid",
        "InstantID trained on CrossFaceID (SDXL, GPU)",
        "Super-shuhe/CrossFaceID-InstantID",
        "not stated",
        "CrossFaceID, 2,000 people's photos from the web: research",
        "Wang et al., CrossFaceID, arXiv 2501.15407; Wang et al., InstantID, arXiv 2401.07519",
        _RETRAINED,
    ),
)

_PHOTO_MAKERS = (
    _photo_maker(
        "v1",
        934_000_000,
        "Apache-2.0",
        "needs a graphics card; reads a prompt with the word img and looks at the photo alone",
    ),
    _photo_maker(
        "v2",
        1_800_000_000,
        "Apache-2.0; its face vectors are InsightFace's: non-commercial",
        "needs a graphics card; reads a prompt with the word img, looks at the photo and hears a vector",
    ),
)

_LCM = File("hub:latent-consistency/lcm-lora-sdv1-5:pytorch_lora_weights.safetensors", size=135_000_000, role="lora")

_ARC2FACES = (
    _arc2face(
        "arc2face-lcm",
        "Arc2Face, few steps (LCM-LoRA)",
        "3 steps without guidance: the one for a CPU. 5 GB of memory",
        (_LCM,),
    ),
    _arc2face(
        "arc2face", "Arc2Face", "25 steps with guidance 3, as its authors use it: minutes on a CPU. 5 GB of memory"
    ),
)

_FACEIDS = (
    _faceid("faceid", "FaceID", 96_700_000, "reads a prompt; minutes on a CPU. 5 GB of memory", plus=False),
    _faceid(
        "faceid-plus",
        "FaceID Plus",
        157_000_000,
        "reads a prompt and looks at the face as well; minutes on a CPU. 8 GB of memory",
    ),
    _faceid(
        "faceid-plusv2", "FaceID Plus v2", 157_000_000, "as Plus, the vector leading; minutes on a CPU. 8 GB of memory"
    ),
)

_FEW, _SLOW = _ARC2FACES

ROWS = (
    _FEW,
    _VEC2FACE,
    _SLOW,
    *_FACEIDS,
    _CONSISTENT_ID,
    *_PHOTO_MAKERS,
    *_INSTANT_IDS,
    *(_in_8_bits(row) for row in (*_PHOTO_MAKERS, *_INSTANT_IDS, *_ARC2FACES, *_FACEIDS, _CONSISTENT_ID)),
)
