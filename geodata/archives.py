"""Archives from elsewhere (workbooks, KMZ): what is in them is checked before, and counted while it is unpacked."""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from phusong.geodata.errors import InputError, words_of

UNPACKED_LIMIT_MB = 2048
RATIO_LIMIT = 250  # DEFLATE reaches 1032; sheets of one repeated row about 150
MEMBER_LIMIT = 10_000

_CHUNK_BYTES = 1 << 20
_SMALL_BYTES = 10 << 20  # below this the ratio does not matter
_DOCTYPES = tuple(
    f"<!{word}".encode(code) for word in ("DOCTYPE", "ENTITY") for code in ("utf-8", "utf-16-le", "utf-16-be")
)
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".emf", ".wmf", ".bin", ".bmp", ".tif", ".tiff")


def archive_kind(file: Path) -> str:
    """Tell what an archive is by its members: `xlsx`, `xlsb`, `ods`, `kmz`, or `zip`.

    Raises
    ------
    InputError
        It is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            if "mimetype" in names and b"opendocument.spreadsheet" in _first_bytes(archive, "mimetype"):
                return "ods"
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise _damaged(file, error) from error
    if "xl/workbook.bin" in names:
        return "xlsb"
    if any(name.startswith("xl/") for name in names):
        return "xlsx"
    return "kmz" if any(name.lower().endswith(".kml") for name in names) else "zip"


def validate_archive(file: Path) -> None:
    """Refuse an archive that is a bomb, leads elsewhere, is encrypted, or holds XML with a document type.

    Raises
    ------
    InputError
        One of these; the sentence says which.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _validate_listing(file, members)
            left = UNPACKED_LIMIT_MB * 2**20
            for member in members:
                left -= _validate_content(file, archive, member, left)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(file, error) from error


def unpack_kml(file: Path) -> Path:
    """Unpack the KML of a checked KMZ beside it; returns the new file."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".kml")]
        name = "doc.kml" if "doc.kml" in names else names[0]
        target = file.with_suffix(".kml")
        target.write_bytes(archive.read(name))
    return target


def _validate_listing(file: Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MEMBER_LIMIT:
        raise _refused(file, f"more than {MEMBER_LIMIT} files", f"hơn {MEMBER_LIMIT} tệp")
    if sum(member.file_size for member in members) > UNPACKED_LIMIT_MB * 2**20:
        raise _too_large(file)
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        linked = stat.S_ISLNK(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or ":" in member.filename or linked:
            raise _refused(file, "a file that leads out of it", "tệp dẫn ra ngoài")
        if member.flag_bits & 1:
            raise _refused(file, "encrypted files", "tệp bị mã hóa")
        _validate_ratio(file, member, member.file_size)


def _validate_content(file: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> int:
    """Unpack a member piece by piece without keeping it; returns its size."""
    size, tail = 0, b""
    is_xml = not member.filename.lower().endswith(_PICTURES)
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > left:
                raise _too_large(file)
            _validate_ratio(file, member, size)
            text = tail + chunk
            if is_xml and any(mark in text for mark in _DOCTYPES):
                raise _refused(file, "XML with a document type (DTD)", "XML có khai báo kiểu tài liệu (DTD)")
            tail = text[-20:]
    return size


def _validate_ratio(file: Path, member: zipfile.ZipInfo, size: int) -> None:
    if size > _SMALL_BYTES and size > RATIO_LIMIT * max(member.compress_size, 1):
        raise _refused(file, "a file packed beyond measure (a bomb)", "tệp nén quá mức (bom nén)")


def _first_bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as stream:
        return stream.read(200)


def _too_large(file: Path) -> InputError:
    return InputError(
        f"{file.name} is larger than {UNPACKED_LIMIT_MB} MB unpacked; split it.",
        vi=f"{file.name} khi giải nén lớn hơn {UNPACKED_LIMIT_MB} MB; hãy chia nhỏ tệp.",
    )


def _refused(file: Path, what: str, what_vi: str) -> InputError:
    return InputError(
        f"{file.name} is an archive with {what}; save it again in its program.",
        vi=f"{file.name} là tệp nén chứa {what_vi}; hãy lưu lại bằng phần mềm của nó.",
    )


def _damaged(file: Path, error: Exception) -> InputError:
    return InputError(
        f"{file.name} is no readable workbook or archive ({words_of(error)}); save it again as .xlsx.",
        vi=f"{file.name} không phải bảng tính hay tệp nén đọc được; hãy lưu lại dạng .xlsx.",
    )
