"""A network: an ONNX session with its card, and where it runs."""

import dataclasses
import functools
import hashlib

import numpy as np

from ._cuda import free_memory, is_out_of_memory, run_overlapped, tile_size_for
from ._session import check_device, start_session
from ._threads import each_band
from ._tiling import SMALLEST_TILE, TILE_SIZE, tiles
from ._trimmed import has_external_data, without_borders, without_sigma
from .card import ModelCard
from .models import resolve

__all__ = ["Network", "apply_tiled", "load_network"]


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
        Gives the enhanced image alone.
    session_with_sigma : callable
        Returns the session that gives sigma, too, and starts it at the first call.
    session_inside : callable
        Returns the session for images whose borders are not wanted, and starts it at the first call.
    """

    card: ModelCard
    sha256: str
    device: str
    session: object = dataclasses.field(repr=False)
    session_with_sigma: object = dataclasses.field(default=None, repr=False)
    session_inside: object = dataclasses.field(default=None, repr=False)

    def __call__(self, image, outputs="enhanced", *, inside=False):
        """Run it: float32 (y, x) to float32 at `card.scale` times the sampling.

        One name of an output gives an array, several give a list of arrays. With `inside` a halo at each border of the
        image is not wanted, and may come out as anything.
        """
        names = [outputs] if isinstance(outputs, str) else list(outputs)
        feeds = {"image": np.ascontiguousarray(image)[None, None]}
        arrays = [array[0, 0] for array in self.session_for(names, inside=inside).run(names, feeds)]
        around = self.card.halo if self.card.border == "pad" else 0
        expected = tuple(self.card.scale * (length - 2 * around) for length in image.shape)
        for array in arrays:
            if array.shape != expected:
                name = self.card.name
                msg = f"the network {name} gives {array.shape}, its card promises {expected}: export it again"
                raise ValueError(msg)
        return arrays[0] if isinstance(outputs, str) else arrays

    def session_for(self, outputs, *, inside=False):
        """Return the session that gives these outputs, and computes no others if it can."""
        if inside and self.session_inside and "sigma" not in outputs:
            return self.session_inside()
        return self.session if "sigma" not in outputs or not self.session_with_sigma else self.session_with_sigma()


def load_network(model, device="auto"):
    """Load a network, once per file and device.

    Parameters
    ----------
    model : str or os.PathLike
        A shipped name or the path of an ONNX file.
    device : {"auto", "cuda", "cpu"}
        "auto" takes CUDA where it works, and gives on a small image what the CPU gives.

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
        Where CUDA is asked for and does not work, or gives something else than the CPU.
    """
    check_device(device)
    file = resolve(model).read_bytes()
    key = hashlib.sha256(file).hexdigest(), device
    if key not in _LOADED:
        if has_external_data(file):
            # The SHA-256 would not tell one network from another.
            msg = f"the model {model} has weights in another file: write all into one, onnx.save(onnx.load(OLD), NEW)"
            raise ValueError(msg)
        alone = without_sigma(file)
        session, ran_on = start_session(alone, device, model)
        card = _card(session, model)
        if card.uncertainty is not None and alone is file:
            msg = f"the model {model} has no output sigma, but its card tells of one: export it again"
            raise ValueError(msg)
        if ran_on == "cuda":
            on_cpu, _ = start_session(alone, "cpu", model)
            doubt = _doubt(Network(card, key[0], "cuda", session), Network(card, key[0], "cpu", on_cpu))
            if doubt:
                _say_doubt(doubt, device)
                session, ran_on = on_cpu, "cpu"
        with_sigma = _later(file, ran_on, model) if alone is not file else None
        inner = without_borders(alone) if ran_on == "cpu" else None
        inside = _later(inner, ran_on, model) if inner is not None else None
        _LOADED[key] = Network(card, key[0], ran_on, session, with_sigma, inside)
    return _LOADED[key]


def _doubt(cuda, cpu):
    """Return why a network is not to be trusted on CUDA, or "": a fault there need not be an error."""
    noise = np.random.default_rng(0).standard_normal((96, 64)).astype(np.float32)
    constant = cuda.card.normalisation
    image = 1 + 0.1 * noise if constant == "quiet_sun" else np.float32(0.3 * constant) * noise
    # More tiles than are at work at once, each with another content.
    expected = apply_tiled(cpu, image, 32)
    try:
        found = apply_tiled(cuda, image, 32)
    except Exception as error:  # noqa: BLE001  onnxruntime has no common base class of its errors
        return f"onnxruntime says {str(error)[:200]}"
    # Rounding is less than a tenth of that on the device that it was measured on.
    if np.abs(found - expected).max() <= _TRUSTED * np.ptp(expected):  # NaN is not, either
        return ""
    return "it gives something else than the CPU on a small image"


def _say_doubt(doubt, device):
    if device == "cuda":
        msg = f"CUDA does not work here ({doubt}): use device='cpu', and tell us of it"
        raise RuntimeError(msg)
    from sunpy.util.exceptions import warn_user

    warn_user(f"CUDA does not work here ({doubt}): the network runs on the CPU")


def _later(file, device, model):
    """Return what starts a session at its first call."""
    return functools.cache(lambda: start_session(file, device, model)[0])


# The largest difference between devices, as a part of the range of the result.
_TRUSTED = 1e-4

# (SHA-256 of the file, device asked for) -> Network
_LOADED = {}


def apply_tiled(network, image, tile_size=None, *, needed=None, progress=False, outputs="enhanced"):
    """Run a network over an image of any size in tiles that overlap by its halo.

    The result is that of the whole image at once, for any tile size, at the image's borders too.

    Parameters
    ----------
    network : Network
    image : numpy.ndarray
        float32, all finite.
    tile_size : int, optional
        Pixels along a side of what a tile writes, at most; by default what suits the device and its free memory.
        It is halved where the device has too little memory.
    needed : numpy.ndarray of bool, optional
        Pixels of the image whose result matters: what is in no tile stays NaN.
    progress : bool, optional
        Show a progress bar.
    outputs : str or sequence of str, optional
        Which of the network's outputs to give.

    Returns
    -------
    numpy.ndarray or list of numpy.ndarray
        float32, `network.card.scale` times the image along each axis; a list where `outputs` is a sequence.

    Raises
    ------
    ValueError
        Where the network does not give the size that its card promises.
    """
    card = network.card
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    extra = [-length % card.multiple_of for length in image.shape]
    around = card.halo if card.border == "pad" else 0
    # One padding of the whole image, by reflection that repeats the edge pixel, as in training.
    padded = np.pad(image, [(around, around + more) for more in extra], mode="symmetric")
    covered = tuple(length + more for length, more in zip(image.shape, extra, strict=True))
    whole = [np.empty([card.scale * length for length in image.shape], dtype=np.float32) for _ in names]
    for out in whole:
        each_band(lambda start, stop, out=out: out[start:stop].fill(np.nan), len(out))
    left = np.ones(image.shape, dtype=bool) if needed is None else needed.copy()

    def write(tile, results):
        for out, result in zip(whole, results, strict=True):
            target = out[_scaled(tile.write, card.scale)]
            target[...] = result[_scaled(tile.crop, card.scale)][: target.shape[0], : target.shape[1]]
        left[tile.write] = False

    size = tile_size or default_tile_size(network)
    while left.any():
        todo = list(tiles(covered, size, card.halo, card.border, card.multiple_of, left))
        try:
            _run_tiles(network, padded, _with_progress(network, todo, progress), names, write)
        except Exception as error:
            if not is_out_of_memory(error) or size <= SMALLEST_TILE:
                raise
            size = max(size // 2, SMALLEST_TILE)
            _say_out_of_memory(network, size)
    return whole[0] if isinstance(outputs, str) else whole


def default_tile_size(network):
    """Return the pixels along a side of the tiles for the device of a network."""
    return tile_size_for(free_memory()) if network.device == "cuda" else TILE_SIZE


def _run_tiles(network, image, todo, names, write):
    if network.device == "cuda":
        run_overlapped(network, image, todo, names, write)
        return
    for tile in todo:
        write(tile, network(image[tile.read], names, inside=tile.is_inside(network.card.halo)))


def _with_progress(network, todo, progress):
    if not progress:
        return todo
    from tqdm import tqdm

    return tqdm(todo, unit="tile", desc=f"{network.card.name} on {network.device}")


def _say_out_of_memory(network, size):
    from sunpy import log

    log.info(f"sunpy_enhance: {network.device} is out of memory, going on with tiles of {size} pixels")


def _scaled(slices, scale):
    return tuple(slice(scale * s.start, scale * s.stop) for s in slices)


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
    for node in (*session.get_inputs(), *session.get_outputs()):
        if node.type != "tensor(float)" or any(isinstance(size, int) for size in node.shape[2:]):
            found = f"{node.name} of {node.type}, {node.shape}"
            msg = f"the model {model} has {found}, expected float32 of any size: export it again, with dynamic axes"
            raise ValueError(msg)
    return ModelCard.from_json(text)
