"""The Maps that the package makes itself."""

import numpy as np
import pytest

import astropy.units as u

from sunpy.coordinates import get_earth
from sunpy.map.sources import HMIMap

from sunpy_enhance import enhance_map
from sunpy_enhance._hmi import observable
from sunpy_enhance.demo import compare, demo_maps, demo_truth


@pytest.fixture(scope="module")
def maps():
    return demo_maps((90, 100))


def test_maps_are_hmi_maps_with_a_full_header(maps):
    assert [observable(smap) for smap in maps] == ["continuum", "magnetogram"]
    for smap in maps:
        assert isinstance(smap, HMIMap)
        assert smap.data.shape == (90, 100)
        assert smap.scale.axis1 == 0.504 * u.arcsec / u.pix
        assert smap.center.Tx.to_value(u.arcsec) == pytest.approx(-160, abs=0.01)
        assert smap.center.Ty.to_value(u.arcsec) == pytest.approx(120, abs=0.01)
        assert "not an observation" in smap.meta["history"]
        # SDO is near the Earth.
        observer, earth = smap.observer_coordinate, get_earth(smap.observer_coordinate.obstime)
        assert observer.separation_3d(earth) < 5e4 * u.km


def test_there_is_a_spot(maps):
    continuum, magnetogram = maps
    assert continuum.data.min() < 0.5 * np.median(continuum.data)
    assert np.abs(magnetogram.data).max() > 1000


def test_truth_is_sharper_and_where_the_image_is():
    for image, truth in demo_truth((64, 70)).values():
        assert truth.shape == (128, 140)
        assert truth.std() > image.std()
        blocks = truth.reshape(64, 2, 70, 2).mean(axis=(1, 3))
        here = np.corrcoef(image.ravel(), blocks.ravel())[0, 1]
        moved = np.corrcoef(image[:, 1:].ravel(), blocks[:, :-1].ravel())[0, 1]
        assert here > 0.8
        assert here > moved


def test_comparison_tells_the_error(maps):
    for smap in maps:
        lines = compare(smap, enhance_map(smap))
        (line,) = (line for line in lines if "error against the truth" in line)
        ours, bicubic = (float(word.split()[1]) for word in line.split(": ")[1].split(", "))
        assert ours < bicubic
