"""Everything that is a table, in one GeoPackage for any GIS: the layers, and the results of a run."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from phusong.coverage.results import Results
from phusong.geodata.schemas import STORAGE_CRS
from phusong.geodata.sources import attributions, read_sources
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import replacing

RUN = "run_"  # begins the name of a table of results
_CLOCK = "OGR_CURRENT_DATE"


def export_tables(workspace: Workspace, out: Path, *, results: Results | None = None) -> dict[str, int]:
    """Write the layers, and the tables of a run as `run_<table>`, into one GeoPackage; the rows of each.

    A workspace in a database gives the same tables as one in a folder.

    Parameters
    ----------
    out
        The file; replaced if it exists.
    results
        The run; None writes the layers alone.
    """
    frames = workspace.read_layers(workspace.layer_names())
    if results is not None:
        frames |= {f"{RUN}{name}": with_points(results.table(name)) for name in results.manifest["tables"]}
    tags = {name: source.tags() for name, source in read_sources(workspace.path).items()}
    said = {"ATTRIBUTION": "; ".join(attributions(results.manifest.get("sources", ())))} if results is not None else {}
    with replacing(out) as aside:
        write_geopackage(frames, aside, {name: said if name.startswith(RUN) else tags.get(name) for name in frames})
    return {name: len(frame) for name, frame in frames.items()}


def write_geopackage(
    frames: Mapping[str, pd.DataFrame],
    path: Path,
    metadata: Mapping[str, dict[str, str] | None],
    *,
    day: date | None = None,
) -> None:
    """Write tables as layers of a new GeoPackage.

    Parameters
    ----------
    frames
        Tables by the name of their layer; those that are GeoDataFrames keep their geometry.
    path
        The file, which is not there yet.
    metadata
        Metadata of every layer.
    day
        When the file says that it was changed, so that the same tables give the same bytes; None is now.
    """
    if day is not None:
        pyogrio.set_gdal_config_options({_CLOCK: f"{day.isoformat()}T00:00:00Z"})
    try:
        for name, frame in frames.items():
            pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", layer_metadata=metadata[name])
    finally:
        pyogrio.set_gdal_config_options({_CLOCK: None})


def with_points(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with positions as points."""
    if isinstance(frame, gpd.GeoDataFrame) or not {"lon", "lat"} <= set(frame.columns):
        return frame
    points = gpd.points_from_xy(frame["lon"], frame["lat"])
    placed: pd.DataFrame = gpd.GeoDataFrame(frame, geometry=points, crs=STORAGE_CRS)
    return placed
