"""What stations that are not there would change, as an answer."""

import base64
import threading
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from pydantic_core import to_json
from pyproj import Transformer
from rasterio.io import MemoryFile

from phusong.api.answers import find_profile, heading, plain_rows
from phusong.api.models import Text
from phusong.api.served import RunCache, ServedRun
from phusong.api.whatif_models import CoveragePicture, PeopleChange, SettlementChange, WhatIfAnswer, WhatIfRequest
from phusong.coverage.people import MICRO
from phusong.coverage.results import Results
from phusong.coverage.service import ANY
from phusong.coverage.whatif import Planner, StationChanges, WhatIf
from phusong.geodata.errors import InputError, UnknownNameError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.layer_stores import with_storage_types
from phusong.geodata.schema_checks import validate_layer
from phusong.geodata.settings import SETTINGS_FILE
from phusong.maps.pictures import CLASS_PALETTE, encode_png

_LISTS = ("azimuths_deg", "downtilt_deg", "mechanical_tilt_deg", "eirp_dbm")
_NOTE = Text(
    en="Nothing of this was stored; the figures are those of importing the stations and computing.",
    vi="Không lưu lại gì; số liệu như khi nhập các trạm này rồi tính lại.",
)


class PlannerRoom:
    """The planner of the run that was asked about last, kept until run, layers, rasters or settings are others.

    Parameters
    ----------
    runs
        The runs of the workspace.
    """

    def __init__(self, runs: RunCache) -> None:
        self._workspace = runs.workspace
        self._lock = threading.Lock()
        self._kept: tuple[object, Planner] | None = None

    def answer(self, run: ServedRun, asked: WhatIfRequest) -> tuple[WhatIf, StationChanges]:
        """What stations would change of a run.

        Raises
        ------
        InputError
            A station cannot be, or the layers are no longer those of the run.
        UnknownNameError
            There is no station of an id.
        """
        with self._lock:
            key = (run.results.run_id, *self._stamps())
            if self._kept is None or self._kept[0] != key:
                self._kept = None  # not two of them at once
                self._kept = key, Planner(self._workspace, run.results)
            changes = read_changes(asked, run.results)
            return self._kept[1].answer(changes), changes

    def _stamps(self) -> list[object]:
        place = self._workspace
        files = [place.layers_path, place.path / SETTINGS_FILE, *sorted((place.path / "rasters").glob("*.tif"))]
        return [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files if path.exists()]


def read_changes(asked: WhatIfRequest, results: Results) -> StationChanges:
    """The rows of the layer `stations` that are asked for.

    Raises
    ------
    InputError
        Nothing is asked, an id is used twice or there already, or a value is out of range.
    UnknownNameError
        A station that is to be moved does not serve.
    """
    named = [*(new.station_id for new in asked.new), *(moved.station_id for moved in asked.moved), *asked.removed]
    if not named or len(set(named)) < len(named):
        raise InputError(
            "Name at least one station, each of them once, under new, moved or removed.",
            vi="Hãy nêu ít nhất một trạm, mỗi trạm một lần, trong new, moved hoặc removed.",
        )
    serving = results.stations.set_index(results.stations["station_id"].astype(str))
    for station in asked.new:
        if station.station_id in serving.index:
            raise InputError(
                f"There is a station {station.station_id!r} already; give the new one another id.",
                vi=f"Đã có trạm {station.station_id!r}; hãy đặt mã khác cho trạm mới.",
            )
    rows = [_row(station.model_dump()) for station in asked.new]
    for moved in asked.moved:
        if moved.station_id not in serving.index:
            raise UnknownNameError(
                f"There is no station {moved.station_id!r} that serves.",
                vi=f"Không có trạm {moved.station_id!r} đang phát sóng.",
            )
        height = {} if moved.height_agl_m is None else {"height_agl_m": moved.height_agl_m}
        kept = serving.loc[moved.station_id].drop(["geometry", "signal_key"], errors="ignore").to_dict()
        rows.append({**kept, **height, "lon": moved.lon, "lat": moved.lat})
    table = pd.DataFrame(rows, columns=None if rows else ["station_id", "lon", "lat"])
    place = gpd.points_from_xy(table.pop("lon"), table.pop("lat"))
    frame = gpd.GeoDataFrame(table, geometry=place, crs="EPSG:4326")
    if rows:
        stored = frame.reindex(columns=list(dict.fromkeys([*frame.columns, *results.stations.columns])))
        frame = with_storage_types("stations", stored.assign(source="what if", source_row=range(1, len(rows) + 1)))
        validate_layer("stations", frame)
    return StationChanges(frame, asked.removed)


def whatif_answer(run: ServedRun, found: WhatIf) -> WhatIfAnswer:
    """The answer with people in persons."""
    profile = find_profile(run.results)
    described = heading(run.results, profile)
    described["notes"].append(_NOTE)
    described["warnings"] = [Text(**warning) for warning in found.warnings]
    return WhatIfAnswer(
        **described,
        people=_people(run, found.people),
        settlements=[SettlementChange(**row) for row in plain_rows(found.settlements)],
        picture=None if found.coverage is None else _picture(found.coverage),
    )


def render_whatif_geojson(answer: WhatIfAnswer, changes: StationChanges) -> bytes:
    """Settlements that change and stations as features, `kind` says which; the people beside them."""
    said = answer.model_dump(mode="json")
    features = [_feature("settlement", row, row["lon"], row["lat"]) for row in said.pop("settlements")]
    for row, place in zip(plain_rows(changes.rows[["station_id"]]), changes.rows.geometry, strict=True):
        features.append(_feature("station", row, place.x, place.y))
    return to_json({"type": "FeatureCollection", **said, "features": features})


def render_coverage_png(coverage: Raster) -> bytes:
    """What new stations serve, in the colours of the map; transparent where they serve nothing."""
    clear = (0, 0, 0, 0)
    return encode_png(coverage.values.astype(np.uint8), (clear, *CLASS_PALETTE[1:3], clear), bits=2)


def render_coverage_cog(coverage: Raster) -> bytes:
    """What new stations serve as a cloud-optimised GeoTIFF: 0 nothing, 1 weak, 2 good."""
    grid = coverage.grid
    profile: dict[str, Any] = {"driver": "COG", "dtype": "uint8", "count": 1, "nodata": 0, "compress": "deflate"}
    with MemoryFile() as memory:
        height, width = grid.shape
        with memory.open(**profile, height=height, width=width, crs=grid.crs, transform=grid.transform) as file:
            file.write(coverage.values.astype(np.uint8), 1)
        return bytes(memory.read())


def _row(station: dict[str, Any]) -> dict[str, Any]:
    """A row of the layer: lists as text, the mast named, live."""
    lists = {name: ";".join(f"{value:g}" for value in station[name]) for name in _LISTS if station[name]}
    return {
        **station,
        **dict.fromkeys(_LISTS),
        **lists,
        "mast_id": station["mast_id"] or station["station_id"],
        "status": "live",
    }


def _people(run: ServedRun, people: pd.DataFrame) -> list[PeopleChange]:
    results = run.results

    def published() -> dict[tuple[str, ...], tuple[str, float, float]]:
        table = results.figures
        of_profile = table["profile"] == next(iter(results.profiles))
        table = table[(table["indicator"] == "people") & (table["operator"] == ANY) & of_profile]
        keys = table[["level", "unit_code", "technology", "service"]].itertuples(index=False, name=None)
        values = table[["unit_name", "numerator", "denominator"]].itertuples(index=False, name=None)
        return dict(zip(keys, values, strict=True))

    known = run.keep("people", published)
    rows = []
    for row in plain_rows(people):
        name, numerator, denominator = known.get(
            (row["level"], row["unit_code"], row["technology"], row["service"]), ("", None, None)
        )
        gained, lost = row["gained_micro"] / MICRO, row["lost_micro"] / MICRO
        after = None if numerator is None else numerator + gained - lost
        rows.append(
            PeopleChange(
                **{key: row[key] for key in ("level", "unit_code", "technology", "service")}, unit_name=name,
                numerator=numerator, denominator=denominator, gained=gained, lost=lost, numerator_after=after,
            )
        )  # fmt: skip
    return rows


def _picture(coverage: Raster) -> CoveragePicture:
    data = base64.b64encode(render_coverage_png(coverage)).decode("ascii")
    return CoveragePicture(data_url=f"data:image/png;base64,{data}", corners=_corners(coverage.grid))


def _corners(grid: Grid) -> list[tuple[float, float]]:
    west, south, east, north = grid.bounds
    back = Transformer.from_crs(grid.crs, 4326, always_xy=True)
    places = [back.transform(*place) for place in ((west, north), (east, north), (east, south), (west, south))]
    return [(round(lon, 6), round(lat, 6)) for lon, lat in places]


def _feature(kind: str, row: dict[str, Any], lon: float, lat: float) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "Feature", "geometry": point, "properties": {"kind": kind, **row}}
