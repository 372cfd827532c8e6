"""Small files of the providers' formats, and a server on this machine that has them under the providers' addresses."""

import base64
import functools
import hashlib
import json
import threading
import time
from collections import Counter, defaultdict
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import rasterio
from affine import Affine
from rasterio.shutil import copy
from rasterio.windows import from_bounds

GLO30 = "copernicus-dem-30m.s3.amazonaws.com"
WORLDCOVER = "esa-worldcover.s3.eu-central-1.amazonaws.com/v200/2021"
WORLDPOP = "data.worldpop.org/GIS/Population"
API = "www.geoboundaries.org/api/current/gbOpen/VNM/ALL/index.json"
RELEASE = "https://github.com/wmgeolab/geoBoundaries/raw/9469f09/releaseData/gbOpen/VNM"
OVERPASS = "overpass-api.de/api/interpreter"

# Four tiles of GLO-30 and two of WorldCover meet at 108° E, 16° N; the south-eastern one is sea and not listed.
EAST, NORTH = 108.0, 16.0
BOX = (107.6, 15.6, 108.4, 16.4)
SEA = "Copernicus_DSM_COG_10_N15_00_E108_00_DEM"


def elevation_m(lon, lat):
    """A plane that rises to the west and to the north, in whole metres; 0 in the tile that is sea."""
    height = np.round(400.01 - 500 * (lon - EAST) + 200 * (lat - NORTH))
    at_sea = (lon > EAST - 1e-5) & (lat < NORTH + 1e-5)
    return np.where(at_sea, 0, np.maximum(height, 1)).astype("float32")


def cover(lon, lat):
    """Crops in the west, trees in the north-east; at sea water near the coast, and nothing further out."""
    sea = np.where((lon < EAST + 0.1) | (lat > NORTH - 0.1), 80, 0)
    return np.where((lon > EAST) & (lat < NORTH), sea, np.where(lon < EAST, 40, 10)).astype("uint8")


def write_glo30(folder, lon, lat):
    """A tile: 3600 × 3600 cells of 1″, the first centred on the north-western whole degrees."""
    name = f"Copernicus_DSM_COG_10_N{lat:02d}_00_E{lon:03d}_00_DEM"
    step = 1 / 3600
    lons, lats = lon + np.arange(3600) * step, lat + 1 - np.arange(3600) * step
    target = folder / GLO30 / name / f"{name}.tif"
    target.parent.mkdir(parents=True)
    place = Affine(step, 0, lon - step / 2, 0, -step, lat + 1 + step / 2)
    profile = {"width": 3600, "height": 3600, "count": 1, "dtype": "float32", "crs": 4326, "transform": place}
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", **profile) as sink:
            sink.write(elevation_m(lons[None, :], lats[:, None]), 1)
        copy(memory.name, target, driver="COG", compress="deflate", blocksize=1024, predictor="yes", overview_count=1)


def write_worldcover(folder, lon, lat):
    """A tile: 36,000 × 36,000 cells on whole degrees; only what the tests look at is written, all else is empty."""
    target = folder / WORLDCOVER / "map" / f"ESA_WorldCover_10m_2021_v200_N{lat:02d}E{lon:03d}_Map.tif"
    target.parent.mkdir(parents=True, exist_ok=True)
    place = Affine(1 / 12000, 0, lon, 0, -1 / 12000, lat + 3)
    with rasterio.open(
        target, "w", driver="GTiff", width=36000, height=36000, count=1, dtype="uint8", crs=4326, transform=place,
        nodata=0, tiled=True, blockxsize=1024, blockysize=1024, compress="deflate", sparse_ok=True,
    ) as sink:  # fmt: skip
        west, east = max(BOX[0], lon), min(BOX[2], lon + 3)
        window = from_bounds(west, BOX[1], east, BOX[3], place).round_offsets().round_lengths()
        lons = lon + (window.col_off + np.arange(window.width) + 0.5) / 12000
        lats = lat + 3 - (window.row_off + np.arange(window.height) + 0.5) / 12000
        sink.write(cover(lons[None, :], lats[:, None]), 1, window=window)


def write_worldpop(folder):
    """People per cell of 3″, "no data" -99999 off the settled land."""
    path = "Global_2015_2030/R2025A/2026/VNM/v1/100m/constrained/vnm_pop_2026_CN_100m_R2025A_v1.tif"
    target = folder / WORLDPOP / path
    target.parent.mkdir(parents=True)
    people = np.full((1200, 1200), -99999.0, dtype="float32")
    people[560:640:4, 560:640:4] = 12.5
    place = Affine(1 / 1200, 0, 107.5, 0, -1 / 1200, 16.5)
    with rasterio.open(
        target, "w", driver="GTiff", width=1200, height=1200, count=1, dtype="float32", crs=4326, transform=place,
        nodata=-99999.0, tiled=True, compress="lzw",
    ) as sink:  # fmt: skip
        sink.write(people, 1)


def square(west, south, east, north):
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}


def collection(features):
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def unit(name, number, level, geometry):
    names = {"shapeName": name, "shapeISO": "", "shapeID": f"{number}B", "shapeGroup": "VNM", "shapeType": level}
    return {"type": "Feature", "properties": names, "geometry": geometry}


UNITS = {
    "ADM1": [
        unit("Đà Nẵng", 1, "ADM1", square(107.97, 16.0, 108.03, 16.03)),
        unit("Quang Nam Province", 2, "ADM1", square(107.97, 15.97, 108.03, 16.0)),
        unit("Quảng Ngãi", 3, "ADM1", square(107.97, 15.9, 108.03, 15.97)),
    ],
    "ADM2": [
        unit("Hòa Vang", 11, "ADM2", square(107.97, 16.0, 108.03, 16.03)),
        unit("Đại Lộc", 12, "ADM2", square(107.97, 15.97, 108.03, 16.0)),
        unit("Bình Sơn", 13, "ADM2", square(107.97, 15.9, 108.03, 15.9701)),
    ],
}


def level(number, year, licence, canonical):
    return {
        "boundaryID": f"VNM-ADM{number}-1", "boundaryName": "Viet Nam", "boundaryISO": "VNM",
        "boundaryType": f"ADM{number}", "boundaryYearRepresented": str(year), "boundaryCanonical": canonical,
        "boundarySource": "Government of Viet Nam", "boundaryLicense": licence, "licenseDetail": "nan",
        "licenseSource": "example.org/licence", "buildDate": "Dec 12, 2023",
        "admUnitCount": "3", "gjDownloadURL": f"{RELEASE}/ADM{number}/geoBoundaries-VNM-ADM{number}.geojson",
    }  # fmt: skip


ELEMENTS = [
    {
        "type": "node", "id": 1, "lat": 16.01, "lon": 107.99,
        "tags": {"place": "village", "name": "Thôn Mẫu", "population": "420"},
    },
    {"type": "node", "id": 2, "lat": 15.99, "lon": 107.98, "tags": {"place": "hamlet", "name": "Bản Mẫu"}},
    {"type": "node", "id": 3, "lat": 15.95, "lon": 107.98, "tags": {"place": "hamlet", "name": "Ngoài Vùng"}},
    {
        "type": "way", "id": 4, "center": {"lat": 16.005, "lon": 107.985},
        "tags": {"amenity": "townhall", "name": "UBND xã"},
    },
    {
        "type": "node", "id": 5, "lat": 16.02, "lon": 107.98,
        "tags": {
            "man_made": "mast", "tower:type": "communication", "communication:mobile_phone": "gsm;lte",
            "operator": "Viettel", "height": "42 m",
        },
    },
    {"type": "node", "id": 6, "lat": 16.1, "lon": 107.95, "tags": {"man_made": "mast", "tower:type": "communication"}},
]  # fmt: skip


def write_providers(folder):
    """All files, at `host/path` below a folder."""
    for lon, lat in ((107, 16), (108, 16), (107, 15)):
        write_glo30(folder, lon, lat)
    listed = [path.name for path in sorted((folder / GLO30).iterdir())]
    (folder / GLO30 / "tileList.txt").write_bytes("\r\n".join(listed).encode())
    tiles = []
    for lon in (105, 108):
        write_worldcover(folder, lon, 15)
        place = square(lon, 15, lon + 3, 18)
        tiles.append({"type": "Feature", "properties": {"ll_tile": f"N15E{lon}"}, "geometry": place})
    (folder / WORLDCOVER / "esa_worldcover_grid.geojson").write_bytes(collection(tiles))
    write_worldpop(folder)
    levels = [
        level(0, 2016, "CC BY 4.0", "Country"), level(1, 2008, "Public Domain", "Province"),
        level(2, 2020, "CC BY 3.0 IGO", "District"),
    ]  # fmt: skip
    (folder / API).parent.mkdir(parents=True)
    (folder / API).write_text(json.dumps(levels), encoding="utf-8")
    for number, units in UNITS.items():
        file = folder / RELEASE.removeprefix("https://") / number / f"geoBoundaries-VNM-{number}.geojson"
        file.parent.mkdir(parents=True)
        file.write_bytes(collection(units))
    (folder / OVERPASS).mkdir(parents=True)
    answer = {"version": 0.6, "osm3s": {"timestamp_osm_base": "2026-01-01T00:00:00Z"}, "elements": ELEMENTS}
    (folder / OVERPASS / "any").write_text(json.dumps(answer), encoding="utf-8")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server_of, *args):
        self.of = server_of
        super().__init__(*args)

    def log_message(self, *args):
        pass

    def do_GET(self):
        path = self.path.lstrip("/")
        file = self.of.folder / (f"{OVERPASS}/any" if path.startswith(OVERPASS) else path)
        fault = self.of.faults[path].pop(0) if self.of.faults[path] else ""
        self.of.requests[path] += 1
        if fault.startswith("status "):
            self.answer(int(fault.split()[1]), b"", {"Retry-After": fault.split()[2]} if fault.count(" ") > 1 else {})
        elif fault == "page":
            self.answer(200, b"<!DOCTYPE html><title>log in</title>", {})
        elif fault == "redirect":
            self.answer(302, b"", {"Location": f"/moved/{path}"})
        elif not file.is_file() and not path.startswith("moved/"):
            self.answer(404, b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", {})
        else:
            self.send_file(file if file.is_file() else self.of.folder / path.removeprefix("moved/"), path, fault)

    def send_file(self, file, path, fault):
        content = file.read_bytes()
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        begin = 0
        if "Range" in self.headers and self.headers.get("If-Range") == etag:
            begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        headers = {"ETag": etag, "Content-Length": str(len(content) - begin)}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        if fault == "wrong digest":
            headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"
        rest = content[begin:]
        self.send_response(206 if begin else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if fault == "truncate":
            rest = rest[: len(rest) // 2]
            self.close_connection = True
        if fault == "drip":
            self.close_connection = True
            with suppress(ConnectionError):
                for at in range(200):
                    self.wfile.write(rest[at : at + 1])
                    self.of.sent[path] += 1
                    time.sleep(0.02)
            return
        self.of.sent[path] += len(rest)
        self.wfile.write(rest)

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Providers:
    """The files, what was asked for and sent, and faults to come: lists of words by path."""

    def __init__(self, folder):
        self.folder = folder
        self.requests, self.sent, self.faults = Counter(), Counter(), defaultdict(list)


@contextmanager
def serving(folder):
    providers = Providers(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, providers))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    providers.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield providers
    finally:
        server.shutdown()
        server.server_close()
