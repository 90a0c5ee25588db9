"""A network: an ONNX session with its card, and where it runs."""

import dataclasses
import hashlib

import numpy as np

from ._session import check_device, start_session
from ._tiling import TILE_SIZE, tiles
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
    """

    card: ModelCard
    sha256: str
    device: str
    session: object = dataclasses.field(repr=False)

    def __call__(self, image, outputs="enhanced"):
        """Run it: float32 (y, x) to float32 at `card.scale` times the sampling.

        One name of an output gives an array, several give a list of arrays.
        """
        names = [outputs] if isinstance(outputs, str) else list(outputs)
        # What is not asked for is not computed.
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = True
        found = self.session.run(names, {"image": np.ascontiguousarray(image)[None, None]}, options)
        arrays = [array[0, 0] for array in found]
        return arrays[0] if isinstance(outputs, str) else arrays


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
        session, ran_on = start_session(file, device, model)
        _LOADED[key] = Network(_card(session, model), key[0], ran_on, session)
    return _LOADED[key]


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
        Pixels along a side of what a tile writes.
    needed : numpy.ndarray of bool, optional
        Pixels of the image whose result matters: tiles without any are skipped and stay NaN.
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
    rows, columns = image.shape
    extra = [-length % card.multiple_of for length in image.shape]
    around = card.halo if card.border == "pad" else 0
    # One padding of the whole image, by reflection that repeats the edge pixel, as in training.
    padded = np.pad(image, [(around, around + more) for more in extra], mode="symmetric")
    covered = (rows + extra[0], columns + extra[1])
    todo = [
        tile
        for tile in tiles(covered, tile_size or TILE_SIZE, card.halo, card.border, card.multiple_of)
        if needed is None or needed[tile.write].any()
    ]
    if progress:
        from tqdm import tqdm

        todo = tqdm(todo, unit="tile", desc=f"{card.name} on {network.device}")
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    whole = [np.full((card.scale * rows, card.scale * columns), np.nan, dtype=np.float32) for _ in names]
    for tile in todo:
        source = padded[tile.read]
        expected = tuple(card.scale * (length - 2 * around) for length in source.shape)
        for out, result in zip(whole, network(source, names), strict=True):
            if result.shape != expected:
                msg = f"the network {card.name} gives {result.shape}, its card promises {expected}: export it again"
                raise ValueError(msg)
            target = out[_scaled(tile.write, card.scale)]
            target[...] = result[_scaled(tile.crop, card.scale)][: target.shape[0], : target.shape[1]]
    return whole[0] if isinstance(outputs, str) else whole


def _scaled(slices, scale):
    return tuple(slice(scale * s.start, scale * s.stop) for s in slices)


def _card(session, model):
    """Read the card of a session."""
    text = session.get_modelmeta().custom_metadata_map.get("sunpy_enhance")
    if text is None:
        msg = f"the model {model} has no model card: it is not a sunpy_enhance network"
        raise ValueError(msg)
    names = [node.name for node in session.get_inputs()], [node.name for node in session.get_outputs()]
    if names not in ((["image"], ["enhanced"]), (["image"], ["enhanced", "sigma"])):
        msg = f"the model {model} has inputs and outputs {names}, expected image and enhanced: export it again"
        raise ValueError(msg)
    return ModelCard.from_json(text)
