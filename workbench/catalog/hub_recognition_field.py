"""Recognisers of the field after AdaFace: vision transformers, networks for small devices, and classics."""

from workbench.catalog.spec import File, ModelSpec

_GLINT = "Glint360K: research, non-commercial"
_WEBFACE = "WebFace4M: research, non-commercial"
_MS1M = "MS1MV2 (MS-Celeb-1M, withdrawn): research"
_VIT = "workbench.models.recognisers.patch_transformer"
_LOCAL = "put {file} of {where} into the cache's folder local"


def _row(
    id: str,
    title: str,
    load: str,
    file: str,
    parameters: int,
    terms: str,
    data: str,
    paper: str,
    note: str,
    size: int = 0,
) -> ModelSpec:
    """file: of the Hub ("owner/name:path"), or one the person brings."""
    config = (File(f"hub:{file.partition(':')[0]}:config.json", role="config"),) if file.startswith("minchul/") else ()
    source = f"hub:{file}" if "/" in file else f"local:{file}"
    return ModelSpec(
        id=id,
        task="recognition",
        title=title,
        load=load,
        files=(File(source, size=size), *config),
        weights_license=terms,
        data_license=data,
        paper=paper,
        parameters=parameters,
        gradients=True,
        note=note,
    )


def _lvface(size: str, parameters: int, bytes: int, published: str) -> ModelSpec:
    return _row(
        f"lvface-{size.lower()}",
        f"LVFace-{size}",
        f"{_VIT}:load",
        f"bytedance-research/LVFace:LVFace-{size}_Glint360K/LVFace-{size}_Glint360K.pt",
        parameters,
        "code MIT; models for non-commercial research (its README)",
        _GLINT,
        "You et al., LVFace, ICCV 2025, arXiv 2501.13420",
        f"published: IJB-C TAR at FAR 1e-4 {published}",
        bytes,
    )


def _transface(size: str, parameters: int, published: str) -> ModelSpec:
    file = f"transface_{size.lower()}_glint360k.pt"
    return _row(
        f"transface-{size.lower()}",
        f"TransFace-{size}",
        f"{_VIT}:load_gated",
        file,
        parameters,
        "not published (repository without a licence file)",
        _GLINT,
        "Dan et al., TransFace, ICCV 2023, arXiv 2308.10133",
        f"{_LOCAL.format(file=file, where='DanJun6737/TransFace')} under this name; published: IJB-C TAR at FAR 1e-4 "
        f"{published}; says itself how much each patch counts",
    )


def _edgeface(size: str, repository: str, file: str, parameters: int, published: str) -> ModelSpec:
    return _row(
        f"edgeface-{size.lower()}",
        f"EdgeFace-{size}",
        "workbench.models.recognisers.edgeface:load",
        f"Idiap/EdgeFace-{repository}:{file}.pt",
        parameters,
        "CC BY-NC-SA 4.0",
        "WebFace260M (4M and 12M subsets): research, non-commercial",
        "George et al., EdgeFace, TBIOM 2024, arXiv 2307.01838",
        f"published: LFW {published}",
        4 * parameters,
    )


def _facelivt(id: str, title: str, file: str, parameters: int, note: str) -> ModelSpec:
    return _row(
        id,
        title,
        "workbench.models.recognisers.facelivt:load",
        f"novendrastywn/FaceLiVT:{file}.pt",
        parameters,
        "code BSD-3-Clause; terms of the weights not stated separately",
        _GLINT,
        "Setyawan et al., FaceLiVT, arXiv 2506.10361, and FaceLiVTv2",
        note,
        4 * parameters,
    )


def _cvlface(id: str, title: str, load: str, name: str, parameters: int, data: str, note: str) -> ModelSpec:
    return _row(
        id,
        title,
        load,
        f"minchul/cvlface_adaface_{name}:model.safetensors",
        parameters,
        "MIT (and the terms of its training data)",
        data,
        "Kim et al., KPRPE, CVPR 2024, arXiv 2403.14852",
        note,
        4 * parameters,
    )


def _light(id: str, title: str, file: str, parameters: int, published: str, note: str) -> ModelSpec:
    return _row(
        id,
        title,
        "workbench.models.recognisers.light_cnn:load",
        file,
        parameters,
        "MIT code; terms of the weights not stated separately",
        "CASIA-WebFace and MS-Celeb-1M (withdrawn): research",
        "Wu et al., LightCNN, TIFS 2018, arXiv 1511.02683",
        f"{_LOCAL.format(file=file, where='AlfredXiangWu/LightCNN')} under this name; published: LFW {published}; "
        f"{note}",
    )


def _elastic(kind: str) -> ModelSpec:
    file = f"elasticface_{kind.lower().replace('+', '_plus')}.pth"
    return _row(
        f"elasticface-{kind.lower().replace('+', '-plus')}",
        f"ElasticFace-{kind}",
        "workbench.models.recognisers.insight_recogniser:load_torch",
        file,
        65_155_648,
        "CC BY-NC-SA 4.0",
        _MS1M,
        "Boutros et al., ElasticFace, CVPRW 2022, arXiv 2109.09416",
        f"put 295672backbone.pth of fdbtrs/ElasticFace's {kind} into the cache's folder local as {file}",
    )


_CENTRE = "in which column the eyes' middle lies is not published; the middle one is taken"
_POINTS = (
    "told the five points where the alignment puts them, not those of its authors' aligner: what that costs is not "
    "measured"
)

ROWS = (
    _lvface("T", 19_137_536, 76_600_000, "96.67"),
    _lvface("S", 76_022_784, 304_150_000, "97.31"),
    _lvface("B", 113_832_960, 455_445_494, "97.70"),
    _transface("S", 86_660_352, "97.33"),
    _transface("B", 124_470_528, "97.45"),
    _cvlface(
        "vit-base-webface4m",
        "AdaFace ViT-B (webface4m)",
        f"{_VIT}:load",
        "vit_base_webface4m",
        114_869_760,
        _WEBFACE,
        "published: LFW 99.80, IJB-C TAR at FAR 1e-4 97.14",
    ),
    _cvlface(
        "kprpe-base-webface4m",
        "AdaFace ViT-B with KPRPE (webface4m)",
        "workbench.models.recognisers.kprpe:load",
        "vit_base_kprpe_webface4m",
        115_076_736,
        _WEBFACE,
        f"published: LFW 99.83, IJB-C TAR at FAR 1e-4 97.13; {_POINTS}",
    ),
    _cvlface(
        "kprpe-base-webface12m",
        "AdaFace ViT-B with KPRPE (webface12m)",
        "workbench.models.recognisers.kprpe:load",
        "vit_base_kprpe_webface12m",
        115_076_736,
        "WebFace12M: research, non-commercial",
        f"published: LFW 99.82, IJB-C TAR at FAR 1e-4 97.82; {_POINTS}",
    ),
    _edgeface("Base", "Base", "edgeface_base", 18_225_812, "99.83"),
    _edgeface("S", "S-GAMMA", "edgeface_s_gamma_05", 3_652_520, "99.78"),
    _edgeface("XS", "XS-GAMMA", "edgeface_xs_gamma_06", 1_770_492, "99.73"),
    _edgeface("XXS", "XXS", "edgeface_xxs", 1_244_744, "99.57"),
    _facelivt("facelivt-s", "FaceLiVT-S", "facelivt-s", 5_070_616, "published: LFW 99.70"),
    _facelivt("facelivt-m", "FaceLiVT-M", "facelivt-m", 9_769_888, ""),
    _facelivt("facelivt2-xs", "FaceLiVTv2-XS", "facelivtv2-xs", 2_993_536, ""),
    _facelivt("facelivt2-s", "FaceLiVTv2-S", "facelivtv2-s", 4_653_616, ""),
    _facelivt("facelivt2-m", "FaceLiVTv2-M", "facelivtv2-m", 7_057_192, ""),
    _facelivt("facelivt2-l", "FaceLiVTv2-L", "facelivtv2-l", 8_869_216, "published: LFW 99.80"),
    *(_elastic(kind) for kind in ("Arc", "Cos", "Arc+", "Cos+")),
    _light("lightcnn-9", "LightCNN-9", "LightCNN_9Layers_checkpoint.pth", 5_480_864, "98.70", f"sees grey; {_CENTRE}"),
    _light(
        "lightcnn-29v2",
        "LightCNN-29 v2",
        "LightCNN_29Layers_V2_checkpoint.pth",
        10_475_872,
        "99.43",
        f"sees grey; {_CENTRE}",
    ),
    _light(
        "lightcnn-v4",
        "LightCNN v4",
        "LightCNN_V4_checkpoint.pth",
        10_345_600,
        "99.67",
        f"sees blue first; the file's prefix is not verified; {_CENTRE}",
    ),
    _row(
        "sphereface2-sfnet20",
        "SphereFace2 SFNet-20",
        "workbench.models.recognisers.sfnet:load",
        "sfnet20_sphereface2_vggface2.pth",
        24_500_992,
        "MIT (OpenSphere)",
        "VGGFace2 (withdrawn): research, non-commercial",
        "Wen et al., SphereFace2, ICLR 2022, arXiv 2108.01513",
        "put the backbone of OpenSphere's SphereFace2, SFNet-20 without batch norms, into the cache's folder local "
        "under this name; the names inside the published file are not verified",
    ),
    _row(
        "petalface-swin-webface4m",
        "PETALface's Swin (ArcFace, webface4m)",
        "workbench.models.recognisers.petalface:load",
        "kartiknarayan/PETALface:swin_arcface_webface4m/model.pt",
        213_666_768,
        "MIT",
        _WEBFACE,
        "Narayan et al., PETALface, WACV 2025, arXiv 2412.07771",
        "the backbone before its adapters for low resolution; 120 px",
        855_000_000,
    ),
    ModelSpec(
        id="auraface",
        task="recognition",
        title="AuraFace v1",
        load="workbench.models.recognisers.insight_recogniser:load_onnx",
        files=(File("hub:fal/AuraFace-v1:glintr100.onnx", size=261_000_000),),
        weights_license="Apache-2.0",
        data_license="not named; its authors say commercial and public sources",
        paper="Deng et al., ArcFace, arXiv 1801.07698; fal, AuraFace",
        parameters=65_155_648,
        note="a black box without gradients; ArcFace R100's inputs",
    ),
)
