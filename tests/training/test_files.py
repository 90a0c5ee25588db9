"""The files that a recipe names."""

import pytest
from layouts import write_sidecar

from sunpy_enhance.training.files import file_hashes, sha256


def test_hashes_of_all_that_a_sidecar_names(tmp_path):
    write_sidecar(tmp_path)
    hashes = file_hashes(tmp_path, [{"file": "cube.toml"}])
    assert list(hashes) == ["cube.toml", "intensity.npy", "field.h5", "tau.npy"]
    (tmp_path / "tau.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"tau\.npy does not exist: .*cube\.toml needs it"):
        file_hashes(tmp_path, [{"file": "cube.toml"}])


def test_a_changed_file_has_another_hash(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1")
    first = sha256(path)
    path.write_bytes(b"22")
    assert sha256(path) != first
