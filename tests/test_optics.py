"""Point spread functions and degradation: physical identities."""

import numpy as np
import pytest
from conftest import make_map
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, ndimage, special

import astropy.units as u

import sunpy.map
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_enhance import enhance_map
from sunpy_enhance.optics import (
    AiryPSF,
    WachterPSF,
    degrade,
    psf_from_card,
    redegrade,
    redegrade_image,
    transfer_function,
)

PSFS = (WachterPSF(), WachterPSF(omega=1.8, width=3.0), WachterPSF(exponent=3.5), AiryPSF(), AiryPSF(diameter=0.14))


def encircled(psf, radius):
    """Energy within a radius in arcsec."""
    theta = np.linspace(0, radius, 200_001)
    return integrate.simpson(2 * np.pi * theta * psf.profile(theta * u.arcsec).value, x=theta)


@pytest.mark.parametrize("psf", PSFS)
def test_unit_energy(psf):
    # Both kinds of halo have an energy that falls as 1/radius (Airy) or as a power (Wachter): extrapolate.
    near, far = encircled(psf, 200), encircled(psf, 400)
    power = psf.exponent - 2 if isinstance(psf, WachterPSF) else 1
    assert far < 1
    assert far + (far - near) / (2**power - 1) == pytest.approx(1, abs=3e-4)


@pytest.mark.parametrize("psf", PSFS)
@pytest.mark.parametrize("frequency", [0.05, 0.3, 0.9, 1.7])
def test_transfer_is_the_hankel_transform_of_the_profile(psf, frequency):
    theta = np.linspace(0, 600, 2_000_001)
    profile = psf.profile(theta * u.arcsec).value
    numeric = integrate.simpson(2 * np.pi * theta * profile * special.j0(2 * np.pi * frequency * theta), x=theta)
    assert psf.transfer(frequency / u.arcsec) == pytest.approx(numeric, abs=3e-4)


@pytest.mark.parametrize("psf", PSFS)
def test_transfer_at_zero_frequency_is_one(psf):
    assert psf.transfer(0 / u.arcsec) == pytest.approx(1, abs=1e-6)


def test_airy_first_zero_and_cutoff():
    psf = AiryPSF(diameter=0.28, wavelength=6173)
    dark = (1.21967 * 6173e-10 / 0.28 * u.rad).to(u.arcsec)
    assert psf.profile(dark).value < 1e-6 * psf.profile(0 * u.arcsec).value
    cutoff = (0.28 / 6173e-10 / u.rad).to(1 / u.arcsec)
    assert psf.transfer(1.0001 * cutoff) == 0
    assert psf.transfer(0.99 * cutoff) > 0


def test_paper_parameters():
    """Energy of the stray-light halo of Eq. 6, from its closed form."""
    core = 0.9 * np.pi * 2**2
    halo = 0.1 * 2 * np.pi * 3.4**2 * (np.pi / 3) / np.sin(2 * np.pi / 3)
    assert halo / (core + halo) == pytest.approx(0.437, abs=0.001)
    r_per_arcsec = np.pi * 0.14 / 6173e-10 * np.deg2rad(1 / 3600)
    central = WachterPSF().profile(0 * u.arcsec).value
    assert central == pytest.approx(r_per_arcsec**2 / (core + halo))


def test_energy_of_the_halo_has_to_be_finite():
    with pytest.raises(ValueError, match="exponent is 2"):
        WachterPSF(exponent=2)


def test_psf_from_card():
    assert psf_from_card("wachter", omega=1.8, width=3) == WachterPSF(1.8, 3)
    assert psf_from_card(kind="airy", diameter=0.5) == AiryPSF(0.5)
    with pytest.raises(ValueError, match="'gauss' is unknown"):
        psf_from_card("gauss")


def truth(size=512, seed=0, plate_scale=0.063):
    """A random periodic image with structure from 0.3 arcsec up."""
    image = np.random.default_rng(seed).standard_normal((size, size))
    image = ndimage.gaussian_filter(image, 0.2 / plate_scale, mode="wrap")
    return (1 + 0.15 * image / image.std()).astype(np.float32)


@given(level=st.floats(0.1, 1e4), periodic=st.booleans(), y=st.integers(16, 50), x=st.integers(16, 50))
def test_degrading_keeps_a_constant(level, periodic, y, x):
    image = np.full((y, x), level, np.float32)
    np.testing.assert_allclose(degrade(image, WachterPSF(), 0.252, periodic=periodic), level, rtol=2e-6)


def test_degrading_keeps_the_mean_and_is_linear():
    one, two = truth(128, 1), truth(128, 2)
    seen = [degrade(image, WachterPSF(), 0.063, periodic=True) for image in (one, two, 2 * one - 3 * two)]
    assert seen[0].mean(dtype=float) == pytest.approx(one.mean(dtype=float), rel=1e-6)
    np.testing.assert_allclose(seen[2], 2 * seen[0] - 3 * seen[1], atol=2e-6)


def test_degrading_an_impulse_gives_the_psf():
    image = np.zeros((256, 256), np.float32)
    image[128, 128] = 1
    offset = (np.arange(256) - 128) * 0.2
    theta = np.hypot(offset[:, None], offset) * u.arcsec
    wanted = WachterPSF().profile(theta).value * 0.2**2
    # To 2e-4 of the peak: the images beyond the periodic border add some halo everywhere, and the halo's
    # r cubed at the centre is a little more than what 0.2 arcsec can sample.
    seen = degrade(image, WachterPSF(), 0.2, periodic=True)
    np.testing.assert_allclose(seen, wanted, rtol=0, atol=2e-4 * wanted.max())


def test_a_small_telescope_sees_less_contrast():
    image = truth()
    contrasts = [degrade(image, psf, 0.063, periodic=True).std() for psf in (AiryPSF(), AiryPSF(0.14), WachterPSF())]
    assert image.std() > contrasts[0] > contrasts[1] > contrasts[2] > 0


@pytest.mark.parametrize("shape", [(64, 64), (63, 64), (64, 65), (61, 61)])
def test_redegrading_what_28_cm_sees_gives_what_hmi_sees(shape):
    """The identity that the whole package is checked by, with the half-pixel offset between both grids."""
    image = truth(1024)  # 64.5 arcsec: 128 pixels of HMI
    sharp, blurred = (degrade(image, psf, 0.063, periodic=True) for psf in (AiryPSF(), WachterPSF()))

    def sample(array, step, number):
        # Pixel edges at 0: centres at step/2, 3 step/2, ..., fine pixels have theirs at 1/2, 3/2, ...
        grids = [(np.arange(n) + 0.5) * step - 0.5 + 200 for n in number]
        return ndimage.map_coordinates(array, np.meshgrid(*grids, indexing="ij"), order=5, mode="grid-wrap")

    enhanced = sample(sharp, 4, tuple(2 * n for n in shape))
    native = sample(blurred, 8, shape)
    found = redegrade_image(enhanced, 0.252)
    assert found.shape == native.shape
    # At the border the mirror image stands for the real surroundings.
    inside = np.s_[20:-20, 20:-20]
    assert np.abs(found - native)[inside].std() < 0.04 * native.std()
    assert np.corrcoef(found[inside].ravel(), native[inside].ravel())[0, 1] > 0.999
    shifted = np.roll(found, 1, axis=0)[inside]
    assert np.abs(found - native)[inside].std() < 0.1 * np.abs(shifted - native[inside]).std()


def test_transfer_function_has_the_shape_of_rfft2():
    values = transfer_function(WachterPSF(), (30, 41), 0.5)
    assert values.shape == (30, 21)
    assert values.dtype == np.float32
    assert values[0, 0] == pytest.approx(1, abs=1e-6)


def test_redegraded_map_lies_where_the_input_lay():
    smap = make_map("magnetogram", (61, 50), crota2=33.0)
    enhanced = enhance_map(smap)
    again = redegrade(enhanced)
    assert type(again) is type(smap)
    assert again.data.shape == smap.data.shape
    for corner in ((0, 0), (49, 60), (17, 30)):
        one, two = (m.wcs.pixel_to_world(*corner) for m in (smap, again))
        assert one.separation(two) < 1e-6 * u.arcsec
    assert again.unit == smap.unit
    assert "enhmodel" not in again.meta
    assert "degraded again" in again.meta["history"]
    # It is what went in, but for the noise: a network that were off by a pixel would fail by far.
    assert np.std(again.data - smap.data) < 0.3 * np.std(smap.data)


def test_redegrading_keeps_nan_where_it_was():
    smap = make_map("continuum", (64, 64))
    smap.data[10:14, 20:25] = np.nan
    with pytest.warns(SunpyUserWarning, match="missing"):
        enhanced = enhance_map(smap)
    again = redegrade(enhanced)
    np.testing.assert_array_equal(np.isnan(again.data), np.isnan(smap.data))


def test_redegrade_refuses_what_is_not_enhanced():
    with pytest.raises(ValueError, match="even shape"):
        redegrade(make_map("continuum", (41, 40)))
    fine = {"cdelt1": 0.252, "cdelt2": 0.252}
    with pytest.raises(ValueError, match="no finite pixel"):
        redegrade(make_map("continuum", data=np.full((40, 40), np.nan, np.float32), **fine))
    with pytest.raises(ValueError, match="0.5040 x 0.5040 arcsec, expected 0.252 arcsec .*output of enhance_map"):
        redegrade(make_map("continuum", (40, 40)))
    with pytest.raises(ValueError, match="0.2520 x 0.3000 arcsec"):
        redegrade(make_map("continuum", (40, 40), cdelt1=0.252, cdelt2=0.3, crota2=0.0))
    with pytest.raises(TypeError, match="enhanced_map is a ndarray, expected a sunpy Map"):
        redegrade(np.ones((40, 40)))
    for argument in ("psf", "target"):
        with pytest.raises(TypeError, match=f"{argument} is a str, expected a PSF"):
            redegrade(make_map("continuum", (40, 40), **fine), **{argument: "airy"})


def test_redegrading_undoes_the_whole_header():
    """Every description of the pixels, the alternate one and a CD matrix included; and where there is none."""
    alternate = {"crpix1a": 7.0, "crpix2a": 9.0, "cdelt1a": 0.1, "cdelt2a": 0.2, "cd1_1a": 0.3}
    turned = {
        "crota2": None,
        "cdelt1": None,
        "cdelt2": None,
        "cd1_1": 0.504,
        "cd1_2": 0.0,
        "cd2_1": 0.0,
        "cd2_2": 0.504,
    }
    smap = make_map("continuum", (40, 50), **alternate, **turned)
    enhanced = enhance_map(smap)
    again = redegrade(enhanced)
    for key in (*alternate, "crpix1", "crpix2", "cd1_1", "cd2_2", "r_sun", "naxis1", "naxis2"):
        assert again.meta[key] == pytest.approx(smap.meta[key]), key
    meta = {key: value for key, value in enhanced.meta.items() if not key.startswith("crpix")}
    bare = sunpy.map.Map(enhanced.data, meta)  # for SunPy the reference pixel is then in the centre
    one, two = (m.wcs.pixel_to_world(*corner) for m, corner in ((bare, (0.5, 0.5)), (redegrade(bare), (0, 0))))
    assert one.separation(two) < 1e-6 * u.arcsec


def test_a_plot_of_the_redegraded_map_changes_no_other():
    enhanced = enhance_map(make_map("magnetogram"))
    enhanced.plot_settings["norm"].vmax = 1000.0
    redegrade(enhanced).plot_settings["norm"].vmax = 1500.0
    assert enhanced.plot_settings["norm"].vmax == 1000
