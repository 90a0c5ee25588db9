"""Synthetic HMI Maps with a full header, and networks of a few weights."""

import dataclasses

import numpy as np
import onnx
import pytest

# hypothesis: no deadline, the machines that run this are shared.
from hypothesis import settings
from onnx import TensorProto, helper
from scipy import ndimage

import sunpy.map

from sunpy_enhance import ModelCard, models

settings.register_profile("shared", deadline=None, derandomize=True)
settings.load_profile("shared")

UNITS = {"continuum": "DN/s", "magnetogram": "Gauss", "noLimbDark": ""}
QUIET = {"continuum": 5e4, "magnetogram": 0.0, "noLimbDark": 1.0}


def hmi_header(observable="continuum", shape=(64, 64), **keywords):
    """Return a header as JSOC's, the centre of the disk in the centre of the image; None takes a keyword out."""
    header = {
        "naxis": 2,
        "naxis1": shape[1],
        "naxis2": shape[0],
        "telescop": "SDO/HMI",
        "instrume": "HMI_FRONT2",
        "wavelnth": 6173.0,
        "waveunit": "angstrom",
        "content": "MAGNETOGRAM" if observable == "magnetogram" else "CONTINUUM INTENSITY",
        "bunit": UNITS[observable],
        "date-obs": "2011-02-15T01:58:12.30",
        "t_obs": "2011.02.15_01:59:54_TAI",
        "ctype1": "HPLN-TAN",
        "ctype2": "HPLT-TAN",
        "cunit1": "arcsec",
        "cunit2": "arcsec",
        "cdelt1": 0.504,
        "cdelt2": 0.504,
        "crpix1": (shape[1] + 1) / 2,
        "crpix2": (shape[0] + 1) / 2,
        "crval1": 0.0,
        "crval2": 0.0,
        "crota2": 179.93,
        "dsun_obs": 147746220503.41,
        "rsun_obs": 971.671936,
        "rsun_ref": 696000000,
        "r_sun": 1927.92,
        "crln_obs": 21.725103,
        "crlt_obs": -6.8279,
        "car_rot": 2106,
        "quality": 0,
    }
    header.update(keywords)
    return {key: value for key, value in header.items() if value is not None}


def granulation(shape, seed=0):
    """Smooth random fluctuations of 4 % rms, as granulation in HMI."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    kernel = np.exp(-0.5 * (np.hypot(*np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij")) / 0.1) ** 2)
    smooth = np.fft.ifft2(np.fft.fft2(noise) * kernel).real
    smooth -= smooth.mean()
    return 1 + 0.04 * smooth / smooth.std()


def smooth_noise(shape, width=4, seed=0):
    """Periodic random structure of a width in pixels, of unit variance."""
    image = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), width, mode="wrap")
    return image / image.std()


def make_map(observable="continuum", shape=(64, 64), data=None, mask=None, **keywords):
    """Return an HMI Map: quiet Sun with granulation, or weak field, unless `data` are given."""
    if data is None:
        data = granulation(shape)
        data = 500 * (data - 1) if observable == "magnetogram" else QUIET[observable] * data
        data = data.astype(np.float32)
    return sunpy.map.Map(data, hmi_header(observable, data.shape, **keywords), mask=mask)


def small_disk(radius_px=140, **keywords):
    """Return keywords of a Sun so far away that the whole disk fits into a few hundred pixels."""
    rsun = radius_px * 0.504
    distance = 696e6 / np.sin(np.deg2rad(rsun / 3600))
    return {"rsun_obs": rsun, "dsun_obs": distance, "r_sun": float(radius_px), **keywords}


CARD = ModelCard(
    name="tiny",
    version="0.1",
    licence="BSD-3-Clause",
    citation="none",
    instrument="HMI",
    observable="continuum",
    unit="",
    normalisation="quiet_sun",
    plate_scale=0.504,
    plate_scale_tolerance=0.01,
    mu_validated=0.2,
    scale=2,
    halo=2,
    multiple_of=1,
    border="pad",
    psf={},
    target={},
    noise=1e-3,
    data={},
    recipe="",
    seed=0,
    commit="",
    libraries={},
    metrics={},
)


def kernels(observable):
    """Return 5x5 kernels for the four phases: a sharpening interpolation that keeps a constant."""
    rng = np.random.default_rng(1)
    weight = 0.02 * rng.standard_normal((4, 1, 5, 5))
    for phase in range(4):
        y, x = divmod(phase, 2)
        weight[phase, 0, 2, 2] += 1.5
        weight[phase, 0, 2 + (1 if y else -1), 2] -= 0.2
        weight[phase, 0, 2, 2 + (1 if x else -1)] -= 0.3
        weight[phase] += (1 - weight[phase].sum()) / 25
    return weight.astype(np.float32)


def write_network(path, observable="continuum", card=True, sigma=False, **changes):
    """Write a network of one 5x5 convolution, and a squared term so that it is not linear.

    With `sigma` it says that its error is a tenth of the absolute value, and a hundredth of the constant more.
    """
    fields = {"observable": observable}
    if observable == "magnetogram":
        fields |= {"unit": "G", "normalisation": 1000.0}
    this = dataclasses.replace(CARD, **{**fields, **changes})
    padding = "own" if this.border == "own" else "valid"
    nodes, source = [], "image"
    if padding == "own":
        nodes.append(helper.make_node("Pad", ["image", "pads"], ["padded"], mode="reflect"))
        source = "padded"
    nodes += [
        helper.make_node("Conv", [source, "weight"], ["phases"], kernel_shape=[5, 5]),
        helper.make_node("DepthToSpace", ["phases"], ["linear"], blocksize=2, mode="DCR"),
        helper.make_node("Sub", ["linear", "one"], ["deviation"]),
        helper.make_node("Mul", ["deviation", "deviation"], ["square"]),
        helper.make_node("Mul", ["square", "gain"], ["term"]),
        helper.make_node("Add", ["linear", "term"], ["enhanced"]),
    ]
    continuum = observable == "continuum"
    values = {
        "weight": kernels(observable),
        "one": np.float32(1 if continuum else 0),
        "gain": np.float32(0.1 if continuum else 1e-4),
    }
    ends = ["enhanced"]
    if sigma:
        nodes += [
            helper.make_node("Abs", ["enhanced"], ["absolute"]),
            helper.make_node("Mul", ["absolute", "tenth"], ["part"]),
            helper.make_node("Add", ["part", "floor"], ["sigma"]),
        ]
        values |= {"tenth": np.float32(0.1), "floor": np.float32(0.01 if continuum else 10.0)}
        ends.append("sigma")
        this = dataclasses.replace(this, uncertainty=this.uncertainty or {"coverage": {}})
    if padding == "own":
        values["pads"] = np.array([0, 0, 2, 2, 0, 0, 2, 2], dtype=np.int64)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, "y", "x"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "Y", "X"]) for name in ends],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if card:
        helper.set_model_props(model, {"sunpy_enhance": this.to_json()})
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """Paths of networks: one for each observable, and one that pads by itself."""
    folder = tmp_path_factory.mktemp("networks")
    return {
        "continuum": write_network(folder / "continuum.onnx"),
        "magnetogram": write_network(folder / "magnetogram.onnx", "magnetogram"),
        "own": write_network(folder / "own.onnx", border="own"),
    }


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """A folder of tiny networks instead of the shipped ones, by the same names."""
    for name in models._SHIPPED:
        write_network(tmp_path / f"{name}.onnx", name.partition("-")[0], name=name)
    monkeypatch.setattr(models, "_FOLDER", tmp_path)
    return tmp_path
