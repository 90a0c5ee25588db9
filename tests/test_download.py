"""A file arrives whole or not at all, whatever the server does."""

import socket
import subprocess

import numpy as np
import pytest
from servers import serving

from sunpy_enhance import _download
from sunpy_enhance._download import download, git_blob

CONTENT = np.random.default_rng(0).bytes(9500)


@pytest.fixture
def blob(tmp_path_factory):
    path = tmp_path_factory.mktemp("right") / "file"
    path.write_bytes(CONTENT)
    return git_blob(path)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_blob_is_that_of_git(tmp_path):
    path = tmp_path / "file"
    # That of an empty file, which every repository of git knows.
    path.write_bytes(b"")
    assert git_blob(path) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    path.write_bytes(CONTENT)
    try:
        found = subprocess.run(["git", "hash-object", path], capture_output=True, check=True, text=True).stdout.strip()
    except FileNotFoundError:
        pytest.skip("git is not installed")
    assert git_blob(path) == found


@pytest.mark.parametrize("ranges", [True, False])
def test_right_file(tmp_path, blob, ranges):
    with serving(CONTENT, ranges=ranges) as (url, asked):
        download(f"{url}/file", tmp_path / "file", blob)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]
    assert asked == [None]


def test_wrong_bytes_are_deleted_and_named(tmp_path, blob):
    with serving(CONTENT[:-1] + b"x") as (url, _), pytest.raises(ValueError, match=f"{url}/file gave another .*{blob}"):
        download(f"{url}/file", tmp_path / "file", blob)
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [404, 500, 403])
def test_no_such_file(tmp_path, blob, status):
    with serving(CONTENT, status=status) as (url, asked), pytest.raises(ConnectionError, match=f"HTTP Error {status}"):
        download(f"{url}/file", tmp_path / "file", blob)
    assert names(tmp_path) == []
    assert asked == [None]


def test_no_server(tmp_path, blob):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
        with pytest.raises(ConnectionError, match=f"{url} could not be downloaded .*refused"):
            download(url, tmp_path / "file", blob)
    assert names(tmp_path) == []


def test_slow_server(tmp_path, blob, monkeypatch):
    # It takes longer than its silence may, but is never silent for that long.
    monkeypatch.setattr(_download, "SILENCE", 0.4)
    with serving(CONTENT, pause=0.08) as (url, asked):
        download(f"{url}/file", tmp_path / "file", blob)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(asked) == 1


def test_silent_server(tmp_path, blob, monkeypatch):
    monkeypatch.setattr(_download, "SILENCE", 0.2)
    with serving(CONTENT, silent_after=[3000, 0]) as (url, asked):
        with pytest.raises(ConnectionError, match="could not be downloaded .*timed out"):
            download(f"{url}/file", tmp_path / "file", blob)
        assert asked == [None, "bytes=3000-"]
        assert names(tmp_path) == ["file.part"]
        # What has come is not asked for again.
        download(f"{url}/file", tmp_path / "file", blob)
        assert asked[2:] == ["bytes=3000-"]
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]


def test_silent_from_the_start(tmp_path, blob, monkeypatch):
    monkeypatch.setattr(_download, "SILENCE", 0.2)
    with serving(CONTENT, silent_after=[0]) as (url, _), pytest.raises(ConnectionError, match="timed out"):
        download(f"{url}/file", tmp_path / "file", blob)
    assert names(tmp_path) == []


def test_broken_connections_are_taken_up_again(tmp_path, blob):
    with serving(CONTENT, breaks_after=[2000, 1000, 5500]) as (url, asked):
        download(f"{url}/file", tmp_path / "file", blob)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert asked == [None, "bytes=2000-", "bytes=3000-", "bytes=8500-"]


def test_connection_that_breaks_without_progress(tmp_path, blob):
    with (
        serving(CONTENT, ranges=False, breaks_after=[4000] * 9) as (url, asked),
        pytest.raises(ConnectionError, match="broke after 4000 of 9500 bytes"),
    ):
        download(f"{url}/file", tmp_path / "file", blob)
    assert asked == [None, "bytes=4000-"]


@pytest.mark.parametrize("before", [b"garbage", CONTENT[:500] + b"x", CONTENT + b"x", CONTENT])
@pytest.mark.parametrize("ranges", [True, False])
def test_whatever_was_left_before(tmp_path, blob, before, ranges):
    (tmp_path / "file.part").write_bytes(before)
    with serving(CONTENT, ranges=ranges) as (url, asked):
        download(f"{url}/file", tmp_path / "file", blob)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]
    assert len(asked) == (0 if before == CONTENT else 1 if not ranges else 2)
