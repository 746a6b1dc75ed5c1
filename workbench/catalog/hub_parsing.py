"""The field's own parsers, and the attribute models that come with them. Hub files have no commit on record: the first
fetch writes it.

Sizes of SegFace's and FaceXFormer's files are three times their weights: the published files are training checkpoints.
"""

from dataclasses import replace

from workbench.catalog.celeba import CELEBA_40
from workbench.catalog.detection import MATTE
from workbench.catalog.parsing import COMPACT
from workbench.catalog.spec import File, ModelSpec
from workbench.parts import PARTS

_CELEBAMASK = "CelebAMask-HQ: non-commercial research and education"
_LAPA = "LaPa: non-commercial research"
_HELEN = "Helen: research"
_SEGFACE = "Narayan, VS, Patel, SegFace, AAAI 2025, arXiv 2412.08647"
_FACEXFORMER = "Narayan et al., FaceXFormer, ICCV 2025, arXiv 2403.12960"
_FXF_DATA = "CelebAMask-HQ, CelebA, LaPa, 300W, UTKFace, FairFace, COFW and others: non-commercial research"
_BISENET = "Yu et al., BiSeNet, ECCV 2018, arXiv 1808.00897; zllrunning/face-parsing.PyTorch"
_FARL = "Zheng et al., FaRL, CVPR 2022, arXiv 2112.03109; FacePerceiver/facer"
_RTNET = "Lin et al., RoI tanh-polar transformer network, Image and Vision Computing 2021, arXiv 2102.02717"
_LAPA_PARTS = (
    *("background", "skin", "image_left_brow", "image_right_brow", "image_left_eye", "image_right_eye"),
    *("nose", "upper_lip", "mouth", "lower_lip", "hair"),
)

_FXF_GIVES = ("landmarks", "pose", "visibility", "age", "gender", "race")
_PARAMETERS = {
    "mobilenet": 7_035_824,
    "swinb": 91_007_800,
    "swinv2b": 91_170_424,
    "convnext": 91_828_992,
    "efficientnet": 57_036_916,
}


def _facexformer(id: str, task: str, title: str, load: str, labels: tuple[str, ...], note: str) -> ModelSpec:
    """One file and one network, which answers another question in each row."""
    return ModelSpec(
        id=id,
        task=task,
        title=title,
        load=f"workbench.models.parsers.facexformer:{load}",
        files=(_FXF_FILE,),
        labels=labels,
        weights_license="MIT (and the terms of its training data)",
        data_license=_FXF_DATA,
        paper=_FACEXFORMER,
        parameters=91_985_943,
        gradients=True,
        gives=_FXF_GIVES,
        note=note,
    )


def _segface(backbone: str, data: str, side: int, published: str) -> ModelSpec:
    terms = {"celeba": _CELEBAMASK, "lapa": _LAPA, "helen": _HELEN}[data]
    count = _PARAMETERS[backbone] - (2048 if data != "celeba" else 0)
    return ModelSpec(
        id=f"segface-{backbone}-{data}-{side}",
        task="parsing",
        title=f"SegFace {backbone}, {data}, {side} px",
        load="workbench.models.parsers.segface:load",
        files=(File(f"hub:kartiknarayan/SegFace:{backbone}_{data}_{side}/model_299.pt", size=12 * count),),
        labels=PARTS if data == "celeba" else _LAPA_PARTS,
        weights_license="MIT (and the terms of its training data)",
        data_license=terms,
        paper=_SEGFACE,
        parameters=count,
        gradients=True,
        note=f"published: {published}",
    )


def _bisenet(layout: str, backbone: str, file: str, source: str, parameters: int) -> ModelSpec:
    return ModelSpec(
        id=f"bisenet-{layout}-{backbone}",
        task="parsing",
        title=f"BiSeNet {backbone} ({source})",
        load="workbench.models.parsers.bisenet:load",
        files=(File(f"local:{file}"),),
        labels=PARTS,
        weights_license="MIT (and the terms of its training data)",
        data_license=_CELEBAMASK,
        paper=_BISENET,
        parameters=parameters,
        gradients=True,
        note=f"put {file} of {source} into the cache's folder local; no accuracy published",
    )


def _rtnet(depth: str, classes: int, parameters: int) -> ModelSpec:
    parts = _LAPA_PARTS if classes == 11 else (*_LAPA_PARTS, "image_left_ear", "image_right_ear", "eyeglasses")
    return ModelSpec(
        id=f"rtnet{depth}-{classes}",
        task="parsing",
        title=f"RTNet-{depth}, {classes} classes, RoI tanh-polar",
        load="workbench.models.parsers.rtnet:load",
        files=(File(f"local:rtnet{depth}-fcn-{classes}.torch"),),
        labels=parts,
        weights_license="MIT (and the terms of its training data)",
        data_license="iBugMask and Helen: research",
        paper=_RTNET,
        parameters=parameters,
        gradients=True,
        note=f"put rtnet{depth}-fcn-{classes}.torch of hhj1897/face_parsing (Git LFS) into the cache's folder local",
    )


def _farl(data: str, name: str, parts: tuple[str, ...], terms: str, published: str) -> ModelSpec:
    file = f"face_parsing.farl.{data}.{name}.pt"
    return ModelSpec(
        id=f"farl-{data}",
        task="parsing",
        title=f"FaRL, {data}, 448 px",
        load="workbench.models.parsers.farl:load",
        files=(File(f"local:{file}"),),
        labels=parts,
        weights_license="MIT (and the terms of its training data)",
        data_license=f"{terms}; LAION-Face for pre-training",
        paper=_FARL,
        parameters=161_588_755 if data == "celebm" else 161_582_603,
        gradients=True,
        note=f"published: {published}. Put {file} of facer's release models-v1 into the cache's folder local. It is "
        f"a program: only its "
        "tensors are read, its code never runs; whether it keeps the names of FaRL's training code could not be checked",  # noqa: E501
    )


_FXF_FILE = File("hub:kartiknarayan/facexformer:ckpts/model.pt", size=12 * 91_985_943)

ROWS = (
    _segface("mobilenet", "celeba", 512, "F1 87.91 on CelebAMask-HQ"),
    _segface("swinb", "celeba", 512, "F1 88.96, mIoU 81.55 on CelebAMask-HQ"),
    _segface("swinb", "celeba", 448, "F1 88.77, mIoU 81.30 on CelebAMask-HQ"),
    _segface("swinb", "celeba", 256, "F1 87.66, mIoU 79.91 on CelebAMask-HQ"),
    _segface("swinb", "celeba", 224, "F1 87.47, mIoU 79.65 on CelebAMask-HQ"),
    _segface("convnext", "celeba", 512, "F1 89.22 on CelebAMask-HQ"),
    _segface("efficientnet", "celeba", 512, "F1 88.94 on CelebAMask-HQ"),
    _segface("swinv2b", "celeba", 512, "F1 88.73 on CelebAMask-HQ"),
    _segface("swinb", "lapa", 512, "F1 93.03, mIoU 88.14 on LaPa"),
    _segface("swinb", "lapa", 448, "F1 93.03, mIoU 88.13 on LaPa"),
    _segface("swinb", "lapa", 256, "F1 92.61 on LaPa"),
    _segface("swinb", "lapa", 224, "F1 92.50, mIoU 87.26 on LaPa"),
    _segface("swinb", "helen", 512, "no single figure found"),
    _facexformer(
        "facexformer",
        "parsing",
        "FaceXFormer, parsing with everything else in one pass",
        "load",
        _LAPA_PARTS,
        "published: F1 92.01 over ten facial classes of CelebAMask-HQ at 224 px",
    ),
    ModelSpec(
        id="face-parsing-segformer",
        task="parsing",
        title="SegFormer MiT-B5 (jonathandinu/face-parsing)",
        load="workbench.models.parsers.segformer:load",
        files=(
            File("hub:jonathandinu/face-parsing:model.safetensors", size=338_437_968),
            File("hub:jonathandinu/face-parsing:config.json", role="config"),
        ),
        labels=PARTS,
        weights_license="not confirmed; its base nvidia/mit-b5 is for non-commercial use",
        data_license=_CELEBAMASK,
        paper="Xie et al., SegFormer, NeurIPS 2021, arXiv 2105.15203",
        parameters=84_607_955,
        gradients=True,
        note="no accuracy published",
    ),
    _bisenet("zll", "resnet18", "79999_iter.pth", "zllrunning/face-parsing.PyTorch", 13_300_416),
    _bisenet("yakhyo", "resnet18", "resnet18.pt", "yakhyo/face-parsing, release weights", 13_300_416),
    _bisenet("yakhyo", "resnet34", "resnet34.pt", "yakhyo/face-parsing, release weights", 23_408_576),
    _rtnet("50", 11, 27_330_123),
    _rtnet("50", 14, 27_331_662),
    _rtnet("101", 14, 41_310_286),
    _farl("lapa", "main_ema_136500_jit191", _LAPA_PARTS, _LAPA, "F1 93.88 on LaPa"),
    _farl("celebm", "main_ema_181500_jit", PARTS, _CELEBAMASK, "F1 89.56 on CelebAMask-HQ"),
    _facexformer(
        "facexformer-attributes",
        "attributes",
        "FaceXFormer, forty attributes of CelebA",
        "load_attributes",
        CELEBA_40,
        "published: 91.83 % on CelebA; the same file and memory as the parser",
    ),
    ModelSpec(
        id="farl-attributes",
        task="attributes",
        title="FaRL, forty attributes of CelebA",
        load="workbench.models.parsers.farl:load_attributes",
        files=(File("local:face_attribute.farl.celeba.pt"),),
        labels=CELEBA_40,
        weights_license="MIT (and the terms of its training data)",
        data_license="CelebA: non-commercial research; LAION-Face for pre-training",
        paper=_FARL,
        parameters=85_833_259,
        gradients=True,
        note=(
            "published: 92.07 % on CelebA. Put face_attribute.farl.celeba.pt of facer's release models-v1 into the "
            "cache's folder local"
        ),
    ),
)

CLICKS = ModelSpec(
    id="sam2.1-tiny",
    task="clicks",
    title="SAM 2.1 tiny",
    load="workbench.models.parsers.sam_clicks:load",
    files=(
        File("hub:facebook/sam2.1-hiera-tiny:model.safetensors", size=155_900_000),
        File("hub:facebook/sam2.1-hiera-tiny:config.json", role="config"),
        replace(COMPACT, role="parser"),
        MATTE,
    ),
    labels=PARTS,
    weights_license="Apache-2.0",
    data_license="SA-V: CC BY 4.0; SA-1B: research; videos of Meta's own, not published",
    paper="Ravi et al., SAM 2, arXiv 2408.00714",
    parameters=31_441_233,
    note="masks by clicks; transformers' own network; what a click takes away is named by the compact parser",
)
"""A refiner by clicks. EdgeTAM would fit its place, but its trunk is timm's, which is no dependency here."""
