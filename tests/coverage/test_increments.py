"""A run that starts from the one before equals, to the byte, a run from nothing: random sequences of edits.

`PHUSONG_SEQUENCES` says how many sequences are tried (default 2), `PHUSONG_SEED` where they begin.
"""

import json
import os
import re
import shutil
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import shapely

from phusong.coverage import mosaic, tally
from phusong.coverage.compute import compute
from phusong.coverage.memory import Memory
from phusong.coverage.results import Results, current_run_id
from phusong.geodata.workspace import Workspace
from tests.coverage.conftest import AS_OF, small_workspace

N_EDITS = 6
TOGETHER = 0.4  # share of the edits that are computed together with the next one
SEQUENCES = range(int(os.environ.get("PHUSONG_SEED", "0")), 10**6)[: int(os.environ.get("PHUSONG_SEQUENCES", "2"))]


INDOOR = '\n[indoor]\nbuilding_type = "traditional"\n'


def some(rng, stations, most=3):
    return rng.choice(len(stations), size=int(rng.integers(1, most + 1)), replace=False)


def with_column(stations, rows, column, values):
    changed = stations.copy()
    changed[column] = changed[column].astype(object)
    changed.loc[changed.index[rows], column] = values
    return changed


def moved(stations, rows, rng, *, within=(-180.0, -90.0, 180.0, 90.0)):
    shifts = rng.normal(0.0, 0.01, (len(rows), 2))
    geometry = stations.geometry.to_numpy().copy()
    for row, (east, north) in zip(rows, shifts, strict=True):
        place = np.clip([geometry[row].x + east, geometry[row].y + north], within[:2], within[2:])
        geometry[row] = shapely.Point(place)
    return stations.set_geometry(geometry, crs=stations.crs)


def copies(stations, rows, rng):
    """Twins: equal stations whose ids come before or after the ones they tie with."""
    letter = rng.choice(["A", "z"])
    twins = stations.iloc[rows]
    return twins.assign(station_id=[f"{letter}{rng.integers(10**6):06d}-{name}" for name in twins["station_id"]])


def added_to(text, shift):
    """Every list of numbers with a shift."""
    return text.map(lambda cell: cell and ";".join(f"{float(part) + shift:g}" for part in str(cell).split(";")))


def edit_stations(rng, stations):
    rows = some(rng, stations)
    chosen = stations.iloc[rows]
    shift, around = float(rng.integers(-3, 4)), stations.total_bounds  # beyond the terrain a station is refused
    edits = {
        "add": lambda: pd.concat([stations, moved(copies(stations, rows, rng), range(len(rows)), rng, within=around)]),
        "twin": lambda: pd.concat([stations, copies(stations, rows, rng)]),
        "band": lambda: pd.concat(
            [stations, copies(stations, rows, rng).assign(band_mhz=float(rng.choice([700, 900, 2100, 2600])))]
        ),
        "remove": lambda: stations.drop(index=stations.index[rows]),
        "move": lambda: moved(stations, rows, rng, within=around),
        "height": lambda: with_column(stations, rows, "height_agl_m", 20.0 + 10.0 * float(rng.integers(4))),
        "off": lambda: with_column(stations, rows, "status", str(rng.choice(["off", "live"]))),
        "operator": lambda: with_column(stations, rows, "operator", str(rng.choice(["Mạng A", "Mạng D"]))),
        "power": lambda: with_column(stations, rows, "eirp_dbm", added_to(chosen["eirp_dbm"], shift)),
        "tilt": lambda: with_column(
            stations, rows, "downtilt_deg", added_to(stations.iloc[rows]["downtilt_deg"], shift)
        ),
        "level": lambda: with_column(stations, rows, "downtilt_deg", str(rng.choice(["0", "-0"]))),
    }
    return edits[rng.choice(list(edits))]().reset_index(drop=True)


def edit_settings(rng, text):
    kind = rng.random()
    if kind < 0.3:
        return text.removesuffix(INDOOR) if text.endswith(INDOOR) else text + INDOOR
    if kind < 0.65:
        return re.sub(r"weak_dbm = -(\d+)", lambda found: f"weak_dbm = -{int(found[1]) + rng.integers(-2, 3)}", text)
    return re.sub(r"max_elevation_m = [\d.]+", f"max_elevation_m = {rng.integers(0, 3)}.5", text)


def edit_communes(rng, communes):
    """A border moves: one commune gives a strip of land away."""
    row = int(rng.integers(len(communes)))
    west, south, east, north = communes.geometry.iloc[row].bounds
    strip = shapely.box(west, south, west + (east - west) * 0.2, north)
    kept = communes.geometry.iloc[row].difference(strip)
    geometry = communes.geometry.to_numpy().copy()
    geometry[row] = shapely.MultiPolygon([kept]) if kept.geom_type == "Polygon" else kept
    return communes.set_geometry(geometry, crs=communes.crs)


def edit_settlements(rng, settlements):
    kept = settlements.drop(index=settlements.index[some(rng, settlements)]).reset_index(drop=True)
    return moved(kept, some(rng, kept), rng)


def edit(rng, workspace):
    """One edit of a workspace, or of its cache; the workspace opened anew."""
    kind = rng.choice(["stations", "settings", "communes", "settlements", "cache"], p=[0.64, 0.12, 0.06, 0.1, 0.08])
    if kind == "settings":
        path = workspace.path / "phusong.toml"
        path.write_text(edit_settings(rng, path.read_text(encoding="utf-8")), encoding="utf-8")
    elif kind == "cache":
        shutil.rmtree(workspace.cache_dir, ignore_errors=True)  # perhaps the edit before took it away
    else:
        change = {"stations": edit_stations, "communes": edit_communes, "settlements": edit_settlements}[kind]
        workspace.write_layer(str(kind), change(rng, workspace.read_layer(str(kind))))
    return Workspace.open(workspace.path)


def from_nothing(workspace, folder, **how):
    """The same computation in a copy that has neither cache nor runs."""
    shutil.copytree(workspace.path, folder, ignore=shutil.ignore_patterns("cache", "store", "runs", "imports"))
    return compute(Workspace.open(folder), **how)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    workspace = small_workspace(tmp_path_factory.mktemp("small"), radius_km=12.0)
    compute(workspace, as_of=AS_OF)
    return workspace


@pytest.mark.parametrize("seed", SEQUENCES)
def test_a_sequence_of_edits_ends_in_the_run_that_a_computation_from_nothing_gives(seed, small, tmp_path):
    rng = np.random.default_rng(seed)
    shutil.copytree(small.path, tmp_path / "edited")
    workspace, memory = Workspace.open(tmp_path / "edited"), Memory()
    for number in range(N_EDITS):
        workspace = edit(rng, workspace)
        if number < N_EDITS - 1 and rng.random() < TOGETHER:
            continue
        as_of = AS_OF if rng.random() < 0.8 else date(2023 + int(rng.integers(4)), 6, 1)
        kept = memory if rng.random() < 0.5 else None
        found = compute(workspace, as_of=as_of, threads=int(rng.integers(1, 3)), memory=kept)
    expected = from_nothing(workspace, tmp_path / "full", as_of=as_of, threads=1)
    assert found.run_id == expected.run_id


def test_an_unchanged_workspace_publishes_nothing_and_touches_no_field(small):
    fields = {path: path.stat().st_mtime_ns for path in small.cache_dir.rglob("*.tif")}
    again = compute(small, as_of=AS_OF)
    assert not again.published
    assert {path: path.stat().st_mtime_ns for path in small.cache_dir.rglob("*.tif")} == fields


def test_one_new_station_reads_no_other_field(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "copy")
    workspace = Workspace.open(tmp_path / "copy")
    shutil.rmtree(workspace.cache_dir / "fields")
    with_one_more(workspace)
    assert compute(workspace, as_of=AS_OF).published
    assert len(list((workspace.cache_dir / "fields").iterdir())) == 1


def with_one_more(workspace):
    """A station beside the first one; the row of that."""
    rng, stations = np.random.default_rng(5), workspace.read_layer("stations")
    new = moved(copies(stations, [0], rng), [0], rng)
    workspace.write_layer("stations", pd.concat([stations, new], ignore_index=True))
    return stations.iloc[0]


def test_one_new_station_has_only_the_people_counted_anew_whose_signal_it_changed(small, tmp_path, monkeypatch):
    counted = []

    def tally_pixels(signals, residents, at, rules):
        counted.append(len(at))
        return tally.tally_pixels(signals, residents, at, rules)

    workspace = Workspace.open(shutil.copytree(small.path, tmp_path / "copy"))
    with_one_more(workspace)
    monkeypatch.setattr(mosaic, "tally_pixels", tally_pixels)
    found = compute(workspace, as_of=AS_OF)
    anew = sum(counted)
    counted.clear()
    assert found.run_id == from_nothing(workspace, tmp_path / "full", as_of=AS_OF).run_id
    assert 0 < anew < 0.5 * sum(counted)


def test_a_damaged_tile_that_only_the_people_are_counted_on_is_made_again(small, tmp_path):
    workspace = Workspace.open(shutil.copytree(small.path, tmp_path / "copy"))
    station = with_one_more(workspace)
    run = Results.open(workspace)
    for layer, tiles in run.tiles.items():
        for tile in tiles.values() if layer != (station["technology"], station["operator"]) else ():
            (run.store_dir / f"{tile.sha256}.tif").write_bytes(b"II*")
    found = compute(workspace, as_of=AS_OF)
    assert found.run_id == from_nothing(workspace, tmp_path / "full", as_of=AS_OF).run_id


def test_a_damaged_tile_of_the_published_run_is_made_again(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "copy")
    workspace = Workspace.open(tmp_path / "copy")
    for path in workspace.store_dir.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    stations = workspace.read_layer("stations")
    workspace.write_layer("stations", stations.iloc[1:].reset_index(drop=True))
    found = compute(workspace, as_of=AS_OF)
    expected = from_nothing(workspace, tmp_path / "full", as_of=AS_OF)
    assert found.run_id == expected.run_id
    assert (
        Results.open(workspace).rsrp("4G").values == Results.open(Workspace.open(tmp_path / "full")).rsrp("4G").values
    ).all()


def test_a_run_of_an_older_version_is_no_base(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "copy")
    workspace = Workspace.open(tmp_path / "copy")
    folder = workspace.runs_dir / current_run_id(workspace)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "signals.parquet").unlink()
    for older in (manifest["tables"].pop("signals"), *map(manifest.pop, ("ground", "people", "population"))):
        assert older
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    found = compute(workspace, as_of=AS_OF)
    assert found.run_id == from_nothing(workspace, tmp_path / "full", as_of=AS_OF).run_id


def test_the_people_of_the_two_runs_differ_by_what_changed(small, tmp_path):
    """A station less never serves more people."""
    shutil.copytree(small.path, tmp_path / "copy")
    workspace = Workspace.open(tmp_path / "copy")
    shares = []
    for keep in (1.0, 0.6, 0.3):
        stations = workspace.read_layer("stations")
        workspace.write_layer("stations", stations.iloc[: int(keep * len(stations))].reset_index(drop=True))
        run = Results.open(workspace, compute(workspace, as_of=AS_OF).run_id)
        people = run.figures.query("level == 'province' and technology == 'any' and operator == 'any'")
        shares.append(people.query("indicator == 'people' and service == 'weak'")["numerator"].iloc[0])
    assert all(more >= fewer for more, fewer in pairwise(shares))
    assert shares[0] > shares[-1]
