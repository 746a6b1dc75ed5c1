"""Person mattes that a person brings: who is in front, for cutting out and for backgrounds."""

from workbench.catalog.spec import File, ModelSpec


def _row(id: str, title: str, file: str, sha256: str, paper: str, parameters: int, published: str) -> ModelSpec:
    return ModelSpec(
        id=id,
        task="matte",
        title=title,
        load="workbench.models.parsers.portrait_matte:load",
        files=(File(f"local:{file}", sha256),),
        weights_license="MIT (clovaai/ext_portrait_segmentation)",
        data_license="EG1800 (portraits from the web) and others: research",
        paper=paper,
        parameters=parameters,
        gradients=True,
        note=(
            f"put {file} of clovaai/ext_portrait_segmentation into the cache's folder local; published: EG1800 "
            f"{published}; pixel statistics from its demonstrations; those of its training are in an unpublished file"
        ),
    )


ROWS = (
    _row(
        "sinet",
        "SINet",
        "SINet.pth",
        "d164a9643c6e6765fc6dd4ec73f6018ad2526c21336911b4484715f33e6981a4",
        "Park et al., SINet, WACV 2020, arXiv 1911.09099",
        86_910,
        "95.2",
    ),
    _row(
        "extreme-c3",
        "ExtremeC3Net",
        "ExtremeC3.pth",
        "52ff1681c7f65899f203106a64562c3a709172f3a65aa1ad5bef7bb9a22a39db",
        "Park et al., ExtremeC3Net, arXiv 1908.03093",
        37_738,
        "94.98",
    ),
)
