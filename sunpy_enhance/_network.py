"""A network: an ONNX session with its card, and where it runs."""

import contextlib
import ctypes
import dataclasses
import hashlib
import io
import sys
import warnings

import numpy as np

from ._tiling import TILE_SIZE, tiles
from .card import ModelCard
from .models import resolve

__all__ = ["Network", "apply_tiled", "check_device", "load_network"]

DEVICES = ("auto", "cuda", "cpu")


@dataclasses.dataclass(frozen=True)
class Network:
    """A network that is ready to run.

    Attributes
    ----------
    card : ModelCard
    sha256 : str
        Of its file.
    device : {"cuda", "cpu"}
        Where it really runs.
    session : onnxruntime.InferenceSession
    """

    card: ModelCard
    sha256: str
    device: str
    session: object = dataclasses.field(repr=False)

    def __call__(self, image):
        """Run it: float32 (y, x) to float32 at `card.scale` times the sampling."""
        (enhanced,) = self.session.run(["enhanced"], {"image": np.ascontiguousarray(image)[None, None]})
        return enhanced[0, 0]


def check_device(device):
    """Raise ValueError unless it is one of "auto", "cuda" and "cpu"."""
    if device not in DEVICES:
        msg = f"device is {device!r}, expected one of {', '.join(map(repr, DEVICES))}"
        raise ValueError(msg)


def load_network(model, device="auto"):
    """Load a network, once per file and device.

    Parameters
    ----------
    model : str or os.PathLike
        A shipped name or the path of an ONNX file.
    device : {"auto", "cuda", "cpu"}
        "auto" takes CUDA where it works.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        Where the model or the device is unknown, or the file is not a network with a card.
    FileNotFoundError
        Where there is no such file.
    RuntimeError
        Where CUDA is asked for and does not work.
    """
    check_device(device)
    file = resolve(model).read_bytes()
    key = hashlib.sha256(file).hexdigest(), device
    if key not in _LOADED:
        session, ran_on = _session(file, device, model)
        _LOADED[key] = Network(_card(session, model), key[0], ran_on, session)
    return _LOADED[key]


# (SHA-256 of the file, device asked for) -> Network
_LOADED = {}


def apply_tiled(network, image, tile_size=None, *, needed=None, progress=False):
    """Run a network over an image of any size in tiles that overlap by its halo.

    The result is that of the whole image at once, for any tile size, at the image's borders too.

    Parameters
    ----------
    network : Network
    image : numpy.ndarray
        float32, all finite.
    tile_size : int, optional
        Pixels along a side of what a tile writes.
    needed : numpy.ndarray of bool, optional
        Pixels of the image whose result matters: tiles without any are skipped and stay NaN.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    numpy.ndarray
        float32, `network.card.scale` times the image along each axis.

    Raises
    ------
    ValueError
        Where the network does not give the size that its card promises.
    """
    card = network.card
    rows, columns = image.shape
    extra = [-length % card.multiple_of for length in image.shape]
    around = card.halo if card.border == "pad" else 0
    # One padding of the whole image, by reflection that repeats the edge pixel, as in training.
    padded = np.pad(image, [(around, around + more) for more in extra], mode="symmetric")
    whole = (rows + extra[0], columns + extra[1])
    todo = [
        tile
        for tile in tiles(whole, tile_size or TILE_SIZE, card.halo, card.border, card.multiple_of)
        if needed is None or needed[tile.write].any()
    ]
    if progress:
        from tqdm import tqdm

        todo = tqdm(todo, unit="tile", desc=f"{card.name} on {network.device}")
    out = np.full((card.scale * rows, card.scale * columns), np.nan, dtype=np.float32)
    for tile in todo:
        source = padded[tile.read]
        result = network(source)
        expected = tuple(card.scale * (length - 2 * around) for length in source.shape)
        if result.shape != expected:
            msg = f"the network {card.name} gives {result.shape}, its card promises {expected}: export it again"
            raise ValueError(msg)
        target = out[_scaled(tile.write, card.scale)]
        target[...] = result[_scaled(tile.crop, card.scale)][: target.shape[0], : target.shape[1]]
    return out


def _scaled(slices, scale):
    return tuple(slice(scale * s.start, scale * s.stop) for s in slices)


def _session(file, device, model):
    """Return an ONNX session and where it runs."""
    import onnxruntime

    from sunpy import log

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL

    def start(*providers):
        return onnxruntime.InferenceSession(file, options, providers=[*providers, "CPUExecutionProvider"])

    obstacle = _cuda_obstacle(onnxruntime) if device != "cpu" else "not asked for"
    if not obstacle:
        try:
            # TF32 has ten bits of mantissa: too few for photometry.
            session = start(("CUDAExecutionProvider", {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}))
        except Exception as error:  # noqa: BLE001  onnxruntime has no common base class of its errors
            obstacle = f"onnxruntime says {str(error)[:200]}"
        else:
            if session.get_providers()[0] == "CUDAExecutionProvider":
                return session, "cuda"
            obstacle = "onnxruntime fell back to the CPU"
    if device == "cuda":
        msg = f"CUDA does not work here ({obstacle}): use device='cpu', or install sunpy_enhance[cuda] and a driver"
        raise RuntimeError(msg)
    if device == "auto":
        log.debug(f"sunpy_enhance: no CUDA ({obstacle})")
    try:
        return start(), "cpu"
    except Exception as error:
        msg = f"onnxruntime cannot load the model {model}: {str(error)[:200]}"
        raise ValueError(msg) from error


def _cuda_obstacle(onnxruntime):
    """Return why CUDA cannot work, or "". Asking onnxruntime for it in vain would print errors."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "this onnxruntime is built without CUDA: install onnxruntime-gpu"
    windows = sys.platform == "win32"
    driver = "nvcuda.dll" if windows else "libcuda.so.1"
    if not _loadable(driver):
        return f"{driver} cannot be loaded: there is no NVIDIA driver"
    # preload_dlls (onnxruntime 1.21) loads the libraries that pip installed, and prints those that it does not find.
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):
        getattr(onnxruntime, "preload_dlls", lambda: None)()
    major = str(getattr(onnxruntime, "cuda_version", "") or "").partition(".")[0]
    needed = [f"cublas64_{major}.dll", "cudnn64_9.dll"] if windows else [f"libcublas.so.{major}", "libcudnn.so.9"]
    return next((f"{name} cannot be loaded" for name in needed if major and not _loadable(name)), "")


def _loadable(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _card(session, model):
    """Read the card of a session."""
    text = session.get_modelmeta().custom_metadata_map.get("sunpy_enhance")
    if text is None:
        msg = f"the model {model} has no model card: it is not a sunpy_enhance network"
        raise ValueError(msg)
    names = [node.name for node in session.get_inputs()], [node.name for node in session.get_outputs()]
    if names != (["image"], ["enhanced"]):
        msg = f"the model {model} has inputs and outputs {names}, expected image and enhanced: export it again"
        raise ValueError(msg)
    return ModelCard.from_json(text)
