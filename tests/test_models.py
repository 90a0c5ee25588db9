import pathlib

import pytest
from conftest import make_map, write_network

from sunpy_enhance import ModelCard, available_models, models
from sunpy_enhance.models import default_model, resolve


def test_available(shipped):
    cards = available_models()
    variants = ("", "-fast", "-linear", "-paper")
    assert set(cards) == {f"{observable}{v}" for observable in ("continuum", "magnetogram") for v in variants}
    assert all(isinstance(card, ModelCard) and card.name == name for name, card in cards.items())
    # The defaults have the names of the observables.
    assert all(cards[name].observable == name for name in ("continuum", "magnetogram"))


def test_what_is_shipped_is_complete():
    present = {path.stem for path in pathlib.Path(str(models._FOLDER)).glob("*.onnx")}
    if not present:
        pytest.skip("no trained network in sunpy_enhance/data yet")
    cards = available_models()
    assert set(cards) == present
    for name, card in cards.items():
        assert card.name == name
        assert card.observable == name.partition("-")[0]
        assert card.halo > 0
        assert card.metrics


def test_default_is_the_observable():
    assert default_model(make_map("continuum")) == "continuum"
    assert default_model(make_map("noLimbDark")) == "continuum"
    assert default_model(make_map("magnetogram")) == "magnetogram"
    with pytest.raises(ValueError, match="Dopplergram"):
        default_model(make_map("continuum", content="DOPPLERGRAM", bunit="m/s"))


def test_resolve(shipped, tmp_path, monkeypatch):
    assert resolve("continuum") == shipped / "continuum.onnx"
    path = write_network(tmp_path / "mine.onnx")
    assert resolve(path) == resolve(str(path)) == path
    odd = tmp_path / "without_suffix"
    path.rename(odd)
    assert resolve(str(odd)) == resolve(odd) == odd
    monkeypatch.chdir(tmp_path)
    odd.rename("~nobody is called so.onnx")
    assert resolve("~nobody is called so.onnx").is_file()


def test_resolve_refuses(shipped, tmp_path):
    with pytest.raises(ValueError, match="no model 'kontinuum': choose one of continuum, .*magnetogram"):
        resolve("kontinuum")
    for missing in (str(tmp_path / "no.onnx"), tmp_path / "no.onnx", tmp_path / "no"):
        with pytest.raises(FileNotFoundError, match="does not exist: check the path"):
            resolve(missing)
    with pytest.raises(TypeError, match="model is a int"):
        resolve(3)
    (shipped / "continuum.onnx").unlink()
    with pytest.raises(FileNotFoundError, match="install sunpy_enhance again"):
        resolve("continuum")
