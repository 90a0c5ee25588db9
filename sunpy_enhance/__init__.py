"""Enhancement of SDO/HMI Maps: freed from the telescope's point spread function, at twice the sampling."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version

from .batch import enhance_files, enhance_sequence
from .card import ModelCard
from .enhance import enhance_map
from .models import available_models
from .richardson_lucy import richardson_lucy

__all__ = [
    "ModelCard",
    "__citation__",
    "__version__",
    "available_models",
    "enhance_files",
    "enhance_map",
    "enhance_sequence",
    "richardson_lucy",
]

try:
    __version__ = _version("sunpy_enhance")
except PackageNotFoundError:  # a bare checkout
    __version__ = "0+unknown"

# The paper that introduced the method: please cite it.
__citation__ = """@article{2018A&A...614A...5D,
  author  = {{D{\\'i}az Baso}, C. J. and {Asensio Ramos}, A.},
  title   = {Enhancing SDO/HMI images using deep learning},
  journal = {Astronomy \\& Astrophysics},
  year    = {2018},
  volume  = {614},
  eid     = {A5},
  pages   = {A5},
  doi     = {10.1051/0004-6361/201731344},
}
"""
