"""The paper's network is what the paper says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from paper_by_numpy import convolve, enlarge, paper_by_numpy  # noqa: E402

from sunpy_enhance._paper import phase_kernel  # noqa: E402
from sunpy_enhance.training.networks import Hybrid  # noqa: E402
from sunpy_enhance.training.paper import Paper  # noqa: E402
from sunpy_enhance.training.recipe import Recipe  # noqa: E402


def randomised(channels=6, blocks=2, **parameters):
    """Return a network whose batch normalisation matters."""
    torch.manual_seed(0)
    network = Paper(channels, blocks, **parameters)
    with torch.no_grad():
        for name, values in network.state_dict().items():
            if name.endswith(("bias", "running_mean")):
                values.normal_(std=0.3)
            elif name.endswith("running_var"):
                values.uniform_(0.3, 3)
    return network.eval()


def run(network, image):
    with torch.no_grad():
        return network(torch.as_tensor(image)[None, None])[0, 0].numpy()


@pytest.mark.parametrize(("channels", "blocks", "stated"), [(64, 5, 450e3), (32, 1, 40e3)])
def test_number_of_parameters(channels, blocks, stated):
    network = Paper(channels, blocks)
    trained = sum(parameter.numel() for parameter in network.parameters())
    running = sum(values.numel() for name, values in network.named_buffers() if "running" in name)
    # Sect. 2.3: (3 x 3 + 1) x 64 in the first layer, (3 x 3 x 64 + 1) x 64 in the next ones, 64 + 1 in the last.
    convolutions = 10 * channels + (2 * blocks + 2) * (9 * channels + 1) * channels + channels + 1
    # A scale, a shift, a mean and a variance of each channel; the latter two are not trained.
    normalisations = 2 * blocks + 1
    assert running == 2 * normalisations * channels
    assert trained == convolutions + 2 * normalisations * channels
    assert trained + running == pytest.approx(stated, rel=0.06)


@settings(max_examples=20)
@given(shape=st.tuples(st.integers(2, 12), st.integers(2, 12)), blocks=st.integers(0, 2), seed=st.integers(0, 9))
def test_it_is_the_network_of_the_paper(shape, blocks, seed):
    network = randomised(blocks=blocks, constant=3.0).double()
    image = np.random.default_rng(seed).normal(1, 1, shape)
    expected = paper_by_numpy(network, image)
    assert expected.shape == (2 * shape[0], 2 * shape[1])
    np.testing.assert_allclose(run(network, image), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@settings(max_examples=20)
@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 9)), seed=st.integers(0, 9))
def test_phases_are_the_convolution_of_the_enlarged_image(shape, seed):
    rng = np.random.default_rng(seed)
    image, weight, bias = rng.normal(0, 1, (3, *shape)), rng.normal(0, 1, (4, 3, 3, 3)), rng.normal(0, 1, 4)
    enlarged = convolve(enlarge(image), weight, bias)
    around = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="edge")
    y, x = shape
    for row in (0, 1):
        for column in (0, 1):
            kernel = phase_kernel(weight, row, column)
            seen = around[:, row : row + y + 1, column : column + x + 1]
            windows = np.lib.stride_tricks.sliding_window_view(seen, (2, 2), axis=(1, 2))
            phase = np.einsum("cyxij,ocij->oyx", windows, kernel) + bias[:, None, None]
            np.testing.assert_allclose(phase, enlarged[:, row::2, column::2], rtol=0, atol=1e-13 * np.abs(phase).max())


def test_multiply_adds():
    # The convolutions on the input's pixels; the enlarged ones by 2x2 taps for each phase, then the weighted sum.
    assert Paper().multiply_adds == 9 * 64 + 11 * 9 * 64**2 + 4 * (4 * 64**2 + 64)
    assert Hybrid().multiply_adds < 0.1 * Paper().multiply_adds


def test_statistics_move_as_in_keras():
    network = Paper(4, 1).train()
    before = {name: values.clone() for name, values in network.closing[1].named_buffers()}
    seen = []
    network.closing[0].register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        network(torch.randn(3, 1, 8, 8))
    means, variances = (getattr(seen[0], of)(dim=(0, 2, 3)) for of in ("mean", "var"))
    after = network.closing[1]
    torch.testing.assert_close(after.running_mean, 0.99 * before["running_mean"] + 0.01 * means)
    torch.testing.assert_close(after.running_var, 0.99 * before["running_var"] + 0.01 * variances)


def test_every_parameter_is_trained():
    network = randomised().train()
    network(torch.randn(2, 1, 8, 8)).square().sum().backward()
    for name, parameter in network.named_parameters():
        gradient = parameter.grad.abs().max()
        # The normalisation takes away what a bias before it adds.
        before_normalisation = name.endswith("bias") and name.split(".")[-2] in "03" and "first" not in name
        assert torch.isfinite(gradient)
        assert before_normalisation or gradient > 0, name


def test_lower_precision_within_only():
    network = randomised(32, 2)
    image = np.random.default_rng(0).normal(1, 0.2, (20, 20)).astype(np.float32)
    exact = run(network, image)
    network.bfloat16 = True
    rough = run(network, image)
    assert rough.dtype == np.float32
    assert 0 < np.std(rough - exact) < 0.1 * np.std(exact)
    # Its result is not rounded to the eight bits of a bfloat16.
    assert (torch.from_numpy(rough).bfloat16().float().numpy() != rough).mean() > 0.9


@pytest.mark.parametrize(("channels", "blocks"), [(0, 5), (8, -1)])
def test_sizes_that_cannot_be(channels, blocks):
    with pytest.raises(ValueError, match=f"channels is {channels} and blocks is {blocks}: .* at least 1 and 0"):
        Paper(channels, blocks)


@pytest.mark.parametrize("observable", ["continuum", "magnetogram"])
@pytest.mark.parametrize(("table", "kind"), [({}, Hybrid), ({"kind": "hybrid"}, Hybrid), ({"kind": "paper"}, Paper)])
def test_recipe_chooses_the_kind(table, kind, observable):
    depth = "blocks" if kind is Paper else "layers"
    recipe = Recipe("", {"name": "x", "observable": observable, "network": {"channels": 4, depth: 1, **table}})
    network = recipe.network(**{depth: 2})
    assert type(network) is kind
    assert (network.channels, len(getattr(network, depth))) == (4, 2)
    assert (network.odd, network.constant) == ((True, 1000) if observable == "magnetogram" else (False, 1))
    assert recipe["network"] == {"channels": 4, depth: 1, **table}


def test_unknown_kind():
    recipe = Recipe("", {"name": "x", "observable": "continuum", "network": {"kind": "unet"}})
    with pytest.raises(
        ValueError, match=r"recipe x: \[network\] kind is 'unet', expected one of \['hybrid', 'paper'\]"
    ):
        recipe.network()


@pytest.mark.parametrize("odd", [False, True])
def test_a_network_that_starts_as_a_copy_enlarges_by_nearest_neighbours(odd):
    network = Paper(channels=8, blocks=2, odd=odd, start="copy").eval()
    images = torch.randn(2, 1, 7, 9, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(images), torch.nn.functional.interpolate(images, scale_factor=2))
    # And it learns: first behind the blocks, then in them.
    optimizer = torch.optim.SGD(network.train().parameters(), lr=1e-3)
    for branch in (network.closing, *network.blocks):
        optimizer.zero_grad()
        network(images).square().mean().backward()
        assert branch[-1].weight.grad.abs().sum() > 0
        optimizer.step()


@pytest.mark.parametrize(("start", "channels"), [("zero", 8), ("copy", 1)])
def test_starts_that_there_are_not(start, channels):
    with pytest.raises(ValueError, match=f"start is '{start}' with {channels} channels, expected"):
        Paper(channels=channels, start=start)
