"""Networks that repair a face after it was drawn. None is needed; how far each takes a face is measured."""

from workbench.catalog.spec import File, ModelSpec


def _row(id: str, title: str, file: str, paper: str, parameters: int) -> ModelSpec:
    return ModelSpec(
        id=id,
        task="repair",
        title=title,
        load="workbench.models.portraits.restoreformer:load",
        files=(File(f"local:{file}"),),
        weights_license="Apache-2.0 (wzhouxiff/RestoreFormerPlusPlus)",
        data_license="FFHQ: CC BY-NC-SA 4.0",
        paper=paper,
        parameters=parameters,
        note=f"put {file} of wzhouxiff/RestoreFormerPlusPlus, release v1.0.0, into the cache's folder local",
    )


ROWS = (
    _row(
        "restoreformer-plus",
        "RestoreFormer++",
        "RestoreFormer++.ckpt",
        "Wang et al., TPAMI 2023, arXiv 2308.07228",
        73_472_579,
    ),
    _row(
        "restoreformer",
        "RestoreFormer",
        "RestoreFormer.ckpt",
        "Wang et al., CVPR 2022, arXiv 2201.06374",
        72_680_003,
    ),
)
