"""Download a data set's archive: resumed where it broke off, checked by its hash, then unpacked.

pooch checks hashes, but begins a broken download anew, and its processors name no member of an
archive that they refuse.
"""

import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import urlparse

from starlib.data import READERS, data_folder
from starlib.data.errors import DataError

CHUNK = 1 << 16  # bytes; a download that breaks off loses no more
TIMEOUT = 60  # seconds without a byte
DOWNLOADS = ".downloads"  # folder beside the data sets'; holds what is not complete


def fetch(
    name: str, root: Path | str | None = None, url: str | None = None, sha256: str | None = None
) -> str:
    """Download and unpack a data set into its folder; one line says what was done.

    Args:
        name: a data set with files.
        root: folder that holds the data set's folder; default $STARLIB_DATA.
        url, sha256: an address that you were given, and the hash of what is there; default the
            data set's public address.

    Raises ValueError for an unknown name and for a data set without a public address, saying where
    to ask for it; DataError for what is wrong with the download. Nothing is left in the data set's
    folder then, and a download that broke off is continued next time.
    """
    if name not in READERS:
        raise ValueError(f"name: expected one of {', '.join(READERS)}, got {name!r}")
    if (url is None) != (sha256 is None):
        raise ValueError("--url, --sha256: expected both or neither")
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"--sha256: expected 64 hexadecimal digits, got {sha256!r}")
    folder = data_folder(name, root)
    wanted = ((url, sha256.lower()),) if url and sha256 else READERS[name].fetch
    if not wanted:
        raise ValueError(
            f"{name}: has no direct public address, ask for it at {READERS[name].source}; with an "
            f"address: python -m starlib data fetch {name} --url … --sha256 …"
        )
    added = [entry for address, digest in wanted for entry in _add(address, digest, folder)]
    return f"{name}: added {', '.join(added)} to {folder}"


def _add(url: str, sha256: str, folder: Path) -> list[str]:
    """Download one archive and move what is in it into a data set's folder, whole or not at all."""
    downloads = folder.parent / DOWNLOADS
    archive = download(url, sha256, downloads)
    with tempfile.TemporaryDirectory(dir=downloads) as name:
        unpacked = Path(name)
        if not unpack(archive, unpacked):
            shutil.copy2(archive, unpacked / archive.name)
        entries = sorted(path.name for path in unpacked.iterdir())
        taken = [folder / entry for entry in entries if os.path.lexists(folder / entry)]
        if taken:
            raise DataError([f"{path}: expected nothing there yet" for path in taken])
        folder.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            os.replace(unpacked / entry, folder / entry)
    archive.unlink()
    return entries


def unpack(archive: Path, folder: Path) -> bool:
    """Unpack an archive into a folder; False if the file is none.

    Every member is looked at before the first is written. DataError names each one that has an
    absolute path or "..", or that is neither a file nor a folder (links, devices).
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                plain = (0, stat.S_IFREG, stat.S_IFDIR)  # 0: made where there are no such kinds
                members = [
                    (m.filename, stat.S_IFMT(m.external_attr >> 16) in plain)
                    for m in opened.infolist()
                ]
                _check_members(archive, members)
                opened.extractall(folder)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                members = [(m.name, m.isfile() or m.isdir()) for m in tar.getmembers()]
                _check_members(archive, members)
                # Older Pythons have no filter; what it refuses is refused above already.
                safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                tar.extractall(folder, **safely)  # type: ignore[arg-type]
        else:
            return False
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError) as error:
        raise DataError(f"{archive}: expected a whole archive ({error})") from error
    return True


def _check_members(archive: Path, members: list[tuple[str, bool]]) -> None:
    """DataError for members (name, whether it is a file or folder) that may not be unpacked."""
    messages = []
    for name, plain in members:
        # An archive made on Windows may have "\" between folders: no name needs one.
        paths = PurePosixPath(name), PureWindowsPath(name)
        member = f"{archive.name}: member {name!r}"
        if any(path.anchor or ".." in path.parts for path in paths):
            messages.append(f"{member}: expected a path inside the archive")
        elif not plain:
            messages.append(f"{member}: expected a file or folder, got a link or device")
    if messages:
        raise DataError(messages)


def download(url: str, sha256: str, folder: Path) -> Path:
    """The file at an address, in `folder`; a broken download is continued.

    DataError names the address that cannot be read, or whose content has another hash.
    """
    try:
        import pooch
        import requests
    except ImportError as error:
        raise ImportError("data fetch needs pooch: pip install 'starloss[data]'") from error
    parts = urlparse(url)
    name = re.sub(r"[^\w.-]", "_", Path(parts.path).name)[-100:]
    if parts.scheme not in ("http", "https") or not parts.netloc or not name.strip("."):
        raise ValueError(f"--url: expected http:// or https:// and a file's name, got {url!r}")
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.{sha256[:12]}.part"

    def resume(address: str, output: str, _: object) -> None:
        _download(address, part)
        os.replace(part, output)

    try:
        found = pooch.retrieve(url, f"sha256:{sha256}", name, folder, downloader=resume)
    except requests.HTTPError as error:
        raise DataError(f"{url}: expected a file there ({error})") from error
    except requests.RequestException as error:
        message = f"{url}: expected a whole download, the same command goes on with it ({error})"
        raise DataError(message) from error
    except ValueError as error:  # pooch's word for another hash
        raise DataError(f"{url}: expected sha256 {sha256} ({error})") from error
    return Path(found)


def _download(url: str, part: Path) -> None:
    """Append to `part` what it lacks of the file at `url`; requests' errors."""
    import requests
    from tqdm import tqdm

    have = part.stat().st_size if part.exists() else 0
    # Compressed transfers have no ranges.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if have and response.status_code == 416:  # all of it is there; the hash will tell
            return
        response.raise_for_status()
        if response.status_code != 206:  # the server begins anew
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with (
            part.open("ab" if have else "wb") as file,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and part.stat().st_size < total:
        raise requests.ConnectionError(f"{part.stat().st_size} of {total} bytes came")
