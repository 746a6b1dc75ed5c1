"""Networks that answer several questions in one pass, a row per question; the rows of one network share its file."""

from workbench.catalog.celeba import CELEBA_40
from workbench.catalog.spec import File, ModelSpec

_SWINFACE = "swinface_checkpoint_step_79999_gpu_0.pt"


def _swinface(id: str, task: str, title: str, load: str, labels: tuple[str, ...], data: str, note: str) -> ModelSpec:
    return ModelSpec(
        id=id,
        task=task,
        title=title,
        load=f"workbench.models.attributes.swinface:{load}",
        files=(File(f"local:{_SWINFACE}"),),
        labels=labels,
        weights_license="MIT code; terms of the weights not stated separately",
        data_license=data,
        paper="Qin et al., SwinFace, TCSVT 2023, arXiv 2308.11509",
        parameters=67_809_266,
        gradients=True,
        note=f"put checkpoint_step_79999_gpu_0.pt of lxq1000/SwinFace into the folder local as {_SWINFACE}; {note}",
    )


ROWS = (
    _swinface(
        "swinface",
        "recognition",
        "SwinFace, who it is",
        "load_recogniser",
        (),
        "MS-Celeb-1M (withdrawn): research",
        "one pass also gives expression, age and attributes",
    ),
    _swinface(
        "swinface-expression",
        "expression",
        "SwinFace, expression",
        "load_expression",
        ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger"),
        "AffectNet and RAF-DB: research, non-commercial",
        "published: RAF-DB 90.97; the order of its answers is taken to be RAF-DB's and is not verified",
    ),
    _swinface(
        "swinface-age",
        "attributes",
        "SwinFace, apparent age",
        "load_age",
        ("age",),
        "IMDB-WIKI, MORPH and others: research",
        "years; how old somebody looks",
    ),
    _swinface(
        "swinface-attributes",
        "attributes",
        "SwinFace, forty attributes",
        "load_attributes",
        CELEBA_40,
        "CelebA: research, non-commercial",
        "how a face looks; says nothing of a person",
    ),
    ModelSpec(
        id="fp-age",
        task="attributes",
        title="FP-Age, apparent age and which part gave it",
        load="workbench.models.attributes.fp_age:load",
        files=(File("local:fpage-resnet50-fcn-14-97.torch"), File("local:resnet50-fcn-14.torch", role="trunk")),
        labels=("age",),
        weights_license="MIT code (ibug-group/fpage); terms of the weights not stated separately",
        data_license="IMDB-Clean (celebrities' photos): research, non-commercial",
        paper="Lin et al., FP-Age, TIP 2022, arXiv 2106.11145",
        parameters=35_160_000,
        gradients=True,
        note=(
            "years; how old somebody looks. Put fpage-resnet50-fcn-14-97.torch of ibug-group/fpage and "
            "resnet50-fcn-14.torch of hhj1897/face_parsing into the cache's folder local; Explanation shows its gates"
        ),
    ),
    *(
        ModelSpec(
            id=f"mivolo2-{name}",
            task="attributes",
            title=f"MiVOLO v2, apparent {name}",
            load=f"workbench.models.attributes.mivolo:load_{name}",
            files=(
                File(
                    "hub:iitolstykh/mivolo_v2:model.safetensors",
                    size=115_000_000,
                ),
                File("hub:iitolstykh/mivolo_v2:config.json", role="config"),
            ),
            labels=labels,
            weights_license="Apache-2.0 (card); its code has terms of its own",
            data_license="proprietary and open sets (LAGENDA, IMDB-Clean and others), not published in full",
            paper="Kuprashevich and Tolstykh, MiVOLO, arXiv 2307.04616 and 2403.02302",
            parameters=28_761_054,
            gradients=True,
            note=note,
        )
        for name, labels, note in (
            ("age", ("age",), "years; how old somebody looks. Published, with a body: MAE 3.65 on IMDB-Clean"),
            ("sex", ("female", "male"), "how the face looks to a network with two boxes; says nothing of a person"),
        )
    ),
)
