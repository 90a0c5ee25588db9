"""From a trained network to one ONNX file with its card.

The graph is written operation by operation: it holds the plain convolutions and nothing else, and any
onnxruntime of the last years reads it.
"""

import functools
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sunpy_enhance import ModelCard, __version__

__all__ = ["export", "make_card", "measure_halo"]

_OPSET = 17
_CITATION = "Díaz Baso, C. J., & Asensio Ramos, A. 2018, A&A 614, A5, doi:10.1051/0004-6361/201731344"


class _Graph:
    """The operations of a graph, in order; each method appends one and returns the name of its output."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def constant(self, array):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operation, *inputs, output=None, **attributes):
        name = output or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def convolve(self, image, weight, bias=None, dilation=1):
        inputs = [image, *(self.constant(p.detach().numpy()) for p in (weight, bias) if p is not None)]
        return self.add("Conv", *inputs, kernel_shape=list(weight.shape[2:]), dilations=[dilation, dilation])

    def crop(self, image, margin):
        if not margin:
            return image
        indices = [np.array(values, np.int64) for values in ([margin] * 2, [-margin] * 2, [2, 3])]
        return self.add("Slice", image, *(self.constant(values) for values in indices))


def _hybrid_graph(network):
    """Write `sunpy_enhance.training.networks.Hybrid.forward`."""
    graph = _Graph()
    image = "image"
    if network.constant != 1:
        constant = graph.constant(np.float32(network.constant))
        image = graph.add("Div", image, constant)
    linear = network.linear
    dense, coarse = linear.kernels()
    phases = graph.convolve(graph.crop(image, linear.halo - linear.narrow // 2), dense)
    if linear.wide:
        smooth = graph.convolve(graph.crop(image, linear.halo - linear.halo_of_coarse), linear.smoothing)
        phases = graph.add("Add", phases, graph.convolve(smooth, coarse, dilation=linear.dilation))
    if network.channels:
        phases = _add_residual(graph, network, image, phases)
    if network.constant != 1:
        phases = graph.add("Mul", phases, constant)
    graph.add("DepthToSpace", phases, blocksize=2, mode="CRD", output="enhanced")
    return graph


def _add_residual(graph, network, image, phases):
    features = graph.add("Concat", graph.crop(image, network.linear.halo), phases, axis=1)
    features = graph.add("Relu", graph.convolve(features, *network.first_convolution()))
    for one, two in network.blocks:
        inner = graph.add("Relu", graph.convolve(features, *one.parameters_of_convolution()))
        inner = graph.convolve(inner, *two.parameters_of_convolution())
        features = graph.add("Add", graph.crop(features, 2), inner)
    residual = graph.convolve(features, network.last_convolution())
    return graph.add("Add", graph.crop(phases, network.margin), residual)


def measure_halo(run, halo, *, size=24, seed=0):
    """Measure how far the influence of an input pixel reaches.

    Parameters
    ----------
    run : callable
        (y + 2 halo, x + 2 halo) -> (2y, 2x), float32.
    halo : int
        By how much the network wants its input padded.
    size : int
        Input pixels restored in the measurement.
    seed : int

    Returns
    -------
    int
        Largest distance in input pixels, along an axis, at which an impulse changes the output.
    """
    # A random background keeps the ReLUs from hiding a part of the network.
    image = np.random.default_rng(seed).normal(0, 1, (size + 2 * halo,) * 2).astype(np.float32)
    before = run(image)
    centre = size // 2
    reach = 0
    # An impulse in the row or column of the border of what is read reaches the output pixels farthest from it.
    for position in (0, halo + centre, size + 2 * halo - 1):
        for axis in (0, 1):
            changed = image.copy()
            # A strip across the other axis, so that kernels with zero taps here and there do not hide.
            changed[(slice(None), position) if axis else (position, slice(None))] += 10.0
            rows = np.flatnonzero((run(changed) != before).any(axis=1 - axis)) // 2
            if rows.size:
                reach = max(reach, int(np.abs(rows + halo - position).max()))
    return reach


def make_card(recipe, network, metrics, *, mu_validated, halo):
    """Return the `~sunpy_enhance.ModelCard` of a trained network.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    network : `~sunpy_enhance.training.networks.Hybrid`
    metrics : dict
        As `~sunpy_enhance.training.train.train` gives them.
    mu_validated : float
        See `~sunpy_enhance.training.metrics.validate_towards_limb`.
    halo : int
        As measured.
    """
    observable = recipe["observable"]
    data = {entry["file"]: entry["sha256"] for entry in recipe.table.get("files", [])}
    data["sunpy_enhance.training.synthetic"] = __version__
    return ModelCard(
        name=recipe["name"] if network.channels else f"{recipe['name']}-linear",
        version=recipe["version"],
        licence="BSD-3-Clause",
        citation=_CITATION,
        instrument="HMI",
        observable=observable,
        unit="G" if observable == "magnetogram" else "",
        normalisation=network.constant if observable == "magnetogram" else "quiet_sun",
        plate_scale=recipe["plate_scale"],
        plate_scale_tolerance=0.01,
        mu_validated=mu_validated,
        scale=2,
        halo=halo,
        multiple_of=1,
        border="pad",
        psf=dict(recipe["psf"]),
        target=dict(recipe["target"]),
        noise=recipe["noise"],
        data=data,
        recipe=recipe.text,
        seed=recipe["seed"],
        commit=_commit(),
        libraries={"python": platform.python_version()} | {name: version(name) for name in ("numpy", "scipy", "torch")},
        metrics=metrics,
    )


@functools.cache  # before the first file is written, which makes the checkout dirty
def _commit():
    """Return the commit of the checkout that this module lies in, or the version where it is installed."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return __version__


def export(recipe, network, metrics, path, *, mu_validated):
    """Write a trained network with its card.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    network : `~sunpy_enhance.training.networks.Hybrid`
    metrics : dict
        See `make_card`.
    path : path
        The ONNX file. It appears only when it is complete and gives what the network gives.
    mu_validated : float
        See `make_card`.

    Returns
    -------
    `~sunpy_enhance.ModelCard`

    Raises
    ------
    RuntimeError
        Where the file does not give what the network gives, or reaches farther than the network should.
    """
    import onnxruntime
    import torch

    graph = _hybrid_graph(network)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, f"y_{name}", f"x_{name}"])
        for name in ("image", "enhanced")
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, recipe["name"], ends[:1], ends[1:], graph.initializers),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=8,
        producer_name="sunpy_enhance",
    )
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def run(image):
        return session.run(None, {"image": (image * network.constant)[None, None]})[0][0, 0] / network.constant

    noise = np.random.default_rng(0).normal(1, 0.2, (64 + 2 * network.halo,) * 2).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(noise * network.constant)[None, None])[0, 0].numpy() / network.constant
    if np.abs(run(noise) - wanted).max() > 2e-5:
        msg = f"{path}: the exported graph does not give what the network gives"
        raise RuntimeError(msg)
    halo = measure_halo(run, network.halo)
    if halo != network.halo:
        msg = f"{path}: the measured halo is {halo} pixels, but the network pads by {network.halo}"
        raise RuntimeError(msg)
    card = make_card(recipe, network, metrics, mu_validated=mu_validated, halo=halo)
    helper.set_model_props(model, {"sunpy_enhance": card.to_json()})
    temporary = Path(f"{path}.part")
    onnx.save(model, temporary)
    temporary.replace(path)
    return card
