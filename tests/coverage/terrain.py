"""A link and the middle of terrain, for the tests of fields and computations."""

from phusong.geodata.grid import Raster

LINK = {
    "tx_height_agl_m": 30.0,
    "rx_height_agl_m": 1.5,
    "mid_lat_deg": 17.5,
    "delta_n": 55.0,
    "surface_refractivity": 350.0,
}


def middle(terrain: Raster) -> dict[str, float]:
    """Position of the middle cell's centre."""
    ny, nx = terrain.grid.shape
    x_m, y_m = terrain.grid.transform @ (nx // 2 + 0.5, ny // 2 + 0.5)
    return {"x_m": x_m, "y_m": y_m}
