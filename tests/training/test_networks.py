"""What the networks promise by construction."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from sunpy_enhance.training.linear import LinearFilter  # noqa: E402
from sunpy_enhance.training.networks import Hybrid  # noqa: E402


def randomised(layers=4, **parameters):
    torch.manual_seed(0)
    network = Hybrid(channels=8, layers=layers, narrow=5, wide=3, dilation=2, **parameters)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def run(network, image):
    with torch.no_grad():
        return network(torch.as_tensor(image, dtype=torch.float32)[None, None])[0, 0].numpy()


@pytest.mark.parametrize("layers", [3, 4])
@pytest.mark.parametrize("odd", [False, True])
def test_shape(layers, odd):
    network = randomised(layers, odd=odd)
    halo = network.halo
    assert run(network, np.zeros((20 + 2 * halo, 31 + 2 * halo))).shape == (40, 62)


@pytest.mark.parametrize("dilations", [None, [1, 2, 1, 3]])
def test_the_residual_network_sees_as_far_as_it_says(dilations):
    network = randomised(dilations=dilations)
    halo, inside = network.halo, network.reach
    pixel = np.zeros((2 * halo + 1, 2 * halo + 1))
    changed = []
    for distance in (inside, inside + 1):
        pixel[:] = 0
        pixel[halo, halo - distance if distance <= halo else 0] = 1
        changed.append(np.abs(run(network, pixel) - run(network, 0 * pixel)).max())
    assert changed[0] > 0
    assert inside == halo or changed[1] == 0


def test_a_dilation_for_each_layer():
    with pytest.raises(ValueError, match="2 dilations are given, expected 3: one for each of the layers"):
        Hybrid(8, 3, dilations=[1, 2])


@pytest.mark.parametrize("dilations", [None, [1, 2, 1, 1]])
def test_field_that_changes_sign(dilations):
    network = randomised(odd=True, constant=1000.0, dilations=dilations)
    field = np.random.default_rng(0).normal(0, 800, (40, 40))
    # Exact but for the order in which float32 numbers of some 1000 G are added up.
    np.testing.assert_allclose(run(network, -field), -run(network, field), rtol=0, atol=0.02)
    assert np.abs(run(network, field)).max() > 10


def test_the_residual_network_only_moves_light_about():
    network = randomised()
    baseline = Hybrid(channels=0, narrow=5, wide=3, dilation=2)
    baseline.linear.load_state_dict(network.linear.state_dict())
    image = np.ones((70, 70))
    image[30:40, 30:40] = np.random.default_rng(0).uniform(0, 2, (10, 10))
    both = run(network, image)
    linear = run(baseline, image)
    margin = network.margin
    linear = linear[2 * margin : -2 * margin, 2 * margin : -2 * margin]
    assert np.abs(both - linear).max() > 0.1
    # Against the flat surroundings, which it may change by a constant pattern.
    difference = (both - linear) - run(network, np.ones((70, 70))) + 1
    assert abs(difference.sum()) < 1e-3 * np.abs(difference).sum()


@pytest.mark.parametrize("level", [0.3, 1.0, 1.7])
def test_a_flat_image_stays_flat_in_the_linear_filter(level):
    network = Hybrid(channels=0, narrow=5, wide=3, dilation=2)
    with torch.no_grad():
        network.linear.dense.normal_(std=0.3)
        network.linear.coarse.normal_(std=0.3)
    np.testing.assert_allclose(run(network, np.full((30, 30), level)), level, rtol=1e-5)


@pytest.mark.parametrize("wide", [0, 3])
def test_fit_finds_the_filter_that_made_the_targets(wide):
    torch.manual_seed(1)
    known, found = (LinearFilter(5, wide, 2) for _ in range(2))
    with torch.no_grad():
        known.dense.normal_(std=0.1)
        if wide:
            known.coarse.normal_(std=0.1)
        images = 1 + torch.randn(20, 1, 24 + 2 * known.halo, 24 + 2 * known.halo)
        targets = torch.nn.functional.pixel_shuffle(known(images), 2)[:, 0]
    found.fit(images[:, 0].numpy(), targets.numpy(), ridge=1e-12)
    with torch.no_grad():
        fresh = torch.randn(1, 1, 40, 40)
        # Both kernels together are what counts: they overlap.
        torch.testing.assert_close(found(fresh), known(fresh), atol=2e-3, rtol=0)
