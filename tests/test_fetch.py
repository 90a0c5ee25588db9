"""Searching and downloading: the queries, and answers in the formats of JSOC and VSO through the real clients."""

import http.server
import json
import threading
import time
import types
import urllib.parse

import numpy as np
import pytest
from conftest import make_map

import astropy.units as u
from astropy.table import QTable
from astropy.time import Time

import sunpy.map

from sunpy_enhance._fetch import Request, _check_errors, arriving
from sunpy_enhance._pieces import Record
from sunpy_enhance.cli import main

START = Time("2024-05-01T00:00:00")
EMAIL = "someone@example.org"


def request(minutes=10, series="hmi.Ic_45s", **options):
    return Request(START, START + minutes * u.min, series, **options)


def attributes(query):
    return {type(one).__name__: one for one in query}


# -- The queries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("series", "physobs"), [("hmi.Ic_45s", "intensity"), ("hmi.m_45s", "LOS_magnetic_field")])
def test_without_an_email_the_vso_is_asked(series, physobs):
    from sunpy.net.vso import VSOClient

    this = request(series=series)
    query = this.query(this.start, this.end)
    found = attributes(query)
    assert VSOClient._can_handle_query(*query)
    assert (found["Instrument"].value, found["Physobs"].value) == ("HMI", physobs)
    assert (found["Time"].start, found["Time"].end) == (this.start, this.end)
    assert "Sample" not in found
    assert attributes(request(cadence=6 * u.min).query(this.start, this.end))["Sample"].value == 360


@pytest.mark.parametrize(
    ("series", "segment"), [("hmi.Ic_noLimbDark_720s", "continuum"), ("hmi.M_720s", "magnetogram")]
)
def test_with_an_email_the_jsoc_is_asked(series, segment):
    from sunpy.net.jsoc import JSOCClient
    from sunpy.net.vso import VSOClient

    this = request(series=series, email=EMAIL)
    query = this.query(this.start, this.end)
    found = attributes(query)
    assert JSOCClient._can_handle_query(*query)
    assert not VSOClient._can_handle_query(*query)
    assert (found["Series"].value, found["Segment"].value, found["Notify"].value) == (series, segment, EMAIL)
    assert "Cutout" not in found


@pytest.mark.parametrize("track", [False, True])
def test_cutouts_are_never_registered(track):
    this = request(email=EMAIL, cutout=[100, -200, 300, 150] * u.arcsec, track=track)
    for piece in this.pieces(5):
        patch = attributes(this.query(*piece))["Cutout"].value
        assert [patch[key] for key in ("x", "y", "width", "height")] == pytest.approx([100, -200, 300, 150])
        assert patch["t_ref"] == START.isot
        assert (patch["r"], patch["t"]) == (0, int(not track))  # t=1 means no tracking


def test_pieces_cover_the_period_once():
    this = request(60)
    pieces = this.pieces(40)
    assert len(pieces) == 2
    assert pieces[0][0] == this.start
    assert pieces[-1][1] == this.end
    assert (pieces[1][0] - pieces[0][0]).to_value(u.s) == pytest.approx(40 * 45)
    assert (pieces[1][0] - pieces[0][1]).to_value(u.s) == pytest.approx(1)
    assert len(request(60).pieces(80)) == 1
    assert len(request(60, cadence=900 * u.s).pieces(2)) == 2
    for number in (0, -3):
        with pytest.raises(ValueError, match=f"a piece has {number} images, expected 1 or more"):
            request().pieces(number)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"series": "hmi.V_45s"}, "expected native continuum or magnetograms"),
        ({"series": "hmi.Ic_720s_dcon", "email": EMAIL}, "expected native continuum or magnetograms"),
        # There are none: the VSO would give hmi.Ic_45s and hmi.M_45s for them.
        ({"series": "hmi.Ic_noLimbDark_45s"}, "expected native continuum or magnetograms"),
        ({"series": "hmi.M_noLimbDark_45s"}, "expected native continuum or magnetograms"),
        ({"series": "hmi.M_noLimbDark_720s", "email": EMAIL}, "expected native continuum or magnetograms"),
        ({"minutes": -1}, "end after it begins"),
        ({"cadence": 10 * u.s}, "45.0 s of the series or more"),
        ({"series": "hmi.M_720s"}, "VSO has no series hmi.M_720s"),
        ({"cutout": [0, 0, 30, 30] * u.arcsec}, "VSO has no cutouts"),
        ({"cutout": [0, 0, 9, 30] * u.arcsec}, "width and height of 16.1 arcsec or more"),
        ({"cutout": [0, 0, -100, 100] * u.arcsec}, "width and height of 16.1 arcsec or more"),
        ({"cutout": [0, 0, np.nan, 100] * u.arcsec}, "width and height of 16.1 arcsec or more"),
        ({"cutout": [3000, 0, 100, 100] * u.arcsec}, "expected its centre within 1032 arcsec of the disk's"),
        ({"cadence": np.inf * u.s}, "45.0 s of the series or more"),
        ({"track": True}, "only a cutout follows"),
    ],
)
def test_what_nobody_can_deliver_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        request(**options)


# -- The answers ------------------------------------------------------------------------------------------------------


class Server:
    """The JSOC on this machine: its information, exports and files, as far as the clients ask for them."""

    def __init__(self, folder):
        self.folder, self.asked, self.exports = folder, [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlparse(self.path)
                outer.asked.append(self.path)
                body = outer.answer(url.path, dict(urllib.parse.parse_qsl(url.query)))
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, query):
        name = path.rpartition("/")[2]
        if name in ("jsoc_info", "jsoc_fetch", "checkAddress.sh"):
            return json.dumps(getattr(self, query.get("op", "address"))(query)).encode()
        file = self.folder / name
        return file.read_bytes() if file.exists() else None

    def address(self, query):
        return {"status": 2, "msg": "Email address is valid and registered"}

    def series_struct(self, query):
        keywords = [
            {"name": name, "type": kind, "recscope": "variable", "defval": "", "units": "", "note": ""}
            for name, kind in (("T_REC", "time"), ("CAMERA", "int"), ("TELESCOP", "string"))
        ]
        segment = {"name": "continuum", "units": "DN/s", "protocol": "fits", "dims": "VARxVAR", "note": ""}
        primekeys = ["T_REC", "CAMERA"]
        return {"status": 0, "primekeys": primekeys, "keywords": keywords, "links": [], "segments": [segment]}

    def records(self):
        return {path.name.split(".")[2]: path for path in self.folder.glob("hmi.*.fits")}

    def rs_list(self, query):
        times = [f"{one}_TAI" for one in self.dotted(query)]
        if not times:
            return {"status": 0, "count": 0}
        keywords = [{"name": "T_REC", "values": times}, {"name": "TELESCOP", "values": ["SDO/HMI" for _ in times]}]
        segments = [{"name": "continuum", "values": ["/SUM1/x" for _ in times], "dims": ["9x9" for _ in times]}]
        return {"status": 0, "count": len(times), "keywords": keywords, "segments": segments}

    def dotted(self, query):
        """Return what a query such as hmi.Ic_45s[2024.05.01_00:00:37_TAI-...]{continuum} finds, by time."""
        first, _, last = query["ds"].partition("[")[2].partition("]")[0].partition("-")
        known = {f"{n[:4]}.{n[4:6]}.{n[6:8]}_{n[9:11]}:{n[11:13]}:{n[13:15]}": p for n, p in self.records().items()}
        within = {t: p for t, p in known.items() if first.removesuffix("_TAI") <= t <= last.removesuffix("_TAI")}
        return dict(sorted(within.items()))

    def exp_request(self, query):
        self.exports.append(query)
        return {"status": 2, "requestid": f"JSOC_{len(self.exports)}", "method": "url", "protocol": "fits"}

    def exp_status(self, query):
        number = int(query["requestid"].partition("_")[2])
        data = [{"record": time, "filename": path.name} for time, path in self.dotted(self.exports[number - 1]).items()]
        ready = {"status": 0, "count": len(data), "size": 1, "dir": "/SUM1/x/S00000", "data": data}
        return {"requestid": f"JSOC_{number}", "method": "url", "protocol": "fits"} | ready


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Six continuum images of 45 s on a server that drms takes for the JSOC."""
    import drms

    from sunpy.util import parfive_helpers

    folder = tmp_path / "archive"
    folder.mkdir()
    for i in range(6):
        when = (START.tai + (8 + 45 * i) * u.s).strftime("%Y%m%d_%H%M%S")
        data = np.full((40, 40), 5e4 + i, np.float32)
        make_map(data=data).save(folder / f"hmi.ic_45s.{when}_TAI.2.continuum.fits")
    this = Server(folder)
    for key, tail in (("cgi_baseurl", "cgi-bin/ajax/"), ("http_download_baseurl", "")):
        this_config = drms.config._server_configs["jsoc"]
        monkeypatch.setitem(this_config._d, key, this.url + tail)
    for key in ("jsoc_info", "jsoc_fetch", "check_address"):
        script = "checkAddress.sh" if key == "check_address" else key
        monkeypatch.setitem(this_config._d, f"url_{key}", f"{this.url}cgi-bin/ajax/{script}")
    # Whoever tests behind a proxy: this server is before it.
    monkeypatch.setattr(parfive_helpers.config, "http_proxy", None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PARFIVE_HIDE_PROGRESS", "true")
    monkeypatch.delenv("JSOC_EMAIL", raising=False)
    patient = types.SimpleNamespace(sleep=lambda seconds: None, time=time.time)
    monkeypatch.setattr("sunpy.net.jsoc.jsoc.time", patient)
    monkeypatch.setattr("drms.client.time", patient)
    yield this
    this.server.shutdown()
    this.server.server_close()


def command(tmp_path, *more, minutes=4.5):
    end = (START + minutes * u.min).isot
    out = str(tmp_path / "out")
    times = ("--start", START.isot, "--end", end, "--series", "hmi.Ic_45s")
    return ["fetch", *times, "--outdir", out, "--piece", "4", "--no-pictures", *more]


@pytest.mark.parametrize("text", ["# %ECSV 1.0\n", "# %ECSV 1.0\n# ---\n# datatype: 3\n", "# %ECSV 1.0\n# {\n"])
def test_damaged_record_is_named(tmp_path, text):
    path = tmp_path / "record.ecsv"
    path.write_text("")
    assert not len(Record(path, {}).table)
    path.write_text(text)
    with pytest.raises(ValueError, match=r"record.ecsv cannot be read .*: give another --table, or delete it"):
        Record(path, {})


def test_jsoc_from_search_to_table(server, shipped, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(command(tmp_path, "--email", EMAIL, "--cutout", "0", "0", "20", "20")) == 0
    assert [export["ds"].count("{continuum}") for export in server.exports] == [1, 1]
    assert "im_patch" in server.exports[0]["process=n"]
    assert server.exports[0]["notify"] == EMAIL
    names = sorted(path.stem for path in server.folder.iterdir())
    assert sorted(path.stem for path in (out / "originals").glob("*.fits")) == names
    assert sorted(path.stem for path in out.glob("*.fits")) == [f"{name}_enhanced" for name in names]
    table = QTable.read(out / "fetched_hmi.Ic_45s.ecsv")
    assert list(table["status"]) == 6 * ["enhanced"]
    assert len(set(table["piece"])) == 2
    assert [sunpy.map.Map(path).data.mean() for path in sorted(table["output"])] == pytest.approx(5e4 + np.arange(6))
    # Again: nothing is asked for. With one output gone: its piece.
    assert main(command(tmp_path, "--email", EMAIL, "--cutout", "0", "0", "20", "20")) == 0
    assert "2 of 2 pieces are done" in capsys.readouterr().out
    assert len(server.exports) == 2
    next(out.glob("*.fits")).unlink()
    assert main(command(tmp_path, "--email", EMAIL, "--cutout", "0", "0", "20", "20")) == 0
    assert len(server.exports) == 3
    assert len(QTable.read(out / "fetched_hmi.Ic_45s.ecsv")) == 6
    # With the residual, which no output has: another task.
    other = command(tmp_path, "--email", EMAIL, "--cutout", "0", "0", "20", "20", "--residual")
    assert main(other) == 1
    assert "is of another task, with {'residual': 'False'}: give another --table" in capsys.readouterr().err
    assert len(QTable.read(out / "fetched_hmi.Ic_45s.ecsv")) == 6
    assert main([*other, "--overwrite"]) == 0
    assert np.isfinite(QTable.read(out / "fetched_hmi.Ic_45s.ecsv")["residual"]).all()


def test_a_piece_that_is_made_again_leaves_the_others_in_the_table(tmp_path):
    path, table = tmp_path / "fetched.ecsv", QTable({"input": ["a"], "status": ["enhanced"]})
    pieces = [(START + day * u.day, START + (day + 1) * u.day) for day in (0, 1)]
    for piece in pieces:
        Record(path, {"series": "hmi.M_45s"}).add(piece, table)
    Record(path, {"series": "hmi.M_45s"}, anew=True).add(pieces[1], table)
    assert len(QTable.read(path)) == 2
    Record(path, {"series": "hmi.Ic_45s"}, anew=True).add(pieces[1], table)
    assert len(QTable.read(path)) == 1


def test_originals_are_deleted_once_they_are_enhanced(server, shipped, tmp_path):
    bad = next(server.folder.iterdir())
    bad.write_bytes(b"not FITS")
    assert main(command(tmp_path, "--email", EMAIL, "--delete")) == 1
    originals = tmp_path / "out" / "originals"
    assert [path.name for path in originals.glob("*.fits")] == [bad.name]
    assert len(list((tmp_path / "out").glob("*_enhanced.fits"))) == 5


def test_a_download_that_fails_costs_its_row(server, shipped, tmp_path, monkeypatch):
    answer = server.answer
    first = min(server.folder.iterdir())
    monkeypatch.setattr(server, "answer", lambda path, q: None if path.endswith(first.name) else answer(path, q))
    assert main(command(tmp_path, "--email", EMAIL)) == 1
    table = QTable.read(tmp_path / "out" / "fetched_hmi.Ic_45s.ecsv")
    assert sorted(table["status"]) == [*5 * ["enhanced"], "failed"]
    assert "not downloaded" in table["message"][table["status"] == "failed"][0]
    monkeypatch.setattr(server, "answer", answer)
    assert main(command(tmp_path, "--email", EMAIL)) == 0


def test_nothing_found_and_nothing_answered(server, tmp_path, capsys, monkeypatch):
    for path in server.folder.iterdir():
        path.unlink()
    assert main(command(tmp_path, "--email", EMAIL)) == 1
    assert "nothing was found of hmi.Ic_45s" in capsys.readouterr().out
    monkeypatch.setattr(server, "address", lambda query: {"status": 4})
    monkeypatch.setattr(server, "rs_list", lambda query: {"status": 1, "error": "the database is down"})
    assert main(command(tmp_path, "--email", EMAIL)) == 1
    assert "the JSOC did not give the data" in capsys.readouterr().err


def test_an_empty_address_in_the_environment_is_none(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JSOC_EMAIL", "")
    assert main([*command(tmp_path), "--series", "hmi.Ic_720s"]) == 1
    assert "the VSO has no series hmi.Ic_720s" in capsys.readouterr().err


def test_a_search_that_failed_is_no_search_that_found_nothing():
    class Found(list):
        def __init__(self, errors, rows=()):
            super().__init__(rows)
            self.errors = errors

    _check_errors([[], Found([]), Found([OSError("of another provider")], rows=[1])])
    for errors, said in ((OSError("down"), "^down$"), ([OSError("one"), OSError("two")], "^one; two$")):
        with pytest.raises(RuntimeError, match=said):
            _check_errors([Found(errors)])


class Node(dict):
    """What zeep makes of questions to the VSO and of its answers."""

    def __missing__(self, name):
        return None

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)


@pytest.fixture
def vso(server, monkeypatch):
    """The VSO's client with answers of its own kind instead of the service."""
    from sunpy.net.vso import VSOClient

    def record(name, series):
        when = f"{name[:8]}{name[9:15]}"
        return Node(
            provider="JSOC",
            source="SDO",
            instrument="HMI",
            physobs="intensity",
            time=Node(start=when, end=when),
            wave=None,
            extent=None,
            size=16000.0,
            fileid=f"hmi__{series}:{name}",
            info=None,
        )

    def query(request):
        records = [record(name, "Ic_45s") for name in server.records()] + [record("20240501_000000", "Ic_720s")]
        return [Node(error=None, provider="JSOC", record=Node(recorditem=records))]

    def get_data(request):
        containers = request.request["datacontainer"]["datarequestitem"]
        asked.append([one for item in containers for one in item["fileiditem"]["fileid"]])
        items = [
            Node(url=f"{server.url}{server.records()[one.partition(':')[2]].name}", fileiditem=Node(fileid=[one]))
            for one in asked[-1]
        ]
        method = Node(methodtype=["URL-FILE"])
        item = Node(status=None, method=method, getdataitem=Node(dataitem=items), provider="JSOC")
        return Node(getdataresponseitem=[item])

    def get_type(name):
        if name == "VSO:QueryResponse":
            return lambda answer: Node(provideritem=answer)
        return lambda *given, **fields: given[0] if given else Node(fields)

    asked = []
    service = types.SimpleNamespace(Query=query, GetData=get_data)
    api = types.SimpleNamespace(get_type=get_type, service=service, set_ns_prefix=lambda *names: None)
    monkeypatch.setattr(VSOClient, "__init__", lambda self: setattr(self, "api", api))
    return asked


def test_vso_gives_the_files_of_the_series(vso, server, tmp_path):
    this = request(5)
    ((piece, results),) = arriving(this, this.pieces(100), tmp_path / "in", progress=False)
    assert piece == (this.start, this.end)
    assert not results.errors
    assert len(results) == 6
    assert all("720s" not in one for one in vso[0])
    for path in results:
        assert sunpy.map.Map(path).data.shape == (40, 40)


def test_only_one_piece_is_downloaded_ahead(vso, server, tmp_path):
    this = request(60)
    pieces = this.pieces(10)
    assert len(pieces) == 8
    found = arriving(this, pieces, tmp_path / "in", progress=False)
    next(found)
    time.sleep(1)
    assert len(vso) <= 3  # the one in hand, the one that waits, and the one that cannot be handed over
    found.close()


@pytest.mark.remote_data
def test_the_real_thing(tmp_path):
    arguments = ["fetch", "--start", "2024-05-01T00:00", "--end", "2024-05-01T00:01", "--series", "hmi.M_45s"]
    assert main([*arguments, "--outdir", str(tmp_path), "--model", "magnetogram-linear", "--no-pictures"]) == 0
    table = QTable.read(tmp_path / "fetched_hmi.M_45s.ecsv")
    assert set(table["status"]) == {"enhanced"}
    assert sunpy.map.Map(table["output"][0]).data.shape == (8192, 8192)
