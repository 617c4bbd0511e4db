"""Unpack .zip and .tar archives that come from elsewhere: nothing may land outside the folder."""

import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from starlib.data.faces import DataError


def unpack(archive: Path, folder: Path) -> bool:
    """Unpack an archive into a folder; False if the file is none.

    Every member is looked at before the first is written. DataError names each one that has an
    absolute path or "..", or that is neither a file nor a folder (links, devices).
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                _refuse(archive, [(m.filename, _zip_kind(m)) for m in opened.infolist()])
                opened.extractall(folder)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                _refuse(archive, [(m.name, _tar_kind(m)) for m in tar.getmembers()])
                # Older Pythons have no filter; what it refuses is refused above already.
                safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                tar.extractall(folder, **safely)  # type: ignore[arg-type]
        else:
            return False
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError) as error:
        raise DataError(f"{archive}: expected a whole archive ({error})") from error
    return True


def _refuse(archive: Path, members: list[tuple[str, str]]) -> None:
    messages = []
    for name, kind in members:
        # An archive made on Windows may have "\" between folders: no name needs one.
        paths = PurePosixPath(name), PureWindowsPath(name)
        if any(path.is_absolute() or ".." in path.parts for path in paths) or paths[1].drive:
            messages.append(f"{archive.name}: member {name!r}: expected a path inside the archive")
        elif kind != "plain":
            messages.append(
                f"{archive.name}: member {name!r}: expected a file or folder, got a {kind}"
            )
    if messages:
        raise DataError(messages)


def _zip_kind(member: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)  # 0: made where there are no such kinds
    return "plain" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "link or device"


def _tar_kind(member: tarfile.TarInfo) -> str:
    return "plain" if member.isfile() or member.isdir() else "link or device"
