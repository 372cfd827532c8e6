"""Why a run has no figure, in words of both languages: runs keep the English ones."""

import re

from phusong.coverage.missing_figures import (
    NEEDS_DISTRICTS,
    NEEDS_NEW_RUNS,
    NEEDS_OLD_POLYGONS,
    NEEDS_POLYGON,
    NO_CONNECTED,
    NO_FIBRE,
    NO_HOUSEHOLDS,
    NO_THRESHOLD,
)
from phusong.maps.text import Words

_VIETNAMESE = {
    NEEDS_OLD_POLYGONS: "cần ranh giới các xã cũ",
    NEEDS_POLYGON: "cần ranh giới của đơn vị",
    NEEDS_DISTRICTS: "cần huyện cũ của từng xã (cột district_code, hoặc bảng chuyển đổi)",
    NEEDS_NEW_RUNS: "cần hai lần tính của phiên bản này: hãy tính lại",
    NO_FIBRE: "cần lớp fibre_endpoints (điểm cáp quang)",
    NO_HOUSEHOLDS: "cần số hộ của các thôn, bản",
    NO_CONNECTED: "cần số liệu khai báo số hộ đã kết nối (households_connected)",
    NO_THRESHOLD: "bộ ngưỡng không có ngưỡng cho công nghệ này",
    "needs the position of the settlement": "cần tọa độ của thôn, bản",
}
_LEFT_OUT = re.compile(r"left out (.+): (\S+) connected of (\S+) households")


def reason_words(reason: str) -> Words:
    """The reason of a missing figure in English and Vietnamese.

    Parameters
    ----------
    reason
        As a run keeps it, "" for none; several are parted by semicolons.
    """
    return reason, "; ".join(_vietnamese(part) for part in reason.split("; ")) if reason else ""


def _vietnamese(part: str) -> str:
    left_out = _LEFT_OUT.fullmatch(part)
    if left_out:
        return f"bỏ qua {left_out[1]}: {left_out[2]} hộ kết nối trên {left_out[3]} hộ"
    return _VIETNAMESE.get(part, part)
