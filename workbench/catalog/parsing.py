"""Parsers: which pixel is which part of the face."""

from workbench.catalog.detection import MATTE
from workbench.catalog.spec import File, ModelSpec
from workbench.parts import PARTS

_CELEBAMASK = "CelebAMask-HQ: non-commercial research and education"

ROWS = (
    ModelSpec(
        id="compact",
        task="parsing",
        title="Compact parser (trained here)",
        load="workbench.models.parsers.compact_parser:load",
        files=(
            File(
                "builtin:compact_parser.safetensors", "8c183ee9216cde184ae358e81f2ea4ad678e58bfb09a4cd530ec87f36531c1e7"
            ),
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
