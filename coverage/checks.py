"""Is a workspace ready to be computed: which layers are missing, and what in them does not fit together.

An error stops a computation or makes its answer wrong; a warning says what an answer will leave out.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import Transformer

from phusong.coverage.antenna import read_patterns
from phusong.coverage.link import reference_signal
from phusong.coverage.missing_figures import NEEDS_DISTRICTS
from phusong.coverage.prepare import hash_inputs
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.results import Results
from phusong.coverage.stations import eligible_stations, parse_stations
from phusong.coverage.units import OUTSIDE, UnitIndex, build_units
from phusong.geodata.crosswalks import check_crosswalk
from phusong.geodata.errors import MissingLayerError, PhusongError
from phusong.geodata.rasters import clutter_height
from phusong.geodata.schema_checks import validate_layer
from phusong.geodata.stated_communes import find_stated
from phusong.geodata.workspace import RASTERS, Workspace

NAMED = 5
REQUIRED_LAYERS = ("communes", "settlements", "stations")
# Optional layers, and what an answer lacks without them.
OPTIONAL_LAYERS = {
    "fibre_endpoints": ("modelled broadband is unknown everywhere", "băng rộng tính toán sẽ là chưa rõ ở mọi nơi"),
    "places": ("no places are answered", "không có kết quả cho các điểm công cộng"),
    "crosswalk": ("old codes of the communes are not known", "không biết mã xã cũ"),
    "observations": ("nothing declared is used", "không dùng số liệu khai báo"),
}

# Layers that are laid on the others: no unit and no raster depends on them.
PLACED = frozenset({"stations", "fibre_endpoints", "places", "observations", "measurements"})

# Layers whose rows may state their commune, and what names a row.
STATING_LAYERS = {
    "settlements": "settlement_id", "stations": "station_id", "fibre_endpoints": "endpoint_id", "places": "place_id",
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One fault: how bad, a stable code, the layer or file it lies in, and a sentence in both languages."""

    severity: Literal["error", "warning"]
    code: str
    where: str
    en: str
    vi: str

    def to_dict(self) -> dict[str, str]:
        """The finding as plain values."""
        return asdict(self)


def check_workspace(workspace: Workspace, *, as_of: date | None = None, of: str | None = None) -> list[Finding]:
    """Find what is missing, inconsistent or out of range; errors first.

    Parameters
    ----------
    workspace
        The workspace; nothing in it is changed.
    as_of
        The date an answer would be for; None is today.
    of
        One of `PLACED`, for what is wrong with it alone; None is everything.
    """
    day = as_of or date.today()
    findings = [*_missing(workspace)]
    layers, faults = _read_layers(workspace, [of] if of else workspace.layer_names())
    findings += faults
    units = None
    if of is None:
        findings += _check_rasters(workspace)
        units, faults = _attempt(lambda: _build_units(workspace, layers, day), "communes", "communes")
        findings += faults
    if units is not None:
        findings += _check_units(units)
    if "crosswalk" in layers and "communes" in layers:
        findings += _check_crosswalk(layers["crosswalk"], layers["communes"])
    if "settlements" in layers:
        findings += _check_settlements(layers, units)
    if "stations" in layers:
        findings += _check_inside_terrain(workspace, layers["stations"])
        findings += _check_stations(workspace, layers["stations"], day)
    for name, key in STATING_LAYERS.items():
        if name in layers and "communes" in layers:
            findings += _check_stated_communes(workspace, name, layers[name], key)
    if "observations" in layers and "settlements" in layers:
        findings += _check_observations(layers)
    return sorted(findings, key=lambda finding: finding.severity != "error")


def check_import(workspace: Workspace, new: str, published: Results | None) -> list[Finding]:
    """Find what is wrong with a workspace of which a layer or raster is new.

    Where all else is what the published run was computed from, a layer on which no other depends is looked at alone.
    """
    alone = new in PLACED and published is not None and _is_all_but(published, workspace, new)
    return check_workspace(workspace, of=new if alone else None)


def _is_all_but(results: Results, workspace: Workspace, layer: str) -> bool:
    """Whether a run was computed from all that a workspace holds but for one layer, and by its settings."""
    others = [name for name in workspace.layer_names() if name != layer]
    try:
        now = hash_inputs(workspace, workspace.read_layers(others))
    except MissingLayerError:
        return False
    then = {name: known for name, known in results.manifest["inputs"].items() if name != layer}
    return now == then and results.has_settings(workspace.settings)


def _missing(workspace: Workspace) -> Iterator[Finding]:
    present = set(workspace.layer_names())
    for name in REQUIRED_LAYERS:
        if name not in present:
            yield Finding(
                "error", "missing_layer", name,
                f"Layer {name} has not been imported; run: phusong import DIR {name} FILE.",
                f"Lớp {name} chưa được nhập; hãy chạy: phusong import DIR {name} FILE.",
            )  # fmt: skip
    for name, (lack, lack_vi) in OPTIONAL_LAYERS.items():
        if name not in present:
            yield Finding(
                "warning", "missing_layer", name,
                f"Layer {name} has not been imported: {lack}.", f"Lớp {name} chưa được nhập: {lack_vi}.",
            )  # fmt: skip
    for name in RASTERS:
        if not workspace.has_raster(name):
            yield Finding(
                "error", "missing_raster", name,
                f"Raster {name} has not been imported; run: phusong import DIR {name} FILE.tif.",
                f"Raster {name} chưa được nhập; hãy chạy: phusong import DIR {name} FILE.tif.",
            )  # fmt: skip


def _read_layers(workspace: Workspace, names: Collection[str]) -> tuple[dict[str, gpd.GeoDataFrame], list[Finding]]:
    """Every layer of some that can be read and fits its schema, and what is wrong with the others."""
    layers: dict[str, gpd.GeoDataFrame] = {}
    findings: list[Finding] = []
    for name in names:
        frame = workspace.read_layer(name)
        _, faults = _attempt(lambda name=name, frame=frame: validate_layer(name, frame), "schema", name)  # type: ignore[misc]
        findings += faults
        if frame.empty:
            findings.append(_empty_layer(name))
        elif not faults:
            layers[name] = frame
    return layers, findings


def _empty_layer(name: str) -> Finding:
    return Finding(
        "error" if name in REQUIRED_LAYERS else "warning", "empty_layer", name,
        f"Layer {name} is empty; import it again: phusong import DIR {name} FILE --replace.",
        f"Lớp {name} trống; hãy nhập lại: phusong import DIR {name} FILE --replace.",
    )  # fmt: skip


def _check_rasters(workspace: Workspace) -> Iterator[Finding]:
    if not workspace.has_raster("terrain"):
        return
    settings, grid = workspace.settings, workspace.raster_grid("terrain")
    kind, faults = _attempt(lambda: workspace.terrain_kind, "terrain_kind", "terrain")
    yield from faults
    if grid.crs != settings.crs or abs(grid.resolution_m - settings.resolution_m) > 1e-6:
        yield Finding(
            "error", "grid_changed", "terrain",
            f"The terrain lies on {grid.crs} at {grid.resolution_m:g} m, the settings say {settings.crs} at "
            f"{settings.resolution_m:g} m; import the terrain again with --replace.",
            f"Địa hình theo {grid.crs}, {grid.resolution_m:g} m, còn cấu hình là {settings.crs}, "
            f"{settings.resolution_m:g} m; hãy nhập lại địa hình với --replace.",
        )  # fmt: skip
    if workspace.has_raster("clutter"):
        clutter = workspace.read_raster("clutter")
        if clutter.grid != grid:
            yield Finding(
                "error", "grid_changed", "clutter",
                "The land cover lies on another grid than the terrain; import it again with --replace.",
                "Lớp phủ khác lưới với địa hình; hãy nhập lại với --replace.",
            )  # fmt: skip
        table = settings.clutter_height_on_dsm_m if kind == "dsm" else settings.clutter_height_m
        yield from _attempt(lambda: clutter_height(clutter, table), "clutter_code", "clutter")[1]
    if workspace.has_raster("population"):
        yield from _check_population(workspace)


def _check_population(workspace: Workspace) -> Iterator[Finding]:
    terrain, population = workspace.raster_grid("terrain"), workspace.raster_grid("population")
    to_source = Transformer.from_crs(terrain.crs, population.crs, always_xy=True)
    west, south, east, north = to_source.transform_bounds(*terrain.bounds)
    p_west, p_south, p_east, p_north = population.bounds
    if west >= p_east or east <= p_west or south >= p_north or north <= p_south:
        yield Finding(
            "error", "population_apart", "population",
            f"The population raster ({population.crs}) does not overlap the terrain; correct its CRS, import it again.",
            f"Raster dân số ({population.crs}) không giao với địa hình; hãy kiểm tra hệ tọa độ và nhập lại.",
        )  # fmt: skip


def _build_units(workspace: Workspace, layers: dict[str, gpd.GeoDataFrame], day: date) -> UnitIndex | None:
    if "communes" not in layers or not workspace.has_raster("terrain"):
        return None
    return build_units(
        layers["communes"], workspace.raster_grid("terrain"), as_of=day, crosswalk=layers.get("crosswalk"),
        settlements=layers.get("settlements"),
    )  # fmt: skip


def _check_units(units: UnitIndex) -> Iterator[Finding]:
    commune = units.levels["commune"]
    pixels = np.bincount(units.base_raster["commune"].ravel() + 1, minlength=len(commune.codes) + 1)[1:]
    empty = [f"{commune.names[row]} ({commune.codes[row]})" for row in np.flatnonzero(pixels == 0)]
    if empty:
        yield _of_rows(
            "error", "commune_off_terrain", "communes", empty,
            "communes hold no pixel of the terrain; import a larger terrain or check the CRS",
            "xã không có ô địa hình nào; hãy nhập địa hình rộng hơn hoặc kiểm tra hệ tọa độ",
        )  # fmt: skip
    bare = [f"{name} ({code})" for code, name in commune.without_polygon]
    if bare:
        yield _of_rows(
            "warning", "no_polygon", "communes", bare,
            "communes have no polygon and get no answer", "xã không có ranh giới nên không có kết quả",
        )  # fmt: skip
    if units.levels["district"].reason:
        yield Finding(
            "warning", "no_districts", "communes",
            f"Former districts have no answer: the layer {NEEDS_DISTRICTS}.",
            "Không có kết quả theo huyện cũ: thiếu district_code của xã hoặc bảng chuyển đổi.",
        )  # fmt: skip


def _check_inside_terrain(workspace: Workspace, stations: gpd.GeoDataFrame) -> Iterator[Finding]:
    if not workspace.has_raster("terrain"):
        return
    grid = workspace.raster_grid("terrain")
    placed = stations.geometry.to_crs(grid.crs)
    outside = ~grid.contains(placed.x.to_numpy(), placed.y.to_numpy())
    if outside.any():
        yield _of_rows(
            "error", "outside_terrain", "stations", _named(stations, "station_id", outside),
            "stations lie outside the terrain; correct their positions or import a larger terrain",
            "trạm nằm ngoài địa hình; hãy sửa tọa độ hoặc nhập địa hình rộng hơn",
        )  # fmt: skip


def _check_settlements(layers: dict[str, gpd.GeoDataFrame], units: UnitIndex | None) -> Iterator[Finding]:
    settlements = layers["settlements"]
    if units is not None:
        placed = settlements[settlements.geometry.notna() & ~settlements.geometry.is_empty]
        outside = units.rows_of_points("commune", placed.geometry) == OUTSIDE
        if outside.any():
            yield _of_rows(
                "warning", "outside_province", "settlements", _named(placed, "settlement_id", outside),
                "settlements lie outside every commune of the date", "điểm dân cư nằm ngoài mọi xã hiệu lực",
            )  # fmt: skip
    for column, what, what_vi in (
        ("population", "state no population", "không ghi dân số"),
        ("households", "state no households", "không ghi số hộ"),
    ):
        empty = settlements[column].isna().to_numpy()
        if empty.any():
            yield _of_rows(
                "warning", f"no_{column}", "settlements", _named(settlements, "settlement_id", empty),
                f"settlements {what}", f"điểm dân cư {what_vi}",
            )  # fmt: skip
    unknown = settlements["has_grid_power"].isin(["yes", "no"]).to_numpy()
    if not unknown.all():
        yield _of_rows(
            "warning", "power_unknown", "settlements", _named(settlements, "settlement_id", ~unknown),
            "settlements have unknown power, which counts neither as yes nor as no",
            "điểm dân cư chưa rõ điện lưới, không tính là có cũng không tính là không",
        )  # fmt: skip


def _check_stations(workspace: Workspace, stations: gpd.GeoDataFrame, day: date) -> Iterator[Finding]:
    settings = workspace.settings
    eligible, faults = _attempt(lambda: eligible_stations(stations, settings, day), "not_eligible", "stations")
    yield from faults
    if eligible is None:
        return
    for warning in eligible.warnings:
        yield Finding("warning", "not_serving", "stations", f"{warning['en']}.", f"{warning['vi']}.")
    parsed, faults = _attempt(lambda: parse_stations(eligible.table), "bad_sectors", "stations")
    yield from faults
    antennas = {sector.antenna for station in parsed or () for sector in station.sectors}
    yield from _attempt(lambda: read_patterns(workspace.path, antennas), "bad_antenna", "stations")[1]
    for (technology, bandwidth_mhz), rows in eligible.table.groupby(["technology", "bandwidth_mhz"]):
        try:
            reference_signal(str(technology), float(bandwidth_mhz))
        except OutOfValidityError as error:
            yield _of_rows(
                "error", "bandwidth", "stations", rows["station_id"].astype(str).tolist(),
                f"stations of {technology} have a bandwidth that the standard does not know: {error}",
                f"trạm {technology} có băng thông {bandwidth_mhz:g} MHz không có trong tiêu chuẩn",
            )  # fmt: skip
    judged = {name for profile in settings.profiles for name in profile.thresholds}
    for technology in sorted(set(eligible.table["technology"].astype(str)) - judged):
        yield Finding(
            "warning", "no_threshold", "stations",
            f"No threshold profile of phusong.toml has thresholds for {technology}: its stations cover nobody.",
            f"Không bộ ngưỡng nào trong phusong.toml có ngưỡng cho {technology}: các trạm này không được tính.",
        )  # fmt: skip


def _check_crosswalk(crosswalk: pd.DataFrame, communes: gpd.GeoDataFrame) -> Iterator[Finding]:
    for fault in check_crosswalk(crosswalk, communes):
        yield _of_rows("warning", fault.code, "crosswalk", fault.units, fault.en, fault.vi)


def _check_stated_communes(
    workspace: Workspace, name: str, frame: gpd.GeoDataFrame, key: str
) -> Iterator[Finding]:  # fmt: skip
    """What the import could not compare while the communes were missing."""
    if "commune" not in frame:
        return
    stated = find_stated(list(frame["commune"]), workspace, binding=True)
    rows = np.arange(len(frame))
    elsewhere = ~stated.holds(frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy(), rows)
    if elsewhere.any():
        yield _of_rows(
            "warning", "wrong_commune", name, _named(frame, key, elsewhere),
            "rows do not lie in the commune that they state; check their CRS, and import them again",
            "dòng không nằm trong xã đã ghi; hãy kiểm tra hệ tọa độ và nhập lại",
        )  # fmt: skip


def _check_observations(layers: dict[str, gpd.GeoDataFrame]) -> Iterator[Finding]:
    observations = layers["observations"]
    unknown = ~observations["settlement_id"].isin(layers["settlements"]["settlement_id"]).to_numpy()
    if unknown.any():
        yield _of_rows(
            "warning", "unknown_settlement", "observations", _named(observations, "settlement_id", unknown),
            "observations name settlements that do not exist", "quan sát thuộc điểm dân cư không tồn tại",
        )  # fmt: skip


def _attempt(action: Callable[[], Any], code: str, where: str) -> tuple[Any, list[Finding]]:
    """The result of an action; if it refuses, None and the reason as an error."""
    try:
        return action(), []
    except PhusongError as error:
        return None, [Finding("error", code, where, f"{error}".rstrip(".") + ".", error.vi.rstrip(".") + ".")]


def _named(frame: pd.DataFrame, column: str, chosen: npt.NDArray[np.bool_]) -> list[str]:
    return frame.loc[chosen, column].astype(str).tolist()


def _of_rows(
    severity: Literal["error", "warning"], code: str, where: str, names: Sequence[str], en: str, vi: str
) -> Finding:
    """A finding about rows: how many there are and the first of them."""
    shown = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    rest, rest_vi = (f" and {more} more", f" và {more} mục khác") if more > 0 else ("", "")
    return Finding(
        severity, code, where, f"Layer {where}: {len(names)} {en}: {shown}{rest}.",
        f"Lớp {where}: {len(names)} {vi}: {shown}{rest_vi}.",
    )  # fmt: skip
