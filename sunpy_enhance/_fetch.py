"""HMI data of a period through Fido, in pieces: while one is enhanced, the next is downloaded."""

import asyncio
import dataclasses
import queue
import re
import threading
from pathlib import Path

import numpy as np

import astropy.units as u
from astropy.time import Time

from ._hmi import PLATE_SCALE, SMALLEST

__all__ = ["Request", "arriving"]

# Series of native HMI images that can be enhanced. "nrt" is near real time.
# Without limb darkening there is only Ic of 720 s: the VSO, asked for another, would give the series that is darkened.
_SERIES = re.compile(
    r"hmi\.(?P<observable>ic|m)(?:(?<=ic)_nolimbdark(?=_720))?_(?P<cadence>45|720)s(?:_nrt)?", re.IGNORECASE
)

# Arcsec from the centre of the disk to the border of HMI's images.
_FARTHEST = 1032


@dataclasses.dataclass(frozen=True)
class Request:
    """What to search for.

    Attributes
    ----------
    start, end : astropy.time.Time
    series : str
        Of the JSOC, such as "hmi.Ic_45s" or "hmi.M_720s".
    cadence : astropy.units.Quantity, optional
        One image in so much time; default: all.
    email : str, optional
        Registered with the JSOC. Without one the VSO is asked, which has whole disks of the 45-second series.
    cutout : astropy.units.Quantity, optional
        Helioprojective longitude and latitude of the centre, width and height.
    track : bool
        Let the cutout follow the rotation of the Sun, from where it is at `start`.

    Raises
    ------
    ValueError
        Where the series cannot be enhanced, or the VSO cannot give what is asked for.
    """

    start: Time
    end: Time
    series: str
    cadence: u.Quantity | None = None
    email: str | None = None
    cutout: u.Quantity | None = None
    track: bool = False

    def __post_init__(self):
        if not _SERIES.fullmatch(self.series):
            msg = (
                f"the series is {self.series}, expected native continuum or magnetograms: hmi.Ic_45s, hmi.M_45s, "
                "hmi.Ic_720s, hmi.M_720s, hmi.Ic_noLimbDark_720s, or one of these with _nrt"
            )
            raise ValueError(msg)
        if not self.start < self.end:
            msg = f"the period is from {self.start.isot} to {self.end.isot}: it has to end after it begins"
            raise ValueError(msg)
        if self.cutout is not None:
            _check_cutout(self.cutout)
        if self.cadence is not None and not self._native_cadence <= self.cadence < np.inf * u.s:
            msg = f"the cadence is {self.cadence}, expected {self._native_cadence} of the series or more"
            raise ValueError(msg)
        if self.track and self.cutout is None:
            msg = "only a cutout follows the rotation of the Sun: give one, or do not track"
            raise ValueError(msg)
        if self.email is None and (self.cutout is not None or not re.search("_45s$", self.series)):
            what = f"series {self.series}" if self.cutout is None else "cutouts"
            msg = f"the VSO has no {what}: give the email address that is registered with the JSOC"
            raise ValueError(msg)

    @property
    def _native_cadence(self):
        return float(_SERIES.fullmatch(self.series)["cadence"]) * u.s

    @property
    def _observable(self):
        return "continuum" if _SERIES.fullmatch(self.series)["observable"].lower() == "ic" else "magnetogram"

    def pieces(self, number):
        """Return the periods, as lists of (start, end), that have about so many images each, 1 or more."""
        if not number >= 1:
            msg = f"a piece has {number} images, expected 1 or more"
            raise ValueError(msg)
        step = number * (self._native_cadence if self.cadence is None else self.cadence)
        count = max(1, int(np.ceil(((self.end - self.start) / step).to_value(u.one) - 1e-9)))
        starts = [self.start + i * step for i in range(count)]
        # Both ends of a search are included, and the JSOC counts in seconds.
        return list(zip(starts, [*(start - 1 * u.s for start in starts[1:]), self.end], strict=True))

    def query(self, start, end):
        """Return the attributes of a search by `sunpy.net.Fido`."""
        from astropy.coordinates import SkyCoord

        from sunpy.net import attrs as a

        attributes = [a.Time(start, end)]
        if self.cadence is not None:
            attributes.append(a.Sample(self.cadence))
        if self.email is None:
            physobs = "intensity" if self._observable == "continuum" else "LOS_magnetic_field"
            return *attributes, a.Instrument("HMI"), a.Physobs(physobs)
        attributes += [a.jsoc.Series(self.series), a.jsoc.Segment(self._observable), a.jsoc.Notify(self.email)]
        if self.cutout is not None:
            lon, lat, width, height = self.cutout
            # Of the whole period: where it is tracked, all pieces show one region.
            corner = SkyCoord(
                lon - width / 2, lat - height / 2, frame="helioprojective", observer="earth", obstime=self.start
            )
            # Never registered: that would resample the image, which would have another point spread function.
            attributes.append(a.jsoc.Cutout(corner, width=width, height=height, tracking=self.track))
        return tuple(attributes)


def _check_cutout(cutout):
    """Raise where no image of HMI has such a piece, or it is too small to be enhanced."""
    values = cutout.to_value(u.arcsec)
    least = SMALLEST * PLATE_SCALE
    if not (np.isfinite(values).all() and (np.abs(values[:2]) <= _FARTHEST).all() and (values[2:] >= least).all()):
        msg = (
            f"the cutout is {cutout}, expected its centre within {_FARTHEST} arcsec of the disk's, "
            f"and a width and height of {least:.1f} arcsec or more"
        )
        raise ValueError(msg)


def arriving(request, pieces, folder, *, progress=True):
    """Download the pieces one after the other, and give each while the next one comes.

    Never more than two pieces wait, so that the disk does not fill where enhancing is slower.

    Parameters
    ----------
    request : Request
    pieces : list of (astropy.time.Time, astropy.time.Time)
        Some of `Request.pieces`.
    folder : path
        Files are moved there when they are complete.
    progress : bool
        Show parfive's bars.

    Yields
    ------
    piece : (astropy.time.Time, astropy.time.Time)
    results : parfive.Results

    Raises
    ------
    RuntimeError
        Where a search or an export fails.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ready, stop = queue.Queue(maxsize=1), threading.Event()

    def put(item):
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.2)
            except queue.Full:
                continue
        return None

    def download():
        try:
            for piece in pieces:
                if stop.is_set():
                    return
                put((piece, _fetch(request, piece, folder, progress)))
            put(None)
        except Exception as error:  # noqa: BLE001  raised below, in the thread that asks
            put(error)

    threading.Thread(target=download, name="download", daemon=True).start()
    seen = set()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                where = "VSO" if request.email is None else "JSOC"
                msg = f"the {where} did not give the data: {item}"
                raise RuntimeError(msg) from item
            piece, results = item
            # An image at the edge of two pieces may be in both.
            results.data = [path for path in results.data if not (path in seen or seen.add(path))]
            yield piece, results
    finally:
        stop.set()


def _fetch(request, piece, folder, progress):
    """Search and download one piece."""
    from sunpy.net import Fido
    from sunpy.util.parfive_helpers import Downloader

    class Background(Downloader):
        """Without the signal handlers that parfive sets up, which only the main thread may have."""

        def download(self):
            return asyncio.run(self.run_download())

    def downloader():
        # The JSOC wants one connection for each user.
        connections = {"max_conn": 1, "max_splits": 1} if request.email else {"max_conn": 5}
        return Background(progress=progress, overwrite=True, **connections)

    found = Fido.search(*request.query(*piece))
    _check_errors(found)
    if request.email is None:
        found = [_of_series(table) for table in found]
    # A download that was cut off must not be taken for a file.
    unfinished = folder / ".arriving"
    results = Fido.fetch(*found, path=unfinished / "{file}", downloader=downloader(), progress=progress)
    if results.errors:
        results = Fido.fetch(results, downloader=downloader())
    arrived = type(results)(errors=results.errors, urls=results.urls)
    arrived.data = [str(Path(path).replace(folder / Path(path).name)) for path in results]
    return arrived


def _check_errors(found):
    """Raise what went wrong in a search: SunPy 8 gives an empty table, as if there were no data."""
    for table in found:
        errors = getattr(table, "errors", [])
        errors = errors if isinstance(errors, list) else [errors]
        if errors and not len(table):
            raise RuntimeError("; ".join(map(str, errors)))


def _of_series(table):
    """Leave out the 720-second images that the VSO may find between the others."""
    return table[[i for i, name in enumerate(table["fileid"]) if "720s" not in str(name)]]
