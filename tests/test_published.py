"""Published networks by name, from a server on this machine that stands for the one on the web."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from conftest import make_map
from keras_files import keras_layers, random_state, write_layers
from paper_by_numpy import by_numpy
from servers import serving

import sunpy
import sunpy.map

from sunpy_enhance import _download, enhance_map, models, published
from sunpy_enhance._download import git_blob
from sunpy_enhance._network import load_network
from sunpy_enhance.card import SCHEMA
from sunpy_enhance.cli import main
from sunpy_enhance.models import model_for, resolve
from sunpy_enhance.published import fetch_network, network_folder

STATE = random_state(4, 1)
NAMES = ["diazbaso2018-continuum", "diazbaso2018-magnetogram"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the networks are kept."""
    monkeypatch.setenv("SUNPY_ENHANCE_MODELS", str(tmp_path / "kept" / "here"))
    return tmp_path / "kept" / "here"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """What the authors published, here a small network for both observables."""
    path = write_layers(tmp_path_factory.mktemp("weights") / "weights.hdf5", keras_layers(STATE), whole=True)
    return path.read_bytes(), git_blob(path)


@pytest.fixture
def publish(folder, weights, monkeypatch):
    """Set the server's URL as the place of publication."""

    def at(url):
        what = published.PUBLISHED["diazbaso2018"]
        files = {observable: (file, weights[1]) for observable, (file, _) in what.files.items()}
        monkeypatch.setitem(published.PUBLISHED, "diazbaso2018", dataclasses.replace(what, url=url, files=files))

    return at


def converted(name):
    return f"{name}.{SCHEMA}.onnx"


def names(folder):
    """Return what is in a folder; the locks stay."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_what_is_published():
    # The files of the paper's code, at a commit that stays; the ids are git's.
    what = published.PUBLISHED["diazbaso2018"]
    assert what.url.startswith(
        "https://raw.githubusercontent.com/cdiazbas/enhance/ef4e71a7595bedec20c698f254bc31b2f9ae00e0/"
    )
    assert {file for file, _ in what.files.values()} == {"intensity_weights.hdf5", "blos_weights.hdf5"}
    assert all(len(blob) == 40 for _, blob in what.files.values())
    assert published.published_names() == NAMES


def test_maps_by_name(publish, folder, weights):
    with serving(weights[0]) as (url, asked):
        publish(url)
        for observable, constant in (("continuum", 1.0), ("magnetogram", 1000.0)):
            smap = make_map(observable, (32, 41))
            level = {"quiet_sun": 5e4} if observable == "continuum" else {}
            out = enhance_map(smap, model="diazbaso2018", device="cpu", **level)
            factor = level.get("quiet_sun", 1.0)
            expected = factor * by_numpy(STATE, smap.data / factor, constant)
            np.testing.assert_allclose(out.data, expected, rtol=0, atol=1e-5 * factor * constant)
            assert out.meta["enhmodel"] == f"diazbaso2018-{observable}"
            history = out.meta["history"].replace("\n", " ")
            assert "licence of the network MIT, cite Diaz Baso, C. J., & Asensio Ramos, A. 2018, A&A 614, A5" in history
            assert "mu validated down to 0.94" in history
        assert len(asked) == 2
    # The server is gone.
    enhance_map(smap, model="diazbaso2018-magnetogram", device="cpu")
    files = ["blos_weights.hdf5", "intensity_weights.hdf5"]
    assert names(folder) == sorted([*files, *map(converted, NAMES)])


def test_card(publish, weights):
    with serving(weights[0]) as (url, _):
        publish(url)
        card = load_network("diazbaso2018-continuum", "cpu").card
    assert (card.name, card.licence, card.halo, card.metrics) == ("diazbaso2018-continuum", "MIT", 5, {})
    assert "ef4e71a" in card.recipe
    assert "614" in card.citation


def test_wrong_bytes(publish, folder, weights):
    with serving(weights[0][:-1] + b"!") as (url, _):
        publish(url)
        with pytest.raises(ValueError, match="intensity_weights.hdf5 gave another file"):
            resolve("diazbaso2018-continuum")
    assert names(folder) == []


def test_offline(publish, folder, weights):
    publish("http://127.0.0.1:9/network")
    with pytest.raises(
        ConnectionError, match=r"127.0.0.1:9/network/blos_weights.hdf5 could not .* put blos_weights.hdf5"
    ):
        enhance_map(make_map("magnetogram"), model="diazbaso2018")
    # As the message says.
    (folder / "blos_weights.hdf5").write_bytes(weights[0])
    enhance_map(make_map("magnetogram"), model="diazbaso2018", device="cpu")


def test_missing_on_the_server(publish, folder, weights):
    with serving(weights[0], status=404) as (url, _):
        publish(url)
        with pytest.raises(ConnectionError, match=f"HTTP Error 404.* into {folder}"):
            fetch_network("diazbaso2018")
    assert names(folder) == []


def test_slow_server(publish, folder, weights, monkeypatch):
    monkeypatch.setattr(_download, "SILENCE", 0.3)
    with serving(weights[0], silent_after=[2000, 0]) as (url, asked):
        publish(url)
        with pytest.raises(ConnectionError, match="timed out"):
            fetch_network("diazbaso2018-continuum")
        assert names(folder) == ["intensity_weights.hdf5.part"]
        fetch_network("diazbaso2018-continuum")
    assert asked == [None, "bytes=2000-", "bytes=2000-"]
    assert (folder / "intensity_weights.hdf5").read_bytes() == weights[0]


SCRIPT = """
import dataclasses, sys
from sunpy_enhance import published
url, blob = sys.argv[1:]
what = published.PUBLISHED["diazbaso2018"]
files = {"continuum": ("intensity_weights.hdf5", blob)}
published.PUBLISHED["diazbaso2018"] = dataclasses.replace(what, url=url, files=files)
print("ready", flush=True)
sys.stdin.readline()
(path,) = published.fetch_network("diazbaso2018").values()
from sunpy_enhance._network import load_network
print(load_network(path, "cpu").card.name)
"""


def test_two_processes_at_once(folder, weights):
    content, blob = weights
    with serving(content, pause=0.5 * 1000 / len(content)) as (url, asked):
        started = [
            subprocess.Popen(
                [sys.executable, "-c", SCRIPT, url, blob],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for process in started:
            assert process.stdout.readline() == "ready\n"
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in started:
            printed, errors = process.communicate(timeout=100)
            assert (process.returncode, printed) == (0, "diazbaso2018-continuum\n"), errors
    assert asked == [None]
    assert names(folder) == [converted("diazbaso2018-continuum"), "intensity_weights.hdf5"]


def test_process_that_hangs(publish, folder, monkeypatch):
    filelock = pytest.importorskip("filelock")
    monkeypatch.setattr(published, "_PATIENCE", 0.1)
    folder.mkdir(parents=True)
    with (
        filelock.FileLock(folder / ".diazbaso2018-continuum.lock"),
        pytest.raises(TimeoutError, match="another process has been fetching diazbaso2018-continuum for 0.1 s"),
    ):
        fetch_network("diazbaso2018-continuum")


def test_files_of_ones_own(publish, folder, weights, tmp_path):
    publish("http://127.0.0.1:9/network")
    here = tmp_path / "stick"
    here.mkdir()
    with pytest.raises(FileNotFoundError, match=r"stick.intensity_weights.hdf5 does not exist"):
        fetch_network("diazbaso2018-continuum", source=here)
    (here / "intensity_weights.hdf5").write_bytes(weights[0] + b"retrained")
    with pytest.raises(
        ValueError, match=f"is not the published diazbaso2018-continuum .git blob .* expected {weights[1]}"
    ):
        fetch_network("diazbaso2018-continuum", source=here)
    # It is somebody's, and may be the only one.
    assert names(here) == ["intensity_weights.hdf5"]
    (here / "intensity_weights.hdf5").write_bytes(weights[0])
    assert list(fetch_network("diazbaso2018-continuum", source=str(here))) == ["diazbaso2018-continuum"]
    assert names(folder) == [converted("diazbaso2018-continuum")]


def test_other_places_on_the_web(publish, folder, weights):
    publish("http://127.0.0.1:9/network")
    with serving(weights[0]) as (url, _):
        fetch_network("diazbaso2018-continuum", source=f"{url}/mirror")
    assert (folder / "intensity_weights.hdf5").read_bytes() == weights[0]


def test_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SUNPY_ENHANCE_MODELS", raising=False)
    monkeypatch.setenv("SUNPY_DOWNLOADDIR", str(tmp_path))
    assert network_folder() == tmp_path / "sunpy_enhance"
    monkeypatch.delenv("SUNPY_DOWNLOADDIR")
    assert network_folder() == pathlib.Path(sunpy.config.get("downloads", "download_dir")) / "sunpy_enhance"


def test_names(folder):
    with pytest.raises(ValueError, match="no published network 'diazbaso': choose one of diazbaso2018, diazbaso2018-c"):
        fetch_network("diazbaso")
    with pytest.raises(
        ValueError, match="diazbaso2018 has a network for each observable: choose one of diazbaso2018-c"
    ):
        resolve("diazbaso2018")
    with pytest.raises(ValueError, match="choose one of continuum, .*diazbaso2018-magnetogram"):
        resolve("diazbaso")
    assert model_for(make_map("continuum")) == "continuum"
    assert model_for(make_map("magnetogram"), "diazbaso2018") == "diazbaso2018-magnetogram"
    for model in (folder, 3, [folder]):
        assert model_for(make_map("continuum"), model) == model
    assert not folder.exists()


def test_wrong_observable(publish, weights):
    with serving(weights[0]) as (url, _):
        publish(url)
        with pytest.raises(
            ValueError, match="the Map is a magnetogram and the network diazbaso2018-continuum enhances"
        ):
            enhance_map(make_map("magnetogram"), model="diazbaso2018-continuum", device="cpu")


def test_extra_is_asked_for_before_anything_is_downloaded(publish, weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with serving(weights[0]) as (url, asked):
        publish(url)
        with pytest.raises(ImportError, match="h5py is not installed: pip install 'sunpy_enhance.keras.'"):
            fetch_network("diazbaso2018")
        assert asked == []


def test_commands(publish, folder, weights, shipped, capsys, tmp_path):
    assert main(["models"]) == 0
    assert (
        f"{', '.join(NAMES)}: published, get with sunpy-enhance models --fetch diazbaso2018" in capsys.readouterr().out
    )
    with serving(weights[0]) as (url, _):
        publish(url)
        assert main(["models", "--fetch", "diazbaso2018"]) == 0
    printed = capsys.readouterr().out
    for name in NAMES:
        assert f"{name} 1.0: HMI {name.partition('-')[2]}" in printed
        assert str(folder / converted(name)) in printed
    assert printed.count("cite Diaz Baso") == 2
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    assert f"{NAMES[0]} 1.0" in printed
    assert "--fetch" not in printed
    smap = make_map("magnetogram", (32, 36))
    smap.save(tmp_path / "m.fits")
    assert main(["run", str(tmp_path / "m.fits"), "--outdir", str(tmp_path), "--model", "diazbaso2018"]) == 0
    assert sunpy.map.Map(tmp_path / "m_enhanced.fits").meta["enhmodel"] == NAMES[1]
    assert main(["models", "--fetch", "other"]) == 1
    assert "no published network 'other'" in capsys.readouterr().err
    assert main(["models", "--from", str(tmp_path)]) == 1


def test_shipped_networks_need_none_of_it(folder):
    assert set(models.available_models()).isdisjoint(NAMES)
    assert not folder.exists()
