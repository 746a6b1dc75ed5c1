"""Landmark models beside the face mesh: points as photos were annotated by hand. None is needed."""

from workbench.catalog.spec import File, ModelSpec

ROWS = (
    ModelSpec(
        id="fan-68",
        task="landmarks",
        title="FAN, 68 points of 300-W",
        load="workbench.models.finders.fan:load",
        files=(File("local:2DFAN4-11f355bf06.pth.tar"),),
        weights_license="BSD-3 (1adrianb/face-alignment)",
        data_license="300W-LP and 300-W: research, non-commercial",
        paper="Bulat and Tzimiropoulos, ICCV 2017, arXiv 1703.07332",
        parameters=23_820_176,
        gives=("landmarks",),
        note="opt-in: put 2DFAN4-11f355bf06.pth.tar of 1adrianb/face-alignment into the cache's folder local",
    ),
)
