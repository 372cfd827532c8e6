"""OGC API Features (Part 1 Core, Part 2 CRS) at /ogc, on pygeoapi's functions, with our own routes and provider."""
