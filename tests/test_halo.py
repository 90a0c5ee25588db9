import numpy as np
import pytest

from sunpy_enhance._halo import measure_halo


def test_halo_is_measured():
    def run(image):
        inner = image[3:-3, 1:-5]  # two pixels to the left, though the network pads by three
        return inner.repeat(2, 0).repeat(2, 1)

    assert measure_halo(run, 3) == 2


@pytest.mark.parametrize("distance", [0, 15, 16, 70])
def test_halo_is_measured_however_far(distance):
    def run(image):
        # The sum of that many pixels to the left.
        padded = np.pad(image, ((0, 0), (distance, 0)))
        summed = np.lib.stride_tricks.sliding_window_view(padded, distance + 1, axis=1).sum(axis=2)
        return summed.repeat(2, 0).repeat(2, 1)

    assert measure_halo(run) == distance


def test_networks_without_a_halo():
    with pytest.raises(RuntimeError, match="the same whatever its input"):
        measure_halo(lambda image: np.ones([2 * length for length in image.shape], np.float32))
    with pytest.raises(RuntimeError, match="not finite"):
        measure_halo(lambda image: np.full([2 * length for length in image.shape], np.nan, np.float32))


def test_halo_without_an_end():
    with pytest.raises(RuntimeError, match="reaches 128 pixels or farther"):
        measure_halo(lambda image: (image + image.mean()).repeat(2, 0).repeat(2, 1))
