"""Expression networks with terms or files of their own: fetched, or brought, by the person who wants them."""

from workbench.catalog.expression import BASIC
from workbench.catalog.spec import File, ModelSpec

EIGHT = (*BASIC, "contempt")


def _hsemotion(
    variant: str, file: str, title: str, labels: tuple[str, ...], parameters: int, published: str, *gives: str
) -> ModelSpec:
    return ModelSpec(
        id=f"hsemotion-{variant}",
        task="expression",
        title=title,
        load="workbench.models.expressions.hsemotion:load",
        files=(File(f"local:{file}"),),
        labels=labels,
        weights_license="Apache-2.0",
        data_license="AffectNet (and VGGFace2 before it): research, non-commercial",
        paper="Savchenko, SISY 2021, arXiv 2103.17107",
        parameters=parameters,
        gives=gives,
        note=(
            f"black box; put {file} of sb-ai-lab/EmotiEffLib into the cache's folder local; published AffectNet "
            f"accuracy {published}"
        ),
    )


ROWS = (
    _hsemotion(
        "enet-b0-8-vgaf",
        "enet_b0_8_best_vgaf.onnx",
        "HSEmotion EfficientNet-B0 (vgaf)",
        EIGHT,
        4_020_000,
        "61.32 % of 8",
    ),
    _hsemotion(
        "enet-b0-8-afew",
        "enet_b0_8_best_afew.onnx",
        "HSEmotion EfficientNet-B0 (afew)",
        EIGHT,
        4_020_000,
        "60.95 % of 8",
    ),
    _hsemotion(
        "enet-b0-8-va",
        "enet_b0_8_va_mtl.onnx",
        "HSEmotion EfficientNet-B0 with valence and arousal",
        EIGHT,
        4_020_000,
        "61.93 % of 8",
        "moods",
    ),
    _hsemotion("enet-b2-8", "enet_b2_8.onnx", "HSEmotion EfficientNet-B2", EIGHT, 7_700_000, "63.03 % of 8"),
    _hsemotion(
        "enet-b2-7", "enet_b2_7.onnx", "HSEmotion EfficientNet-B2, seven labels", BASIC, 7_700_000, "66.34 % of 7"
    ),
    ModelSpec(
        id="pyfeat-multitask",
        task="expression",
        title="py-feat multitask (ConvNeXt V2)",
        load="workbench.models.expressions.pyfeat:load",
        files=(File("hub:py-feat/face_multitask_v2:face_multitask_v2.safetensors", size=153_000_000),),
        labels=BASIC,
        weights_license="research, non-commercial",
        data_license="AffectNet, RAF-DB, DISFA+, Aff-Wild2, BP4D: academic research only",
        paper="Cheong et al., Py-Feat, arXiv 2104.03509; Luo et al., arXiv 2205.01782",
        parameters=38_226_991,
        gradients=True,
        gives=("units", "moods", "gaze", "pose", "mesh", "blendshapes"),
        note="opt-in, non-commercial; published: RAF-DB 91.0 %, AffectNet-7 61.6 %",
    ),
)
