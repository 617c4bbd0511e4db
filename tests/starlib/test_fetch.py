"""data fetch: resumed, checked by hash, and nothing unsafe or half-written."""

import dataclasses
import functools
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile

import pytest

from starlib.__main__ import main
from starlib.data import READERS, DataError
from starlib.data.fetch import DOWNLOADS, fetch
from tests.conftest import files_of

pytest.importorskip("pooch")


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.content` with ranges; breaks off after `server.limit` bytes of a reply."""

    def do_GET(self):
        content, wanted = self.server.content, self.headers.get("Range")
        self.server.ranges.append(wanted)
        begin = int(wanted[len("bytes=") : -1]) if wanted and self.server.has_ranges else 0
        if self.path != "/faces.zip?download=1":
            self.send_error(404)
            return
        if begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : begin + self.server.limit])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content, server.limit, server.has_ranges, server.ranges = b"", 1 << 30, True, []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        server.url = f"http://127.0.0.1:{server.server_port}/faces.zip?download=1"
        yield server
        server.shutdown()


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


FACES = zipped({"images/a.jpg": b"a" * 300_000, "list.txt": "a.jpg"})


def test_an_archive_is_fetched_checked_and_unpacked(server, tmp_path, called):
    server.content = FACES
    given = ["--url", server.url, "--sha256", sha256(FACES), "--data-root", str(tmp_path)]
    assert "wflw: added images, list.txt to" in called("data", "fetch", "wflw", *given)
    assert files_of(tmp_path) == ["wflw/images/a.jpg", "wflw/list.txt"]
    with pytest.raises(DataError, match=r"wflw/images: expected nothing there yet"):
        fetch("wflw", tmp_path, server.url, sha256(FACES))


def test_what_is_no_archive_is_kept_as_it_is(server, tmp_path):
    server.content = b"MATLAB"
    fetch("cofw", tmp_path, server.url, sha256(b"MATLAB"))
    assert files_of(tmp_path) == ["cofw/faces.zip"]


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(server, tmp_path, has_ranges):
    server.content, server.limit, server.has_ranges = FACES, 200_000, has_ranges
    with pytest.raises(DataError, match="expected a whole download, the same command"):
        fetch("wflw", tmp_path, server.url, sha256(FACES))
    assert not (tmp_path / "wflw").exists()
    server.limit = 1 << 30
    fetch("wflw", tmp_path, server.url, sha256(FACES))
    first, second = server.ranges
    assert first is None and 100_000 < int(second[len("bytes=") : -1]) <= 200_000
    assert (tmp_path / "wflw/images/a.jpg").read_bytes() == b"a" * 300_000


def test_a_download_that_was_complete_but_not_moved_is_taken(server, tmp_path):
    server.content = FACES
    folder = tmp_path / DOWNLOADS
    folder.mkdir()
    (folder / f"faces.zip.{sha256(FACES)[:12]}.part").write_bytes(FACES)
    fetch("wflw", tmp_path, server.url, sha256(FACES))
    assert (tmp_path / "wflw/list.txt").exists()


def test_another_hash_is_an_error_and_leaves_nothing(server, tmp_path):
    server.content = FACES
    with pytest.raises(DataError, match="expected sha256 0000"):
        fetch("wflw", tmp_path, server.url, "0" * 64)
    assert files_of(tmp_path) == [] and not (tmp_path / "wflw").exists()


def test_addresses_that_cannot_be_read_are_named(server, tmp_path):
    with pytest.raises(DataError, match=r"none\.zip.*: expected a file there"):
        fetch("wflw", tmp_path, server.url.replace("faces", "none"), "0" * 64)
    for url in ("ftp://host/a.zip", "file:///etc/passwd", "http:///a.zip", "http://host/.."):
        with pytest.raises(ValueError, match="--url: expected http"):
            fetch("wflw", tmp_path, url, "0" * 64)


def tarred(kind, name="images/x", target="/etc/passwd", again=()):
    """A tar file of a fine member, one of a kind, and more of the same name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("images/fine.txt"), io.BytesIO())
        for each in (kind, *again):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = each, target
            archive.addfile(member, io.BytesIO())
    return buffer.getvalue()


LINK = zipfile.ZipInfo("images/x")
LINK.external_attr = 0o120777 << 16


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped({"fine": "", "../x": ""}), "'../x': expected a path inside"),
        (zipped({"/x": ""}), "'/x': expected a path inside"),
        (zipped({"a\\..\\..\\x": ""}), "expected a path inside"),
        (zipped({"C:/x": ""}), "'C:/x': expected a path inside"),
        (zipped({LINK: "/etc/passwd"}), "'images/x': expected a file or folder, got a link"),
        (tarred(tarfile.REGTYPE, "../x"), "'../x': expected a path inside"),
        (tarred(tarfile.REGTYPE, "/tmp/x"), "'/tmp/x': expected a path inside"),
        (tarred(tarfile.SYMTYPE), "'images/x': expected a file or folder, got a link"),
        (
            tarred(tarfile.SYMTYPE, again=[tarfile.REGTYPE]),
            "'images/x': expected a file or folder, got a link",
        ),
        (tarred(tarfile.LNKTYPE, target="images/fine.txt"), "expected a file or folder"),
        (tarred(tarfile.CHRTYPE), "'images/x': expected a file or folder, got a link or device"),
        (FACES[:-3000] + FACES[-60:], "expected"),
    ],
)
def test_unsafe_and_broken_archives_are_refused_whole(server, tmp_path, content, message):
    server.content = content
    root = tmp_path / "data"
    with pytest.raises(DataError) as raised:
        fetch("wflw", root, server.url, sha256(content))
    assert message in str(raised.value)
    assert not (root / "wflw").exists()
    assert [name for name in files_of(tmp_path) if not name.startswith(f"data/{DOWNLOADS}/")] == []


def test_what_has_no_address_says_in_one_line_where_to_ask(tmp_path, capsys):
    for name, reader in READERS.items():
        if not reader.fetch:
            assert main(["data", "fetch", name, "--data-root", str(tmp_path)]) == 2
            message = capsys.readouterr().err
            assert message.count("\n") == 1 and reader.source in message and "--url" in message
    assert list(tmp_path.iterdir()) == []


def test_public_addresses_are_fetched_by_name_alone(server, tmp_path, monkeypatch):
    server.content = FACES
    reader = dataclasses.replace(READERS["cofw"], fetch=((server.url, sha256(FACES)),))
    monkeypatch.setitem(READERS, "cofw", reader)
    assert "cofw: added" in fetch("cofw", tmp_path)


def test_wrong_arguments_are_named(tmp_path, monkeypatch):
    monkeypatch.delenv("STARLIB_DATA", raising=False)
    check = functools.partial(pytest.raises, ValueError)
    with check(match="name: expected one of 300w"):
        fetch("synthface", tmp_path)
    with check(match="--url, --sha256: expected both"):
        fetch("wflw", tmp_path, "http://host/a.zip")
    with check(match="--sha256: expected 64 hexadecimal digits"):
        fetch("wflw", tmp_path, "http://host/a.zip", "12")
    with check(match=r"expected its folder in \$STARLIB_DATA or --data-root"):
        fetch("cofw")
    assert main(["data", "check", "wflw", "--url", "http://host/a.zip"]) == 2
