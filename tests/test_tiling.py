import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_enhance._tiling import tiles


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    multiple_of=st.sampled_from([1, 2, 4]),
    tile_size=st.integers(1, 50),
    halo=st.integers(0, 9),
    border=st.sampled_from(["pad", "own"]),
    share=st.sampled_from([None, 0.0, 0.002, 0.3]),
)
def test_tiles_cover_once_and_see_their_halo(shape, multiple_of, tile_size, halo, border, share):
    shape = tuple(multiple_of * length for length in shape)
    written = np.zeros(shape, dtype=int)
    padding = halo if border == "pad" else 0
    needed = None
    if share is not None:
        needed = np.random.default_rng(tile_size).random(shape) < share
    shapes = set()
    for tile in tiles(shape, tile_size, halo, border, multiple_of, needed):
        shapes.add(tuple(read.stop - read.start for read in tile.read))
        written[tile.write] += 1
        for read, crop, write, length in zip(*tile, shape, strict=True):
            assert 0 <= read.start < read.stop <= length + 2 * padding
            given_to_network = read.stop - read.start
            assert given_to_network % multiple_of == (2 * padding) % multiple_of
            assert crop.start >= 0
            assert crop.stop <= given_to_network - 2 * padding
            assert crop.stop - crop.start == write.stop - write.start
            # What is kept is at its place,
            assert read.start + crop.start == write.start
            # and has its whole halo in what is read, or the image's border.
            if border == "own":
                assert read.start % multiple_of == 0
                assert read.start == 0 or write.start - read.start >= halo
                assert read.stop == length or read.stop - write.stop >= halo
    # So that a device allocates once.
    assert len(shapes) <= 1
    if needed is None:
        assert np.all(written == 1)
    else:
        assert np.all(written <= 1)
        assert np.all(written[needed] == 1)


def test_one_tile_for_a_small_image():
    (tile,) = tiles((40, 50), 480, 3, "pad")
    assert tile.read == (slice(0, 46), slice(0, 56))
    assert tile.write == tile.crop == (slice(0, 40), slice(0, 50))


@pytest.mark.parametrize(("size", "count"), [(32, 6), (64, 2), (100, 1)])
def test_number_of_tiles(size, count):
    assert len(list(tiles((64, 90), size, 2, "own"))) == count


def test_fewer_tiles_for_a_disk():
    y, x = np.mgrid[-200:200, -200:200]
    disk = np.hypot(y, x) < 180
    full = len(list(tiles(disk.shape, 40, 2, "pad")))
    assert full == 100
    assert len(list(tiles(disk.shape, 40, 2, "pad", needed=disk))) < 0.8 * full
