"""Generators that are told an identity: from a recogniser's vector to pictures of that face."""

from dataclasses import replace

from workbench.catalog.detection import BACK, FULL, IRIS, MATTE, MESH
from workbench.catalog.generation import DCGAN
from workbench.catalog.parsing import COMPACT
from workbench.catalog.recognition import DLIB, MOBILE
from workbench.catalog.spec import File, ModelSpec

_PRIOR = (
    File(
        "builtin:identity_prior_64/model_index.json",
        "9fac7858bc413fcc77b0683bf36fd356f1dc58a90ad79b1a7f41bac897baa0de",
        role="pipeline",
    ),
    File(
        "builtin:identity_prior_64/scheduler/scheduler_config.json",
        "40f34bc408e6b5386338f0bb934f03c2aca22ccc97bf9b9f8775fa9b042b1a2d",
        role="scheduler",
    ),
    File(
        "builtin:identity_prior_64/prior/config.json",
        "a75f923fd5bfeaafda202d3d6141f3672774ffccea03cac908d65490107d3e8b",
        role="prior_config",
    ),
    File(
        "builtin:identity_prior_64/prior/diffusion_pytorch_model.safetensors",
        "0c068610f0f29f9d3f0779d4fc8af25f07fb34716439f791b411c62494318d88",
        role="prior",
    ),
)
"""The prior as a diffusers folder, shipped."""

_APPEARANCE = (
    File(
        "builtin:portrait_256/linear.safetensors",
        "c06b2380645696811f22dcc1c042f6df6dbe887f274e3f3e722d53f77236cc8a",
        role="linear",
    ),
    File(
        "builtin:portrait_256/network.safetensors",
        "e880d530d5f86074522f45ef28c431f4fbdd9ebfadc827aac8995dd9a6085506",
        role="network",
    ),
    File(
        "builtin:portrait_256/hair.safetensors",
        "200464d9c3b2ce45e4e72d62046dab850886efb34d1bead78b6ded45cba4c8b7",
        role="hair",
    ),
)
"""The appearance model's linear part and its detail network, and how hair lies; shipped."""

ROWS: tuple[ModelSpec, ...] = (
    ModelSpec(
        id="appearance-portrait-256",
        task="portrait",
        title="Appearance portrait, 256 × 256, trained here on photos",
        load="workbench.models.portraits.appearance_portrait:load",
        files=(
            *_APPEARANCE,
            replace(DLIB, role="recogniser"),
            replace(MOBILE, role="second"),
            BACK,
            FULL,
            MESH,
            IRIS,
            replace(COMPACT, role="parser"),
            MATTE,
        ),
        weights_license="non-commercial research and education, as its training data",
        data_license=(
            "real people's photos: CelebAMask-HQ (non-commercial research, education); brightness: LFW press photos "
            "(research)"
        ),
        paper="Cootes et al., PAMI 2001; Ronneberger et al., arXiv 1505.04597; Nguyen et al., arXiv 1605.09304",
        parameters=14_332_441,  # portrait
        default=True,
        photo="may",
        wishes=True,
        steady=True,
        note=(
            "An appearance model in the face mesh's mean frame, a network for its detail, then a short search by dlib, "
            "and by MobileFaceNet where a photo is shown."
        ),
    ),
    ModelSpec(
        id="identity-prior-64",
        task="portrait",
        title="Faces of nobody, 64 × 64 (identity prior, trained here)",
        load="workbench.models.portraits.identity_prior:load",
        files=(*_PRIOR, replace(DCGAN, role="generator"), replace(DLIB, role="recogniser"), BACK, FULL, MESH, IRIS),
        weights_license="non-commercial demo: made from a GAN of DigiFace-1M, whose terms are its own",
        data_license=(
            "no real person's photo: samples of the DCGAN, trained on DigiFace-1M (synthetic, probably non-commercial)"
        ),
        paper="Ho et al., arXiv 2006.11239; Salimans and Ho, arXiv 2202.00512; Nguyen et al., arXiv 1605.09304",
        parameters=4_008_420,
        default=True,
        note=(
            "8 pictures in seconds on two cores. A diffusion prior in the latent space of dcgan-digiface-64, then "
            "a short search by dlib."
        ),
    ),
)
