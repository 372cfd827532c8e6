"""The reply to a voter's petition about signal at a settlement: what it says, apart from how it is written.

The letter names no station; codes, distances and margins stand in an annex of their own, which can be left out.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from phusong.coverage.profile import PathExplanation
from phusong.coverage.results import Results
from phusong.coverage.uncovered import Uncovered, explain_uncovered
from phusong.geodata.errors import AmbiguousNameError, UnknownNameError
from phusong.geodata.names import name_key
from phusong.geodata.workspace import Workspace
from phusong.maps.documents import missing_layers, state_word
from phusong.maps.path_text import obstacle_sentence
from phusong.maps.sheet_text import BODY
from phusong.maps.text import format_count, format_date, format_number, say
from phusong.maps.uncovered_text import CAUSE_WORDS, FUNDING_WORDS, SIGHT_SHORT, format_quarter

STATION_HEADS = (
    "STT", "Mã trạm", "Nhà mạng", "Công nghệ", "Khoảng cách (km)", "Mức thu (dBm)", "Dư so ngưỡng (dB)", "Tầm nhìn",
)  # fmt: skip
_LISTED = 10


@dataclass(frozen=True, eq=False)
class Sheet:
    """A reply: its subject, paragraphs, and in the annex the stations and the path of the best one."""

    settlement: str
    subject: str
    paragraphs: list[str]
    stations: list[tuple[str, ...]]
    obstacle: str
    path: PathExplanation | None
    basis: str
    as_of: date


def find_settlement(results: Results, wanted: str) -> str:
    """Id of a settlement by itself or by its name in any spelling.

    Raises
    ------
    UnknownNameError
        There is none.
    AmbiguousNameError
        Several are called so.
    """
    table = results.settlements
    if (table["settlement_id"] == wanted).any():
        return wanted
    found = table[[name_key(name or "") == name_key(wanted) for name in table["name"]]]
    if len(found) == 1:
        return str(found["settlement_id"].iloc[0])
    if found.empty:
        raise UnknownNameError(
            f"the run has no settlement {wanted!r}; give its id or its whole name",
            vi=f"lần tính không có thôn, bản {wanted!r}; hãy ghi mã hoặc tên đầy đủ",
        )
    named = [f"{row['settlement_id']} ({row['commune_name']})" for row in found.head(_LISTED).to_dict("records")]
    raise AmbiguousNameError(
        f"{len(found)} settlements are called {wanted!r}; give the id of one: {', '.join(named)}",
        vi=f"có {len(found)} thôn, bản tên {wanted!r}; hãy ghi mã: {', '.join(named)}",
    )


def read_sheet(results: Results, workspace: Workspace, settlement_id: str) -> Sheet:
    """Put together the reply for a settlement, in Vietnamese.

    Parameters
    ----------
    results
        The run.
    workspace
        Where it was published.
    settlement_id
        Id of a settlement of the run.
    """
    table = results.settlements
    row = table[table["settlement_id"] == settlement_id].to_dict("records")[0]
    why = explain_uncovered(workspace, results, [settlement_id])[settlement_id]
    as_of = date.fromisoformat(results.manifest["as_of"])
    name, profile = row["name"] or settlement_id, next(iter(results.profiles.values()))
    path = None if why.best is None else why.paths[why.best]
    return Sheet(
        settlement=name,
        subject=f"V/v trả lời kiến nghị của cử tri về sóng thông tin di động tại {name}",
        paragraphs=_paragraphs(row, name, why, as_of),
        stations=[_station(number, path) for number, path in enumerate(why.paths, start=1)],
        obstacle="" if path is None else f"{path.station.station_id}: {obstacle_sentence(path, 'vi')}.",
        path=path,
        basis=" ".join(
            [
                f"Phiên tính {results.run_id}, số liệu đến ngày {format_date(as_of, 'vi')}, bộ ngưỡng {profile.name};",
                "tính theo Khuyến nghị ITU-R P.1812, không xét nhiễu.",
                *missing_layers(results, "vi"),
            ]
        ),
        as_of=as_of,
    )


def _paragraphs(row: dict[Any, Any], name: str, why: Uncovered, as_of: date) -> list[str]:
    signal = state_word("signal", row["signal"], "vi")
    power, broadband = (state_word("power", row[key], "vi") for key in ("power", "broadband"))
    texts = [
        f"Về kiến nghị liên quan đến sóng thông tin di động tại {name}{_place(row)}, {BODY} trả lời như sau:",
        f"1. Hiện trạng: theo kết quả tính phủ sóng đến ngày {format_date(as_of, 'vi')}, {name}{_size(row)} có sóng di "
        f"động ở mức: {signal}; điện lưới: {power}; băng rộng cố định: {broadband}.{_observed(row)}",
    ]
    if row["signal"] != "good":
        texts += [
            f"2. Nguyên nhân: {say(CAUSE_WORDS[why.cause], 'vi')}",
            f"3. Hướng xử lý: {say(FUNDING_WORDS[why.funding], 'vi')} {_plan(why)}",
        ]
    return [*texts, "Số liệu trên là kết quả tính toán, cần được kiểm tra thực địa trước khi kết luận."]


def _place(row: dict[Any, Any]) -> str:
    former = ", ".join(part for part in (row.get("old_commune_name"), row["district_name"]) if part)
    commune = f", {row['commune_name']}" if row["commune_name"] else ""
    return commune + (f" (trước đây thuộc {former})" if former else "")


def _size(row: dict[Any, Any]) -> str:
    parts = [
        f"{format_count(row[column], 'vi')} {unit}"
        for column, unit in (("population", "người"), ("households", "hộ"))
        if not pd.isna(row[column])
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _observed(row: dict[Any, Any]) -> str:
    words = (("signal_declared", "khai báo của địa phương, doanh nghiệp"), ("signal_measured", "đo kiểm"))
    said = [f"theo {source}: {state_word('signal', row[key], 'vi')}" for key, source in words if row.get(key)]
    return f" Sóng di động {'; '.join(said)}." if said else ""


def _plan(why: Uncovered) -> str:
    if why.planned is None:
        return "Hiện chưa có trạm quy hoạch nào phủ tới nơi này."
    if why.planned.on_air_from is None:
        return "Đã có trạm quy hoạch phủ tới nơi này, chưa ghi thời điểm phát sóng."
    return f"Trạm quy hoạch phủ tới nơi này dự kiến phát sóng {format_quarter(why.planned.on_air_from, 'vi')}."


def _station(number: int, path: PathExplanation) -> tuple[str, ...]:
    station, level = path.station, path.level
    margin = "–" if level.margin_db is None else format_number(level.margin_db, 1, "vi")
    return (
        str(number), station.station_id, station.operator, station.technology,
        format_number(path.distance_km, 1, "vi"), format_number(level.rsrp_dbm, 0, "vi"), margin,
        say(SIGHT_SHORT[path.path.sight], "vi"),
    )  # fmt: skip
