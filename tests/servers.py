"""A server on this machine that serves one file well or badly."""

import contextlib
import http.server
import threading
import time

__all__ = ["serving"]


@contextlib.contextmanager
def serving(content, *, status=200, ranges=True, breaks_after=None, silent_after=None, pause=0.0):
    """Serve some bytes under any name; give the server's URL and the list of the requests' Range headers.

    Parameters
    ----------
    content : bytes
    status : int
    ranges : bool
        Whether it goes on in the middle when it is asked to.
    breaks_after, silent_after : list of int, optional
        After how many bytes it breaks the connection, or falls silent, at each request; not at later ones.
    pause : float
        Seconds between two pieces of 1000 bytes.
    """
    asked, over = [], threading.Event()
    breaks, silences = list(breaks_after or []), list(silent_after or [])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Range"))
            if status != 200:
                self.send_error(status)
                return
            start = int(asked[-1].removeprefix("bytes=").rstrip("-")) if asked[-1] and ranges else 0
            if start >= len(content) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            broken, silent = breaks.pop(0) if breaks else None, silences.pop(0) if silences else None
            end = min(len(content), *(start + n for n in (broken, silent) if n is not None), len(content))
            for position in range(start, end, 1000):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client has enough of it
                    self.wfile.write(content[position : min(position + 1000, end)])
                time.sleep(pause)
            if silent is not None:
                over.wait()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
