"""The command line, as a user types it."""

import numpy as np
import pytest
from conftest import make_map, write_network

from astropy.io import fits
from astropy.table import QTable

import sunpy.map

from sunpy_enhance import enhance_map
from sunpy_enhance.cli import main
from sunpy_enhance.uncertainty import read_map


@pytest.fixture
def files(tmp_path):
    paths = []
    for observable in ("continuum", "magnetogram"):
        paths.append(tmp_path / f"{observable}.fits")
        make_map(observable, (40, 50)).save(paths[-1])
    return paths


def test_run(files, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", *map(str, files), "--outdir", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {f"{o}_enhanced.{e}" for o in ("continuum", "magnetogram") for e in ("fits", "png")}
    for path in files:
        enhanced = sunpy.map.Map(out / f"{path.stem}_enhanced.fits")
        assert enhanced.data.shape == (80, 100)
        assert enhanced.meta["enhmodel"] == path.stem
        assert (out / f"{path.stem}_enhanced.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert printed.count("80 x 100 pixels on cpu") == 2


def test_run_with_uncertainty(files, shipped, tmp_path):
    write_network(shipped / "continuum.onnx", name="continuum", sigma=True)
    assert main(["run", str(files[0]), "--outdir", str(tmp_path), "--uncertainty"]) == 0
    assert read_map(tmp_path / "continuum_enhanced.fits").uncertainty is not None


def test_run_does_not_overwrite(files, tmp_path, capsys):
    out = tmp_path / "continuum_enhanced.fits"
    out.write_text("precious")
    assert main(["run", str(files[0]), "--outdir", str(tmp_path)]) == 1
    assert out.read_text() == "precious"
    assert "exists and is no FITS file" in capsys.readouterr().out
    assert main(["run", str(files[0]), "--outdir", str(tmp_path), "--overwrite"]) == 0
    assert sunpy.map.Map(out).data.shape == (80, 100)


def test_one_bad_file_does_not_stop_the_others(files, tmp_path, capsys):
    bad = tmp_path / "bad.fits"
    make_map("continuum", (40, 50), cdelt1=1.0, cdelt2=1.0).save(bad)
    broken = tmp_path / "broken.fits"
    broken.write_bytes(b"not FITS")
    bare = tmp_path / "bare.fits"
    fits.writeto(bare, np.ones((40, 50), np.float32))
    empty = tmp_path / "empty.fits"
    fits.PrimaryHDU().writeto(empty)
    out = tmp_path / "out"
    paths = [*map(str, (bad, broken, bare, empty, tmp_path / "missing.fits")), str(files[1])]
    assert main(["run", *paths, "--outdir", str(out), "--limb", "nan"]) == 1
    printed = capsys.readouterr().out
    assert "bad.fits: not enhanced: the pixels are 1.0000 x 1.0000 arcsec" in printed
    for name in ("broken", "bare", "empty", "missing"):
        assert f"{name}.fits: not enhanced" in printed
    assert "bare.fits is no solar image with a full header" in printed
    assert {path.name for path in out.iterdir()} == {"magnetogram_enhanced.fits", "magnetogram_enhanced.png"}


def test_large_maps_get_a_close_up(tmp_path):
    smap = make_map("magnetogram", (320, 640))
    smap.data[100, 200] = 900
    smap.save(tmp_path / "large.fits")
    assert main(["run", str(tmp_path / "large.fits"), "--outdir", str(tmp_path)]) == 0
    assert (tmp_path / "large_enhanced.png").stat().st_size > 50_000


def test_unwritable_folder_is_an_error_in_one_line(files, tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert main(["run", str(files[0]), "--outdir", str(blocked)]) == 1
    assert capsys.readouterr().err.startswith("sunpy-enhance: ")


def test_models(capsys):
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    for name in ("continuum", "continuum-linear", "magnetogram", "magnetogram-linear"):
        assert f"{name} 1." in printed
    assert "bicubic" in printed


def test_unknown_options_are_refused(capsys):
    for arguments in ([], ["enhance"], ["run"], ["run", "x.fits", "--limb", "sharp"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2


@pytest.mark.parametrize("number", ["-1", "0", "2.5", "many"])
def test_numbers_below_one_are_refused(number, capsys):
    fetch = ["fetch", "--start", "2024-05-01", "--end", "2024-05-02", "--series", "hmi.M_45s"]
    for arguments in (
        ["run", "x.fits", f"--workers={number}"],
        [*fetch, f"--workers={number}"],
        [*fetch, f"--piece={number}"],
        ["benchmark", f"--patches={number}"],
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
        assert f"it is '{number}', expected a whole number, 1 or more" in capsys.readouterr().err


def test_the_table_has_its_folder_made(files, tmp_path):
    table = tmp_path / "not" / "there" / "table.ecsv"
    out = str(tmp_path / "out")
    assert main(["run", str(files[0]), "--outdir", out, "--no-pictures", "--table", str(table)]) == 0
    assert list(QTable.read(table)["status"]) == ["enhanced"]
    assert [path.name for path in table.parent.iterdir()] == ["table.ecsv"]


def test_a_table_that_cannot_be_written_stops_before_the_work(files, tmp_path, capsys):
    out = tmp_path / "out"
    fetch = ["fetch", "--start", "2024-05-01", "--end", "2024-05-02", "--series", "hmi.M_45s"]
    for arguments in (["run", str(files[0])], fetch):
        assert main([*arguments, "--outdir", str(out), "--table", str(tmp_path)]) == 1
        assert f"--table is the folder {tmp_path}, expected the name of a file" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
def test_demo(tmp_path, capsys):
    assert main(["demo", "--outdir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for name in ("continuum", "magnetogram"):
        before, after = (sunpy.map.Map(tmp_path / f"{name}{end}.fits") for end in ("", "_enhanced"))
        assert after.data.shape == tuple(2 * n for n in before.data.shape)
        assert np.isfinite(after.data).all()
        assert (tmp_path / f"{name}_enhanced.png").exists()
    assert printed.count("RMS error against the truth") == 2
    assert printed.count("re-degraded minus input") == 2
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("name", ["continuum.fits", "magnetogram_enhanced.fits"])
def test_the_demo_replaces_nothing_but_its_own_files(name, files, tmp_path, capsys):
    folder = tmp_path / "demo"
    folder.mkdir()
    precious = files[0].read_bytes()
    (folder / name).write_bytes(precious)
    assert main(["demo", "--outdir", str(folder)]) == 1
    assert f"{name} exists and was not made by the demo" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_bytes() == precious


def test_a_time_that_is_none_is_told(capsys):
    with pytest.raises(SystemExit):
        main(["fetch", "--start", "soon", "--end", "2024-05-02", "--series", "hmi.M_45s"])
    assert "argument --start: it is 'soon', expected a time (UTC), such as 2024-05-01T00:00" in capsys.readouterr().err


def test_a_header_that_holds_text_for_a_number_is_told(tmp_path, capsys):
    smap = make_map("magnetogram", (80, 80))
    header = fits.Header({key: value for key, value in smap.fits_header.items() if key not in ("CROTA2", "HISTORY")})
    header["CROTA2"] = "180"
    fits.writeto(tmp_path / "text.fits", smap.data, header)
    assert main(["check", str(tmp_path / "text.fits"), str(tmp_path / "text.fits")]) == 1
    assert "a number for CROTA2" in capsys.readouterr().err
    smap.save(tmp_path / "before.fits")
    enhance_map(smap).save(tmp_path / "after.fits")
    fits.setval(tmp_path / "after.fits", "CRPIX1", value="abc")
    assert main(["check", str(tmp_path / "before.fits"), str(tmp_path / "after.fits")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_told_before_the_benchmark(tmp_path, capsys, monkeypatch):
    import sunpy_enhance.validation

    monkeypatch.setattr(sunpy_enhance.validation, "benchmark", None)
    (tmp_path / "file").write_text("")
    assert main(["benchmark", "--outdir", str(tmp_path / "file")]) == 1
    assert "File exists" in capsys.readouterr().err


def test_a_table_does_not_replace_data(files, tmp_path, capsys):
    before = files[0].read_bytes()
    assert main(["run", str(files[0]), "--outdir", str(tmp_path / "out"), "--table", str(files[0])]) == 1
    assert "exists and is no table in ECSV: give another name" in capsys.readouterr().err
    assert files[0].read_bytes() == before


def test_an_interrupted_run_says_so_in_one_line(files, monkeypatch, capsys):
    import sunpy_enhance

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sunpy_enhance, "enhance_files", interrupt)
    assert main(["run", str(files[0])]) == 130
    assert capsys.readouterr().err == "sunpy-enhance: interrupted; run it again to go on\n"


def test_all_files_of_a_folder_twice(files, tmp_path, monkeypatch, capsys):
    """As a shell expands *.fits, the outputs of the first run are named in the second."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["run", *map(str, sorted(tmp_path.glob("*.fits")))]) == 0
    assert "0 enhanced, 4 skipped, 0 failed" in capsys.readouterr().out


def test_what_sunpy_cannot_decompress_is_told(tmp_path, capsys):
    (tmp_path / "x.fits.bz2").write_bytes(b"BZh9")
    assert main(["run", str(tmp_path / "x.fits.bz2"), "--outdir", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "decompress it first" in captured.out + captured.err


def test_home_is_found_in_options_that_the_shell_leaves_alone(files, tmp_path, monkeypatch):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(elsewhere)
    assert main(["run", str(files[0]), "--outdir=~/out", "--table=~/tables/done.ecsv", "--no-pictures"]) == 0
    assert len(QTable.read(home / "tables" / "done.ecsv")) == 1
    assert main(["check", str(files[0]), "~/out/continuum_enhanced.fits"]) == 0
    names = {"continuum_enhanced.fits", "continuum_enhanced_check.json", "continuum_enhanced_check.png"}
    assert {path.name for path in (home / "out").iterdir()} == names
    assert not list(elsewhere.iterdir())
