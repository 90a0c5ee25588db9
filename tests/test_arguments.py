"""What is of another type than is asked for."""

import numpy as np
import pytest
from conftest import make_map

from sunpy_enhance._arguments import check_map, check_psf
from sunpy_enhance.optics import AiryPSF, CouvidatPSF, DeltaPSF, PixelPSF, WachterPSF, YeoPSF


@pytest.mark.parametrize("value", [None, np.ones((40, 40)), "hmi.fits", [make_map()]])
def test_what_is_no_map_is_refused_by_its_name(value):
    with pytest.raises(TypeError, match=f"^enhanced is a {type(value).__name__}, expected a sunpy Map"):
        check_map(smap=make_map(), enhanced=value)


@pytest.mark.parametrize("value", ["wachter", 3, np.float64(3), {"kind": "airy"}, AiryPSF, object()])
def test_what_is_no_psf_is_refused_by_its_name(value):
    with pytest.raises(TypeError, match="^target is .*, expected a PSF of sunpy_enhance.optics"):
        check_psf(psf=None, target=value)


@pytest.mark.parametrize(
    "psf", [None, WachterPSF(), AiryPSF(), DeltaPSF(), CouvidatPSF(gamma=4.5), YeoPSF(), PixelPSF(AiryPSF(), 0.5)]
)
def test_every_psf_is_one(psf):
    check_psf(psf=psf)
