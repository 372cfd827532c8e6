"""What a country costs, from measured figures: `python3 scripts/country.py [--us 0.63] [--cores 32] ...`.

The defaults are Viet Nam and the figures measured on the Quảng Bình test data; `docs/how-to/country.md` says where each
comes from.
"""

import argparse
import math

FIGURES = {
    "masts": (100_000, "masts"),
    "fields-per-mast": (2.12, "fields (one a band and height) per mast"),
    "radius-km": (20.0, "radius [km]"),
    "resolution-m": (30.0, "resolution [m]"),
    "wanted": (1.0, "part of the circle around a mast that is asked for; 1 is the bound"),
    "us": (0.63, "processor time per wanted pixel and band [µs]"),
    "field-bytes": (1.39, "a cached field on disk, per wanted pixel [bytes]"),
    "store-kb-per-km2": (14.3, "tiles of one run per land area [kB/km²]"),
    "land-km2": (331_000, "land [km²]"),
    "grid-km2": (1_330_000, "rectangle of the grid around it [km²]"),
    "client-us": (0.47, "making the ground and residents ready, per pixel of the grid [µs]"),
    "client-bytes": (42, "memory for that, per pixel of the grid [bytes]"),
    "ground-bytes": (20, "shared arrays of the ground and residents on disk, per pixel of the grid [bytes]"),
    "worker-gb": (1.0, "memory of one worker [GB]"),
    "efficiency": (0.85, "of the workers"),
}
BLOCK_PX = 2 * 512  # side of a block of tiles [px]


def main() -> None:
    """Print the plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, (value, text) in FIGURES.items():
        parser.add_argument(f"--{name}", type=float, default=value, metavar="N", help=f"{text} ({value:g})")
    parser.add_argument("--cores", type=int, nargs="+", default=[8, 32, 128], help="workers of one thread (8 32 128)")
    given = parser.parse_args()
    pixels = math.pi * (1e3 * given.radius_km / given.resolution_m) ** 2 * given.wanted
    fields = given.masts * given.fields_per_mast
    core_hours = fields * pixels * given.us * 1e-6 / 3600
    fields_gb = fields * pixels * given.field_bytes / 1e9
    grid_px = given.grid_km2 * 1e6 / given.resolution_m**2
    block_km = BLOCK_PX * given.resolution_m / 1e3
    readings = (2 * given.radius_km / block_km + 1) ** 2
    print(f"pixels of a field            {pixels / 1e6:12,.2f} million")
    print(f"fields                       {fields:12,.0f}")
    print(f"processor time               {core_hours:12,.0f} core-hours")
    print(f"cache: fields                {fields_gb:12,.0f} GB, written once, read {readings:.1f} times")
    print(f"cache: ground, residents     {grid_px * given.ground_bytes / 1e9:12,.0f} GB")
    print(f"store: one run               {given.land_km2 * given.store_kb_per_km2 / 1e6:12,.1f} GB")
    print(f"client: memory               {grid_px * given.client_bytes / 1e9:12,.0f} GB")
    client_h = grid_px * given.client_us * 1e-6 / 3600
    print(f"client: before the workers   {60 * client_h:12,.0f} minutes, one processor")
    print("workers   hours   memory of the workers   shared folder: writing, reading (mean)")
    for cores in given.cores:
        hours = core_hours / cores / given.efficiency
        rates = [fields_gb * times / hours / 3.6 for times in (1.0, readings)]
        memory_gb = cores * given.worker_gb
        print(f"{cores:7} {hours + client_h:7.1f} {memory_gb:18,.0f} GB {rates[0]:20,.0f}, {rates[1]:,.0f} MB/s")


if __name__ == "__main__":
    main()
