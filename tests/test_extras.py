import pytest

from sunpy_enhance._extras import telling_the_extra


def test_what_is_missing_is_named_with_its_extra():
    with (
        pytest.raises(ImportError, match=r"^no_such_package is not installed: pip install 'sunpy_enhance\[dask\]'$"),
        telling_the_extra("dask"),
    ):
        import no_such_package  # noqa: F401


def test_other_errors_are_left_alone():
    with pytest.raises(KeyError), telling_the_extra("dask"):
        {}["absent"]
