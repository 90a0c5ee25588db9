"""One file from the web: resumed where it broke off, and kept only if it is the right one."""

import hashlib
import http
import http.client
import urllib.request

__all__ = ["SILENCE", "download", "git_blob"]

# Seconds without a byte after which a server is given up.
SILENCE = 30


def git_blob(path):
    """Return the id that git gives a file's contents: SHA-1 over "blob", the size, a null byte and the bytes."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def download(url, path, blob):
    """Download a file.

    What has arrived is kept in a file beside it, ``.part``, from which the next attempt goes on. It is tried again for
    as long as each attempt brings more of it.

    Parameters
    ----------
    url : str
    path : pathlib.Path
        It appears only when it is complete and the right one.
    blob : str
        As `git_blob` gives it.

    Raises
    ------
    ConnectionError
        Where the server cannot be reached, has no such file, or falls silent.
    ValueError
        Where the file is another one; it is deleted.
    """
    part = path.with_name(f"{path.name}.part")
    while True:
        before = part.stat().st_size if part.exists() else 0
        if not (before and git_blob(part) == blob):  # as where the last attempt was stopped at the very end
            try:
                _receive(url, part, before)
            except (OSError, http.client.HTTPException) as error:
                if before and getattr(error, "code", None) == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    part.unlink()  # it is longer than the file
                    continue
                if part.exists() and part.stat().st_size > before:
                    continue
                if not before:
                    part.unlink(missing_ok=True)  # nothing has arrived
                msg = f"{url} could not be downloaded ({error or type(error).__name__})"
                raise ConnectionError(msg) from error
        found = git_blob(part)
        if found == blob:
            part.replace(path)
            return
        part.unlink()
        if not before:  # else what was there before was to blame, perhaps
            msg = f"{url} gave another file (git blob {found}) than was published ({blob}): {part} is deleted again"
            raise ValueError(msg)


def _receive(url, part, before):
    """Append what is missing to a file that has so many bytes already, or write it anew."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={before}-"} if before else {})
    with urllib.request.urlopen(request, timeout=SILENCE) as response:
        goes_on = (response.headers.get("Content-Range") or "").startswith(f"bytes {before}-")
        with part.open("ab" if before and goes_on else "wb") as file:
            start = file.tell()
            while piece := response.read1(2**16):  # what there is, where read() would wait for all and lose it
                file.write(piece)
            received = file.tell() - start
        expected = response.headers.get("Content-Length")
    if expected is not None and received < int(expected):
        msg = f"the connection broke after {received} of {expected} bytes"
        raise ConnectionError(msg)
