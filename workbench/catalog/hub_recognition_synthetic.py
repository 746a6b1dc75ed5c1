"""Recognisers trained on faces of nobody: pictures that a generator drew. No person agreed or refused to be in them."""

from workbench.catalog.spec import File, ModelSpec

_HYPERFACE = "Otroshi Shahreza and Marcel, HyperFace, ICLR 2025, arXiv 2411.08470"
_VEC2FACE = "Wu et al., Vec2Face, ICLR 2025, arXiv 2409.02979"


def _hyperface(people: str, gallery: str, drawn: str) -> ModelSpec:
    name = f"HyperFace-{people}-{gallery}"
    return ModelSpec(
        id=f"hyperface-ir50-{people}-{gallery.lower()}",
        task="recognition",
        title=f"HyperFace IR-50 ({people} synthetic people, {gallery})",
        load="workbench.models.recognisers.arcface_ir:load_hyperface",
        files=(File(f"hub:Idiap/{name}:{name.replace('-', '_')}.ckpt", size=174_600_000),),
        weights_license="MIT",
        data_license=(
            f"synthetic only (HyperFace_{people}_{gallery}); drawn by Arc2Face, itself trained on WebFace42M, from "
            f"vectors packed around {drawn}"
        ),
        paper=_HYPERFACE,
        parameters=43_585_600,
        gradients=True,
        note=(
            "blue first, as its authors' demo feeds it; another published use feeds red first: "
            "benchmarks/colour_order.py decides by accuracy on your pairs"
        ),
    )


def _hsface(people: str, published: str) -> ModelSpec:
    return ModelSpec(
        id=f"hsface-{people}",
        task="recognition",
        title=f"HSFace IR-50 ({people} synthetic people)",
        load="workbench.models.recognisers.insight_recogniser:load_torch_50",
        files=(File(f"hub:BooBooWu/Vec2Face:fr_weights/hsface{people}.pth", size=174_847_035),),
        weights_license="MIT (card of Vec2Face)",
        data_license=f"synthetic only (HSFace{people}); drawn by Vec2Face, itself trained on WebFace4M",
        paper=_VEC2FACE,
        parameters=43_633_408,
        gradients=True,
        note=f"published: LFW {published}; shortcuts weighted, as its training code does and the file's size says",
    )


ROWS = (
    _hyperface("10k", "LDM", "faces of a latent diffusion model"),
    _hyperface("10k", "StyleGAN", "faces of StyleGAN"),
    _hyperface("50k", "StyleGAN", "faces of StyleGAN"),
    _hsface("10k", "98.87"),
    _hsface("20k", "98.87"),
    _hsface("100k", "99.25"),
    _hsface("200k", "99.23"),
    _hsface("300k", "99.30"),
)
