"""Recognisers of the Hub and of the attack literature: fetched when asked for, or brought by the person who has
them."""

from workbench.catalog.spec import File, ModelSpec

_FACES = {
    "webface4m": "WebFace4M: research, non-commercial",
    "webface12m": "WebFace12M: research, non-commercial",
    "ms1mv2": "MS1MV2 (MS-Celeb-1M, withdrawn): research",
    "vgg2": "VGGFace2 (withdrawn): research, non-commercial",
}
_DEPTHS = {
    "18": ("IR-18", 24_020_352, 96_200_000),
    "50": ("IR-50", 43_585_600, 174_544_600),
    "101": ("IR-101", 65_150_912, 261_000_000),
}
"""Title, parameters and bytes of the weights by depth."""


def _adaface(depth: str, faces: str, published: str) -> ModelSpec:
    name, parameters, size = _DEPTHS[depth]
    repository = f"minchul/cvlface_adaface_ir{depth}_{faces}"
    return ModelSpec(
        id=f"adaface-ir{depth}-{faces}",
        task="recognition",
        title=f"AdaFace {name} ({faces})",
        load="workbench.models.recognisers.arcface_ir:load_adaface",
        files=(
            File(f"hub:{repository}:model.safetensors", size=size),
            File(f"hub:{repository}:config.json", role="config"),
        ),
        weights_license="MIT (and the terms of its training data)",
        data_license=_FACES[faces],
        paper="Kim et al., AdaFace, arXiv 2204.00964",
        parameters=parameters,
        gradients=True,
        note=f"published: {published}",
    )


def _mine(id: str, title: str, load: str, file: str, parameters: int, paper: str, terms: str) -> ModelSpec:
    """A file the person brings: nobody publishes it on PyPI, npm or the Hub."""
    return ModelSpec(
        id=id,
        task="recognition",
        title=title,
        load=load,
        files=(File(f"local:{file}"),),
        weights_license="MIT code; terms of the weights not published",
        data_license=terms,
        paper=paper,
        parameters=parameters,
        gradients=True,
        note=f"put {file} of the attack papers' assets into the cache's folder local; crops and thresholds are the papers'",  # noqa: E501
    )


_ATTACKS = "as used by Adv-Makeup, arXiv 2105.03162, AMT-GAN, DiffAM and CLIP2Protect"

ROWS = (
    _adaface("18", "webface4m", "LFW 99.58, IJB-C TAR at FAR 1e-4 94.79"),
    _adaface("18", "vgg2", "LFW 99.53, IJB-C TAR at FAR 1e-4 92.40"),
    _adaface("50", "webface4m", "LFW 99.78, IJB-C TAR at FAR 1e-4 97.01"),
    _adaface("50", "ms1mv2", "LFW 99.85, IJB-C TAR at FAR 1e-4 96.20"),
    _adaface("101", "webface4m", "LFW 99.83, IJB-C TAR at FAR 1e-4 97.46"),
    _adaface("101", "webface12m", "LFW 99.82, IJB-C TAR at FAR 1e-4 97.72"),
    ModelSpec(
        id="adaface-ir50-ckpt",
        task="recognition",
        title="AdaFace IR-50 from its authors' .ckpt (blue first)",
        load="workbench.models.recognisers.arcface_ir:load_adaface_bgr",
        files=(File("local:adaface_ir50_ms1mv2.ckpt"),),
        weights_license="MIT (and the terms of its training data)",
        data_license=_FACES["ms1mv2"],
        paper="Kim et al., AdaFace, arXiv 2204.00964",
        parameters=43_585_600,
        gradients=True,
        note="put adaface_ir50_ms1mv2.ckpt of mk-minchul/AdaFace into the cache's folder local",
    ),
    ModelSpec(
        id="facenet-vggface2",
        task="recognition",
        title="FaceNet (InceptionResnetV1, VGGFace2)",
        load="workbench.models.recognisers.facenet:load",
        files=(File("hub:py-feat/facenet:facenet_20180402_114759_vggface2.pth", size=112_000_000),),
        weights_license="MIT",
        data_license=_FACES["vgg2"],
        paper="Schroff et al., FaceNet, arXiv 1503.03832; Szegedy et al., arXiv 1602.07261",
        parameters=23_482_624,
        gradients=True,
        note="published: LFW 99.65",
    ),
    _mine(
        "ir152",
        "IR-152 (attack papers)",
        "workbench.models.recognisers.arcface_ir:load_ir152",
        "ir152.pth",
        70_737_600,
        f"Deng et al., arXiv 1801.07698; {_ATTACKS}",
        "MS-Celeb-1M (withdrawn): research",
    ),
    _mine(
        "irse50",
        "IR-SE-50 (attack papers)",
        "workbench.models.recognisers.arcface_ir:load_irse50",
        "irse50.pth",
        43_797_696,
        f"Deng et al., arXiv 1801.07698; {_ATTACKS}",
        "MS-Celeb-1M (withdrawn): research",
    ),
    _mine(
        "facenet-attacks",
        "FaceNet (attack papers)",
        "workbench.models.recognisers.facenet:load_paper",
        "facenet.pth",
        23_482_624,
        f"Schroff et al., arXiv 1503.03832; {_ATTACKS}",
        _FACES["vgg2"],
    ),
    _mine(
        "mobileface",
        "MobileFace (attack papers)",
        "workbench.models.recognisers.insight_mobile:load",
        "mobile_face.pth",
        1_200_512,
        f"Chen et al., arXiv 1804.07573; {_ATTACKS}",
        "MS-Celeb-1M (withdrawn): research",
    ),
)

_PACK = "InsightFace pack: non-commercial research only"

FOR_PORTRAITS = (
    ModelSpec(
        id="arcface-r100-arc2face",
        task="recognition",
        title="ArcFace R100 of Arc2Face",
        load="workbench.models.recognisers.insight_recogniser:load_onnx",
        files=(File("hub:FoivosPar/Arc2Face:arcface.onnx", size=261_000_000),),
        weights_license="MIT (card of Arc2Face)",
        data_license="WebFace42M: research, non-commercial",
        paper="Deng et al., ArcFace, arXiv 1801.07698; Paraperas Papantoniou et al., Arc2Face, arXiv 2403.11641",
        parameters=65_200_000,
        note="the vectors Arc2Face was trained on; a black box without gradients",
    ),
    ModelSpec(
        id="arcface-r100-vec2face",
        task="recognition",
        title="ArcFace R100 of Vec2Face",
        load="workbench.models.recognisers.insight_recogniser:load_torch",
        files=(File("hub:BooBooWu/Vec2Face:weights/arcface-r100-glint360k.pth", size=261_000_000),),
        weights_license="MIT (card of Vec2Face)",
        data_license="Glint360K: research, non-commercial",
        paper="Deng et al., ArcFace, arXiv 1801.07698; Wu et al., Vec2Face, arXiv 2409.02979",
        parameters=65_155_648,
        gradients=True,
        note="the vectors Vec2Face was trained on",
    ),
    ModelSpec(
        id="insightface-w600k-r50",
        task="recognition",
        title="ArcFace R50 of InsightFace's buffalo_l",
        load="workbench.models.recognisers.insight_recogniser:load_onnx",
        files=(File("local:w600k_r50.onnx"),),
        weights_license=_PACK,
        data_license="WebFace600K (of WebFace260M): research, non-commercial",
        paper="Deng et al., ArcFace, arXiv 1801.07698",
        parameters=43_590_976,
        note=(
            "put w600k_r50.onnx of the buffalo_l pack into the cache's folder local; told to IP-Adapter-FaceID and "
            "ConsistentID"
        ),
    ),
    ModelSpec(
        id="insightface-glintr100",
        task="recognition",
        title="ArcFace R100 of InsightFace's antelopev2",
        load="workbench.models.recognisers.insight_recogniser:load_onnx",
        files=(File("local:glintr100.onnx"),),
        weights_license=_PACK,
        data_license="Glint360K: research, non-commercial",
        paper="Deng et al., ArcFace, arXiv 1801.07698",
        parameters=65_155_648,
        note=(
            "put glintr100.onnx of the antelopev2 pack into the cache's folder local; told to InstantID and "
            "PhotoMaker v2"
        ),
    ),
)
"""Whose vectors the portrait models of `hub_portrait` are told."""
