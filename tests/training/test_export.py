"""The file computes what the network computes, and its card tells the truth about it."""

import dataclasses

import numpy as np
import onnx
import pytest
from conftest import make_map, smooth_noise
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from paper_by_numpy import paper_by_numpy  # noqa: E402
from test_paper import randomised, run  # noqa: E402

from sunpy_enhance import __version__, enhance_map  # noqa: E402
from sunpy_enhance._network import apply_tiled, load_network  # noqa: E402
from sunpy_enhance.training import _graph, export  # noqa: E402
from sunpy_enhance.training.networks import Hybrid  # noqa: E402
from sunpy_enhance.training.recipe import Recipe  # noqa: E402

TABLE = {
    "name": "tiny",
    "version": "0.1",
    "seed": 3,
    "plate_scale": 0.504,
    "psf": {"kind": "wachter"},
    "target": {"kind": "airy", "diameter": 0.28},
}
CONSTANTS = {"continuum": 1.0, "magnetogram": 1000.0}


def recipe_of(observable, **keys):
    return Recipe("the recipe", TABLE | {"observable": observable, "noise": 1e-3 * CONSTANTS[observable]} | keys)


def hybrid(channels=8, **parameters):
    torch.manual_seed(0)
    network = Hybrid(channels, **{"layers": 2, "narrow": 7, "wide": 3, "dilation": 2, **parameters}).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.fixture(scope="module", params=["continuum", "magnetogram"])
def paper(request, tmp_path_factory):
    """A network of the paper's kind, and the path of its file."""
    network = randomised(8, 2, constant=CONSTANTS[request.param])
    path = tmp_path_factory.mktemp("export") / "paper.onnx"
    export.export(recipe_of(request.param), network, {}, path, mu_validated=0.0)
    return network, path


def image_of(network, shape, seed=0):
    return (network.constant * np.random.default_rng(seed).normal(1, 0.5, shape)).astype(np.float32)


@settings(max_examples=25)
@given(shape=st.tuples(st.integers(2, 20), st.integers(2, 20)), seed=st.integers(0, 99))
def test_file_of_the_paper_network_gives_the_same(paper, shape, seed):
    network, path = paper
    image = image_of(network, shape, seed)
    result = load_network(path, "cpu")(image)
    atol = 1e-5 * network.constant
    np.testing.assert_allclose(result, run(network, image), rtol=0, atol=atol)
    np.testing.assert_allclose(result, paper_by_numpy(network, image), rtol=0, atol=atol)


@pytest.mark.parametrize("size", [32, 33, 40, 480])
def test_tiled_is_whole_up_to_the_border(paper, size):
    network, path = paper
    image = image_of(network, (75, 90))
    tiled = apply_tiled(load_network(path, "cpu"), image, size)
    np.testing.assert_allclose(tiled, paper_by_numpy(network, image), rtol=0, atol=1e-5 * network.constant)


def test_tiles_inside_need_no_reflection(paper):
    network, path = paper
    loaded = load_network(path, "cpu")
    image, halo = image_of(network, (75, 90)), 2 * loaded.card.halo
    reflected, zeros = loaded(image), loaded(image, inside=True)
    inner = (slice(halo, -halo),) * 2
    np.testing.assert_allclose(zeros[inner], reflected[inner], rtol=0, atol=1e-5 * network.constant)
    # So that there is something to be left out.
    assert np.abs(zeros - reflected).max() > 1e-3 * network.constant


def test_tiles_need_that_halo(paper):
    # Or "tiled is whole" would hold for any overlap.
    network, path = paper
    loaded = load_network(path, "cpu")
    image = image_of(network, (75, 90))
    short = dataclasses.replace(loaded, card=dataclasses.replace(loaded.card, halo=loaded.card.halo - 1))
    assert np.abs(apply_tiled(short, image, 32) - apply_tiled(loaded, image)).max() > 1e-4 * network.constant


def test_map_enhanced_in_tiles(paper):
    network, path = paper
    observable = load_network(path, "cpu").card.observable
    smap = make_map(observable, (70, 81))
    whole, tiled = (enhance_map(smap, model=path, tile_size=size, device="cpu") for size in (480, 32))
    assert whole.data.shape == (140, 162)
    np.testing.assert_allclose(tiled.data, whole.data, rtol=0, atol=1e-5 * np.abs(whole.data).max())
    if observable == "magnetogram":
        expected = paper_by_numpy(network, smap.data)
        np.testing.assert_allclose(whole.data, expected, rtol=0, atol=1e-5 * network.constant)


def test_no_features_at_the_high_resolution(paper):
    _, path = paper
    model = onnx.load(path)
    for axis, length in ((2, 20), (3, 24)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = length
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim) for value in graph.value_info
    }
    assert {name for node in graph.node for name in node.output} == {*shapes, "enhanced"}
    assert all(shape[0] == 1 for shape in shapes.values())
    # One pixel more on each side is what the padding adds.
    assert {shape[2:] for shape in shapes.values()} == {(20, 24), (22, 26), (21, 25)}
    assert [node.op_type for node in graph.node][-1] == "DepthToSpace"
    assert not {"BatchNormalization", "Resize", "Upsample"} & {node.op_type for node in graph.node}


@pytest.mark.parametrize(
    "make",
    [hybrid, lambda: hybrid(layers=3), lambda: hybrid(0), lambda: hybrid(odd=True, dilations=[2, 1]), randomised],
)
def test_multiply_adds_are_those_of_the_file(make, tmp_path):
    network = make()
    export.export(recipe_of("continuum"), network, {}, tmp_path / "out.onnx", mu_validated=1.0)
    model, side = onnx.load(tmp_path / "out.onnx"), 2**16
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = side
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    rows = {value.name: value.type.tensor_type.shape.dim[2].dim_value for value in graph.value_info}
    weights = {tensor.name: np.prod(tensor.dims) for tensor in graph.initializer}
    # A convolution runs on the input's pixels, or on blocks of them.
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    costs = [weights[node.input[1]] / round(side / rows[node.output[0]]) ** 2 for node in convolutions]
    assert network.multiply_adds == sum(costs)


@pytest.mark.parametrize(("dilation", "block"), [(1, 1), (2, 2), (3, 1), (4, 4), (8, 4)])
@pytest.mark.parametrize(("layers", "odd"), [(2, False), (2, True), (3, False), (3, True)])
def test_filter_in_blocks_of_pixels(dilation, block, layers, odd, tmp_path):
    observable = "magnetogram" if odd else "continuum"
    dilations = [1, 2, 1][:layers]
    network = hybrid(layers=layers, dilation=dilation, dilations=dilations, odd=odd, constant=CONSTANTS[observable])
    path = tmp_path / "out.onnx"
    card = export.export(recipe_of(observable), network, {}, path, mu_validated=1.0)
    assert card.multiple_of == network.multiple_of == block
    image = image_of(network, (43, 54))  # whatever the size of the image
    padded = torch.from_numpy(np.pad(image, card.halo, mode="symmetric"))[None, None]
    with torch.no_grad():
        expected = network(padded)[0, 0].numpy()
    for tile_size in (None, 32):
        result = apply_tiled(load_network(path, "cpu"), image, tile_size)
        np.testing.assert_allclose(result, expected, rtol=0, atol=2e-5 * network.constant)


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_halo_of_the_paper_network(blocks, tmp_path):
    card = export.export(recipe_of("continuum"), randomised(4, blocks), {}, tmp_path / "out.onnx", mu_validated=1.0)
    # One pixel for each convolution, and for the enlarged ones one in all.
    assert (card.halo, card.border) == (2 * blocks + 3, "own")


@pytest.mark.parametrize("observable", ["continuum", "magnetogram"])
@pytest.mark.parametrize("channels", [0, 8])
def test_card_and_graph_are_in_one_checked_file(observable, channels, tmp_path):
    network = hybrid(channels, odd=observable == "magnetogram", constant=CONSTANTS[observable])
    recipe = recipe_of(observable, files=[{"file": "truth.fits", "sha256": "abc"}])
    card = export.export(recipe, network, {}, tmp_path / "out.onnx", mu_validated=0.5)
    model = onnx.load(tmp_path / "out.onnx")
    onnx.checker.check_model(model)
    assert {"Conv", "DepthToSpace"} <= {node.op_type for node in model.graph.node}
    assert load_network(tmp_path / "out.onnx", "cpu").card == card
    assert (card.name, card.recipe, card.data) == ("tiny", "the recipe", {"truth.fits": "abc"})
    assert (card.halo, card.border) == (network.halo, "pad")
    image = CONSTANTS[observable] * (1 + 0.2 * smooth_noise((50, 60))).astype(np.float32)
    atol = 1e-5 * CONSTANTS[observable]
    np.testing.assert_allclose(
        load_network(tmp_path / "out.onnx", "cpu")(image), run(network, image), rtol=0, atol=atol
    )


def test_generators_are_named_with_their_version():
    card = export.make_card(recipe_of("continuum", synthetic=[{}]), hybrid(), {}, mu_validated=1.0, halo=1)
    assert card.data == {"sunpy_enhance.training.synthetic": __version__}


def test_a_recipe_may_be_for_another_instrument():
    parts = hybrid(), {}
    card = export.make_card(recipe_of("continuum"), *parts, mu_validated=1.0, halo=1)
    assert (card.instrument, card.licence) == ("HMI", "BSD-3-Clause")
    own = {"instrument": "PHI", "licence": "CC BY 4.0", "citation": "Somebody 2030"}
    card = export.make_card(recipe_of("continuum", **own), *parts, mu_validated=1.0, halo=1)
    assert {key: getattr(card, key) for key in own} == own


def test_export_that_differs_is_not_written(monkeypatch, tmp_path):
    monkeypatch.setattr(_graph, "_add_residual", lambda graph, network, image, phases: (graph.crop(phases, 4), None))
    with pytest.raises(RuntimeError, match="does not give what the network gives"):
        export.export(recipe_of("continuum"), hybrid(), {}, tmp_path / "out.onnx", mu_validated=1.0)
    assert not list(tmp_path.glob("out*"))


def test_unexpected_halo_is_not_written(monkeypatch, tmp_path):
    monkeypatch.setattr(export, "measure_halo", lambda run, padding: 3)
    with pytest.raises(RuntimeError, match="measured halo is 3 pixels, but the network's layers add up to 7"):
        export.export(recipe_of("continuum"), randomised(), {}, tmp_path / "out.onnx", mu_validated=1.0)
    assert not list(tmp_path.glob("out*"))


def test_export_in_the_middle_of_training_leaves_the_statistics_alone(tmp_path):
    network = randomised().train()
    before = {name: values.clone() for name, values in network.named_buffers()}
    export.export(recipe_of("continuum"), network, {}, tmp_path / "out.onnx", mu_validated=1.0)
    for name, values in network.named_buffers():
        torch.testing.assert_close(values, before[name], rtol=0, atol=0)


def test_networks_of_other_kinds():
    with pytest.raises(TypeError, match="the network is a Linear, expected a Hybrid or a Paper"):
        _graph.graph_of(torch.nn.Linear(1, 1))
