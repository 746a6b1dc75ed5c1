"""The "improved residual" networks of face recognition: AdaFace IR-18/50/101, and IR-50/152 and IR-SE-50 of
InsightFace_Pytorch.

Names follow the published files, so that a file loads by its own names and nothing is renamed.
Sources: Kim et al., "AdaFace", CVPR 2022, arXiv 2204.00964 (mk-minchul/AdaFace, mk-minchul/CVLface); Deng et al.,
"ArcFace", arXiv 1801.07698 (TreB1eN/InsightFace_Pytorch, ZhaoJ9014/face.evoLVe).
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled, trim

SIZE, VECTOR = 112, 512
WIDTHS = (64, 128, 256, 512)
DEPTHS = {"18": (2, 2, 2, 2), "34": (3, 4, 6, 3), "50": (3, 4, 14, 3), "101": (3, 13, 30, 3), "152": (3, 8, 36, 3)}
"""Blocks per stage. The 152 is InsightFace_Pytorch's, of plain blocks; AdaFace's own IR-152 is another network."""

PREFIXES = ("model.net.", "model.", "net.", "module.", "")
ANCHOR = "input_layer.0.weight"

PAPERS = {
    "ir152": {0.1: 0.094632, 0.01: 0.166788, 0.001: 0.227922},
    "irse50": {0.1: 0.144840, 0.01: 0.241045, 0.001: 0.312703},
}
"""Cosine at a false-accept rate, as Adv-Makeup (arXiv 2105.03162), AMT-GAN, DiffAM and CLIP2Protect use them."""


class Squeeze(nn.Module):
    """Channels weighted by what the whole picture holds (squeeze and excitation)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return x * self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut. ada: a batch norm between the first and its PReLU; squeeze: a Squeeze at
    the end."""

    def __init__(self, inputs: int, outputs: int, stride: int, ada: bool, squeeze: bool) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        if inputs != outputs:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        middle = (nn.BatchNorm2d(outputs),) if ada else ()
        end = (Squeeze(outputs),) if squeeze else ()
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False),
            *middle,
            nn.PReLU(outputs),
            nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            *end,
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        return self.res_layer(x) + self.shortcut_layer(x)


class Backbone(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 512), not normalised.

    depth: of `DEPTHS`. ada: AdaFace's layout, otherwise InsightFace_Pytorch's. bgr: the weights want blue first.
    """

    def __init__(self, depth: str, ada: bool = True, squeeze: bool = False, bgr: bool = False) -> None:
        super().__init__()
        self.bgr = bgr
        self.input_layer = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))
        blocks, inputs = [], 64
        for width, count in zip(WIDTHS, DEPTHS[depth], strict=True):
            for place in range(count):
                blocks.append(Block(inputs, width, 1 if place else 2, ada, squeeze))
                inputs = width
        self.body = nn.Sequential(*blocks)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(inputs * 49, VECTOR),
            nn.BatchNorm1d(VECTOR, affine=not ada),
        )

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        return self.output_layer(self.body(self.input_layer(scaled(chips, self.bgr))))


def load_adaface(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """AdaFace from CVLFace's model.safetensors, which wants red first unless a config.json beside it says `color_space:
    BGR`.

    files: `weights`, and the repository's `config` if there is one. The depth is the last word of the row's id up to
    its first dash: "adaface-ir50-webface4m" is an IR-50. Raises BadWeights for the file of another network.
    """
    return _adaface(spec, files, device, bgr=color_space(files["config"]) == "BGR" if "config" in files else False)


def load_adaface_bgr(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """AdaFace from its authors' training checkpoint (.ckpt, names under `model.`), which wants blue first."""
    return _adaface(spec, files, device, bgr=True)


def load_hyperface(spec: ModelSpec, files: Mapping[str, Path], device: str, bgr: bool = True) -> HubRecogniser:
    """HyperFace from its training checkpoint: AdaFace's IR-50 under `model.`, blue first as in its authors' demo; what
    else the checkpoint holds is left out.

    bgr: False asks the same weights with red first.
    """
    return _adaface(spec, files, device, bgr, prefix="model.")


def color_space(path: Path) -> str:
    """What a CVLFace config.json says of the order of colours: "RGB" or "BGR"; "RGB", CVLFace's own rule, when it says
    nothing.

    Raises BadWeights when the file is no JSON or names another order.
    """
    try:
        content = json.loads(path.read_text())
        found = content.get("color_space") or content.get("conf", {}).get("color_space") or "RGB"
    except (OSError, ValueError, AttributeError) as error:
        raise BadWeights(f"{path.name} is not a readable configuration ({error}). Fetch the model again.") from error
    if found not in ("RGB", "BGR"):
        raise BadWeights(f"{path.name}: expected color_space RGB or BGR, got {found!r}.")
    return str(found)


def _adaface(spec: ModelSpec, files: Mapping[str, Path], device: str, bgr: bool, prefix: str = "") -> HubRecogniser:
    """prefix: of the only names that count."""
    depth = spec.id.partition("-ir")[2].partition("-")[0]
    if depth not in DEPTHS:
        raise BadWeights(
            f"{spec.id}: expected an id such as adaface-ir50-webface4m, with a depth of {', '.join(DEPTHS)}."
        )
    found = {name: value for name, value in checkpoint.read(files["weights"]).items() if name.startswith(prefix)}
    weights = checkpoint.stripped(found, ANCHOR, PREFIXES, drop=("head.",))
    network = checkpoint.install(partial(Backbone, depth, bgr=bgr), weights, spec.title, device)
    return HubRecogniser(spec, trim(network), arcface(SIZE), SIZE, "body")


def load_ir152(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """IR-152 of the attack papers (`ir152.pth`), with their crop and thresholds."""
    return _insightface(spec, files, device, "152", squeeze=False, paper="ir152")


def load_irse50(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """IR-SE-50 of InsightFace_Pytorch and the attack papers (`irse50.pth`), with their crop and thresholds."""
    return _insightface(spec, files, device, "50", squeeze=True, paper="irse50")


def _insightface(
    spec: ModelSpec, files: Mapping[str, Path], device: str, depth: str, squeeze: bool, paper: str
) -> HubRecogniser:
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), ANCHOR, PREFIXES)
    network = checkpoint.install(partial(Backbone, depth, ada=False, squeeze=squeeze), weights, spec.title, device)
    return HubRecogniser(spec, trim(network), arcface(SIZE), SIZE, "body", PAPERS[paper], paper_crop=True)
