"""The published networks, by name: downloaded once, verified, and converted."""

import dataclasses
import os

from ._download import download, git_blob
from ._extras import telling_the_extra
from ._files import with_home
from .card import SCHEMA
from .keras import MU_OF_THE_PAPER, import_keras

__all__ = ["fetch_network", "network_folder"]


@dataclasses.dataclass(frozen=True)
class _Published:
    """A network somewhere on the web.

    Attributes
    ----------
    url : str
        Of the folder with the files.
    files : dict
        Observable to the name of its file, and the id that git gives it.
    licence, citation, origin : str
        For the card.
    mu_validated : float
    """

    url: str
    files: dict
    licence: str
    citation: str
    origin: str
    mu_validated: float


_COMMIT = "ef4e71a7595bedec20c698f254bc31b2f9ae00e0"
PUBLISHED = {
    "diazbaso2018": _Published(
        url=f"https://raw.githubusercontent.com/cdiazbas/enhance/{_COMMIT}/network",
        files={
            "continuum": ("intensity_weights.hdf5", "830a8860b0eb055f8d9fc760388f5f977eec4a01"),
            "magnetogram": ("blos_weights.hdf5", "3fdb1d8f4e05b906e55c152aed2a54fc88de1f21"),
        },
        licence="MIT",
        citation="Diaz Baso, C. J., & Asensio Ramos, A. 2018, A&A 614, A5, doi:10.1051/0004-6361/201731344",
        origin=f"weights of https://github.com/cdiazbas/enhance at commit {_COMMIT} (c) 2017 Carlos Jose Diaz Baso",
        mu_validated=MU_OF_THE_PAPER,
    ),
}

# Seconds to wait for another process that is fetching the same network.
_PATIENCE = 600


def published_names(name=None):
    """Return the names of the networks of a publication, or of all of them: one for each observable."""
    return [
        f"{publication}-{observable}"
        for publication, what in PUBLISHED.items()
        for observable in what.files
        if name in (None, publication, f"{publication}-{observable}")
    ]


def network_folder():
    """Return the folder in which published networks are kept.

    Returns
    -------
    pathlib.Path
        That in the environment variable ``SUNPY_ENHANCE_MODELS``, or ``sunpy_enhance`` in sunpy's download folder.
    """
    import sunpy

    if own := os.environ.get("SUNPY_ENHANCE_MODELS"):
        return with_home(own)
    # As sunpy.util.config has it, which would make the folder at once.
    downloads = os.environ.get("SUNPY_DOWNLOADDIR") or sunpy.config.get("downloads", "download_dir")
    return with_home(downloads) / "sunpy_enhance"


def network_path(name):
    """Return where the converted file of a published network is kept; the card's schema is a part of its name."""
    return network_folder() / f"{name}.{SCHEMA}.onnx"


def fetch_network(name, *, source=None):
    """Get a published network: download, verify and convert it, unless that was done before.

    Several processes may do so at once; an interrupted download goes on where it broke off.

    Parameters
    ----------
    name : str
        "diazbaso2018" for both of its networks, or "diazbaso2018-continuum" or "diazbaso2018-magnetogram".
    source : path or str, optional
        Where to take the files from: a folder, or the URL of another one. By default `network_folder`, if they were put
        there, or else where they were published.

    Returns
    -------
    dict
        Name to `pathlib.Path` of the ONNX file.

    Raises
    ------
    ValueError
        Where there is no such network, or a file is not the published one.
    FileNotFoundError
        Where `source` is a folder without the file.
    ConnectionError
        Where a file cannot be downloaded; the message says where to put it by hand.
    TimeoutError
        Where another process takes too long to fetch the same network.
    ImportError
        Where h5py, onnx or filelock is not installed.
    """
    names = published_names(name)
    if not names:
        msg = f"there is no published network {name!r}: choose one of {', '.join([*PUBLISHED, *published_names()])}"
        raise ValueError(msg)
    return {one: _fetch(one, source) for one in names}


def _fetch(name, source):
    path = network_path(name)
    if path.is_file():
        return path
    with telling_the_extra("keras"):
        import filelock
        import h5py  # noqa: F401 (before anything is downloaded in vain)
        import onnx  # noqa: F401
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{name}.lock")
    try:
        with filelock.FileLock(lock, timeout=_PATIENCE):
            if not path.is_file():  # another process may have been faster
                publication, _, observable = name.partition("-")
                published = PUBLISHED[publication]
                import_keras(
                    _weights(name, published, observable, source),
                    path,
                    observable=observable,
                    name=name,
                    licence=published.licence,
                    citation=published.citation,
                    origin=published.origin,
                    mu_validated=published.mu_validated,
                )
    except filelock.Timeout as error:
        msg = f"another process has been fetching {name} for {_PATIENCE} s: if there is none, delete {lock}"
        raise TimeoutError(msg) from error
    return path


def _weights(name, published, observable, source):
    """Return the path of the verified weights, which are downloaded where they are not there."""
    file, blob = published.files[observable]
    kept = network_folder() / file
    if source is not None and "://" not in str(source):
        kept = with_home(source) / file
        if not kept.is_file():
            msg = f"{kept} does not exist: --from names a folder with {file}"
            raise FileNotFoundError(msg)
    if not kept.is_file():
        url = f"{source or published.url}/{file}"
        try:
            download(url, kept, blob)
        except ConnectionError as error:
            msg = f"{error}: try again, or put {file} into {kept.parent}, the folder that SUNPY_ENHANCE_MODELS may name"
            raise ConnectionError(msg) from error
    elif (found := git_blob(kept)) != blob:  # somebody's own file, so that it is not deleted
        msg = f"{kept} is not the published {name} (git blob {found}, expected {blob}): move it away"
        raise ValueError(msg)
    return kept
