"""Landmark models beside the face mesh: points as photos were annotated by hand. None is needed."""

from workbench.catalog.spec import File, ModelSpec

_SPIGA = "d098fc4097bc353ad514f5686bc87d8b01f83e6edbe36f9a2a0505afc994304e"
_SIGNS = "its pose turns as ours does: spiga/models/gnn/pose_proj.py, lines 9 to 52; opt-in"


def _spiga(points: int, name: str, order: tuple[str, str], shape: str, data: str, parameters: int) -> ModelSpec:
    """order: the file that says in which order its points come, and its sum. shape: the sum of the mean face."""
    return ModelSpec(
        id=f"spiga-{points}",
        task="landmarks",
        title=f"SPIGA, {points} points of {data} and the head's pose",
        load="workbench.models.finders.spiga:load",
        files=(
            File(f"hub:aprados/spiga:spiga_{name}.pt", size=254_000_000),
            _of_spiga(f"data/models3D/mean_face_3D_{points}.txt", shape, "shape"),
            _of_spiga(f"data/annotations/{order[0]}/db_info.json", order[1], "order"),
        ),
        weights_license="code BSD-3 (andresprados/SPIGA); terms of the weights not stated separately",
        data_license=f"{data}: research, non-commercial",
        paper="Prados-Torreblanca, Buenaposada and Baumela, BMVC 2022, arXiv 2210.07233",
        parameters=parameters,
        gives=("landmarks", "pose"),
        note=_SIGNS,
    )


def _of_spiga(member: str, sha256: str, role: str) -> File:
    return File(f"wheel:spiga==0.0.6:spiga/{member}", sha256, _SPIGA, 95_167, role)


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
    _spiga(
        98,
        "wflw",
        ("wflw", "a0d623edbf37625b180d596b71f753263f2b7c81e44af0b10023097f04e56958"),
        "606fa1d178a9e41541b2a0f604953af66c7b79ad740665c8c72578e9a7567c53",
        "WFLW",
        63_432_536,
    ),
    _spiga(
        68,
        "300wpublic",
        ("300wpublic", "8612f49ab40b9d9e863d4ac3b2f0b84eb13ea38a885137c966eeccd6150dbb79"),
        "59ee862825ed5444f50265b535b9c2cd4af017dc45c10fe70c73d0786feaccf1",
        "300-W",
        63_315_184,
    ),
)
