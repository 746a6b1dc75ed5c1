"""A file of vectors that is empty, damaged or something else is one sentence, whoever opens it."""

import random

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.scale.vectors import _unpacked


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04broken", b"\x93NUMPY", b"no zip", b"PK\x05\x06" + bytes(18)], ids=ascii
)
def test_an_empty_or_broken_npz_is_one_sentence(tmp_path, data):
    (tmp_path / "v.npz").write_bytes(data)
    with pytest.raises(BadRequest, match="no file of embeddings"):
        list(_unpacked(tmp_path / "v.npz"))


def test_damaged_npz_files_are_one_sentence_each(tmp_path):
    np.savez_compressed(tmp_path / "v.npz", names=np.array(["a", "b"]), embeddings=np.zeros((2, 8), "f4"), metric="l2")
    whole, rng = (tmp_path / "v.npz").read_bytes(), random.Random(0)
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 10)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / "v.npz").write_bytes(bytes(data))
        with pytest.raises(BadRequest, match="no file of embeddings"):
            list(_unpacked(tmp_path / "v.npz"))


def test_a_step_cannot_name_a_column_as_what_shards_keep_beside_it() -> None:
    """A column `vector` came out of shards empty, and only there."""
    from workbench.scale.step import Step

    with pytest.raises(ValueError, match="columns cannot be named vector"):
        Step("toy", {}, (), ("face", "vector"), lambda bench: None)
