"""The command `bench`: how fast this machine computes."""

from typing import Any

from phusong.api.console import Heading, JsonOption, LanguageOption, pick, print_json, print_line, print_table, working
from phusong.maps.text import format_number

_FIGURES: dict[str, Heading] = {
    "sweep_p50_1_band_us": ("a pixel, 50 % of time, one band, µs", "một điểm ảnh, 50% thời gian, một băng tần, µs"),
    "sweep_p50_3_bands_us": ("a pixel, 50 % of time, three bands, µs", "một điểm ảnh, 50% thời gian, ba băng tần, µs"),
    "sweep_p10_1_band_us": ("a pixel, 10 % of time, one band, µs", "một điểm ảnh, 10% thời gian, một băng tần, µs"),
    "path_p50_1_band_us": ("a pixel over its own path, µs", "một điểm ảnh theo đường truyền riêng, µs"),
    "two_threads_speed_up": ("two threads against one, times", "hai luồng so với một, lần"),
    "new_mast_3_bands_s": ("a new mast, three bands, all threads, s", "một cột mới, ba băng tần, mọi luồng, giây"),
}


def bench(as_json: JsonOption = False, language: LanguageOption = "en") -> None:
    """Measure how fast this machine computes one mast's fields, 15 km at 30 m with clutter; half a minute."""
    from phusong.coverage.benchmark import describe_machine, measure_engine

    with working("measuring / đang đo"):
        found: dict[str, Any] = {"machine": describe_machine(), **measure_engine()}
    if as_json:
        print_json(found)
        return
    machine = found["machine"]
    what = f"{machine['processor']}, {machine['cores']}"
    print_line(f"{what} cores", f"{what} nhân", language=language)
    print_table(
        [("", ""), ("", "")],
        [(pick(words, language), format_number(found[name], 2, language)) for name, words in _FIGURES.items()],
        language=language,
        right=(1,),
    )
