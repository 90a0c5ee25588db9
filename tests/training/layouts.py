"""Tiny files in the layouts of simulations, written from their public description."""

import h5py
import numpy as np

NX, NY, NZ = 12, 10, 24
KM = {"x": 48, "y": 48, "z": 16}
RNG = np.random.default_rng(0)
INTENSITY = RNG.uniform(2e10, 4e10, (NY, NX))
OFFSET, SLOPE = RNG.normal(0, 500, (NY, NX)), RNG.normal(0, 100, (NY, NX))
# From the bottom up, as the code has it; the field is linear in log tau.
LOG_TAU = np.linspace(4, -5, NZ)[:, None, None] + RNG.uniform(-0.1, 0.1, (NZ, NY, NX))
FIELD = OFFSET + SLOPE * LOG_TAU
# Names of the header's directions for each place of the vertical; y and x stay in the order of the slices.
DIRECTIONS = {0: "zxy", 1: "xzy", 2: "xyz"}


def write(path, array):
    np.asarray(array, "<f4").tofile(path)
    return path


def write_header(path, vertical=0, spacings=KM):
    names = DIRECTIONS[vertical]
    numbers = [{"x": NX, "y": NY, "z": NZ}[name] for name in names] + [1e5 * spacings[name] for name in names]
    path.write_text(" ".join(f"{number:.6e}" for number in [*numbers, 1234.5, 0.1, 1e6]) + "\n")
    return path


def write_slice(path, planes, first=None):
    planes = np.asarray(planes)
    header = [len(planes) if first is None else first, NX, NY, 1234.5]
    return write(path, np.concatenate([header, planes.ravel()]))


def write_cubes(folder, vertical=0):
    """Field and optical depth, in the order of the header's directions, the first varying fastest."""
    order = ["zyx".index(name) for name in DIRECTIONS[vertical][::-1]]
    write(folder / "tau.024000", (10**LOG_TAU).transpose(order))
    write_header(folder / "Header.024000", vertical)
    return write(folder / f"result_prim_{5 + vertical}.024000", FIELD.transpose(order) / np.sqrt(4 * np.pi))


DEPTHS = np.linspace(-5, 3, 30)


def atmosphere(shape=(11, 9), seed=0, upwards=False):
    """log tau (z, y, x), strictly rising downwards on another grid in every column, and a field linear in it."""
    rng = np.random.default_rng(seed)
    log_tau = DEPTHS[:, None, None] + rng.uniform(-0.1, 0.1, (len(DEPTHS), *shape))
    offset, slope = rng.normal(0, 500, shape), rng.normal(0, 100, shape)
    field = offset + slope * log_tau
    cubes = (field[::-1], log_tau[::-1]) if upwards else (field, log_tau)
    return *cubes, lambda layer: offset + slope * layer


SIDECAR = """
code = "Bifrost"
licence = "CC BY 4.0"
grid = "48 km"
[continuum]
file = "intensity.npy"
axes = "txy"
level = 4e10
[magnetogram]
file = "field.h5"
dataset = "Bz"
axes = "txyz"
unit = "1121 G"
log_tau = -1.0
tau = { file = "tau.npy", logarithmic = true }
"""


def write_sidecar(folder):
    """Two snapshots of intensity and field, with a field that is not the mirror of itself in any axis."""
    rng = np.random.default_rng(1)
    np.save(folder / "intensity.npy", 4e10 * rng.uniform(0.8, 1.2, (2, 9, 11)))
    fields, depths = zip(*(atmosphere(seed=seed)[:2] for seed in (0, 1)), strict=True)
    with h5py.File(folder / "field.h5", "w") as file:
        file["Bz"], file["By"] = np.transpose(fields, (0, 3, 2, 1)) / 1121, np.zeros(3)
    np.save(folder / "tau.npy", np.transpose(depths, (0, 3, 2, 1)))
    (folder / "cube.toml").write_text(SIDECAR)
    return folder / "cube.toml"
