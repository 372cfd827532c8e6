"""What every published column means, in English and Vietnamese, and the notes every answer carries."""

INTERFERENCE_NOTE = {
    "en": "Interference is not modelled: levels are of the serving station alone.",
    "vi": "Không mô hình hóa nhiễu: mức thu chỉ tính riêng trạm phục vụ.",
}

_TERRAIN_NOTES = {
    "dtm": {
        "en": "The terrain is a bare-earth model; representative clutter heights are added by land cover.",
        "vi": "Địa hình là mô hình mặt đất trần; độ cao lớp phủ đại diện được cộng theo loại phủ.",
    },
    "dsm": {
        "en": "The terrain is a surface model that holds part of the forest and buildings; "
        "clutter heights are lowered accordingly.",
        "vi": "Địa hình là mô hình bề mặt đã gồm một phần rừng và nhà; độ cao lớp phủ được hạ tương ứng.",
    },
}

_POINT_COLUMNS = {
    "lon": {"en": "longitude, WGS 84 [deg]", "vi": "kinh độ, WGS 84 [độ]"},
    "lat": {"en": "latitude, WGS 84 [deg]", "vi": "vĩ độ, WGS 84 [độ]"},
    "commune_code": {"en": "commune valid on the date", "vi": "mã xã hiệu lực tại ngày tính"},
    "commune_name": {"en": "its name", "vi": "tên xã"},
    "district_code": {"en": "former district", "vi": "mã huyện cũ"},
    "district_name": {"en": "its name", "vi": "tên huyện cũ"},
    "old_commune_code": {"en": "former commune: stated, else by polygon; empty where neither", "vi": "mã xã cũ"},
    "old_commune_name": {"en": "its name", "vi": "tên xã cũ"},
    "signal": {
        "en": "none (no signal), weak or good: best class of the technologies that count as signal, default profile",
        "vi": "none (trắng sóng), weak (lõm sóng) hoặc good: lớp tốt nhất theo bộ ngưỡng mặc định",
    },
    "signal__<profile>": {"en": "the same by another profile", "vi": "như trên theo bộ ngưỡng khác"},
    "class_<technology>": {"en": "class over all operators", "vi": "lớp dịch vụ, mọi nhà mạng"},
    "rsrp_dbm_<technology>": {
        "en": "median level of the serving station, on the exact path [dBm]",
        "vi": "mức thu trung vị của trạm phục vụ [dBm]",
    },
    "station_id_<technology>": {"en": "serving station", "vi": "trạm phục vụ"},
    "operator_<technology>": {"en": "its operator", "vi": "nhà mạng của trạm"},
    "distance_km_<technology>": {"en": "distance to it [km]", "vi": "khoảng cách đến trạm [km]"},
    "margin_db_<technology>": {
        "en": "level above the weak threshold, location allowance taken off [dB]",
        "vi": "mức vượt ngưỡng yếu sau khi trừ dự trữ vị trí [dB]",
    },
    "probability_<technology>": {
        "en": "share of the places around the point that meet the weak threshold, maximum over operators, 0 to 1",
        "vi": "tỷ lệ vị trí quanh điểm đạt ngưỡng yếu, lớn nhất trong các nhà mạng, từ 0 đến 1",
    },
    "uncertain": {
        "en": "yes where the best margin of the technologies that count as signal lies within k standard errors of "
        "the model of the weak threshold, no elsewhere, unknown without a position; beside signal, never in its place",
        "vi": "yes nếu mức dự trữ tốt nhất của các công nghệ được tính cách ngưỡng yếu không quá k lần sai số mô hình, "
        "no nếu ngược lại, unknown nếu thiếu tọa độ; đi kèm, không thay thế lớp sóng",
    },
    "uncertain__<profile>": {"en": "the same by another profile", "vi": "như trên theo bộ ngưỡng khác"},
    "broadband": {
        "en": "fixed broadband: yes, no or unknown; an observed value wins over the modelled one, by the settings",
        "vi": "băng rộng cố định: yes, no hoặc unknown; số liệu khai báo được ưu tiên, theo cấu hình",
    },
    "broadband_source": {
        "en": "modelled, declared or measured",
        "vi": "modelled (tính), declared (khai báo) hoặc measured (khảo sát)",
    },
    "fibre_in_reach": {
        "en": "a fibre endpoint lies within its own reach: yes, no or unknown (no fibre layer)",
        "vi": "nằm trong tầm của một điểm cáp quang: yes, no hoặc unknown (không có lớp cáp quang)",
    },
    "fibre_endpoint_id": {
        "en": "nearest endpoint within its reach, else the nearest",
        "vi": "điểm cáp quang gần nhất trong tầm, nếu không có thì điểm gần nhất",
    },
    "fibre_distance_km": {
        "en": "distance to it on the grid's plane [km]",
        "vi": "khoảng cách đến điểm đó [km]",
    },
}

DATA_DICTIONARY: dict[str, dict[str, dict[str, str]]] = {
    "settlements": {
        "settlement_id": {"en": "id of the settlement", "vi": "mã thôn, bản"},
        "name": {"en": "name", "vi": "tên"},
        "kind": {"en": "kind of settlement", "vi": "loại điểm dân cư"},
        "population": {"en": "people, as imported", "vi": "dân số theo tệp nhập"},
        "households": {"en": "households, as imported", "vi": "số hộ theo tệp nhập"},
        "area_type": {"en": "kind of area, as imported", "vi": "loại khu vực theo tệp nhập"},
        **_POINT_COLUMNS,
        "signal_declared": {
            "en": "latest declared signal (commune, operator, official list), beside the modelled one",
            "vi": "sóng theo khai báo mới nhất (xã, doanh nghiệp, danh sách), bên cạnh kết quả tính",
        },
        "signal_measured": {
            "en": "latest surveyed signal, else that of the measurements around the settlement; empty: none",
            "vi": "sóng theo khảo sát mới nhất, nếu không có thì theo các điểm đo quanh điểm dân cư; trống: không có",
        },
        "signal_published": {
            "en": "the signal of the source that the settings publish where it says something, else the modelled one",
            "vi": "sóng theo nguồn được chọn công bố trong cấu hình, nếu không có thì theo kết quả tính",
        },
        "signal_published__<profile>": {"en": "the same by another profile", "vi": "như trên theo bộ ngưỡng khác"},
        "signal_disagrees": {
            "en": "yes where the declared or measured signal is another than the modelled one, no where they agree, "
            "empty where nothing was declared or measured",
            "vi": "yes nếu khai báo hoặc đo kiểm khác kết quả tính, no nếu giống, trống nếu không có số liệu",
        },
        "broadband_declared": {"en": "latest declared broadband", "vi": "băng rộng theo khai báo mới nhất"},
        "broadband_measured": {"en": "latest surveyed broadband", "vi": "băng rộng theo khảo sát mới nhất"},
        "power_stated": {"en": "grid power of the settlements layer", "vi": "điện lưới theo lớp settlements"},
        "power_declared": {"en": "latest declared grid power", "vi": "điện lưới theo khai báo mới nhất"},
        "power_measured": {"en": "latest surveyed grid power", "vi": "điện lưới theo khảo sát mới nhất"},
        "power": {
            "en": "grid power: yes, no or unknown; the latest declaration up to the date wins",
            "vi": "điện lưới: yes, no hoặc unknown; khai báo mới nhất được ưu tiên",
        },
        "power_source": {
            "en": "declared or measured (an observation), or stated (the settlements layer); empty where none says",
            "vi": "declared (khai báo), measured (khảo sát) hoặc stated (lớp settlements); trống nếu chưa rõ",
        },
        "nearest_mast_id": {"en": "nearest mast of a station that serves", "vi": "cột gần nhất"},
        "nearest_mast_km": {
            "en": "distance to it on the grid's plane [km]",
            "vi": "khoảng cách đến cột [km]",
        },
        "households_connected": {
            "en": "declared connected households",
            "vi": "số hộ đã kết nối theo khai báo",
        },
        "state": {
            "en": "signal (none or served) × power × broadband",
            "vi": "trạng thái sóng × điện × băng rộng",
        },
        "location_known": {"en": "whether the settlement has a position", "vi": "có tọa độ hay không"},
        "indoor_signal": {
            "en": "none, weak or good indoors, default profile; only with the settings section indoor",
            "vi": "lớp tín hiệu trong nhà (none, weak, good); chỉ khi cấu hình có mục indoor",
        },
    },
    "places": {
        "place_id": {"en": "id of the place", "vi": "mã điểm"},
        "kind": {"en": "kind of place", "vi": "loại điểm"},
        "name": {"en": "name", "vi": "tên"},
        **_POINT_COLUMNS,
    },
    "figures": {
        "level": {
            "en": "province, district (former), commune, old_commune",
            "vi": "cấp: tỉnh, huyện cũ, xã, xã cũ",
        },
        "unit_code": {"en": "code of the unit", "vi": "mã đơn vị"},
        "unit_name": {"en": "name of the unit", "vi": "tên đơn vị"},
        "technology": {
            "en": "a technology, 3G+4G (either), any; empty for figures without one",
            "vi": "công nghệ, 3G+4G (một trong hai), any; trống nếu không áp dụng",
        },
        "operator": {"en": "an operator, or any (best of all)", "vi": "nhà mạng, hoặc any (tốt nhất)"},
        "profile": {
            "en": "threshold profile; empty where none applies",
            "vi": "bộ ngưỡng; trống nếu không áp dụng",
        },
        "indicator": {
            "en": "people: persons by pixel; people_expected: persons weighted by the share of places served in "
            "their pixel; people_2_operators: persons served by at least two operators; "
            "residential_cells: population cells with at least N people in "
            "the province, covered when at least half of them are; settlements and places:<kind>: on their "
            "own exact path; states: settlements by signal × power × broadband, states:weak: those of a state "
            "with a weak signal only; broadband:…, power:settlements: by yes, no, unknown; households_passed: within "
            "reach of fibre; households_connected: declared; masts and stations: counts; indoor:…: the same indoors",
            "vi": "people: người theo ô lưới; people_expected: người nhân với tỷ lệ vị trí được phục vụ trong ô; "
            "people_2_operators: người được ít nhất hai nhà mạng phục vụ; "
            "residential_cells: ô dân cư có ít nhất N người, được phủ khi "
            "ít nhất một nửa được phủ; settlements, places:<kind>: theo đường truyền riêng; states: điểm dân cư "
            "theo sóng × điện × băng rộng, states:weak: trong đó chỉ có sóng yếu; broadband, "
            "power: yes, no, unknown; households_passed: hộ trong tầm cáp quang; households_connected: "
            "hộ đã kết nối (khai báo); masts, stations: số cột, số trạm; indoor:…: trong nhà",
        },
        "service": {
            "en": "weak = at least weak, good; yes, no, unknown; or a state",
            "vi": "weak = từ yếu trở lên, good; yes, no, unknown; hoặc trạng thái",
        },
        "numerator": {"en": "how many have it", "vi": "tử số"},
        "denominator": {"en": "of how many; empty for a count", "vi": "mẫu số; trống nếu là số đếm"},
        "share": {"en": "numerator / denominator, 0 to 1", "vi": "tỷ lệ, từ 0 đến 1"},
        "low": {
            "en": "the share if the whole field were one standard error of the model lower",
            "vi": "tỷ lệ nếu toàn bộ mức thu thấp hơn một sai số chuẩn của mô hình",
        },
        "high": {
            "en": "the share if the whole field were one standard error of the model higher",
            "vi": "tỷ lệ nếu toàn bộ mức thu cao hơn một sai số chuẩn của mô hình",
        },
        "reason": {"en": "why there is no figure, or what was left out", "vi": "lý do không có số liệu"},
    },
    "stations": {
        "station_id": {"en": "row position = server code of the rasters", "vi": "thứ tự dòng = mã trạm"},
        "signal_key": {
            "en": "hash of all that the station's level depends on",
            "vi": "mã băm của mọi yếu tố quyết định mức thu của trạm",
        },
    },
    "signals": {
        "point_id": {
            "en": "settlement_id after s, place_id after p",
            "vi": "settlement_id sau chữ s, place_id sau chữ p",
        },
        "station_id": {
            "en": "best station of the technology and operator, on the exact path",
            "vi": "trạm tốt nhất của công nghệ và nhà mạng, theo đường truyền chính xác",
        },
    },
    "units": {"reason": {"en": "why the unit has no polygon", "vi": "lý do không có ranh giới"}},
    "tiles": {
        "band 1": {"en": "best level [0.01 dBm], −32768 none", "vi": "mức thu tốt nhất [0,01 dBm]"},
        "band 2": {
            "en": "position + 1 in the tag PHUSONG_SERVERS, 0 none",
            "vi": "thứ tự + 1 trong thẻ PHUSONG_SERVERS, 0 là không có",
        },
    },
}


def terrain_note(terrain_kind: str) -> dict[str, str]:
    """Note on the kind of terrain model: `dtm` or `dsm`."""
    return _TERRAIN_NOTES[terrain_kind]
