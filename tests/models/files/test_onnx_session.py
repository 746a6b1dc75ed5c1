"""One place opens ONNX files, and the settings say with how many threads."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.models import tiny_onnx
from workbench import devices
from workbench.errors import BadWeights
from workbench.models.files import litert, onnx_session
from workbench.models.files.onnx_box import OnnxBox
from workbench.models.files.whole import whole

PACKAGE = Path(onnx_session.__file__).parents[2]


def _options(session) -> dict[str, str]:
    options = session.get_session_options()
    spins = options.get_session_config_entry("session.intra_op.allow_spinning")
    return {"threads": str(options.intra_op_num_threads), "spins": spins}


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return tiny_onnx.write(tmp_path / "mean.onnx", np.ones((3, 2), np.float32), 8)


def test_an_onnx_network_has_the_threads_that_the_settings_say_and_does_not_spin(network: Path) -> None:
    """WORKBENCH_THREADS=1 left every ONNX network but the compact parser all cores, and their threads spun."""
    with devices.allowing(3):
        box = OnnxBox(network, 8, 2, (0.0,) * 3, (1.0,) * 3)

    assert _options(box._session) == {"threads": "3", "spins": "0"}
    assert int(_options(onnx_session.open_session(network, most=1))["threads"]) == 1


@pytest.mark.parametrize(
    ("word", "home"),
    [(r"\bInferenceSession\(|\bSessionOptions\(", "onnx_session.py"), (r"\bInterpreter\(model_path", "litert.py")],
)
def test_one_file_opens_networks_of_a_runtime(word: str, home: str) -> None:
    found = {path.name for path in PACKAGE.rglob("*.py") if re.search(word, path.read_text())}

    assert found == {home}


def test_a_web_page_in_place_of_a_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    path.write_text("<html>not found</html>")

    with pytest.raises(BadWeights, match="not a readable ONNX file") as told:
        onnx_session.open_session(path)
    assert str(tmp_path) not in str(told.value), "visitors read it"


def test_no_reader_of_files_tells_where_they_lie(tmp_path: Path) -> None:
    """The page told a visitor the folder of a broken model."""
    path = tmp_path / "network.tflite"
    with pytest.raises(BadWeights, match=r"network\.tflite") as told:
        litert.Network(path)
    assert str(tmp_path) not in str(told.value)
    with pytest.raises(BadWeights, match=r"No such file.*'network\.tflite'"), whole(path):
        path.read_bytes()
