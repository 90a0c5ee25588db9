"""Round point spread functions, and the energy in circles: physical identities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft, integrate, special

import astropy.units as u

from sunpy_enhance.optics import (
    AiryPSF,
    CouvidatPSF,
    DeltaPSF,
    WachterPSF,
    encircled_energy,
    psf_from_card,
    transfer_function,
)

OBSCURED = AiryPSF(diameter=0.5, wavelength=6302, obscuration=0.35)


@pytest.mark.parametrize("psf", [WachterPSF(), WachterPSF(omega=1.8, width=3.0), AiryPSF(), OBSCURED])
def test_encircled_energy_is_the_integral_of_the_profile(psf):
    theta = np.linspace(0, 60, 600_001)
    ring = 2 * np.pi * theta * psf.profile(theta * u.arcsec).value
    numeric = integrate.cumulative_simpson(ring, x=theta, initial=0)
    radii = np.array([0, 0.2, 0.5, 1, 3, 10, 60])
    energy = encircled_energy(psf, radii * u.arcsec)
    np.testing.assert_allclose(energy, np.interp(radii, theta, numeric), atol=2e-4)


def test_encircled_energy_of_an_airy_pattern_has_a_closed_form():
    """Born & Wolf, Sect. 8.5.2, Rayleigh's formula."""
    radius = np.linspace(0.05, 300, 50)
    x = np.pi * 0.28 / 6173e-10 * np.deg2rad(radius / 3600)
    wanted = 1 - special.j0(x) ** 2 - special.j1(x) ** 2
    np.testing.assert_allclose(encircled_energy(AiryPSF(), radius * u.arcsec), wanted, atol=1e-8)


@pytest.mark.parametrize("psf", [WachterPSF(), AiryPSF(), OBSCURED, CouvidatPSF(0.1), CouvidatPSF(0.5)])
def test_encircled_energy_rises_to_one(psf):
    energy = encircled_energy(psf, np.geomspace(0.01, 300, 60) * u.arcsec)
    assert (np.diff(energy) > -1e-6).all()
    assert energy[0] < 0.01
    assert 0.98 < energy[-1] < 1
    assert encircled_energy(psf, 1 * u.arcmin) == pytest.approx(encircled_energy(psf, 60 * u.arcsec))


def test_obscured_aperture_is_the_airy_pattern_without_its_hole():
    angle, q = np.linspace(0, 5, 40) * u.arcsec, np.linspace(0, 2.5, 40) / u.arcsec
    tiny = AiryPSF(obscuration=1e-4)
    np.testing.assert_allclose(tiny.profile(angle).value, AiryPSF().profile(angle).value, atol=1e-6)
    np.testing.assert_allclose(tiny.transfer(q), AiryPSF().transfer(q), atol=1e-6)


@given(st.floats(0.05, 0.95))
def test_obscured_transfer_is_the_autocorrelation_of_the_annulus(obscuration):
    psf = AiryPSF(diameter=0.28, obscuration=obscuration)
    axis = np.linspace(-2, 2, 800, endpoint=False)
    r = np.hypot(axis[:, None], axis)
    aperture = ((r < 1) & (r > obscuration)).astype(float)
    correlation = fft.irfft2(np.abs(fft.rfft2(aperture)) ** 2, s=aperture.shape)[0, :400] / aperture.sum()
    s = np.arange(400) * 0.005 / 2
    q = s * 0.28 / 6173e-10 * np.deg2rad(1 / 3600)
    # The grid is coarse for a thin ring: its area is known to a pixel of its border.
    np.testing.assert_allclose(psf.transfer(q / u.arcsec), correlation, atol=0.004 / (1 - obscuration))


@pytest.mark.parametrize("frequency", [0.05, 0.3, 1.1])
def test_obscured_transfer_is_the_hankel_transform_of_the_profile(frequency):
    theta = np.linspace(0, 300, 1_000_001)
    ring = 2 * np.pi * theta * OBSCURED.profile(theta * u.arcsec).value
    numeric = integrate.simpson(ring * special.j0(2 * np.pi * frequency * theta), x=theta)
    assert OBSCURED.transfer(frequency / u.arcsec) == pytest.approx(numeric, abs=1e-3)


def test_couvidat_profile_is_an_airy_pattern_convolved_with_a_lorentzian():
    """In the plane of angles, as the definition says it, against the way by the transfer function."""
    gamma = 0.4
    psf, airy = CouvidatPSF(gamma), AiryPSF(diameter=0.14)
    # About the Lorentzian's peak in rings of equal energy: it has 1 - gamma / sqrt(gamma^2 + r^2) within r.
    fraction = (np.arange(4000) + 0.5) / 4000
    r = gamma * np.sqrt(1 / (1 - fraction) ** 2 - 1)
    phi = (np.arange(60) + 0.5) * np.pi / 60
    for angle in (0.0, 0.7, 2.0):
        distance = np.sqrt(angle**2 + r[:, None] ** 2 - 2 * angle * r[:, None] * np.cos(phi))
        wanted = airy.profile(distance * u.arcsec).value.mean()
        assert psf.profile(angle * u.arcsec).value == pytest.approx(wanted, rel=2e-3)


def test_couvidat_transfer_is_the_hankel_transform_of_the_profile():
    theta = np.linspace(0, 120, 6001)
    ring = 2 * np.pi * theta * CouvidatPSF(0.1).profile(theta * u.arcsec).value
    for frequency in (0.05, 0.3, 0.9):
        numeric = integrate.simpson(ring * special.j0(2 * np.pi * frequency * theta), x=theta)
        assert CouvidatPSF(0.1).transfer(frequency / u.arcsec) == pytest.approx(numeric, abs=1e-3)
    assert CouvidatPSF(0.1).transfer(0 / u.arcsec) == pytest.approx(1)


def test_couvidat_passes_less_than_its_aperture_and_ends_with_it():
    q = np.linspace(0.01, 1.05, 50) / u.arcsec
    assert (CouvidatPSF(0.1).transfer(q) < AiryPSF(0.14).transfer(q)).all()
    assert (np.diff(CouvidatPSF(0.1).transfer(q)) < 0).all()
    assert CouvidatPSF(0.1).transfer(1.2 / u.arcsec) == 0


def test_sets_of_parameters_have_names():
    assert psf_from_card("wachter2012") == WachterPSF(omega=1.8, width=3.0)
    assert psf_from_card("diazbaso2018") == psf_from_card("wachter") == WachterPSF(omega=2.0, width=3.4)
    assert psf_from_card("couvidat", gamma=0.1) == CouvidatPSF(0.1)
    assert psf_from_card("airy", diameter=0.5, wavelength=6302, obscuration=0.35) == OBSCURED


def test_round_transfer_functions_are_those_of_the_shipped_networks():
    """Figures of the first release: the networks were trained with them."""
    values = transfer_function(WachterPSF(), (8, 8), 0.504)[[0, 1, 3], [1, 2, 4]]
    np.testing.assert_allclose(values, [0.55992848, 0.21085528, 0.00308616], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AiryPSF(obscuration=1.0), "obscuration is 1.0"),
        (lambda: AiryPSF(obscuration="none"), "obscuration is 'none'"),
        (lambda: AiryPSF(diameter=0.0), "diameter is 0.0, expected a positive number"),
        (lambda: AiryPSF(wavelength="617 nm"), "wavelength is '617 nm', expected a positive number"),
        (lambda: AiryPSF(wavelength=617.3), "wavelength is 617.3, expected 1000 to 1000000 Ångström: convert it"),
        (lambda: WachterPSF(wavelength=6.173e-7), "wavelength is 6.173e-07, expected 1000 to 1000000 Ångström"),
        (lambda: WachterPSF(omega=-1.0), "omega is -1.0, expected a positive number"),
        (lambda: WachterPSF(width=np.nan), "width is nan, expected a positive number"),
        (lambda: WachterPSF(epsilon=1.5), "epsilon is 1.5, expected a number from 0 to 1"),
        (lambda: CouvidatPSF(0.0), "gamma is 0.0"),
        (lambda: CouvidatPSF(0.1, diameter=np.inf), "diameter is inf"),
        (lambda: psf_from_card("gauss"), "'gauss' is unknown"),
    ],
)
def test_impossible_parameters_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_point_has_all_its_energy_in_any_circle():
    assert encircled_energy(DeltaPSF(), 1 * u.arcsec) == 1
    np.testing.assert_array_equal(encircled_energy(DeltaPSF(), [0.1, 5] * u.arcsec), [1, 1])
