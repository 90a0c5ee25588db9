"""What the check of an enhanced Map finds, where what is wrong with it is known."""

import json
import warnings

import numpy as np
import pytest
from conftest import QUIET, granulation, make_map, small_disk, smooth_noise

import astropy.units as u

import sunpy.map
from sunpy.util.exceptions import SunpyMetadataWarning, SunpyUserWarning

from sunpy_enhance import enhance_map, richardson_lucy
from sunpy_enhance._geometry import Disk
from sunpy_enhance._quiet_sun import limb_darkening
from sunpy_enhance.cli import main
from sunpy_enhance.optics import AiryPSF, WachterPSF, redegrade, redegrade_image
from sunpy_enhance.validation import bicubic, check


def pair(observable, shape=(120, 130), *, error=0.0, noise=0.0, **keywords):
    """An "enhanced" Map and what HMI sees of it, with an error of its level and noise."""
    fine = smooth_noise(tuple(2 * n for n in shape), 5)
    fine = 300 * fine if observable == "magnetogram" else QUIET[observable] * (1 + 0.05 * fine)
    seen = redegrade_image(fine.astype(np.float32), 0.252)
    seen = seen - error + noise * np.random.default_rng(0).standard_normal(shape)
    smap = make_map(observable, data=seen.astype(np.float32), **keywords)
    enhanced = enhance_map(smap)
    return enhanced._new_instance(fine.astype(np.float32), enhanced.meta), smap


def penumbra(shape=(120, 120), noise=50.0):
    """Counts of a frame without any quiet Sun, whose level is 5e4, and what HMI sees of it."""
    fine = (5e4 * (0.55 + 0.05 * smooth_noise(tuple(2 * n for n in shape), 5))).astype(np.float32)
    seen = redegrade_image(fine, 0.252) + noise * np.random.default_rng(0).standard_normal(shape)
    return fine, make_map(data=seen.astype(np.float32))


@pytest.mark.parametrize("observable", ["noLimbDark", "magnetogram"])
def test_noise_is_what_is_left_of_truth(observable):
    sigma = 10.0 if observable == "magnetogram" else 1e-3
    enhanced, smap = pair(observable, noise=sigma)
    found = check(enhanced, smap)
    assert found.noise == sigma
    assert found.model == enhanced.meta["enhmodel"]
    assert found.chi_square == pytest.approx(1, abs=0.05)
    assert found.regimes["all"]["rms"] == pytest.approx(sigma, rel=0.05)
    assert abs(found.regimes["all"]["bias"]) < 0.05 * sigma
    assert sum(one["pixels"] for name, one in found.regimes.items() if name != "all") == found.used.sum()
    frequency, power = found.spectra["residual"]
    np.testing.assert_allclose(power[5:].mean(), (sigma * 0.504) ** 2, rtol=0.1)
    assert frequency.max() < 0.5 / 0.504


def test_an_error_of_the_level_is_bias_and_chi_square():
    enhanced, smap = pair("magnetogram", error=20.0, noise=10.0)
    found = check(enhanced, smap)
    assert found.regimes["all"]["bias"] == pytest.approx(20, abs=0.5)
    assert found.chi_square == pytest.approx(5, rel=0.05)
    assert found.levels["mean"]["after"] - found.levels["mean"]["before"] == pytest.approx(20, abs=0.5)
    assert check(enhanced, smap, noise=20 * u.G).chi_square == pytest.approx(5 / 4, rel=0.05)
    np.testing.assert_allclose(np.nanmean(found.residual.data), 20, atol=0.5)
    assert found.residual.data.shape == smap.data.shape


def test_flux_is_that_of_the_pixels():
    enhanced, smap = pair("magnetogram")
    levels = check(enhanced, smap).levels
    side = np.deg2rad(0.504 / 3600) * smap.meta["dsun_obs"] * 100
    assert levels["net_flux"]["before"] == pytest.approx(smap.data.sum(dtype=float) * side**2, rel=1e-6)
    unsigned = np.abs(enhanced.data).sum(dtype=float) * side**2 / 4
    assert levels["unsigned_flux"]["after"] == pytest.approx(unsigned, rel=1e-6)


def test_limb_darkened_counts_are_in_units_of_the_quiet_sun():
    enhanced, smap = pair("continuum", noise=50.0)
    found = check(enhanced, smap)
    assert found.levels["mean"]["before"] == pytest.approx(1, abs=0.02)
    assert found.chi_square == pytest.approx(1, rel=0.1)  # 50 of 5e4
    assert np.nanstd(found.residual.data) == pytest.approx(50, rel=0.05)
    relative = check(enhanced, smap, noise=2e-3 * u.dimensionless_unscaled)
    assert relative.noise == 2e-3
    assert check(enhanced, smap, noise=100 * u.DN / u.s).noise == pytest.approx(2e-3, rel=0.02)


def test_only_what_was_enhanced_far_from_borders_is_used():
    data = (5e4 * (1 + 0.03 * smooth_noise((320, 320), 2))).astype(np.float32)
    data[160:162, 100:102] = np.nan
    smap = make_map("noLimbDark", data=data / np.float32(5e4), **small_disk(150))
    with pytest.warns(SunpyUserWarning, match="missing"):
        enhanced = enhance_map(smap)
    found = check(enhanced, smap)
    reach = int(np.ceil(8 / 0.504))
    flagged = enhanced.mask.reshape(320, 2, 320, 2).any(axis=(1, 3))
    assert not (found.used & flagged).any()
    assert not found.used[:reach].any()
    assert not found.used[160 - 24 : 160 + 24, 101].any()
    assert found.used.sum() > 2000
    assert np.array_equal(np.isfinite(found.residual.data), found.used)
    # A file has no mask: what was enhanced is known from its header.
    unmasked = enhanced._new_instance(enhanced.data, enhanced.meta)
    assert np.array_equal(check(unmasked, smap).used, found.used)


def test_a_file_gives_the_figures_of_the_map_in_memory(tmp_path):
    """A value outside the training is flagged in the mask, which no file has."""
    _, smap = pair("magnetogram", noise=10.0)
    data = smap.data.copy()
    data[60, 50] = 9000
    smap = make_map("magnetogram", data=data)
    with pytest.warns(SunpyUserWarning, match="outside the range"):
        enhanced = enhance_map(smap)
    enhanced.save(tmp_path / "enhanced.fits")
    found, again = check(enhanced, smap), check(sunpy.map.Map(tmp_path / "enhanced.fits"), smap)
    assert not found.used[60 - 16 : 60 + 17, 50].any()
    assert np.array_equal(again.used, found.used)
    assert again.chi_square == found.chi_square
    # What its owner has masked besides stays out.
    more = np.array(enhanced.mask)
    more[200, 60] = True
    fewer = check(enhanced._new_instance(enhanced.data, enhanced.meta, mask=more), smap).used
    assert not fewer[100, 30]
    assert found.used[100, 30]


def test_dask_gives_the_same():
    dask = pytest.importorskip("dask.array")
    smap = make_map("magnetogram", (80, 80))
    enhanced = enhance_map(smap)
    lazy = [sunpy.map.Map(dask.from_array(one.data, chunks=50), one.meta) for one in (enhanced, smap)]
    assert check(*lazy).chi_square == check(enhanced, smap).chi_square


def test_what_is_not_a_network_is_judged_as_well():
    for observable in ("noLimbDark", "magnetogram"):
        smap = make_map(observable, (80, 80))
        for method in (bicubic, richardson_lucy):
            found = check(method(smap), smap)
            assert found.model == method(smap).meta["enhmodel"]
            assert np.isfinite(found.chi_square)


def test_maps_that_do_not_belong_together_are_refused(networks):
    smap = make_map("magnetogram", (80, 80))
    enhanced = enhance_map(smap)
    with pytest.raises(ValueError, match="not of the same frame: the enhanced one has shape"):
        check(enhanced, make_map("magnetogram", (80, 82)))
    with pytest.raises(ValueError, match="crpix1"):
        check(enhanced, make_map("magnetogram", (80, 80), crpix1=50))
    with pytest.raises(ValueError, match="not of the same frame"):
        check(enhanced, make_map("magnetogram", (80, 80), **{"date-obs": "2011-02-15T02:58:12.30"}))
    with pytest.raises(ValueError, match="no ENHMODEL"):
        check(smap.resample([160, 160] * u.pix), smap)
    unknown = sunpy.map.Map(enhanced.data, {**enhanced.meta, "enhmodel": "mine"})
    with pytest.raises(ValueError, match="network 'mine' of the enhanced Map is not known"):
        check(unknown, smap)
    assert check(unknown, smap, model="magnetogram").model == "magnetogram"
    own = enhance_map(smap, model=networks["magnetogram"])
    with pytest.raises(ValueError, match="card of tiny has no psf: give it with psf="):
        check(own, smap, model=networks["magnetogram"])
    optics = {"psf": WachterPSF(), "target": AiryPSF()}
    assert check(own, smap, model=networks["magnetogram"], **optics).model == "tiny"
    with pytest.raises(ValueError, match="no pixel is left"):
        check(enhanced, smap, border=30 * u.arcsec)


def test_another_network_of_the_name_is_told(tmp_path):
    smap = make_map("magnetogram", (80, 80))
    enhanced = enhance_map(smap)
    earlier = sunpy.map.Map(enhanced.data, {**enhanced.meta, "enhver": "0.1", "enhsha": "00ff"})
    with pytest.raises(ValueError, match=r"another network called 'magnetogram' \(version 0.1\).* with model="):
        check(earlier, smap)
    assert check(earlier, smap, model="magnetogram").chi_square == check(enhanced, smap).chi_square


def test_a_map_that_is_flagged_all_over_is_told():
    smap = make_map("magnetogram", (80, 80))
    enhanced = enhance_map(smap)
    flagged = enhanced._new_instance(enhanced.data, enhanced.meta, mask=np.ones(enhanced.data.shape, bool))
    with pytest.raises(ValueError, match="no pixel is left to compare: all are off the disk or flagged"):
        check(flagged, smap, border=0 * u.arcsec)


def test_a_loss_of_both_polarities_is_no_bias_but_a_loss_of_strength():
    enhanced, smap = pair("magnetogram")
    weaker = enhanced._new_instance(np.float32(0.9) * enhanced.data, enhanced.meta)
    strong = check(weaker, smap).regimes["strong"]
    assert strong["strength"] == pytest.approx(-0.1 * 600, abs=15)
    assert abs(strong["bias"]) < 0.5 * abs(strong["strength"])
    assert "strength [G]" in str(check(weaker, smap))
    assert "strength" not in check(*pair("noLimbDark")).regimes["all"]


def test_a_level_that_was_given_is_that_of_the_check():
    fine, smap = penumbra()
    enhanced = enhance_map(smap, quiet_sun=5e4)
    found = check(enhanced._new_instance(fine, enhanced.meta), smap)
    assert found.chi_square == pytest.approx(1, abs=0.05)
    assert found.regimes["quiet Sun"]["pixels"] == 0
    enhanced = enhance_map(smap, quiet_sun=np.full(smap.data.shape, 5e4))
    with pytest.raises(ValueError, match=r"of each pixel: give that again with quiet_sun="):
        check(enhanced, smap)
    check(enhanced, smap, quiet_sun=np.full(smap.data.shape, 5e4))


@pytest.mark.parametrize("given", [4.6e4, np.full((120, 120), 4.6e4)])
@pytest.mark.parametrize("again", [enhance_map, bicubic])
def test_a_level_of_an_enhancement_that_was_undone_is_none_of_this_one(given, again):
    seen = redegrade(enhance_map(make_map("continuum", data=5e4 * granulation((120, 120))), quiet_sun=given))
    found = check(again(seen), seen)
    assert found.levels["mean"]["before"] == pytest.approx(1, abs=0.01)


def test_noise_of_single_precision_makes_figures_for_json():
    both = pair("magnetogram", noise=10.0)
    found, expected = (check(*both, noise=u.Quantity(kind(10), "G")) for kind in (np.float32, float))
    assert json.dumps(found.to_dict()) == json.dumps(expected.to_dict())


def height(found):
    """Return the largest density in the distribution of the residual over the noise."""
    axes = next(one for one in found.plot().axes if one.get_xlabel() == "residual / noise")
    return axes.patches[0].get_path().vertices[:, 1].max()


@pytest.mark.parametrize(("unit", "factor"), [("Gauss", 1), ("kG", 1e-3), ("mT", 0.1)])
def test_the_distribution_of_a_field_in_any_unit_is_over_its_noise(unit, factor):
    both = pair("magnetogram", noise=10.0)
    both = [one._new_instance(factor * one.data, one.meta | {"bunit": unit}) for one in both]
    assert height(check(*both)) == pytest.approx(0.4, abs=0.05)


def test_the_distribution_of_a_frame_without_quiet_sun_is_over_its_noise():
    fine, smap = penumbra()
    enhanced = enhance_map(smap, quiet_sun=5e4)
    assert height(check(enhanced._new_instance(fine, enhanced.meta), smap)) == pytest.approx(0.4, abs=0.05)


def test_maps_whose_only_date_is_t_obs_are_of_one_frame():
    smap = make_map("magnetogram", (60, 60), **{"date-obs": None})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SunpyMetadataWarning)  # DATE-OBS is missing
        assert smap.date > smap.reference_date  # SunPy's is when it is asked for first
        check(enhance_map(smap), smap)


@pytest.mark.parametrize(
    "keywords",
    [
        {"crpix1": 30.0},
        {"crval1": 50.0},
        {"cdelt1": 0.25, "cdelt2": 0.25},
        {"crota2": 179.0},
        {"bunit": "kG"},
        {"date-obs": "2011-02-15T02:58:12.30"},
        {"crpix2": None},
    ],
)
def test_an_enhanced_map_of_another_frame_is_refused(keywords):
    smap = make_map("magnetogram", (80, 80), crpix1=50.0, crpix2=10.0)
    enhanced = enhance_map(smap)
    meta = {key: value for key, value in {**enhanced.meta, **keywords}.items() if value is not None}
    with pytest.raises(ValueError, match="not of the same frame: the enhanced one has .*, expected .*: give the Map"):
        check(sunpy.map.Map(enhanced.data, meta), smap)


def test_a_frame_is_the_same_however_the_header_says_it():
    smap = make_map("magnetogram", (80, 80), crval1=12.0, crota2=33.0)
    enhanced = enhance_map(smap)
    meta = dict(enhanced.meta)
    angle = np.deg2rad(meta.pop("crota2"))
    sides = [meta.pop(f"cdelt{axis}") / 3600 for axis in (1, 2)]
    meta |= {"cunit1": "deg", "cunit2": "deg", "crval1": 12 / 3600}
    meta |= {"cd1_1": sides[0] * np.cos(angle), "cd1_2": -sides[0] * np.sin(angle)}
    meta |= {"cd2_1": sides[1] * np.sin(angle), "cd2_2": sides[1] * np.cos(angle)}
    assert check(sunpy.map.Map(enhanced.data, meta), smap).chi_square == pytest.approx(
        check(enhanced, smap).chi_square, rel=1e-3
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"noise": 0.001}, TypeError, "noise is a float, expected a Quantity, such as 10"),
        ({"noise": 10 * u.G}, ValueError, "noise is 10.0 G, the Map in DN / s: .*, or in units of the quiet Sun"),
        ({"noise": 0 * u.DN / u.s}, ValueError, "noise is 0.0 DN / s, expected one standard deviation that is"),
        ({"noise": -1 * u.DN / u.s}, ValueError, "noise is -1.0"),
        ({"noise": np.nan * u.DN / u.s}, ValueError, "noise is nan"),
        ({"noise": [1, 2] * u.DN / u.s}, ValueError, "expected one standard deviation"),
        ({"model": "magnetogram"}, ValueError, "the Map is a continuum and the network magnetogram enhances a"),
        ({"model": []}, TypeError, "model is a list"),
        ({"psf": "wachter"}, TypeError, "psf is a str, expected a PSF"),
        ({"target": AiryPSF}, TypeError, "target is the class AiryPSF, expected a PSF"),
        ({"border": np.nan * u.arcsec}, ValueError, "border is nan arcsec, expected one angle that is finite"),
        ({"border": -1 * u.arcsec}, ValueError, "border is -1.0 arcsec"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(options, error, message):
    smap = make_map("continuum", (80, 80))
    with pytest.raises(error, match=message):
        check(enhance_map(smap), smap, **options)


def test_noise_in_per_cent_is_that_of_the_quiet_sun():
    smap = make_map("continuum", (80, 80))
    assert check(enhance_map(smap), smap, noise=0.2 * u.percent).noise == pytest.approx(2e-3)
    field = make_map("magnetogram", (80, 80))
    assert check(enhance_map(field), field, noise=1 * u.mT).noise == pytest.approx(10)
    with pytest.raises(ValueError, match="noise is 0.001, the Map in G: give it in a unit like the Map's$"):
        check(enhance_map(field), field, noise=1e-3 * u.one)


def test_what_is_no_map_is_refused():
    smap = make_map("continuum", (80, 80))
    with pytest.raises(TypeError, match="enhanced is a NoneType, expected a sunpy Map"):
        check(None, smap)
    with pytest.raises(TypeError, match="smap is a ndarray, expected a sunpy Map"):
        check(enhance_map(smap), smap.data)


def test_command(tmp_path, capsys):
    smap = make_map("magnetogram", (80, 80))
    smap.save(tmp_path / "before.fits")
    enhance_map(smap).save(tmp_path / "after.fits")
    assert main(["check", str(tmp_path / "before.fits"), str(tmp_path / "after.fits")]) == 0
    printed = capsys.readouterr().out
    for word in ("chi-square", "weak", "unsigned flux [Mx]"):
        assert word in printed
    told = json.loads((tmp_path / "after_check.json").read_text())
    assert told["regimes"]["all"]["pixels"] == 48 * 48
    assert (tmp_path / "after_check.png").read_bytes().startswith(b"\x89PNG")
    arguments = ["check", str(tmp_path / "before.fits"), str(tmp_path / "after.fits"), "--noise"]
    assert main([*arguments, "5 G"]) == 0
    less = json.loads((tmp_path / "after_check.json").read_text())
    assert less["noise"] == 5
    assert less["chi_square"] == pytest.approx(4 * told["chi_square"])
    assert main([*arguments, "0.1"]) == 1
    assert "give it in a unit like the Map's" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*arguments, "little"])
    assert "it is 'little', expected a number and its unit, such as '6.3 G'" in capsys.readouterr().err
    assert main(["check", str(tmp_path / "after.fits"), str(tmp_path / "before.fits")]) == 1
    assert "enhanced already" in capsys.readouterr().err
    assert main([*arguments, "5 G", "--out", str(tmp_path / "mine.json")]) == 0
    assert {path.name for path in tmp_path.glob("mine*")} == {"mine.json", "mine.png"}


@pytest.mark.parametrize("folder", [".", "..", "/"])
def test_the_command_refuses_a_folder_for_its_files(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "before.fits", "after.fits", "--out", folder]) == 1
    assert f"--out is the folder {folder}, expected the name of a file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mu", [0.7, 0.55])
def test_noise_in_counts_is_the_same_off_the_centre_of_the_disk(mu):
    shape, away = (120, 120), 971.671936 * np.sqrt(1 - mu**2)
    where = {"crota2": 0.0, "crpix1": 60.5 - away / 0.504}
    disk = Disk.of(make_map("continuum", shape, **where))
    fine = 5e4 * limb_darkening(disk.mu(scale=2)) * (1 + 0.05 * smooth_noise((240, 240), 5))
    seen = redegrade_image(fine, 0.252) + 50 * np.random.default_rng(0).standard_normal(shape)
    smap = make_map("continuum", data=seen.astype(np.float32), **where)
    enhanced = enhance_map(smap)
    enhanced = enhanced._new_instance(fine.astype(np.float32), enhanced.meta)
    found = check(enhanced, smap, noise=50 * u.DN / u.s)
    assert found.chi_square == pytest.approx(1, abs=0.05)
    assert found.noise == pytest.approx(1e-3 / limb_darkening(mu), rel=0.03)
    assert height(found) == pytest.approx(0.4, abs=0.05)
