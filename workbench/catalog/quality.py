"""Quality networks: how well a face can be recognised from a photo. None is needed: `tasks.quality` judges without
weights too."""

from workbench.catalog.hub_recognition import ROWS as _RECOGNISERS
from workbench.catalog.spec import File, ModelSpec

_ADAFACE = next(row for row in _RECOGNISERS if row.id == "adaface-ir18-webface4m")


def _crfiqa(id: str, title: str, file: str, parameters: int, data: str) -> ModelSpec:
    return ModelSpec(
        id=id,
        task="quality",
        title=title,
        load="workbench.models.attributes.face_quality:load_crfiqa",
        files=(File(f"local:{file}"),),
        weights_license="CC BY-NC 4.0: non-commercial",
        data_license=data,
        paper="Boutros et al., CR-FIQA, CVPR 2023, arXiv 2112.06592",
        parameters=parameters,
        gradients=True,
        note=f"opt-in, non-commercial: put {file} of fdbtrs/CR-FIQA into the cache's folder local",
    )


ROWS = (
    ModelSpec(
        id="ediffiqa-tiny",
        task="quality",
        title="eDifFIQA(T), OpenCV Zoo",
        load="workbench.models.attributes.face_quality:load_ediffiqa",
        files=(File("hub:opencv/face_image_quality_assessment_ediffiqa:ediffiqa_tiny_jun2024.onnx", size=7_270_000),),
        weights_license="CC BY 4.0",
        data_license="not stated in its card",
        paper="Babnik et al., eDifFIQA, TBIOM 2024",
    ),
    ModelSpec(
        id="quality-ir18-webface4m",
        task="quality",
        title="Length of AdaFace IR-18's vectors",
        load="workbench.models.attributes.face_quality:load_norm",
        files=_ADAFACE.files,
        weights_license=_ADAFACE.weights_license,
        data_license=_ADAFACE.data_license,
        paper="Kim et al., AdaFace, arXiv 2204.00964, section 3.2",
        parameters=_ADAFACE.parameters,
        gradients=True,
        note="the recogniser's own file: nothing more to download once it is here",
    ),
    _crfiqa("crfiqa-s", "CR-FIQA(S), IResNet-50", "32572backbone.pth", 43_591_361, "CASIA-WebFace: research"),
    _crfiqa(
        "crfiqa-l",
        "CR-FIQA(L), IResNet-100",
        "181952backbone.pth",
        65_156_673,
        "MS1MV2 (MS-Celeb-1M, withdrawn): research",
    ),
)
