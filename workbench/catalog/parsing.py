"""Parsers: which pixel is which part of the face."""

from workbench.catalog.detection import MATTE
from workbench.catalog.spec import File, ModelSpec
from workbench.parts import PARTS

_CELEBAMASK = "CelebAMask-HQ: non-commercial research and education"

_COMPACT = "8c183ee9216cde184ae358e81f2ea4ad678e58bfb09a4cd530ec87f36531c1e7"
COMPACT = File("builtin:compact_parser.safetensors", _COMPACT)
"""The compact parser's weights, shipped."""
INT8 = File(
    "builtin:compact_parser_int8.onnx",
    "ae2c7a13546a4dcecdeb17670c5930c2433ba625dfc96c3bc6b9762a5a8511ce",
    role="int8",
)
"""Its twin in 8 bits, made from these weights by `training/parser_quantise.py`."""

ROWS = (
    ModelSpec(
        id="compact",
        task="parsing",
        title="Compact parser (trained here)",
        load="workbench.models.parsers.compact_parser:load",
        files=(
            COMPACT,
            INT8,
            MATTE,
        ),
        labels=PARTS,
        weights_license="non-commercial research and education, as its training data",
        data_license=_CELEBAMASK,
        parameters=1_998_931,
        gradients=True,
        default=True,
    ),
    ModelSpec(
        id="clicks",
        task="clicks",
        title="Clicks on a part (trained here)",
        load="workbench.models.parsers.clicks:load",
        files=(
            File(
                "builtin:compact_clicks.safetensors", "477e2c6e7fe3002d9954a9eb14367d44259a3d3a997871264feb820f57ec43ac"
            ),
            File("builtin:compact_parser.safetensors", _COMPACT, role="parser"),
            MATTE,
        ),
        labels=PARTS,
        weights_license="non-commercial research and education, as its training data",
        data_license=_CELEBAMASK,
        paper="after RITM, arXiv 2102.06583",
        parameters=207_045,
        default=True,
    ),
    ModelSpec(
        id="selfie",
        task="matte",
        title="Selfie segmentation (MediaPipe)",
        load="workbench.models.parsers.selfie:load",
        files=(MATTE,),
        weights_license="Apache-2.0",
        data_license="Google's own photos, not published",
        default=True,
    ),
    ModelSpec(
        id="mesh",
        task="parsing",
        title="Mesh parser (no training, frontal faces)",
        load="workbench.models.parsers.mesh_parser:load",
        files=(MATTE,),
        labels=PARTS,
        weights_license="Apache-2.0",
        data_license="none: regions of the face mesh, a person matte and a colour model of this photo",
        default=True,
    ),
)
