"""The field outside spots: internetwork, network, plage and moats, and what it does to the continuum."""

import numpy as np

from ._granulation import lowpass, noise, positions, scatter, sigmoid, voronoi

__all__ = ["activity", "balance", "internetwork", "magnetic_brightness", "tubes"]

# Mean distance of supergranules, arcsec: 29 Mm (Simon & Leighton 1964, ApJ 140, 1120; Rieutord & Rincon 2010,
# Living Rev. Solar Phys. 7, 2).
SUPERGRANULE = 40.0
# Field of a flux tube in gauss: 1.3 to 1.7 kG at tau = 1, nearly alike from network to plage (Solanki 1993,
# Space Sci. Rev. 63, 1; Buehler et al. 2015, A&A 576, A27).
TUBE = 1500.0


def activity(rng, kind, shape, pixel):
    """How densely flux tubes stand in the lanes (0 to 1) and their polarity (-1 to 1).

    The network outlines supergranules and is densest where three of them meet. Its polarities are mixed in the
    quiet Sun; in plage one of them has nearly all the flux. ``"mixed"`` is where new flux emerges: both polarities
    side by side, some arcsec apart (Strous & Zwaan 1999, ApJ 527, 435).
    """
    extent = np.array(shape) * pixel
    points = scatter(rng, extent, SUPERGRANULE)
    where = positions(rng, shape, pixel, ((4.0, 1.5), (1.0, 0.4)))
    _, first, second, third = voronoi(points, np.zeros(len(points)), where, extent)
    patchy = noise(rng, shape, pixel, 1.6)
    border = np.exp(-(((second - first) / 3.5) ** 2))
    node = np.exp(-(((third - first) / 7.0) ** 2))
    large = noise(rng, shape, pixel, 8.0)
    sign = rng.choice([-1, 1])
    if kind == "quiet":
        weight = (0.35 * border + 0.5 * node) * np.clip(0.35 + 0.6 * patchy, 0, 1)
        return weight, np.clip(6 * (large + 0.8 * noise(rng, shape, pixel, 2.5)), -1, 1)
    if kind == "network":
        weight = (0.7 * border + 0.5 * node) * np.clip(0.4 + 0.6 * patchy, 0, 1)
        return weight, sign * np.clip(6 * (large + 0.6 * noise(rng, shape, pixel, 2.0) + 1.2), -1, 1)
    if kind == "plage":
        weight = np.clip(0.35 + 0.3 * border + 0.4 * large + 0.45 * patchy, 0, 1)
        return weight, sign * np.clip(8 * (noise(rng, shape, pixel, 1.5) + 2.0), -1, 1)
    weight = np.clip(0.4 + 0.35 * border + 0.35 * large + 0.3 * patchy, 0, 0.95)
    size, bias = (1.4, 0.0) if kind == "mixed" else (5.0, 0.4)
    return weight, np.clip(6 * (noise(rng, shape, pixel, size) + sign * bias), -1, 1)


def tubes(rng, lane, weight, pixel):
    """Fraction of a kilogauss field in each pixel: sheets and dots of 100 to 300 km in the lanes.

    The half-width varies along the lane; where it is negative there is no tube, where it is small the field is
    too, as incompletely resolved or weakly collapsed tubes have (Lagg et al. 2010, ApJ 723, L164).
    """
    shape = lane.shape
    varied = 0.85 * noise(rng, shape, pixel, 0.18) + 0.7 * noise(rng, shape, pixel, 0.8)
    half_width = 0.09 * varied + np.interp(weight, [0, 0.15, 0.5, 1], [-0.5, -0.25, -0.09, 0.11])
    kilogauss = np.clip(0.85 + 0.18 * noise(rng, shape, pixel, 0.15), 0.2, 1.15)
    return sigmoid((half_width - lane) / 0.045) * kilogauss


def internetwork(rng, lane, pixel):
    """Weak mixed polarity with an exponential-like distribution: the vertical field and one horizontal component.

    The vertical field is strongest in the lanes, the horizontal one over the edges of granules (Lites et al. 2007,
    PASJ 59, S571). The mean strength of the vertical field at 48 km is that of small-scale dynamo simulations scaled
    to Hinode's (20 to 30 G; Danilovic et al. 2010, A&A 513, A1); it leaves HMI, with 6 to 7 G of noise, the 9 G of its
    quiet pixels. The horizontal component is as strong, as in an isotropic field, which is what Hinode sees or nearly
    so (Asensio Ramos & Martínez González 2014, A&A 572, A98): weak field along the line of sight is then much the same
    all over the disk (Martínez González et al. 2008, A&A 479, 229).
    """

    def component(rng, strongest):
        fine = noise(rng, lane.shape, pixel, 0.09) + 0.25 * noise(rng, lane.shape, pixel, 0.25)
        return 29 * fine * np.abs(fine) ** 0.7 * (0.35 + np.exp(-(((lane - strongest) / 0.25) ** 2)))

    # a stream of its own, so that no other draw depends on it
    horizontal = component(np.random.Generator(rng.bit_generator.jumped()), 0.4)
    vertical = component(rng, 0.0)
    return vertical, horizontal * (vertical.std() / horizontal.std())


def balance(field):
    """Scale the weaker polarity up and the stronger down until the net flux vanishes."""
    up, down = np.clip(field, 0, None).sum(dtype=float), -np.clip(field, None, 0).sum(dtype=float)
    ratio = np.sqrt(down / up)
    return np.where(field > 0, field * ratio, field / ratio)


def magnetic_brightness(continuum, strength, pixel, mu):
    """Narrow tubes are bright (hot walls), wide ones dark (convection is suppressed).

    Tubes below 0.3 arcsec are bright points, those above about 1 arcsec micropores (Spruit 1976, Sol. Phys. 50,
    269; Berger et al. 2007, ApJ 661, 1272); towards the limb, where one sees their hot walls, they are faculae.
    """
    size = lowpass(strength, pixel, 0.35)
    bright = np.interp(size, [0, 0.15, 0.35, 0.6, 0.9, 1], [1.4, 1.35, 1.0, 0.65, 0.4, 0.35])
    bright = bright + 0.15 * (1 - mu)
    hot = np.clip((strength - 0.3) / 0.6, 0, 1)
    return continuum + hot * (bright - continuum)
