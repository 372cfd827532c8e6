"""The error for a file most of whose rows lie wrong: its CRS is, and another may fit."""

import numpy as np

from phusong.geodata.coordinate_faults import Diagnosis
from phusong.geodata.coordinates import Coordinates, Mask
from phusong.geodata.errors import InputError
from phusong.geodata.reports import IssueLog


def wrong_crs(
    file: str, crs: str, *, count: str, count_vi: str,
    remedy: str = "give the right one with --crs", remedy_vi: str = "hãy nêu hệ tọa độ đúng bằng --crs",
) -> InputError:  # fmt: skip
    """Build the error for a file most of whose rows fall outside; `count` says how many of what."""
    return InputError(
        f"{file}: {count} fall outside the province, the terrain or their commune: CRS {crs} is plainly wrong; "
        f"{remedy}.",
        vi=f"{file}: {count_vi} nằm ngoài tỉnh, địa hình hoặc xã của mình: hệ tọa độ {crs} rõ ràng sai; {remedy_vi}.",
    )


def describe_wrong_file(
    given: Coordinates, found: Diagnosis, *, strays: Mask, lost: Mask, log: IssueLog, file: str
) -> InputError | None:
    """Say that a file's CRS is wrong: another reading fits most rows, or most lie outside everything.

    Parameters
    ----------
    given
        The coordinates.
    found
        How the rows would fit.
    strays
        Rows that lie wrong.
    lost
        Those of them that lie outside everything.
    log
        Knows the rows' numbers.
    file
        Name of the file.
    """
    total = int((given.known | given.in_dms).sum())
    best, fitting = found.of_most(total)
    if best < 0 and lost.sum() <= total / 2:
        return None
    row = int(np.flatnonzero(strays)[0])
    position = f"row {int(log.row_numbers[row])}, {given.x[row]:.12g}, {given.y[row]:.12g}"
    counted = int(strays.sum())
    remedies = _suggest(found, best, given, fitting) if best >= 0 else {}
    return wrong_crs(
        file, given.crs, count=f"{counted} of {total} points (first: {position})",
        count_vi=f"{counted}/{total} điểm (đầu tiên: {position.replace('row', 'dòng')})", **remedies,
    )  # fmt: skip


def _suggest(found: Diagnosis, number: int, given: Coordinates, fitting: int) -> dict[str, str]:
    best = found.readings[number]
    if best.crs == given.crs:
        return {
            "remedy": f"{fitting} of them would lie inside {best.en}",
            "remedy_vi": f"{fitting} điểm sẽ nằm trong nếu {best.vi}",
        }
    names = [f"--crs {reading.crs}" for reading in found.equals(number)]
    order, order_vi = (best.en.removeprefix(best.crs), best.vi.removeprefix(best.crs))
    return {
        "remedy": f"{fitting} of them would lie inside with {' or '.join(names)}{order}",
        "remedy_vi": f"{fitting} điểm sẽ nằm trong nếu dùng {' hoặc '.join(names)}{order_vi}",
    }
