"""Which published network a set of weights looks like, from names and shapes alone, so that a wrong file can be told by
name.

Knows names, not networks: one line per layout, the more particular first.
"""

from collections.abc import Callable, Mapping

from torch import Tensor

Weights = Mapping[str, Tensor]
Test = Callable[[Weights], bool]


def looks_like(weights: Weights) -> str:
    """The family and variant in words, with the number of weights: "AdaFace IR-50 (467 weights)"."""
    names = {_bare(name): value for name, value in weights.items()}
    for test, describe in _LAYOUTS:
        if test(names):
            return f"{describe(names)} ({len(weights)} weights)"
    return f"no network known here ({len(weights)} weights)"


def _bare(name: str) -> str:
    for prefix in ("module.", "model.net.", "model.", "net.", "state_dict."):
        name = name.removeprefix(prefix)
    return name


def _has(*starts: str) -> Test:
    return lambda names: all(any(name.startswith(start) for name in names) for start in starts)


def _count(names: Weights, start: str, place: int) -> int:
    return len({name.split(".")[place] for name in names if name.startswith(start)})


def _ir(names: Weights) -> str:
    blocks = _count(names, "body.", 1)
    wide = any(value.shape[:1] == (2048,) for name, value in names.items() if name.startswith("body.") and value.ndim)
    squeezed = any(".fc1." in name for name in names)
    old = not any(name.endswith("res_layer.5.running_mean") for name in names)
    depth = {8: "18", 16: "34", 24: "50", 49: "101", 50: "152"}.get(blocks, f" with {blocks} blocks")
    if wide:
        return "a bottleneck IR-152 of AdaFace's training code"
    if old or squeezed:
        return (
            f"an IR-SE-{depth} (InsightFace_Pytorch)"
            if squeezed
            else f"an IR-{depth} of face.evoLVe or InsightFace_Pytorch"
        )
    return f"AdaFace IR-{depth}"


def _iresnet(names: Weights) -> str:
    depth = {2: "18", 6: "34", 14: "50", 30: "100"}.get(_count(names, "layer3.", 1), "?")
    return (
        f"CR-FIQA on IResNet-{depth}"
        if any(name.startswith("qs.") for name in names)
        else f"InsightFace's IResNet-{depth}"
    )


def _facenet(names: Weights) -> str:
    people = next((int(value.shape[0]) for name, value in names.items() if name == "logits.weight"), 0)
    return {
        8631: "FaceNet trained on VGGFace2",
        10575: "FaceNet trained on CASIA-WebFace",
        0: "FaceNet without its classifier",
    }.get(people, f"FaceNet with {people} people")


def _vit(names: Weights) -> str:
    layers = _count(names, "vit.encoder.layer.", 3)
    outputs = next((int(value.shape[0]) for name, value in names.items() if name == "classifier.weight"), 0)
    return f"a vision transformer of {layers} layers with {outputs} outputs"


def _segformer(names: Weights) -> str:
    blocks = sum(_count(names, f"segformer.encoder.block.{stage}.", 4) for stage in range(4))
    return f"a SegFormer of {blocks} blocks"


_SEGFACE_BACKBONES = (
    ("backbone.0.1.0.attn.logit_scale", "swinv2b"),
    ("backbone.0.1.0.attn.qkv.weight", "swinb"),
    ("backbone.0.1.0.block.0.weight", "convnext"),
    ("backbone.8.0.weight", "efficientnet"),
    ("backbone.16.0.weight", "mobilenet"),
    ("backbone.7.0.conv3.weight", "resnet, which the released code cannot run"),
)


def _segface(names: Weights) -> str:
    if any(".landmarks_token" in name for name in names):
        return "FaceXFormer"
    classes = sum(name.startswith("face_decoder.") and name.endswith("_token.weight") for name in names)
    data = {19: "celeba", 11: "lapa or helen"}.get(classes, f"{classes} classes")
    backbone = next((word for name, word in _SEGFACE_BACKBONES if name in names), "of an unknown backbone")
    return f"SegFace {backbone}, {data}"


def _rtnet(names: Weights) -> str:
    classes = next((int(value.shape[0]) for name, value in names.items() if name == "decoder.4.weight"), 0)
    return f"RTNet-{'101' if _count(names, 'encoder.layer3.', 2) > 6 else '50'} with {classes} classes"


def _farl(names: Weights) -> str:
    classes = next((int(value.shape[0]) for name, value in names.items() if name == "head.head.conv_seg.weight"), 0)
    return f"FaRL's parser with {classes} classes"


def _bisenet(source: str) -> Callable[[Weights], str]:
    def describe(names: Weights) -> str:
        deep = any(".layer3.5." in name for name in names)
        return f"BiSeNet resnet{34 if deep else 18} ({source})"

    return describe


def _clip(names: Weights) -> str:
    layers = _count({_bare_clip(name): value for name, value in names.items()}, "encoder.layers.", 2)
    return (
        f"a CLIP {'text' if any('token_embedding' in name for name in names) else 'vision'} transformer of "
        f"{layers} layers"
    )


def _bare_clip(name: str) -> str:
    return name.removeprefix("text_model.").removeprefix("vision_model.")


def _unet(names: Weights) -> str:
    width = next((int(value.shape[-1]) for name, value in names.items() if name.endswith("attn2.to_k.weight")), 0)
    kind = "a ControlNet" if any(name.startswith("controlnet_") for name in names) else "a diffusion UNet"
    return f"{kind} told by tokens {width} wide"


_LAYOUTS: tuple[tuple[Test, Callable[[Weights], str]], ...] = (
    (_has("face_decoder.", "pe_layer."), _segface),
    (_has("feature_token.", "im_decoder."), lambda names: "a Vec2Face generator"),
    (_has("time_embedding.", "down_blocks.", "mid_block."), _unet),
    (_has("encoder.conv_in", "decoder.conv_out", "post_quant_conv."), lambda names: "a diffusion autoencoder"),
    (lambda names: any(".self_attn.q_proj." in name for name in names), _clip),
    (_has("input_layer.", "body.", "output_layer."), _ir),
    (_has("prelu.", "layer1.0.bn1", "features."), _iresnet),
    (_has("conv2d_1a.", "mixed_6a."), _facenet),
    (_has("conv_6_dw.", "conv_45."), lambda names: "MobileFaceNet of InsightFace_Pytorch"),
    (_has("vit.", "classifier."), _vit),
    (_has("segformer.", "decode_head."), _segformer),
    (_has("cp.resnet.", "ffm."), _bisenet("face-parsing.PyTorch")),
    (_has("fpn.", "ffm."), _bisenet("yakhyo/face-parsing")),
    (_has("backbone.stages_0.", "afg."), lambda names: "py-feat's multitask network"),
    (_has("encoder.layer1.0.conv_polar"), _rtnet),
    (_has("backbone.visual.", "head.head."), _farl),
    (_has("backbone.transformer.resblocks.", "head."), lambda names: "FaRL's attribute network"),
    (_has("conv_stem.", "blocks.", "conv_head."), lambda names: "an EfficientNet of timm"),
)
