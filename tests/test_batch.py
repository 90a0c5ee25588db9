"""Many Maps: what is done, skipped and refused, in this process and in workers that are killed."""

import importlib.util
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import make_map, write_network

import astropy.units as u
from astropy.io import fits
from astropy.table import QTable

import sunpy.map

from sunpy_enhance import _cluster, _figures, _files, enhance_files, enhance_map, enhance_sequence
from sunpy_enhance._inputs import Source
from sunpy_enhance._jobs import Job, attempt
from sunpy_enhance.published import published_names

QUIET = {"device": "cpu", "progress": False}
SHAPE = (40, 44)

ignore_flags = pytest.mark.filterwarnings("ignore:of the solar disk in this Map")


def write_inputs(folder, number, observable="continuum"):
    """Write different Maps."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(5)
    paths = []
    for i in range(number):
        data = (rng.normal(5e4, 2e3, SHAPE)).astype(np.float32)
        paths.append(folder / f"hmi.{i:03d}.fits")
        make_map(observable, data=data).save(paths[-1])
    return paths


def check_outputs(inputs, outdir, model):
    """Every output is there, complete and right, and nothing else is."""
    assert sorted(path.name for path in outdir.iterdir()) == [f"{path.stem}_enhanced.fits" for path in inputs]
    for path in inputs:
        expected = enhance_map(sunpy.map.Map(path), model=model, device="cpu")
        found = sunpy.map.Map(outdir / f"{path.stem}_enhanced.fits")
        np.testing.assert_array_equal(found.data, expected.data)


@pytest.fixture
def model(networks):
    return networks["continuum"]


@pytest.fixture
def inputs(tmp_path):
    return write_inputs(tmp_path / "in", 3)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def statuses(table):
    return list(table["status"])


# -- What is done and what is skipped ---------------------------------------------------------------------------------


def test_table_and_files_agree(inputs, out, model):
    table = enhance_files(inputs, out, model=model, **QUIET)
    assert isinstance(table, QTable)
    assert statuses(table) == 3 * ["enhanced"]
    assert list(table["input"]) == list(map(str, inputs))
    assert set(table["output"]) == {str(path) for path in out.iterdir()}
    assert table["seconds"].unit == u.s
    assert set(table["device"]) == {"cpu"}
    assert np.isnan(table["residual"]).all()
    check_outputs(inputs, out, model)


def test_a_second_run_skips_what_is_done(inputs, out, model):
    enhance_files(inputs[:2], out, model=model, **QUIET)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    table = enhance_files(inputs, out, model=model, **QUIET)
    assert statuses(table) == ["skipped", "skipped", "enhanced"]
    assert set(table["device"]) == {"cpu"}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert statuses(enhance_files(inputs, out, model=model, overwrite=True, **QUIET)) == 3 * ["enhanced"]


def test_another_network_input_or_option_is_another_output(inputs, out, model, tmp_path):
    path = inputs[:1]

    def run(model=model, **options):
        return statuses(enhance_files(path, out, model=model, **options, **QUIET))

    assert run() == ["enhanced"]
    other = write_network(tmp_path / "other.onnx", version="0.2")
    assert run(other) == ["enhanced"]
    assert run(other) == ["skipped"]
    assert run(other, limb="mask", tile_size=32) == ["skipped"]  # what changes nothing
    assert run(other, limb="nan") == ["enhanced"]
    assert run(other, quiet_sun=5e4) == ["enhanced"]
    assert run(other, quiet_sun=5e4) == ["skipped"]
    header = fits.getheader(out / f"{path[0].stem}_enhanced.fits")
    assert header["ENHARGS"] == "quiet_sun=50000.0"
    make_map(data=np.full(SHAPE, 5e4, np.float32)).save(path[0], overwrite=True)
    assert run(other, quiet_sun=5e4) == ["enhanced"]
    assert len(list(out.iterdir())) == 1


def test_defaults_are_verified_against_what_is_shipped(shipped, inputs, out):
    assert statuses(enhance_files(inputs, out, **QUIET)) == 3 * ["enhanced"]
    assert statuses(enhance_files(inputs, out, **QUIET)) == 3 * ["skipped"]
    write_network(shipped / "continuum.onnx", version="2", name="continuum")
    assert statuses(enhance_files(inputs, out, **QUIET)) == 3 * ["enhanced"]
    # A network that is no default is not taken for one.
    enhance_files(inputs, out, model="continuum-linear", **QUIET)
    assert statuses(enhance_files(inputs, out, **QUIET)) == 3 * ["enhanced"]


@pytest.mark.parametrize("length", [0, 100, 3000, -1])
def test_broken_outputs_are_made_again(length, inputs, out, model):
    enhance_files(inputs, out, model=model, **QUIET)
    path = out / f"{inputs[1].stem}_enhanced.fits"
    whole = path.read_bytes()
    path.write_bytes(whole[:length])
    assert statuses(enhance_files(inputs, out, model=model, **QUIET)) == ["skipped", "enhanced", "skipped"]
    check_outputs(inputs, out, model)


@pytest.mark.parametrize("cut", ["in the extension", "between the two", "in the header of the extension"])
def test_an_output_without_all_of_its_uncertainty_is_made_again(cut, inputs, out, tmp_path):
    model = write_network(tmp_path / "sigma.onnx", sigma=True)

    def run():
        return statuses(enhance_files(inputs[:1], out, model=model, uncertainty=True, **QUIET))

    assert run() == ["enhanced"]
    (path,) = out.iterdir()
    with fits.open(path) as hdus:
        place = hdus[1].fileinfo()
    whole = path.read_bytes()
    lengths = {"in the extension": place["datLoc"] + 2880, "between the two": place["hdrLoc"]}
    path.write_bytes(whole[: lengths.get(cut, place["hdrLoc"] + 2880)])
    assert run() == ["enhanced"]
    assert path.read_bytes()[place["datLoc"] :] == whole[place["datLoc"] :]
    assert run() == ["skipped"]


def test_headers_end_where_the_file_does(tmp_path):
    path = tmp_path / "x.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((4, 4))), fits.ImageHDU()]).writeto(path)
    whole = path.read_bytes()
    headers, complete = _files.read_headers(path)
    assert ([header["NAXIS"] for header in headers], complete) == ([0, 2, 0], True)
    for broken, number in [(whole[:-1], 2), (whole[:6000], 2), (whole[:3000], 1), (whole + b"more", 3), (b"", 0)]:
        path.write_bytes(broken)
        headers, complete = _files.read_headers(path)
        assert (len(headers), complete) == (number, False)


def test_foreign_files_are_kept(inputs, out, model):
    out.mkdir()
    note, image = (out / f"{path.stem}_enhanced.fits" for path in inputs[:2])
    note.write_text("precious")
    fits.writeto(image, np.ones((4, 4)))
    before = image.read_bytes()
    table = enhance_files(inputs, out, model=model, **QUIET)
    assert statuses(table) == ["failed", "failed", "enhanced"]
    assert "no FITS file" in table["message"][0]
    assert "not made by sunpy_enhance" in table["message"][1]
    assert list(table["output"])[:2] == ["", ""]
    assert (note.read_text(), image.read_bytes()) == ("precious", before)
    image.write_bytes(before[:-2880])  # damaged, and still not ours
    assert statuses(enhance_files(inputs[1], out, model=model, **QUIET)) == ["failed"]
    assert image.read_bytes() == before[:-2880]
    assert statuses(enhance_files(inputs, out, model=model, overwrite=True, **QUIET)) == 3 * ["enhanced"]


def test_a_bad_file_costs_its_row(inputs, out, model, tmp_path):
    bad = tmp_path / "in" / "bad.fits"
    bad.write_bytes(b"not FITS")
    missing = tmp_path / "in" / "missing.fits"
    table = enhance_files([inputs[0], bad, missing, inputs[1]], out, model=model, **QUIET)
    assert statuses(table) == ["enhanced", "failed", "failed", "enhanced"]
    assert all(table["message"])
    assert len(list(out.iterdir())) == 2
    with pytest.raises(FileNotFoundError):
        enhance_files([inputs[0], missing, inputs[2]], out, model=model, on_error="raise", **QUIET)
    assert len(list(out.iterdir())) == 2


def test_residual_is_that_of_redegrade(inputs, out, shipped):
    from sunpy_enhance.optics import redegrade

    table = enhance_files(inputs[:1], out, residual=True, **QUIET)
    smap = sunpy.map.Map(inputs[0])
    difference = redegrade(enhance_map(smap, device="cpu")).data - smap.data
    assert table["residual"][0] == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-5)
    assert table["unit"][0] == "DN/s"
    again = enhance_files(inputs[:1], out, **QUIET)
    assert again["residual"][0] == pytest.approx(table["residual"][0], rel=1e-10)  # it is in the header


@ignore_flags
def test_a_residual_is_not_that_of_a_bad_pixel_nearby(out):
    smap = make_map("magnetogram", (120, 120))
    data = smap.data.copy()
    data[60, 60] = 9000
    residuals = [
        enhance_files(one, out, residual=True, overwrite=True, **QUIET)["residual"][0]
        for one in (smap, smap._new_instance(data, smap.meta))
    ]
    assert residuals[1] == pytest.approx(residuals[0], rel=0.1)


@ignore_flags
def test_a_picture_of_a_frame_without_anything_enhanced(out, model):
    y, x = np.indices((700, 700)) + 1 - 2043
    data = np.where(np.hypot(x, y) < 1925, 3e4, np.nan).astype(np.float32)
    corner = make_map(data=data, crpix1=2043.0, crpix2=2043.0)  # a piece of the limb, and a lot of sky
    table = enhance_files(corner, out, model=model, pictures=True, **QUIET)
    assert statuses(table) == ["enhanced"], table["message"]
    assert len(list(out.glob("*.png"))) == 1


def test_a_picture_of_a_map_in_pieces(out, model):
    dask = pytest.importorskip("dask.array")
    smap = make_map(shape=(64, 64))
    lazy = smap._new_instance(dask.from_array(smap.data, chunks=40), smap.meta)
    assert statuses(enhance_files([lazy], out, model=model, pictures=True, **QUIET)) == ["enhanced"]


def test_pictures(inputs, out, model):
    enhance_files(inputs[:1], out, model=model, pictures=True, **QUIET)
    assert {path.suffix for path in out.iterdir()} == {".fits", ".png"}


def test_what_is_asked_for_later_is_made(inputs, out, model):
    def run(**options):
        (row,) = enhance_files(inputs[:1], out, model=model, **options, **QUIET)
        return row["status"], np.isfinite(row["residual"]), len(list(out.glob("*.png")))

    assert run() == ("enhanced", False, 0)
    output = next(out.iterdir())
    before = output.read_bytes()
    assert run(pictures=True) == ("skipped", False, 1)  # of the output that is there
    assert output.read_bytes() == before
    assert run(residual=True) == ("enhanced", True, 1)
    assert run(residual=True, pictures=True) == ("skipped", True, 1)


@ignore_flags
def test_a_residual_of_no_pixels_is_asked_for_once(out, shipped):
    smap = make_map(data=np.full(SHAPE, 5e4, np.float32), mask=np.ones(SHAPE, bool) ^ np.eye(*SHAPE, dtype=bool))
    for status in ("enhanced", "skipped"):
        table = enhance_files(smap, out, residual=True, **QUIET)
        assert statuses(table) == [status], table["message"]
        assert np.isnan(table["residual"][0])


def test_pictures_of_others_are_kept(inputs, out, model):
    out.mkdir()
    picture = out / f"{inputs[0].stem}_enhanced.png"
    picture.write_text("precious")
    table = enhance_files(inputs[:1], out, model=model, pictures=True, **QUIET)
    assert statuses(table) == ["failed"]
    assert "no output of sunpy_enhance is beside it" in table["message"][0]
    assert [path.read_text() for path in out.iterdir()] == ["precious"]
    assert statuses(enhance_files(inputs[:1], out, model=model, pictures=True, overwrite=True, **QUIET)) == ["enhanced"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    # Of an output that is made again, so is the picture.
    table = enhance_files(inputs[:1], out, model=model, pictures=True, limb="nan", **QUIET)
    assert statuses(table) == ["enhanced"]


def test_no_picture_of_an_output_that_was_replaced(inputs, out, model):
    picture = out / f"{inputs[0].stem}_enhanced.png"
    enhance_files(inputs[:1], out, model=model, pictures=True, **QUIET)
    enhance_files(inputs[:1], out, model=model, limb="nan", **QUIET)
    assert not picture.exists()
    table = enhance_files(inputs[:1], out, model=model, limb="nan", pictures=True, **QUIET)
    assert table["message"][0] == "done before, its picture is new"
    assert picture.exists()


def test_replacing_the_output_of_another_program_keeps_its_picture(inputs, out, model):
    out.mkdir()
    picture = out / f"{inputs[0].stem}_enhanced.png"
    fits.PrimaryHDU(np.ones((4, 4))).writeto(picture.with_suffix(".fits"))
    picture.write_text("precious")
    assert statuses(enhance_files(inputs[:1], out, model=model, overwrite=True, **QUIET)) == ["enhanced"]
    assert picture.read_text() == "precious"


def test_no_picture_without_its_output(inputs, out, model):
    (out / f"{inputs[0].stem}_enhanced.fits").mkdir(parents=True)
    table = enhance_files(inputs[:1], out, model=model, pictures=True, overwrite=True, **QUIET)
    assert statuses(table) == ["failed"]
    assert [path.suffix for path in out.iterdir()] == [".fits"]


# -- What the inputs may be -------------------------------------------------------------------------------------------


def test_globs_and_folders_leave_outputs_out(inputs, model, tmp_path):
    folder = inputs[0].parent
    for files in (folder, folder / "*.fits", str(folder / "hmi.*")):
        table = enhance_files(files, folder, model=model, **QUIET)
        assert list(table["input"]) == list(map(str, inputs))
        assert "failed" not in statuses(table)
    table = enhance_files(["nothing*.fits", tmp_path], tmp_path, model=model, **QUIET)
    assert statuses(table) == ["failed", "failed"]
    assert "no file matches nothing*.fits" in table["message"][0]


def test_inputs_of_one_name_do_not_share_an_output(inputs, out, model, tmp_path):
    (other,) = write_inputs(tmp_path / "elsewhere", 1)
    table = enhance_files([inputs[0], other], out, model=model, **QUIET)
    assert statuses(table) == ["enhanced", "failed"]
    assert "output of another input" in table["message"][1]
    check_outputs(inputs[:1], out, model)


@pytest.mark.parametrize("kind", [list, iter])
def test_a_file_named_twice_is_taken_once(kind, inputs, out, model):
    folder = inputs[0].parent
    named = [inputs[1], folder / "*.fits", folder / ".." / folder.name / inputs[0].name, folder, inputs[1]]
    table = enhance_files(kind(named), out, model=model, **QUIET)
    assert [Path(name).name for name in table["input"]] == [inputs[i].name for i in (1, 0, 2)]
    assert statuses(table) == 3 * ["enhanced"]


def test_a_link_of_another_name_is_another_input(inputs, out, model):
    link = inputs[0].with_name("a.fits")
    try:
        link.symlink_to(inputs[0])
    except OSError:
        pytest.skip("no links here")
    table = enhance_files([link, inputs[0]], out, model=model, **QUIET)
    assert statuses(table) == 2 * ["enhanced"]


def test_a_name_may_begin_with_a_tilde(inputs, out, model, monkeypatch):
    monkeypatch.chdir(inputs[0].parent)
    inputs[0].rename("~draft.fits")
    assert statuses(enhance_files(["~draft.fits", *inputs[1:]], out, model=model, **QUIET)) == 3 * ["enhanced"]


def test_an_output_among_the_inputs_has_none_of_its_own(inputs, out, model):
    done = enhance_files(inputs[:1], out, model=model, **QUIET)["output"][0]
    table = enhance_files([done], out, model=model, **QUIET)
    assert (statuses(table), list(table["output"])) == (["skipped"], [""])


def test_a_file_called_like_a_network_is_not_taken_for_it(shipped, inputs, out, monkeypatch):
    monkeypatch.chdir(inputs[0].parent)
    Path("continuum").write_text("notes")
    assert statuses(enhance_files(inputs, out, model="continuum", **QUIET)) == 3 * ["enhanced"]


@pytest.mark.filterwarnings("ignore:Missing metadata for observation time")
def test_a_map_whose_only_date_is_t_obs_is_called_by_it(out, model):
    table = enhance_files(make_map(shape=SHAPE, **{"date-obs": None}), out, model=model, **QUIET)
    assert list(table["input"]) == ["hmi_continuum_20110215_015920"]


def test_colours_are_not_for_the_numbers_that_stand_for_no_measurement():
    data = np.full(SHAPE, 1000, np.int32)
    data[:5] = -(2**31)
    assert _figures._range(_figures._measured(make_map("magnetogram", data=data, blank=-(2**31)))) == (-1000, 1000)


def test_an_empty_name_is_not_the_current_folder(inputs, out, model, monkeypatch):
    monkeypatch.chdir(inputs[0].parent)
    table = enhance_files(["", inputs[0]], out, model=model, **QUIET)
    assert statuses(table) == ["failed", "enhanced"]
    assert "name is empty" in table["message"][0]


@ignore_flags
def test_masks_of_dask(out, model):
    da = pytest.importorskip("dask.array")
    mask = np.zeros(SHAPE, bool)
    mask[3, 4] = True
    smap = make_map(data=np.full(SHAPE, 5e4, np.float32), mask=da.from_array(mask))
    for status in ("enhanced", "skipped"):
        table = enhance_files(smap, out, model=model, **QUIET)
        assert statuses(table) == [status], table["message"]
    again = make_map(data=np.full(SHAPE, 5e4, np.float32), mask=mask)
    assert statuses(enhance_files(again, out, model=model, **QUIET)) == ["skipped"]


def test_maps(out, model):
    maps = [make_map(data=np.full(SHAPE, level, np.float32)) for level in (5e4, 5.1e4)]
    original = dict(maps[0].meta)
    table = enhance_files(iter(maps), out, model=model, **QUIET)
    names = [Path(path).name for path in table["output"]]
    assert names == [f"hmi_continuum_20110215_015812{again}_enhanced.fits" for again in ("", "_2")]
    assert [sunpy.map.Map(path).data.mean() for path in table["output"]] == pytest.approx([5e4, 5.1e4])
    assert statuses(enhance_files(maps, out, model=model, **QUIET)) == ["skipped", "skipped"]
    assert statuses(enhance_files(maps[::-1], out, model=model, **QUIET)) == ["enhanced", "enhanced"]
    assert maps[0].meta == original


def test_downloads_and_what_failed_of_them(inputs, out, model):
    import parfive

    results = parfive.Results(map(str, inputs))
    results.add_error("x.fits", "http://127.0.0.1/x.fits", ConnectionError("refused"))
    table = enhance_files(results, out, model=model, **QUIET)
    assert statuses(table) == [*3 * ["enhanced"], "failed"]
    assert table["input"][3] == "http://127.0.0.1/x.fits"
    assert "not downloaded: refused" in table["message"][3]


def test_answers_of_fido_are_downloaded(inputs, out, model, monkeypatch):
    import parfive

    from sunpy.net import Fido
    from sunpy.net.base_client import QueryResponseTable
    from sunpy.net.fido_factory import UnifiedResponse

    answer = UnifiedResponse(QueryResponseTable({"fileid": ["a", "b", "c"]}))
    monkeypatch.setattr(Fido, "fetch", lambda found, progress: parfive.Results(map(str, inputs)))
    for found in (answer, answer[0]):
        table = enhance_files(found, out, model=model, overwrite=True, **QUIET)
        assert statuses(table) == 3 * ["enhanced"]


def test_what_is_wrong_with_every_file_is_raised_at_once(inputs, out, model):
    for wrong, error in [
        ({"on_error": "ignore"}, ValueError),
        ({"workers": 0}, ValueError),
        ({"workers": 1.5}, TypeError),
        ({"client": object(), "workers": 2}, ValueError),
        ({"device": "tpu"}, ValueError),
        ({"model": "nothing"}, ValueError),
        ({"model": "nothing.onnx"}, FileNotFoundError),
        ({"limb": "sharp"}, ValueError),
        ({"sharpness": 2}, TypeError),
        ({"tile_size": 3}, ValueError),
        ({"tile_size": "a"}, TypeError),
        ({"quiet_sun": np.ones(SHAPE)}, ValueError),
        ({"quiet_sun": [1, 2]}, ValueError),
        ({"quiet_sun": [1, [2, 3]]}, ValueError),
        ({"quiet_sun": -1 * u.DN / u.s}, ValueError),
        ({"quiet_sun": np.nan}, ValueError),
        ({"quiet_sun": "a"}, TypeError),
    ]:
        with pytest.raises(error):
            enhance_files(inputs, out, **{"model": model, "progress": False} | wrong)
    with pytest.raises(TypeError, match="cannot enhance a int"):
        enhance_files([1], out, **QUIET)
    if importlib.util.find_spec("distributed"):
        with pytest.raises(TypeError, match=r"client is a int, expected a distributed\.Client"):
            enhance_files(inputs, out, client=3, **QUIET)
    with pytest.raises(TypeError, match="files is a int"):
        enhance_files(1, out, **QUIET)
    assert not out.exists() or not list(out.iterdir())
    assert len(enhance_files([], out, **QUIET)) == 0


def test_sequences_keep_their_order_and_are_lazy(model):
    asked = []

    def maps():
        for level in (5.2e4, 5e4, 5.1e4):
            asked.append(level)
            yield make_map(data=np.full(SHAPE, level, np.float32))

    results = enhance_sequence(maps(), model=model, device="cpu")
    assert not asked
    assert next(results).data.mean() == pytest.approx(5.2e4)
    assert asked == [5.2e4]
    assert [one.data.mean() for one in results] == pytest.approx([5e4, 5.1e4])
    sequence = sunpy.map.Map(list(maps()), sequence=True, sortby=None)
    assert [one.data.mean() for one in enhance_sequence(sequence, model=model)] == pytest.approx([5.2e4, 5e4, 5.1e4])


def test_one_map_is_no_sequence():
    for one in (make_map(), 3):
        with pytest.raises(TypeError, match=f"maps is a {type(one).__name__}, expected several Maps"):
            enhance_sequence(one)


# -- What is killed ---------------------------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.fits"
    path.write_text("old")

    def write():
        with _files.complete_file(path) as temporary:
            temporary.write_text("new, but")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write()
    assert [one.name for one in tmp_path.iterdir()] == ["x.fits"]
    assert path.read_text() == "old"


def test_leftovers_of_others_are_kept(tmp_path):
    for name in (".x.fits.0123abcd.part", ".y.fits.0123abcd.part", ".x.fits.part", "x.fits"):
        (tmp_path / name).write_text("")
    _files.discard_leftovers(tmp_path, {"x.fits"}, time.time() + 1)
    assert {path.name for path in tmp_path.iterdir()} == {".y.fits.0123abcd.part", ".x.fits.part", "x.fits"}


def test_what_another_batch_is_writing_is_kept(inputs, out, model):
    out.mkdir()
    theirs, left = (out / f".{inputs[0].stem}_enhanced.fits.{name}.part" for name in ("0123abcd", "4567abcd"))
    left.write_text("a killed process's")
    os.utime(left, (0, 0))

    def files():
        theirs.write_text("begun after this batch")
        yield inputs[0]

    enhance_files(files(), out, model=model, **QUIET)
    assert (theirs.exists(), left.exists()) == (True, False)


def run_slowly(files, outdir, model, workers):
    """Run a batch whose files lie around unfinished for a while."""
    fsync = os.fsync

    def slow_fsync(descriptor):
        time.sleep(0.1)
        fsync(descriptor)

    os.fsync = slow_fsync
    enhance_files(files, outdir, model=model, workers=workers, **QUIET)


needs_sigkill = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and forkserver are POSIX")


@pytest.fixture(scope="module")
def processes():
    """Processes that start fast."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sunpy_enhance.batch", "sunpy.map", "conftest"])
    return context


@needs_sigkill
def test_a_killed_run_is_finished_by_the_next(processes, tmp_path, out, model):
    inputs = write_inputs(tmp_path / "in", 6)
    out.mkdir()
    moments = {
        "while the first is written": lambda: list(out.glob(".*.part")),
        "when the second is there": lambda: len(list(out.glob("*.fits"))) == 2,
        "while a later one is written": lambda: len(list(out.glob("*.fits"))) >= 2 and list(out.glob(".*.part")),
    }
    for moment, has_come in moments.items():
        process = processes.Process(target=run_slowly, args=(inputs, out, model, 1))
        process.start()
        while not has_come():
            assert process.is_alive(), moment
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        for path in out.glob("*.fits"):  # whatever has its final name is complete
            headers, complete = _files.read_headers(path)
            assert complete
            assert headers[0]["ENHINSHA"]
    assert list(out.glob(".*.part"))  # or the test has tested nothing
    table = enhance_files(inputs, out, model=model, **QUIET)
    assert set(statuses(table)[:2]) == {"skipped"}
    assert "enhanced" in statuses(table)
    check_outputs(inputs, out, model)


# -- Dask -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client():
    """Two workers in processes of their own."""
    pytest.importorskip("distributed")
    with _cluster.local_client(2) as client:
        yield client


def test_workers_keep_no_profile_of_what_they_did(client):
    def profiled(dask_worker):
        return len(dask_worker.profile_history), dask_worker.profile_recent["count"]

    client.submit(time.sleep, 0.3).result()
    assert set(client.run(profiled).values()) == {(0, 0)}


def test_workers_do_as_this_process_does(client, tmp_path, out, model):
    inputs = write_inputs(tmp_path / "in", 6)
    broken = tmp_path / "in" / "broken.fits"
    broken.write_bytes(b"not FITS")
    table = enhance_files([*inputs, broken], out, client=client, model=model, **QUIET)
    assert statuses(table) == [*6 * ["enhanced"], "failed"]
    assert list(table["input"])[:6] == list(map(str, inputs))
    check_outputs(inputs, out, model)
    assert statuses(enhance_files(inputs, out, client=client, model=model, **QUIET)) == 6 * ["skipped"]
    with pytest.raises(ValueError, match="broken.fits is damaged, or no FITS file"):
        enhance_files([broken], out, client=client, model=model, on_error="raise", **QUIET)

    def sessions(dask_worker):
        from sunpy_enhance._network import _LOADED

        return len(_LOADED), os.environ["SUNPY_ENHANCE_THREADS"]

    # Each worker has kept one session, of its share of the cores.
    from dask.system import CPU_COUNT

    assert set(client.run(sessions).values()) == {(1, str(max(1, CPU_COUNT // 2)))}


def test_maps_travel_to_workers(client, out, model):
    maps = (make_map(data=np.full(SHAPE, level, np.float32)) for level in np.linspace(5e4, 6e4, 6))
    table = enhance_files(maps, out, client=client, model=model, **QUIET)
    means = [sunpy.map.Map(path).data.mean() for path in table["output"]]
    assert means == pytest.approx(np.linspace(5e4, 6e4, 6))


def test_a_long_queue_is_taken_piece_by_piece(client, inputs, out, model):
    out.mkdir()
    taken = []

    def jobs():
        for number in range(20):
            taken.append(number)
            source = Source("x", path=inputs[0])
            yield Job(number=number, source=source, output=out / f"{number}.fits", model=model, device="cpu")

    done = ahead = 0
    for _ in _cluster.through_client(client, jobs()):
        done += 1
        ahead = max(ahead, len(taken) - done)
    assert done == 20
    assert ahead < 2 * 2  # two for each of the two workers, less the one that is told


@needs_sigkill
def test_a_killed_worker_is_replaced_and_its_files_done_again(client, tmp_path, out, model):
    inputs = write_inputs(tmp_path / "in", 10)
    victims = list(client.run(os.getpid).values())

    def files():
        for number, path in enumerate(inputs):
            if number in (4, 7):  # its worker has files in hand
                os.kill(victims.pop(), signal.SIGKILL)
            yield path

    table = enhance_files(files(), out, client=client, model=model, **QUIET)
    assert not victims  # both were killed, so whoever finished the rest has replaced them
    # Skipped is what a worker had written and could not report any more.
    assert set(statuses(table)) <= {"enhanced", "skipped"}
    assert list(table["input"]) == list(map(str, inputs))
    enhance_files(inputs, out, model=model, **QUIET)  # what a killed worker has left is older than this batch
    check_outputs(inputs, out, model)


def test_an_input_that_kills_its_workers_costs_its_row():
    pytest.importorskip("distributed")
    from distributed.scheduler import KilledWorker

    class Future:
        status = "error"

        def exception(self):
            return KilledWorker("x", None, 3)

    outcome = _cluster._outcome(Future())
    assert (outcome.status, "enough memory" in outcome.message) == ("failed", True)
    Future.status = "cancelled"
    assert "scheduler" in _cluster._outcome(Future()).message


def test_each_worker_sees_one_gpu(monkeypatch):
    class Worker:
        name = 3

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 7")
    assert _cluster.gpus() == ["4", "7"]
    _cluster.choose_gpu(["4", "7"], Worker)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(_cluster.shutil, "which", lambda name: None)
    assert _cluster.gpus() == []


def test_a_cluster_of_its_own_gives_each_worker_its_gpu(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(_cluster, "gpus", lambda: ["4", "7"])
    with _cluster.local_client(2) as client:
        seen = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
    assert sorted(seen.values()) == ["4", "7"]


def test_an_attempt_that_fails_tells_why_in_one_line(tmp_path, model):
    source = Source("x", path=tmp_path / "none.fits")
    outcome = attempt(Job(source=source, output=tmp_path / "out.fits", model=model))
    assert outcome.status == "failed"
    assert "none.fits" in outcome.message
    assert "\n" not in outcome.message


def test_a_publication_is_a_model_for_each_observable(tmp_path, monkeypatch):
    files = {
        name: write_network(tmp_path / f"{name}.onnx", name.partition("-")[2], name=name)
        for name in published_names("diazbaso2018")
    }
    monkeypatch.setattr("sunpy_enhance.models.fetch_network", lambda name: files)
    maps = [make_map("continuum", (40, 50)), make_map("magnetogram", (40, 50))]
    for status in ("enhanced", "skipped"):
        table = enhance_files(maps, tmp_path, model="diazbaso2018", residual=True, progress=False)
        assert set(table["status"]) == {status}, table["message"]
