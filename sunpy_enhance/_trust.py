"""Which pixels of an enhanced Map not to trust, and why: the mask, and the warning that tells its share."""

import dataclasses

import numpy as np

from ._pixels import dilate

__all__ = ["Flags"]

# A full disk has mu_validated^2 of its area beyond it, which everybody knows who asks for one; a Map with more
# than so much more is one of the limb, and most of it may come back as it was.
_EXPECTED = 0.02


@dataclasses.dataclass(frozen=True)
class Flags:
    """Input pixels whose enhanced values are flagged, by reason.

    Attributes
    ----------
    limb : numpy.ndarray of bool
        Not enhanced: off the disk, or beyond the smallest mu that the network was validated for.
    missing : numpy.ndarray of bool
        Without a measurement, or so near to such a pixel that the network saw what it was filled with.
    outside : numpy.ndarray of bool or None
        The pixel's own value is outside the range of the network's training; None where the card has no range.
    """

    limb: np.ndarray
    missing: np.ndarray
    outside: np.ndarray | None

    @classmethod
    def of(cls, calibration, card, limb):
        """Find them.

        Parameters
        ----------
        calibration : sunpy_enhance.photometry.Calibration
        card : sunpy_enhance.ModelCard
        limb : {"mask", "enhance", "nan"}
        """
        lowest = 0.0 if limb == "enhance" else card.mu_validated
        outside = None
        if card.input_range is not None:
            low, high = card.input_range
            outside = (calibration.image < np.float32(low)) | (calibration.image > np.float32(high))
            outside &= ~calibration.bad
        beyond = (calibration.mu < lowest) | (calibration.mu <= 0)
        return cls(beyond, dilate(calibration.bad, card.halo), outside)

    def any(self):
        """Return all of them in one array."""
        flagged = self.limb | self.missing
        if self.outside is not None:
            flagged |= self.outside
        return flagged

    def warn(self, calibration, card, limb):
        """Warn of what a user of a Map of the disk would not expect to be flagged, with its share of the disk.

        That is every pixel that is missing or outside the range where the Map is enhanced, and the limb where more of
        the Map is there than of a full disk, or all of it.
        """
        disk = calibration.mu > 0
        area = np.count_nonzero(disk)
        validated = disk & (calibration.mu >= card.mu_validated)
        beyond = (area - np.count_nonzero(validated)) / area
        # Whoever asks for the limb as well wants to know what is wrong there.
        inside = disk if limb == "enhance" else validated
        told = {
            f"beyond mu = {card.mu_validated:g}, the smallest that was validated": beyond,
            "missing, or seen by the network beside a missing pixel": np.count_nonzero(self.missing & inside) / area,
        }
        unexpected = told["missing, or seen by the network beside a missing pixel"] > 0
        unexpected |= limb != "enhance" and beyond >= min(card.mu_validated**2 + _EXPECTED, 1)
        if self.outside is not None:
            low, high = card.input_range
            share = np.count_nonzero(self.outside & inside) / area
            told[f"outside the range of the training, {low:.4g} to {high:.4g} {card.unit or 'of the quiet Sun'}"] = (
                share
            )
            unexpected |= share > 0
        if unexpected:
            from sunpy.util.exceptions import warn_user

            reasons = "; ".join(f"{share:.2%} {reason}" for reason, share in told.items() if share)
            # Level: past this function, to_map and enhance_map.
            warn_user(f"of the solar disk in this Map: {reasons}. See the mask of the result", stacklevel=4)
