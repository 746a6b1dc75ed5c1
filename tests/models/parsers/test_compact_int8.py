"""The compact parser in 8 bits: the same answers as in torch, without torch; and who decides which of the two runs."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from workbench import WEIGHTS, devices
from workbench.bench import Workbench
from workbench.catalog import find
from workbench.errors import BadRequest, BadWeights
from workbench.models.blocks import precision
from workbench.models.parsers import compact_int8, compact_parser
from workbench.parts import INDEX
from workbench.settings import Settings
from workbench.tasks.parsing import parse

TWIN = WEIGHTS / "compact_parser_int8.onnx"


@pytest.fixture(scope="module")
def in_torch(bench: Workbench):
    beside = Workbench(replace(bench.settings, runtime="torch"))
    return beside.model("compact")


def test_the_twin_is_made_from_the_weights_that_ship() -> None:
    weights = (WEIGHTS / "compact_parser.safetensors").read_bytes()
    assert compact_int8.Int8Network(TWIN).made_from == hashlib.sha256(weights).hexdigest()


def test_both_find_the_same_parts(bench, in_torch, astronaut, astronaut_face) -> None:
    quick, whole = (parse(astronaut, model, [astronaut_face]) for model in (bench.model("compact"), in_torch))
    assert (quick.labels == whole.labels).mean() > 0.99
    for part in ("skin", "hair", "nose", "image_left_eye", "image_right_brow", "upper_lip", "cloth"):
        one, other = quick.mask(part), whole.mask(part)
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.95, part


def test_probabilities_of_both_are_near(bench, in_torch, astronaut, astronaut_face) -> None:
    quick, whole = (model(astronaut, astronaut_face).scores for model in (bench.model("compact"), in_torch))
    assert np.abs(quick - whole).mean() < 0.005
    assert np.abs(quick[INDEX["hair"]] - whole[INDEX["hair"]]).mean() < 0.03


def test_a_processor_without_bfloat16_decides_as_one_that_has_it(monkeypatch, astronaut, astronaut_face, in_torch):
    """The chip's flags are masked; every answer is then float32's."""
    monkeypatch.setattr(precision, "_processor_flags", lambda: "avx2 fma")
    files = {"weights": WEIGHTS / "compact_parser.safetensors", "matte": WEIGHTS / "selfie_segmentation.tflite"}
    plain = compact_parser.load(find("compact"), files, "cpu")
    assert str(next(plain._torch.fast.parameters()).dtype) == "torch.float32"
    one, other = (parse(astronaut, model, [astronaut_face]).labels for model in (plain, in_torch))
    assert (one == other).mean() > 0.995


def test_a_photo_is_parsed_without_loading_torch() -> None:
    """Torch takes a second of the first parse and half of the memory."""
    code = (
        "import sys, numpy as np; from skimage import data; from workbench.bench import Workbench\n"
        "from workbench.tasks.detection import find_faces; from workbench.tasks.parsing import parse\n"
        "from workbench.settings import Settings\n"
        "bench = Workbench(Settings.from_env({'WORKBENCH_DEVICE': 'cpu'})); photo = data.astronaut()\n"
        "parsing = parse(photo, bench.parser(), find_faces(photo, bench.finder()))\n"
        "assert parsing.mask('hair').any(); assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_one_place_says_who_reads_the_twin() -> None:
    assert devices.reads("int8", "cpu")
    assert not devices.reads("int8", "cpu", "torch")
    assert not devices.reads("int8", "cuda")
    assert devices.reads("weights", "cuda", "torch")


def test_torch_is_asked_for_by_a_setting(in_torch) -> None:
    assert in_torch._quick is None
    assert Settings.from_env({"WORKBENCH_RUNTIME": "torch"}).runtime == "torch"
    with pytest.raises(BadRequest, match="WORKBENCH_RUNTIME"):
        Settings.from_env({"WORKBENCH_RUNTIME": "tensorrt"})


def test_threads_are_what_the_settings_say() -> None:
    """WORKBENCH_THREADS was read and then not used."""
    with devices.allowing(3):
        assert devices.threads(2) == 3
    assert devices.threads(1) == 1


def test_no_driver_no_card_and_torch_stays_unloaded(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(sys, "platform", "linux")
    assert devices._certainly_none(nodes=("/dev/no-such-card",))
    assert not devices._certainly_none(nodes=("/dev/null",))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_file_that_is_no_network_is_refused(tmp_path, content: bytes) -> None:
    path = tmp_path / "compact_parser_int8.onnx"
    path.write_bytes(content)
    with pytest.raises(BadWeights, match="not a readable ONNX file"):
        compact_int8.Int8Network(path)


def test_coded_bytes_keep_colours_and_put_absent_maps_on_the_padding_grey() -> None:
    planes = np.zeros((16, 2, 2), np.uint8)
    planes[:3], planes[4], planes[5] = 7, 255, 1
    coded = compact_int8.codes(planes)
    assert (coded[:3] == 7).all()
    assert (coded[3] == compact_int8.GREY).all()
    assert (coded[4] == 255).all()
    assert (coded[5] > compact_int8.GREY).all()


def test_looks_beside_others_take_one_thread_each_where_the_cores_are_busy(monkeypatch) -> None:
    with devices.allowing(2):
        network = compact_int8.Int8Network(TWIN)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with network._sessions() as first, network._sessions() as second, network._sessions() as third:
        assert first is network._session
        assert second is third is not first
        assert second.get_session_options().intra_op_num_threads == 1
        planes = np.random.default_rng(2).integers(0, 256, (1, 16, 64, 64), np.uint8)
        one, other = (session.run(None, {"x": planes})[0] for session in (first, second))
        assert np.abs(one - other).max() < 1e-3
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    with network._sessions() as first, network._sessions() as second:
        assert second is first, "there are cores for both"
    assert network._running == 0


def test_a_second_look_beside_the_first_leaves_torch_its_threads(monkeypatch) -> None:
    """Two people at once, and from then on every model of the server that runs in torch had one thread."""
    told: list[int] = []
    with devices.allowing(2):
        network = compact_int8.Int8Network(TWIN)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=told.append))
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    with network._sessions(), network._sessions() as second:
        assert second.get_session_options().intra_op_num_threads == 1
    assert told == []


def test_a_look_that_finds_no_file_is_not_counted_as_running_for_ever(monkeypatch) -> None:
    with devices.allowing(2):
        network = compact_int8.Int8Network(TWIN)
    network._path = network._path / "gone"
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    with network._sessions(), pytest.raises(BadWeights), network._sessions():
        raise AssertionError("there is no file")
    assert network._running == 0
