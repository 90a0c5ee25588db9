import copy
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest
from conftest import granulation, hmi_header, make_map, small_disk, write_network
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u
from astropy.io import fits

import sunpy.map
from sunpy.util.exceptions import SunpyUserWarning

import sunpy_enhance
from sunpy_enhance import enhance_map
from sunpy_enhance._geometry import Disk
from sunpy_enhance._network import load_network
from sunpy_enhance._pixels import cubic, dilate, rows_of
from sunpy_enhance._quiet_sun import limb_darkening

# Missing pixels and Maps of the limb are told, which is tested in test_trust.py.
pytestmark = pytest.mark.filterwarnings("ignore:of the solar disk in this Map")

DATA = pathlib.Path(__file__).parents[1] / ".." / "shared" / "data" / "hmi"


# Granulation as bright at the limb as elsewhere has no level that follows the limb darkening.
without_limb_darkening = pytest.mark.filterwarnings("ignore:hardly any of this Map is quiet Sun")


@pytest.fixture
def enhance(networks):
    """enhance_map with a tiny network for the Map's observable."""

    def call(smap, **options):
        observable = "magnetogram" if smap.unit is not None and smap.unit.is_equivalent(u.T) else "continuum"
        return enhance_map(smap, **{"model": networks[observable], "device": "cpu", **options})

    return call


def blocks(footprint):
    return footprint.repeat(2, axis=0).repeat(2, axis=1)


def interpolated(smap):
    return cubic(rows_of(np.nan_to_num(np.asarray(smap.data, dtype=np.float32)), 0, len(smap.data)))


@pytest.mark.parametrize("observable", ["continuum", "magnetogram", "noLimbDark"])
@settings(max_examples=8)
@given(shape=st.tuples(st.integers(32, 80), st.integers(32, 80)))
def test_output_is_a_map_of_twice_the_shape(networks, observable, shape):
    smap = make_map(observable, shape)
    out = enhance_map(smap, model=networks["magnetogram" if observable == "magnetogram" else "continuum"])
    assert type(out) is type(smap)
    assert out.data.shape == (2 * shape[0], 2 * shape[1])
    assert out.data.dtype == np.dtype("=f4")
    assert out.unit == smap.unit
    assert out.mask is None
    assert np.isfinite(out.data).all()
    assert u.allclose(u.Quantity(out.scale), 0.252 * u.arcsec / u.pix)


@pytest.mark.parametrize("border", ["continuum", "own"])
def test_constant_stays_constant(networks, border):
    for observable, level in (("continuum", 51234.5), ("noLimbDark", 1.0)):
        smap = make_map(observable, data=np.full((45, 52), level))
        out = enhance_map(smap, model=networks[border], quiet_sun=level)
        np.testing.assert_allclose(out.data, level, rtol=1e-6)


def test_limb_darkened_quiet_sun_stays_it(enhance):
    # Without fluctuations, the output is the same surface at the output pixels: cutout, fitted disk.
    for keywords, shape in (({"crval1": 850.0}, (64, 70)), (small_disk(), (300, 300))):
        smap = make_map("continuum", shape, **keywords)
        disk = Disk.of(smap)
        smap = make_map("continuum", data=5e4 * limb_darkening(disk.mu()), **keywords)
        out = enhance(smap)
        good = blocks(disk.mu() >= 0.25)
        np.testing.assert_allclose(out.data[good], (5e4 * limb_darkening(disk.mu(scale=2)))[good], rtol=2e-4)


def test_zero_field_stays_zero(enhance):
    out = enhance(make_map("magnetogram", data=np.zeros((40, 40))))
    assert not out.data.any()


@pytest.mark.parametrize("bunit", ["kG", "T", "Mx/cm^2", "G"])
def test_units_of_field_give_the_same(enhance, bunit):
    gauss = make_map("magnetogram")
    expected = enhance(gauss)
    values = (gauss.data.astype(float) * u.G).to_value(u.Unit(bunit))
    out = enhance(make_map("magnetogram", data=values, bunit=bunit))
    assert out.meta["bunit"] == bunit
    np.testing.assert_allclose(out.quantity.to_value(u.G), expected.data, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i4", "int32"])
def test_types_give_the_same(enhance, dtype):
    data = np.round(5e4 * granulation((40, 50)))
    expected = enhance(make_map("continuum", data=data))
    out = enhance(make_map("continuum", data=data.astype(dtype)))
    assert out.data.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(out.data, expected.data)


def test_dask_gives_the_same(enhance):
    dask = pytest.importorskip("dask.array")
    for observable in ("continuum", "magnetogram"):
        smap = make_map(observable)
        lazy = sunpy.map.Map(dask.from_array(smap.data, chunks=20), smap.meta)
        out = enhance(lazy)
        assert type(out.data) is np.ndarray
        np.testing.assert_array_equal(out.data, enhance(smap).data)


@without_limb_darkening
@pytest.mark.parametrize("tile_size", [32, 45, 64, 1000])
def test_tile_size_changes_nothing(enhance, tile_size):
    smap = make_map("continuum", (117, 90), crval1=930.0, crota2=0.0)
    expected = enhance(smap)
    out = enhance(smap, tile_size=tile_size)
    np.testing.assert_allclose(out.data, expected.data, rtol=1e-6)
    np.testing.assert_array_equal(out.mask, expected.mask)


def test_a_map_without_quiet_sun_is_told_where_it_is_enhanced(enhance):
    smap = make_map("continuum", data=np.linspace(1e4, 5e4, 64 * 64, dtype=np.float32).reshape(64, 64))
    with pytest.warns(SunpyUserWarning, match="hardly any of this Map is quiet Sun") as told:
        enhance_map(smap, model="continuum-linear")
    assert told[0].filename == __file__
    enhance(smap, quiet_sun=4e4)


def test_intensities_scale(enhance):
    smap = make_map("continuum")
    brighter = make_map("continuum", data=3 * smap.data)
    np.testing.assert_allclose(enhance(brighter).data, 3 * enhance(smap).data, rtol=2e-6)


def test_hot_pixel_changes_nothing_beyond_the_halo(enhance):
    smap = make_map("continuum", (200, 200))
    data = smap.data.copy()
    data[90, 120] *= 11
    change = np.abs(enhance(make_map("continuum", data=data)).data / enhance(smap).data - 1)
    reached = np.zeros(data.shape, dtype=bool)
    reached[90, 120] = True
    reached = blocks(dilate(reached, 2))
    assert change[reached].max() > 0.1
    assert change[~reached].max() < 1e-6


def test_half_sunspot_keeps_the_quiet_half(enhance):
    smap = make_map("continuum", (100, 100))
    data = smap.data.copy()
    data[:, :25] *= 0.2
    data[:, 25:50] *= np.linspace(0.6, 0.9, 25)
    quiet, spotted = enhance(smap), enhance(make_map("continuum", data=data))
    np.testing.assert_allclose(spotted.data[:, 110:], quiet.data[:, 110:], rtol=3e-3)


def test_given_quiet_sun_cancels_where_the_network_is_linear(networks, tmp_path):
    # The same surface divides and multiplies: a smooth array changes little, and nothing at all if constant.
    smap = make_map("continuum", (60, 60))
    model = networks["continuum"]
    flat = enhance_map(smap, model=model, quiet_sun=5e4)
    same = enhance_map(smap, model=model, quiet_sun=np.full((60, 60), 5e4) * u.DN / u.s)
    np.testing.assert_allclose(flat.data, same.data, rtol=1e-6)
    sloped = enhance_map(smap, model=model, quiet_sun=5e4 * (1 + 1e-3 * np.arange(60)) * np.ones((60, 1)))
    np.testing.assert_allclose(sloped.data, flat.data, rtol=2e-2)
    assert np.abs(sloped.data - flat.data).max() > 0


# --- invalid pixels


def test_invalid_pixels_come_back(enhance):
    smap = make_map("continuum", (60, 70))
    data = smap.data.copy()
    lost = np.zeros(data.shape, dtype=bool)
    lost[20, 30], lost[40:44, 50:52], lost[59, 69] = True, True, True
    data[lost] = np.nan
    data[20, 30] = np.inf
    out = enhance(make_map("continuum", data=data))
    # NaN where it was, dilated by nothing; flagged as far as the network saw what it was filled with.
    np.testing.assert_array_equal(np.isnan(out.data), blocks(lost))
    np.testing.assert_array_equal(out.mask, blocks(dilate(lost, 2)))
    # Outside of the flags nothing of it is seen.
    np.testing.assert_allclose(out.data[~out.mask], enhance(smap).data[~out.mask], rtol=2e-6)


def test_blank_of_integers(enhance):
    data = np.round(5e4 * granulation((50, 50))).astype(np.int32)
    data[7, 9] = -(2**31)
    out = enhance(make_map("continuum", data=data, blank=-(2**31)))
    np.testing.assert_array_equal(np.argwhere(np.isnan(out.data)), [[14, 18], [14, 19], [15, 18], [15, 19]])
    assert "blank" not in out.meta
    assert out.mask.sum() == 100


def test_masked_pixels_carry_the_interpolated_input(enhance):
    smap = make_map("continuum", (50, 50))
    mask = np.zeros(smap.data.shape, dtype=bool)
    mask[10:13, 20] = True
    masked = sunpy.map.Map(smap.data, smap.meta, mask=mask)
    out = enhance(masked)
    np.testing.assert_array_equal(out.mask, blocks(dilate(mask, 2)))
    np.testing.assert_allclose(out.data[blocks(mask)], interpolated(smap)[blocks(mask)], rtol=1e-6)
    data = smap.data.copy()
    data[mask] = 1e9  # what is under the mask is not seen by the network
    again = enhance(sunpy.map.Map(data, smap.meta, mask=mask))
    np.testing.assert_array_equal(again.data[~blocks(dilate(mask, 2))], out.data[~blocks(dilate(mask, 2))])


# --- the limb


@pytest.fixture(params=["continuum", "magnetogram"])
def at_the_limb(request):
    """A Map across the limb: NaN beyond it in the upper half, finite in the lower."""
    smap = make_map(request.param, (160, 150), crval1=950.0, crota2=0.0)
    mu = Disk.of(smap).mu()
    data = smap.data.copy()
    if request.param == "continuum":
        data *= limb_darkening(mu).astype(np.float32)
    off = mu == 0
    assert 0.1 < off.mean() < 0.9
    off[80:] = False
    data[off] = np.nan
    return make_map(request.param, data=data, crval1=950.0, crota2=0.0), mu


def test_limb_mask(enhance, at_the_limb):
    smap, mu = at_the_limb
    out = enhance(smap)
    beyond, lost = mu < 0.2, np.isnan(smap.data)
    np.testing.assert_array_equal(np.isnan(out.data), blocks(lost))
    np.testing.assert_array_equal(out.mask, blocks(beyond | dilate(lost, 2)))
    clear = blocks(beyond & ~dilate(lost, 3))
    np.testing.assert_allclose(out.data[clear], interpolated(smap)[clear], rtol=1e-5, atol=1e-3)
    assert np.abs(out.data - interpolated(smap))[~out.mask].max() > 1


def test_limb_enhance(enhance, at_the_limb):
    smap, mu = at_the_limb
    out, masked = enhance(smap, limb="enhance"), enhance(smap)
    lost = np.isnan(smap.data)
    np.testing.assert_array_equal(np.isnan(out.data), blocks(lost))
    np.testing.assert_array_equal(out.mask, blocks((mu == 0) | dilate(lost, 2)))
    np.testing.assert_allclose(out.data[~masked.mask], masked.data[~masked.mask], rtol=1e-6)
    ring = blocks((mu > 0) & (mu < 0.19))
    assert np.nanmax(np.abs(out.data - masked.data)[ring]) > 1
    clear = blocks((mu == 0) & ~dilate(lost, 3))
    np.testing.assert_allclose(out.data[clear], interpolated(smap)[clear], rtol=1e-5, atol=1e-3)


def test_limb_nan(enhance, at_the_limb):
    smap, mu = at_the_limb
    out, masked = enhance(smap, limb="nan"), enhance(smap)
    np.testing.assert_array_equal(np.isnan(out.data), blocks(mu < 0.2))
    np.testing.assert_array_equal(out.mask, masked.mask)
    inside = blocks(mu >= 0.2)
    np.testing.assert_array_equal(out.data[inside], masked.data[inside])


def test_nothing_validated_is_left(enhance):
    # All of it is beyond the validated mu, but on the disk.
    smap = make_map("magnetogram", (32, 32), crval1=961.0, crota2=0.0)
    mu = Disk.of(smap).mu()
    assert 0 < mu.min() <= mu.max() < 0.2
    out = enhance(smap)
    assert out.mask.all()
    np.testing.assert_allclose(out.data, interpolated(smap), rtol=1e-5, atol=1e-4)
    assert np.isnan(enhance(smap, limb="nan").data).all()


@without_limb_darkening
def test_off_disk_tiles_are_skipped(enhance, networks, monkeypatch):
    smap = make_map("continuum", (300, 300), **small_disk(radius_px=40))
    network = load_network(networks["continuum"], "cpu")
    calls = []
    run = type(network).__call__
    monkeypatch.setattr(type(network), "__call__", lambda *given, **how: calls.append(1) or run(*given, **how))
    out = enhance(smap, tile_size=50)
    assert len(calls) == 4
    assert np.isfinite(out.data).all()


# --- header, provenance, input


def test_provenance(enhance, networks):
    out = enhance(make_map("continuum", history="before"), limb="enhance")
    network = load_network(networks["continuum"], "cpu")
    found = {key: out.meta[key] for key in ("enhmodel", "enhver", "enhsha", "enhdev", "enhlimb")}
    assert found == {
        "enhmodel": "tiny",
        "enhver": "0.1",
        "enhsha": network.sha256,
        "enhdev": "cpu",
        "enhlimb": "enhance",
    }
    lines = out.meta["history"].split("\n")
    text = " ".join(lines)
    assert lines[0] == "before"
    assert max(map(len, lines)) <= 72
    for part in (
        "tiny 0.1 on cpu",
        "limb=enhance",
        "quiet Sun",
        "published shape",
        network.sha256,
        "numpy",
        "onnxruntime",
    ):
        assert part in text
    assert sunpy_enhance.__version__ in text
    with pytest.raises(ValueError, match="enhanced already"):
        enhance(out)


def test_names_that_fits_would_drop(tmp_path):
    path = write_network(tmp_path / "network.onnx", name="mon\nréseau", version="bêta")
    out = enhance_map(make_map("continuum"), model=path, device="cpu")
    with warnings.catch_warnings(action="error"):
        out.save(tmp_path / "out.fits")
    again = sunpy.map.Map(tmp_path / "out.fits")
    assert (again.meta["enhmodel"], again.meta["enhver"]) == ("mon reseau", "beta")
    with pytest.raises(ValueError, match="enhanced already"):
        enhance_map(again, model=path, device="cpu")


@pytest.mark.parametrize("observable", ["continuum", "magnetogram"])
def test_save_and_load(enhance, tmp_path, observable):
    smap = make_map(observable, datamin=1.0, crder1="nan", x_nan=float("nan"), comment="as JSOC's")
    out = enhance(smap)
    out.save(tmp_path / "out.fits")
    back = sunpy.map.Map(tmp_path / "out.fits")
    assert type(back) is type(smap)
    np.testing.assert_array_equal(back.data, out.data)
    assert back.unit == out.unit
    assert back.meta["enhsha"] == out.meta["enhsha"]
    assert back.meta["history"].split("\n")[-5:] == out.meta["history"].split("\n")[-5:]
    assert back.wcs.wcs.compare(out.wcs.wcs, tolerance=1e-12)
    assert fits.getheader(tmp_path / "out.fits")["BITPIX"] == -32


def test_saved_compressed(enhance, tmp_path):
    out = enhance(make_map("continuum"))
    out.save(tmp_path / "out.fits", hdu_type=fits.CompImageHDU)
    back = sunpy.map.Map(tmp_path / "out.fits")
    np.testing.assert_allclose(back.data, out.data, rtol=1e-2)


def test_input_is_untouched(enhance):
    data = make_map("continuum").data.copy()
    data[3, 4] = np.nan
    mask = np.zeros(data.shape, dtype=bool)
    mask[30, 30] = True
    smap = make_map("continuum", data=data, mask=mask, history="x", keycomments={"CRPIX1": "c"}, datamin=3.0)
    smap.plot_settings["norm"].vmax = 3.0
    before = copy.deepcopy((dict(smap.meta), smap.data, smap.mask, smap.plot_settings["cmap"]))
    level = np.full(data.shape, 5e4)
    out = enhance(smap, quiet_sun=level)
    out.plot_settings["norm"].vmax = 7.0
    out.plot_settings["cmap"] = "viridis"
    out.meta["keycomments"]["CRPIX1"] = "changed"
    out.data[:] = 0
    out.mask[:] = True
    assert dict(smap.meta) == before[0]
    np.testing.assert_array_equal(smap.data, before[1])
    np.testing.assert_array_equal(smap.mask, before[2])
    assert (smap.plot_settings["cmap"], smap.plot_settings["norm"].vmax) == (before[3], 3.0)
    assert np.all(level == 5e4)


def test_plot_settings_are_kept(enhance):
    for observable in ("continuum", "magnetogram"):
        smap = make_map(observable)
        smap.plot_settings["cmap"] = "RdBu"
        norm = smap.plot_settings["norm"]
        norm.vmin, norm.vmax = -3.0, 5.0
        ends = norm.vmin, norm.vmax  # SunPy 8 has a norm for fields that is symmetric about 0
        out = enhance(smap)
        assert out.plot_settings["cmap"] == "RdBu"
        assert (out.plot_settings["norm"].vmin, out.plot_settings["norm"].vmax) == ends
        assert out.plot_settings.keys() == smap.plot_settings.keys()


# --- options


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"limb": "crop"}, ValueError, "limb is 'crop', expected one of 'mask', 'enhance', 'nan'"),
        ({"limb": None}, ValueError, "limb is None"),
        ({"device": "tpu"}, ValueError, "device is 'tpu', expected one of"),
        ({"model": "unknown"}, ValueError, "no model 'unknown': choose one of continuum, .*magnetogram"),
        ({"model": "missing.onnx"}, FileNotFoundError, "missing.onnx does not exist"),
        ({"tile_size": 31}, ValueError, "tile_size is 31"),
        ({"tile_size": 64.0}, TypeError, "tile_size is a float"),
        ({"tile_size": True}, TypeError, "tile_size is a bool"),
    ],
)
def test_options_are_checked_before_the_map(options, error, message):
    with pytest.raises(error, match=message):
        enhance_map(object(), **options)


def test_options_are_keywords():
    with pytest.raises(TypeError, match="positional"):
        enhance_map(make_map("continuum"), "continuum")


def test_wrong_model_for_the_map(networks):
    with pytest.raises(ValueError, match="the Map is a magnetogram and the network tiny enhances a continuum"):
        enhance_map(make_map("magnetogram"), model=networks["continuum"])


def test_not_a_map(enhance, networks):
    with pytest.raises(TypeError, match="expected a sunpy Map"):
        enhance_map(np.ones((64, 64)), model=networks["continuum"])


def test_default_model_and_device(shipped, caplog):
    for name in ("continuum", "magnetogram"):
        with caplog.at_level("INFO", logger="sunpy"):
            out = enhance_map(make_map(name), progress=False)
        assert out.meta["enhmodel"] == name
        assert f"{name} 0.1 ran on {out.meta['enhdev']}" in caplog.text


# --- the package


def test_import_is_light():
    code = "import sys, sunpy_enhance; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"onnxruntime", "onnx", "torch", "dask", "matplotlib", "h5py", "reproject", "scipy", "tqdm", "sunpy"}
    assert heavy & set(loaded) == set()
    assert "sunpy_enhance" in loaded


def test_public_names():
    functions = {"enhance_map", "enhance_files", "enhance_sequence", "available_models", "richardson_lucy"}
    assert set(sunpy_enhance.__all__) == functions | {"ModelCard", "__version__", "__citation__"}
    assert "10.1051/0004-6361/201731344" in sunpy_enhance.__citation__
    assert sunpy_enhance.__version__[0].isdigit()


# --- real data

real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA}")


@real
@pytest.mark.filterwarnings("ignore")  # astropy's and sunpy's, of the files' headers
@pytest.mark.parametrize("name", ["fulldisk_continuum_20230131", "fulldisk_magnetogram_20220802"])
def test_real_header(enhance, tmp_path, name):
    whole = sunpy.map.Map(DATA / f"{name}.fits")
    # At the east or west limb, partly off the disk.
    smap = whole.submap([100, 1990] * u.pix, width=120 * u.pix, height=100 * u.pix)
    out = enhance(smap)
    assert out.data.shape == tuple(2 * length for length in smap.data.shape)
    np.testing.assert_array_equal(np.isnan(out.data), blocks(np.isnan(smap.data)))
    assert 0 < np.isnan(out.data).mean() < 1
    assert 0 < out.mask.mean() < 1
    assert not {"blank", "bscale", "missvals", "datamax", "xtension"} & set(out.meta)
    good = ~out.mask
    assert out.data[good].mean() == pytest.approx(interpolated(smap)[good].mean(), rel=0.01, abs=1)
    np.testing.assert_allclose(
        smap.wcs.wcs_world2pix(*out.wcs.wcs_pix2world([0.5, 200.5], [0.5, 100.5], 0), 0), [[0, 100], [0, 50]], atol=1e-6
    )


@real
@pytest.mark.filterwarnings("ignore")
def test_real_header_of_jsoc_is_saved_without_a_warning(enhance, tmp_path):
    # All of JSOC's keywords, put on an image that is not remapped.
    (path,) = DATA.glob("*377*continuum.fits")
    jsoc = dict(sunpy.map.Map(path).meta)
    assert len(jsoc) > 150
    native = hmi_header("continuum", (40, 50))
    smap = sunpy.map.Map(
        (6e4 * granulation((40, 50))).astype("f4"), {**jsoc, **native, "keycomments": jsoc["keycomments"]}
    )
    with warnings.catch_warnings(action="error"):
        out = enhance(smap)
        out.save(tmp_path / "out.fits")
        back = sunpy.map.Map(tmp_path / "out.fits")
        assert back.observer_coordinate.radius == smap.observer_coordinate.radius
    assert len(back.meta) > 130
    assert back.meta["codever7"] == jsoc["codever7"]
    assert back.meta["crder1"] == jsoc["crder1"]
    assert jsoc["history"].split()[0] in back.meta["history"]
    assert not {"datamin", "datarms", "missvals", "imcrpix1", "bzero"} & set(back.meta)


@real
@pytest.mark.filterwarnings("ignore")
def test_real_sharp_is_refused(enhance):
    for path in sorted(DATA.glob("hmi.sharp_cea*"))[:2]:
        with pytest.raises(ValueError, match="projection is CRLN-CEA"):
            enhance(sunpy.map.Map(path))
