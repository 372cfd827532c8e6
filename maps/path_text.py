"""An explained path in words: title, verdict and the rows of numbers that the figure and the command line share."""

from typing import NamedTuple

from phusong.coverage.path_geometry import Sight
from phusong.coverage.path_level import IndoorLevel
from phusong.coverage.profile import PathExplanation
from phusong.maps.text import Language, Words, format_number, say

AT_A_SETTLEMENT_KM = 0.05
SIGHT_WORDS: dict[Sight, Words] = {
    "clear": ("Line of sight, first Fresnel zone free", "Tầm nhìn thẳng, vùng Fresnel thứ nhất thông thoáng"),
    "fresnel": ("Line of sight, first Fresnel zone obstructed", "Tầm nhìn thẳng, vùng Fresnel thứ nhất bị che"),
    "blocked": ("No line of sight", "Không có tầm nhìn thẳng"),
}
SERVICE_WORDS: dict[str, Words] = {
    "none": ("none", "trắng sóng"),
    "weak": ("weak", "lõm sóng"),
    "good": ("good", "tốt"),
}


MODEL_WORDS: dict[str, Words] = {
    "p1812": ("P.1812-7", "P.1812-7"),
    "free_space": ("free space", "không gian tự do"),
    "hata": ("extended Hata", "Hata mở rộng"),
    "rma": ("3GPP RMa", "3GPP RMa"),
    "uma": ("3GPP UMa", "3GPP UMa"),
}


class Row(NamedTuple):
    """A line of a table: what, how much, whether it is a sum, and the service class that it states."""

    label: str
    value: str
    is_sum: bool = False
    service: str | None = None


class Section(NamedTuple):
    """A small table under a heading."""

    heading: str
    rows: list[Row]


def path_title(found: PathExplanation, language: Language) -> str:
    """Between what and what: "Trạm S1 (Alpha) → Bản Mẫu, xã Mẫu"."""
    return f"{say(('Station', 'Trạm'), language)} {found.station.station_id} ({found.station.operator}) → " + (
        describe_place(found, language)
    )


def path_subtitle(found: PathExplanation, language: Language) -> str:
    """Technology, frequency, distance, direction and date."""
    station = found.station
    parts = (
        station.technology,
        f"{format_number(station.band_mhz, 0, language)} MHz",
        f"{format_number(found.distance_km, 2, language)} km",
        f"{say(('bearing', 'phương vị'), language)} {format_number(found.antenna.bearing_deg, 0, language)}°",
        f"{format_number(found.time_pct, 0, language)}{say((' % of time', '% thời gian'), language)}",
        found.as_of.strftime("%d/%m/%Y") if language == "vi" else found.as_of.isoformat(),
    )
    return " · ".join(parts)


def describe_place(found: PathExplanation, language: Language) -> str:
    """The settlement at the place, or how far the nearest one is; its commune; else the coordinates."""
    place = found.place
    where = f"{place.lon:.5f}, {place.lat:.5f}"
    if place.settlement_name is not None and place.settlement_km is not None:
        where = place.settlement_name
        if place.settlement_km > AT_A_SETTLEMENT_KM:
            away = format_number(place.settlement_km, 1, language)
            where = say((f"{away} km from {where}", f"điểm cách {where} khoảng {away} km"), language)
    return where if place.commune_name is None else f"{where}, {place.commune_name}"


def obstacle_sentence(found: PathExplanation, language: Language) -> str:
    """The obstacle that decides: where, how high, and how far the ray passes above or below its top."""
    obstacle = found.path.obstacle
    distance = f"{format_number(obstacle.distance_km, 2, language)} km"
    height = f"{format_number(obstacle.terrain_m + obstacle.clutter_m, 0, language)} m"
    clearance = f"{format_number(obstacle.clearance_m, 1, language)} m"
    of_trees = f"{format_number(obstacle.clutter_m, 0, language)} m"
    cover, cover_vi = (
        (f", {of_trees} of it cover", f", trong đó lớp phủ {of_trees}") if obstacle.clutter_m else ("", "")
    )
    words = {
        "clear": ("nearest obstacle", "vật gần tia nhất"),
        "fresnel": ("deciding obstacle", "vật cản quyết định"),
        "blocked": ("deciding obstacle", "vật cản quyết định"),
    }[found.path.sight]
    return say(
        (
            f"{words[0]} at {distance}: top {height} amsl{cover}, clearance {clearance}",
            f"{words[1]} tại {distance}: đỉnh cao {height}{cover_vi}, khoảng hở {clearance}",
        ),
        language,
    )


def path_sections(found: PathExplanation, language: Language) -> list[Section]:
    """The loss, the level and the answer, each a small table whose rows lead to its sums."""
    return [_loss(found, language), _level(found, language), _answer(found, language)]


def _loss(found: PathExplanation, language: Language) -> Section:
    loss = found.path.loss
    rows = [
        (("free space", "không gian tự do"), loss.free_space_db),
        (("diffraction over terrain", "nhiễu xạ địa hình"), loss.terrain_db),
        (("added by land cover", "lớp phủ làm tăng"), loss.clutter_db),
        (("time percentage, blending", "tỷ lệ thời gian, chuyển tiếp"), loss.time_db),
        (("ducting", "ống dẫn sóng"), loss.ducting_db),
        (("troposcatter", "tán xạ đối lưu"), loss.troposcatter_db),
    ]
    if found.model != "p1812":
        rows = [rows[0], (("added by the model", "mô hình làm tăng"), loss.model_db)]
        rows += [(("clutter at the receiver", "lớp phủ tại máy thu"), loss.clutter_db)] if loss.clutter_db else []
    named = [Row(say(words, language), _db(value, language)) for words, value in rows]
    total = Row(say(("path loss", "tổng suy hao"), language), _db(loss.total_db, language), True)
    model = say(MODEL_WORDS[found.model], language)
    return Section(say((f"Path loss ({model})", f"Suy hao đường truyền ({model})"), language), [*named, total])


def _level(found: PathExplanation, language: Language) -> Section:
    level, antenna = found.level, found.antenna
    tilt = antenna.sector.downtilt_deg
    rows = [
        Row(
            say(("antenna height, tilt", "độ cao ăng-ten, góc cúi"), language),
            f"{_plain(found.station.height_agl_m, language)} m, "
            + ("–" if tilt is None else _plain(tilt, language) + "°"),
        ),
        Row("EIRP", _dbm(antenna.sector.eirp_dbm, language)),
        Row(say((f"share of {level.quantity}", f"phần của {level.quantity}"), language), _db(level.share_db, language)),
        Row(_antenna(found, language), _db(antenna.gain_db, language)),
        Row(say(("path loss", "suy hao"), language), _db(-found.path.loss.total_db, language)),
    ]
    if level.calibration_db:
        rows.append(Row(say(("calibration", "hiệu chỉnh"), language), _db(level.calibration_db, language)))
    rows.append(Row(level.quantity, _dbm(level.rsrp_dbm, language), True))
    if level.indoor is None:
        return Section(say(("Level outdoors", "Mức thu ngoài trời"), language), rows)
    entry = say(("building entry (P.2109)", "suy hao vào nhà (P.2109)"), language)
    rows.append(Row(entry, _db(-level.indoor.entry_loss_db, language)))
    inside = say((f"{level.quantity} indoors", f"{level.quantity} trong nhà"), language)
    rows.append(Row(inside, _dbm(level.indoor.rsrp_dbm, language), True))
    return Section(say(("Level outdoors, indoors", "Mức thu ngoài trời, trong nhà"), language), rows)


def _antenna(found: PathExplanation, language: Language) -> str:
    """The antenna and the direction in which it sees the place."""
    antenna = found.antenna
    name = antenna.sector.antenna
    if antenna.azimuth_off_deg is None or antenna.sector.azimuth_deg is None:
        return f"{say(('antenna', 'ăng-ten'), language)} {name}"
    off = format_number(antenna.azimuth_off_deg, 0, language)
    azimuth = format_number(antenna.sector.azimuth_deg, 0, language)
    return say((f"{name}, sector {azimuth}°, {off}° off", f"{name}, sector {azimuth}°, lệch {off}°"), language)


def _answer(found: PathExplanation, language: Language) -> Section:
    level = found.level
    heading = say((f"Answer, profile {level.profile}", f"Kết luận, bộ ngưỡng {level.profile}"), language)
    if level.weak_dbm is None or level.good_dbm is None or level.margin_db is None or level.service is None:
        nothing = say(("the profile has no threshold", "bộ ngưỡng không có ngưỡng"), language)
        return Section(heading, [Row(nothing, "–", True)])
    places = _plain(level.location_pct, language)
    floor = say(("least for the uplink", "tối thiểu cho đường lên"), language)
    uplink = [] if level.uplink_floor_dbm is None else [Row(floor, _dbm(level.uplink_floor_dbm, language))]
    return Section(
        heading,
        [
            Row(level.quantity, _dbm(level.rsrp_dbm, language)),
            Row(say(("threshold, weak", "ngưỡng lõm sóng"), language), _dbm(level.weak_dbm, language)),
            Row(say(("threshold, good", "ngưỡng tốt"), language), _dbm(level.good_dbm, language)),
            *uplink,
            Row(
                say((f"allowance for {places} % of places", f"dự trữ cho {places}% vị trí"), language),
                _db(level.location_allowance_db, language),
            ),
            Row(say(("margin over weak", "dư so với ngưỡng lõm"), language), _db(level.margin_db, language), True),
            _service(("class", "kết quả"), level.service, bool(level.uncertain), language),
            *_answer_indoors(level.indoor, language),
        ],
    )


def _answer_indoors(indoor: IndoorLevel | None, language: Language) -> list[Row]:
    if indoor is None or indoor.margin_db is None or indoor.service is None:
        return []
    margin = say(("margin indoors", "dư trong nhà"), language)
    return [
        Row(margin, _db(indoor.margin_db, language), True),
        _service(("class indoors", "kết quả trong nhà"), indoor.service, bool(indoor.uncertain), language),
    ]


def _service(label: Words, service: str, is_uncertain: bool, language: Language) -> Row:
    """The class, and whether the margin lies within the model's error."""
    words = say(SERVICE_WORDS[service], language)
    words += say((", uncertain", ", chưa chắc chắn"), language) if is_uncertain else ""
    return Row(say(label, language), words, True, service)


def _db(value: float, language: Language) -> str:
    return f"{format_number(value, 2, language)} dB"


def _dbm(value: float, language: Language) -> str:
    return f"{format_number(value, 2, language)} dBm"


def _plain(value: float, language: Language) -> str:
    """A number as short as it is: 30, 1,5."""
    return format_number(value, 0 if value == int(value) else 1, language)
