"""Configuration of Sphinx."""

import importlib.util
import os
from importlib import metadata

project = "sunpy_enhance"
author = "The sunpy_enhance developers"
copyright = f"2026, {author}"
release = metadata.version("sunpy_enhance")
version = release

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_automodapi.automodapi",
    "sphinx_automodapi.smart_resolver",
    "sphinx_changelog",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "Thumbs.db", ".DS_Store"]
default_role = "obj"

# Links into other projects need their inventories from the network, and a build without it must not fail for that.
if os.environ.get("READTHEDOCS") == "True":
    extensions.append("sphinx.ext.intersphinx")
intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", None),
    "numpy": ("https://numpy.org/doc/stable/", None),
    "scipy": ("https://docs.scipy.org/doc/scipy/", None),
    "astropy": ("https://docs.astropy.org/en/stable/", None),
    "sunpy": ("https://docs.sunpy.org/en/stable/", None),
}
# So only our own names have to resolve.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!sunpy_enhance\b).*")]

# -- Reference --------------------------------------------------------------------------------------------------------
automodapi_inheritance_diagram = False
automodapi_toctreedirnm = "api"
automodsumm_inherited_members = False
numpydoc_show_class_members = False
# What is public has a docstring, and the parameters in it are those of the signature.
numpydoc_validation_checks = {"GL08", "PR02", "PR03", "PR04", "SS03"}
# The reference of the training modules is built without what they need.
autodoc_mock_imports = [name for name in ("onnx", "torch") if importlib.util.find_spec(name) is None]

# -- Gallery ----------------------------------------------------------------------------------------------------------
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "generated/gallery",
    # Only the examples on data that the package makes itself are run; those that download are shown.
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "show_memory": False,
    "show_signature": False,
}

# -- HTML -------------------------------------------------------------------------------------------------------------
html_theme = "sunpy"
html_title = f"sunpy_enhance {release}"
