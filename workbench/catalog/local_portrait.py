"""Portrait models whose files a person brings, because no registry has them."""

from workbench.catalog.spec import File, ModelSpec

ROWS = (
    ModelSpec(
        id="idiff-face",
        task="portrait",
        title="IDiff-Face",
        load="workbench.models.portraits.idiff_face:load",
        files=(
            File("local:idiff_face_ema_averaged_model.ckpt", role="unet"),
            File("local:first_stage_decoder_state_dict.pt", role="decoder"),
        ),
        weights_license="CC BY-NC-SA 4.0; autoencoder: MIT (latent diffusion)",
        data_license="FFHQ: CC BY-NC-SA 4.0; recogniser: MS1MV2 (withdrawn)",
        paper="Boutros et al., IDiff-Face, ICCV 2023, arXiv 2308.04995",
        parameters=249_326_546,
        note=(
            "128 pixels, told ElasticFace's vectors. Put ema_averaged_model.ckpt of fdbtrs/IDiff-Face, by cross "
            "attention, into the cache's folder local as idiff_face_ema_averaged_model.ckpt, and "
            "first_stage_decoder_state_dict.pt beside it; fifty of a thousand steps by default; all of them are the "
            "authors' own sampling"
        ),
    ),
)
