"""One standard deviation for each pixel: in a Map, in a file, and out of it again."""

import dataclasses
import errno

import numpy as np
import pytest
from conftest import granulation, make_map, write_network

import astropy.units as u
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty

import sunpy.map

from sunpy_enhance import enhance_map
from sunpy_enhance._figures import before_after
from sunpy_enhance._geometry import Disk
from sunpy_enhance._network import load_network
from sunpy_enhance.optics import redegrade
from sunpy_enhance.uncertainty import read_map, save_map, sigma_map
from sunpy_enhance.validation import check, compare

pytestmark = pytest.mark.filterwarnings("ignore:of the solar disk in this Map")


@pytest.fixture(scope="module")
def with_sigma(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sigma")
    names = ("continuum", "magnetogram")
    return {name: write_network(folder / f"{name}.onnx", name, sigma=True) for name in names}


@pytest.fixture(params=["continuum", "magnetogram"])
def enhanced(request, with_sigma):
    return enhance_map(make_map(request.param), model=with_sigma[request.param], uncertainty=True, device="cpu")


def test_standard_deviation_in_the_unit_of_the_map(enhanced):
    assert isinstance(enhanced.uncertainty, StdDevUncertainty)
    assert enhanced.uncertainty.unit == enhanced.unit
    assert enhanced.uncertainty.array.dtype == np.dtype("=f4")
    magnetic = enhanced.unit.is_equivalent(u.G)
    # A hundredth of the quiet Sun, which is the same all over a small Map at disk centre.
    floor = 10.0 if magnetic else np.mean(enhanced.uncertainty.array - 0.1 * enhanced.data)
    assert magnetic or floor == pytest.approx(0.01 * 5e4, rel=0.02)
    np.testing.assert_allclose(enhanced.uncertainty.array, floor + 0.1 * np.abs(enhanced.data), rtol=1e-4)


def test_nothing_else_changes_and_no_sigma_is_made_unasked(with_sigma, enhanced):
    observable = "magnetogram" if enhanced.unit.is_equivalent(u.G) else "continuum"
    plain = enhance_map(make_map(observable), model=with_sigma[observable], device="cpu")
    assert plain.uncertainty is None
    np.testing.assert_array_equal(plain.data, enhanced.data)


def test_limb_darkening_and_units_carry_over(with_sigma):
    smap = make_map("continuum", (60, 70))
    one = enhance_map(smap, model=with_sigma["continuum"], uncertainty=True, quiet_sun=5e4)
    other = make_map("continuum", data=3 * smap.data)
    three = enhance_map(other, model=with_sigma["continuum"], uncertainty=True, quiet_sun=1.5e5)
    np.testing.assert_allclose(three.uncertainty.array, 3 * one.uncertainty.array, rtol=1e-5)
    field = make_map("magnetogram")
    gauss = enhance_map(field, model=with_sigma["magnetogram"], uncertainty=True)
    tesla = make_map("magnetogram", data=field.data * 1e-4, bunit="T")
    tesla = enhance_map(tesla, model=with_sigma["magnetogram"], uncertainty=True)
    np.testing.assert_allclose(tesla.uncertainty.array, 1e-4 * gauss.uncertainty.array, rtol=1e-4)


@pytest.mark.parametrize("shape", [(32, 32), (40, 47)])
def test_sigma_is_wider_at_the_border_of_a_frame(with_sigma, tmp_path, shape):
    factors = [2.0, 1.5, 1.0, 1.25]
    wider = write_network(
        tmp_path / "b.onnx", "magnetogram", sigma=True, uncertainty={"coverage": {}, "border": factors}
    )
    plain, other = (
        enhance_map(make_map("magnetogram", shape), model=model, uncertainty=True)
        for model in (with_sigma["magnetogram"], wider)
    )
    np.testing.assert_array_equal(other.data, plain.data)
    y, x = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in shape)
    ring = np.minimum(y[:, None], x).repeat(2, axis=0).repeat(2, axis=1)
    expected = np.array([*factors, 1.0])[np.minimum(ring, len(factors))]
    np.testing.assert_allclose(other.uncertainty.array / plain.uncertainty.array, expected, rtol=1e-6)


@pytest.mark.parametrize(("observable", "unit"), [("continuum", 5e4), ("magnetogram", 1e-4)])
def test_sigma_follows_mu_and_the_enhanced_value_as_the_card_says(tmp_path, observable, unit):
    limb = {"mu": [0.3, 0.6, 1.0], "factors": [[0.2, 1.4], [0.5, 1.2], [1.0, 1.0]]}
    knots = [0.9, 1.1] if observable == "continuum" else [0.0, 40.0]
    uncertainty = {"coverage": {}, "knots": knots, "limb": limb}
    options = {"quiet_sun": unit} if observable == "continuum" else {}
    data = {"continuum": 5e4 * granulation((90, 100)), "magnetogram": 0.05 * (granulation((90, 100)) - 1)}[observable]
    smap = make_map(observable, data=data, crval1=860.0, **({} if observable == "continuum" else {"bunit": "T"}))
    models = [tmp_path / "plain.onnx", tmp_path / "limb.onnx"]
    plain, other = (
        enhance_map(smap, model=write_network(model, observable, sigma=True, **more), uncertainty=True, **options)
        for model, more in zip(models, ({}, {"uncertainty": uncertainty}), strict=True)
    )
    np.testing.assert_array_equal(other.data, plain.data)
    mu = Disk.of(smap).mu().repeat(2, axis=0).repeat(2, axis=1)
    assert mu.min() < 0.45 < 0.48 < mu.max() < 0.6  # not one of those in the card
    part = np.clip((np.abs(plain.data) / unit - knots[0]) / (knots[1] - knots[0]), 0, 1)
    assert part.std() > 0.1
    first, last = (np.interp(mu, limb["mu"], [row[i] for row in limb["factors"]]) for i in (0, 1))
    factors = first + part * (last - first)
    np.testing.assert_allclose(other.uncertainty.array / plain.uncertainty.array, factors, rtol=1e-4)


@pytest.mark.parametrize("limb", ["mask", "enhance", "nan"])
def test_nan_where_the_map_is_flagged(with_sigma, limb):
    smap = make_map("continuum", (100, 90), crval1=950.0, crota2=0.0)
    mu = Disk.of(smap).mu()
    data = smap.data.copy()
    data[50, 10] = np.nan
    smap = make_map("continuum", data=data, crval1=950.0, crota2=0.0)
    out = enhance_map(smap, model=with_sigma["continuum"], uncertainty=True, limb=limb, quiet_sun=5e4)
    assert 0.02 < out.mask.mean() < 0.9
    np.testing.assert_array_equal(np.isnan(out.uncertainty.array), out.mask)
    assert (out.uncertainty.array[~out.mask] > 0).all()
    assert (mu == 0).any()


def test_tiles_change_nothing(with_sigma):
    smap = make_map("magnetogram", (117, 90))
    whole = enhance_map(smap, model=with_sigma["magnetogram"], uncertainty=True)
    tiled = enhance_map(smap, model=with_sigma["magnetogram"], uncertainty=True, tile_size=40)
    np.testing.assert_allclose(tiled.uncertainty.array, whole.uncertainty.array, rtol=1e-5)


def test_network_without_sigma_is_told(networks, shipped, monkeypatch):
    smap = make_map("continuum")
    with pytest.raises(ValueError, match="tiny does not tell its error: leave uncertainty= out"):
        enhance_map(smap, model=networks["continuum"], uncertainty=True)
    write_network(shipped / "continuum-fast.onnx", sigma=True)
    with pytest.raises(ValueError, match="tiny does not tell its error: take 'continuum-fast'"):
        enhance_map(smap, model=networks["continuum"], uncertainty=True)


def test_card_and_outputs_agree(tmp_path):
    network = load_network(write_network(tmp_path / "a.onnx", sigma=True), "cpu")
    assert network.card.uncertainty is not None
    assert dataclasses.replace(network.card, uncertainty=None).uncertainty is None


# --- files


def test_file_round_trip(enhanced, tmp_path):
    path = tmp_path / "out.fits"
    save_map(enhanced, path)
    again = read_map(str(path))
    assert type(again) is type(enhanced)
    np.testing.assert_array_equal(again.data, enhanced.data)
    np.testing.assert_array_equal(again.uncertainty.array, enhanced.uncertainty.array)
    assert again.uncertainty.unit == enhanced.unit
    assert again.mask is None
    assert again.meta["enhmodel"] == enhanced.meta["enhmodel"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.fits"]


def test_mask_comes_back_as_far_as_sigma_tells_it(with_sigma, tmp_path):
    data = make_map("continuum").data.copy()
    data[20, 30] = np.nan
    out = enhance_map(make_map("continuum", data=data), model=with_sigma["continuum"], uncertainty=True)
    save_map(out, tmp_path / "out.fits")
    np.testing.assert_array_equal(read_map(tmp_path / "out.fits").mask, out.mask)


def test_sunpy_and_astropy_read_the_file(enhanced, tmp_path):
    path = tmp_path / "out.fits"
    save_map(enhanced, path)
    alone = sunpy.map.Map(path, hdus=0)
    np.testing.assert_array_equal(alone.data, enhanced.data)
    both = sunpy.map.Map(path)
    assert [type(one) for one in both] == [type(enhanced)] * 2
    np.testing.assert_array_equal(both[1].data, enhanced.uncertainty.array)
    assert both[1].unit == enhanced.unit
    assert u.allclose(both[1].scale, enhanced.scale)
    image = CCDData.read(path, unit=enhanced.unit)
    np.testing.assert_array_equal(image.uncertainty.array, enhanced.uncertainty.array)
    assert isinstance(image.uncertainty, StdDevUncertainty)
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "UNCERT"]


def test_existing_files_are_kept(enhanced, tmp_path):
    path = tmp_path / "out.fits"
    path.write_bytes(b"something")
    with pytest.raises(FileExistsError, match="exists: give another name, or overwrite=True"):
        save_map(enhanced, path)
    assert path.read_bytes() == b"something"
    save_map(enhanced, path, overwrite=True)
    assert read_map(path).uncertainty is not None


def test_file_of_a_map_without_uncertainty_is_sunpy_s(networks, tmp_path):
    out = enhance_map(make_map("continuum"), model=networks["continuum"])
    save_map(out, tmp_path / "out.fits")
    assert read_map(tmp_path / "out.fits").uncertainty is None
    assert sunpy.map.Map(tmp_path / "out.fits").data.shape == out.data.shape


@pytest.mark.parametrize("name", ["out.fits.gz", "out.asdf", "out"])
def test_only_fits_is_written(enhanced, tmp_path, name):
    with pytest.raises(ValueError, match=f"name is '{name}', expected one that ends with .fits, .fit or .fts"):
        save_map(enhanced, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_home_is_found_and_a_missing_folder_named(enhanced, tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    save_map(enhanced, "~/out.FTS")
    assert [path.name for path in tmp_path.iterdir()] == ["out.FTS"]
    assert read_map("~/out.FTS").data.shape == enhanced.data.shape
    with pytest.raises(FileNotFoundError, match="there is no folder .*missing: make it first"):
        save_map(enhanced, tmp_path / "missing" / "out.fits")


def test_what_is_no_map_is_refused(tmp_path):
    for function in (sigma_map, lambda one: save_map(one, tmp_path / "out.fits")):
        for wrong in (None, np.ones((4, 4))):
            with pytest.raises(TypeError, match=f"is a {type(wrong).__name__}, expected a sunpy Map"):
                function(wrong)


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_files_that_cannot_be_read(enhanced, tmp_path):
    for missing in (tmp_path / "none.fits", tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no file .*: check the path"):
            read_map(missing)
    whole, broken = tmp_path / "whole.fits", tmp_path / "broken.fits"
    save_map(enhanced, whole)
    for content in (b"", b"not FITS", whole.read_bytes()[:3000], whole.read_bytes()[:-30000]):
        broken.write_bytes(content)
        with pytest.raises(ValueError, match=r"broken.fits is damaged, or no FITS file \(.*\): download") as caught:
            read_map(broken)
        assert "allow_errors" not in str(caught.value)


def test_what_the_system_refuses_stays_what_it_is(enhanced, tmp_path, monkeypatch):
    save_map(enhanced, tmp_path / "out.fits")

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("sunpy.map.map_factory.detect_filetype", refuse)
    with pytest.raises(PermissionError, match="Permission denied"):
        read_map(tmp_path / "out.fits")


# --- a Map of sigma


def test_sigma_map_is_cut_and_turned_as_the_map_is(enhanced):
    sigma = sigma_map(enhanced)
    corners = {"bottom_left": [10, 20] * u.pix, "top_right": [59, 79] * u.pix}
    part = enhanced.submap(**corners)
    assert part.uncertainty is None  # sunpy leaves it out
    np.testing.assert_array_equal(sigma.submap(**corners).data, enhanced.uncertainty.array[20:80, 10:60])
    assert u.allclose(u.Quantity(sigma.submap(**corners).reference_pixel), u.Quantity(part.reference_pixel))
    assert sigma.unit == enhanced.unit
    assert sigma.plot_settings["norm"].vmin == 0
    assert "utype" not in enhanced.meta


def test_sigma_map_is_not_taken_for_the_image(enhanced, tmp_path):
    save_map(enhanced, tmp_path / "out.fits")
    image, sigma = sunpy.map.Map(tmp_path / "out.fits")
    smap = make_map("magnetogram" if enhanced.unit.is_equivalent(u.G) else "continuum")
    for wrong in (sigma, sigma_map(enhanced)):
        for function in (redegrade, lambda one: check(one, smap), lambda one: compare(one, image)):
            with pytest.raises(ValueError, match="is a Map of standard deviations, expected the image: take the first"):
                function(wrong)
    assert redegrade(image).data.shape == smap.data.shape


def test_sigma_map_of_a_map_without(networks):
    out = enhance_map(make_map("continuum"), model=networks["continuum"])
    with pytest.raises(ValueError, match="uncertainty is NoneType, expected StdDevUncertainty"):
        sigma_map(out)


def test_picture_has_a_third_panel(enhanced, tmp_path, networks):
    observable = "magnetogram" if enhanced.unit.is_equivalent(u.G) else "continuum"
    smap = make_map(observable)
    before_after(smap, enhanced, tmp_path / "three.png")
    before_after(smap, enhance_map(smap, model=networks[observable]), tmp_path / "two.png")
    from matplotlib.image import imread

    three, two = (imread(tmp_path / f"{name}.png") for name in ("three", "two"))
    assert three.shape[1] == pytest.approx(1.5 * two.shape[1], abs=2)
