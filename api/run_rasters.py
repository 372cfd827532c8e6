"""The rasters of a run that are served, as tiles and as files: classes for everybody, levels for planners.

The public gets the classes in cells of 100 m, each with the class that `/v1/point` gives for it, so that no raster
shows more than that answer; planners get the run's own pixels.
"""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from affine import Affine

from phusong.api.access_views import PUBLIC_CELL_M
from phusong.api.answers import find_profile, require_known
from phusong.api.kept_files import KeptFiles
from phusong.coverage.results import Results
from phusong.coverage.service import ANY, NO_SIGNAL_CDBM, NOT_ASKED, technology_groups
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.sources import attributions
from phusong.maps.geotiff import write_class_cog, write_level_cog

What = Literal["class", "rsrp"]


@dataclass(frozen=True)
class RasterQuestion:
    """Which raster of a run: the classes by a profile, or the levels; `profile` is empty for levels."""

    what: What
    technology: str
    operator: str
    profile: str
    public: bool

    @property
    def name(self) -> str:
        """Name of a file of it."""
        parts = [self.what, self.technology, self.operator, self.profile, "100m" if self.public else ""]
        return "_".join(part for part in parts if part) + ".tif"


def ask_raster(
    results: Results, what: What, technology: str, *, operator: str | None, profile: str | None, public: bool
) -> RasterQuestion:
    """A question that the run can answer.

    Parameters
    ----------
    what
        Classes or levels.
    technology
        A technology; of classes "3G+4G" and "any" too.
    operator
        An operator, None for the best of all.
    profile
        A threshold profile of the classes; None is the default one.
    public
        Whether the caller sees cells of 100 m only.

    Raises
    ------
    UnknownNameError
        The run has no such technology, operator or profile.
    """
    thresholds = find_profile(results, profile)
    known = list(technology_groups(thresholds)) if what == "class" else results.technologies
    require_known("technology", "công nghệ", technology, known)
    require_known("operator", "nhà mạng", operator or ANY, [ANY, *results.operators])
    return RasterQuestion(what, technology, operator or ANY, thresholds.name if what == "class" else "", public)


class RunRasters:
    """The rasters of the runs of a workspace, each made when first asked for.

    Parameters
    ----------
    files
        Keeps them.
    """

    def __init__(self, files: KeptFiles) -> None:
        self._files = files

    async def pixels(self, results: Results, question: RasterQuestion) -> Raster:
        """A raster, its pixels mapped from a file.

        Raises
        ------
        StoreError
            A tile of the run is missing or damaged.
        """
        path = await self._files.find(_described(results, question), ".npy", partial(_write_pixels, results, question))
        grid = cell_grid(results.grid, PUBLIC_CELL_M) if question.public else results.grid
        nodata = NOT_ASKED if question.what == "class" else NO_SIGNAL_CDBM
        return Raster(np.load(path, mmap_mode="r"), grid, nodata)

    async def file(self, results: Results, question: RasterQuestion) -> Path:
        """A raster as a cloud-optimised GeoTIFF; raises as `pixels`."""
        raster = await self.pixels(results, question)
        write = write_class_cog if question.what == "class" else write_level_cog
        make = partial(write, raster, tags=raster_tags(results, question))
        return await self._files.find(_described(results, question), ".tif", make)


def raster_tags(results: Results, question: RasterQuestion) -> dict[str, str]:
    """What a raster says of itself: run, date, thresholds, meaning of the values, and whose data is in it."""
    manifest = results.manifest
    said = {
        "RUN_ID": results.run_id,
        "AS_OF": manifest["as_of"],
        "COMPUTED_AT": manifest["created_at"],
        "TECHNOLOGY": question.technology,
        "OPERATOR": question.operator,
        "PROFILE": question.profile,
        "PROFILE_SOURCE": results.profiles[question.profile].source if question.profile else "",
        "VALUES": "0 none, 1 weak, 2 good, 255 not computed" if question.profile else "level [0.01 dBm], -32768 none",
        "ATTRIBUTION": "; ".join(attributions(manifest.get("sources", ()))),
    }
    return {name: value for name, value in said.items() if value}


def cell_grid(grid: Grid, cell_m: float) -> Grid:
    """The grid that covers another with cells of a side [m] whose edges are multiples of it."""
    west, south, east, north = grid.bounds
    left, top = math.floor(west / cell_m), math.ceil(north / cell_m)
    shape = (top - math.floor(south / cell_m), math.ceil(east / cell_m) - left)
    return Grid(grid.crs, Affine(cell_m, 0.0, left * cell_m, 0.0, -cell_m, top * cell_m), shape)


def sample_cells(raster: Raster, cells: Grid) -> Raster:
    """The pixel at the centre of every cell of another grid of the same CRS; no data outside.

    Parameters
    ----------
    raster
        Pixels with a value that stands for no data.
    cells
        The other grid.
    """
    (xs, ys), (ny, nx) = cells.centres(), raster.grid.shape
    rows, cols = raster.grid.index(xs[0], ys)[0], raster.grid.index(xs, ys[0])[1]
    found = raster.values[np.ix_(rows.clip(0, ny - 1), cols.clip(0, nx - 1))]
    found[(rows < 0) | (rows >= ny)] = raster.nodata
    found[:, (cols < 0) | (cols >= nx)] = raster.nodata
    return Raster(found, cells, raster.nodata, raster.unit)


def _write_pixels(results: Results, question: RasterQuestion, path: Path) -> None:
    if question.what == "rsrp":
        raster = results.rsrp(question.technology, question.operator)
    else:
        raster = results.service_class(question.technology, question.operator, question.profile)
    if question.public:
        raster = sample_cells(raster, cell_grid(results.grid, PUBLIC_CELL_M))
    np.save(path, raster.values)


def _described(results: Results, question: RasterQuestion) -> dict[str, str]:
    return {"run": results.run_id, **{name: str(value) for name, value in vars(question).items()}}
