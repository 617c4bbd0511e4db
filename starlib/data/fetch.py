"""Download a data set's archive: resumed where it broke off, checked by its hash, then unpacked."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlparse

from starlib.data import FOLDERS, READERS
from starlib.data.archives import unpack
from starlib.data.faces import DataError

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
    folder then, and a download that broke off goes on next time.
    """
    if name not in READERS:
        raise ValueError(f"name: expected one of {', '.join(READERS)}, got {name!r}")
    if (url is None) != (sha256 is None):
        raise ValueError("--url, --sha256: expected both or neither")
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"--sha256: expected 64 hexadecimal digits, got {sha256!r}")
    base = root or os.environ.get("STARLIB_DATA")
    if not base:
        raise DataError(f"{name}: expected its folder in $STARLIB_DATA or --data-root, none is set")
    public = getattr(READERS[name], "FETCH", ())
    wanted = [(url, sha256.lower())] if url and sha256 else list(public)
    if not wanted:
        raise ValueError(
            f"{name}: has no direct public address, ask for it at {READERS[name].SOURCE}; with an "
            f"address: python -m starlib data fetch {name} --url … --sha256 …"
        )
    folder = Path(base) / FOLDERS.get(name, name)
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
        taken = [
            f"{folder / e}: expected nothing there yet" for e in entries if _is_there(folder, e)
        ]
        if taken:
            raise DataError(taken)
        folder.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            os.replace(unpacked / entry, folder / entry)
    archive.unlink()
    return entries


def _is_there(folder: Path, entry: str) -> bool:
    return os.path.lexists(folder / entry)


def download(url: str, sha256: str, folder: Path) -> Path:
    """The file at an address, in `folder`; what a broken download left there is gone on with.

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
