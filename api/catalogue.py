"""What can be downloaded, described for open-data portals by DCAT-AP in JSON-LD.

The addresses are those of the published run (`/downloads/current/…`), so that a portal's entry stays valid.

References
----------
DCAT-AP 3.0.0 (SEMIC, European Commission, 2024); Data Catalog Vocabulary (DCAT) Version 3 (W3C, 2024); media types as
IANA lists them.
"""

from typing import Any
from urllib.parse import quote

from pyproj import Transformer

from phusong.api.answers import find_profile
from phusong.coverage.results import Results
from phusong.coverage.service import technology_groups
from phusong.geodata.grid import Grid
from phusong.geodata.service_settings import OpenData
from phusong.geodata.sources import attributions

JSON_LD = "application/ld+json"
_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "geo": "http://www.opengis.net/ont/geosparql#",
}
_IANA = "https://www.iana.org/assignments/media-types/"
_LANGUAGES = "http://publications.europa.eu/resource/authority/language/"
_CSV, _JSON, _TIFF = "text/csv", "application/json", "image/tiff"
_XLSX, _GPKG = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/geopackage+sqlite3"
_TABLES: tuple[tuple[str, str, str, str], ...] = (
    ("figures.csv", _CSV, "Coverage figures by administrative unit", "Số liệu phủ sóng theo đơn vị hành chính"),
    ("settlements.csv", _CSV, "Settlements: signal, power, broadband", "Điểm dân cư: sóng, điện, băng rộng"),
    ("tables.xlsx", _XLSX, "Figures and settlements as a workbook", "Số liệu và điểm dân cư, bảng tính"),
    ("tables.gpkg", _GPKG, "Figures, settlements and units for GIS", "Số liệu, điểm dân cư và ranh giới cho GIS"),
    ("dictionary.json", _JSON, "What the columns mean", "Ý nghĩa các cột"),
)


def describe_catalogue(results: Results, terms: OpenData | None, *, base: str) -> dict[str, Any]:
    """The catalogue of the public downloads of a run.

    Parameters
    ----------
    results
        The published run.
    terms
        Publisher, licence and contact, where the settings say them.
    base
        Address of the service, without a slash at the end.
    """
    name = results.manifest["settings"]["name"]
    address = f"{base}/dcat.jsonld"
    publisher = {"@type": "foaf:Agent", "foaf:name": terms.publisher if terms else name}
    changed = {"@type": "xsd:dateTime", "@value": results.manifest["created_at"]}
    return {
        "@context": _CONTEXT,
        "@id": f"{address}#catalogue",
        "@type": "dcat:Catalog",
        "dct:title": _said(f"Mobile coverage: {name}", f"Phủ sóng di động: {name}"),
        "dct:description": _said("Downloads of the published computation.", "Các tệp của lần tính đang công bố."),
        "dct:publisher": publisher,
        "dct:language": [{"@id": f"{_LANGUAGES}{code}"} for code in ("VIE", "ENG")],
        "dct:modified": changed,
        "dcat:dataset": [_dataset(results, terms, base) | {"dct:publisher": publisher, "dct:modified": changed}],
    }


def _dataset(results: Results, terms: OpenData | None, base: str) -> dict[str, Any]:
    manifest, profile = results.manifest, find_profile(results)
    english = f"Who has mobile signal, weak signal or none, by the thresholds {profile.name}. "
    vietnamese = f"Nơi có sóng, lõm sóng, trắng sóng theo bộ ngưỡng {profile.name}. "
    dataset: dict[str, Any] = {
        "@id": f"{base}/dcat.jsonld#coverage",
        "@type": "dcat:Dataset",
        "dct:title": _said("Mobile coverage by settlement and unit", "Phủ sóng di động theo điểm dân cư và đơn vị"),
        "dct:description": _said(
            english + " ".join(note["en"] for note in manifest["notes"]),
            vietnamese + " ".join(note["vi"] for note in manifest["notes"]),
        ),
        "dct:identifier": f"{base}/dcat.jsonld#coverage",
        "dcat:version": results.run_id,
        "dct:issued": {"@type": "xsd:date", "@value": manifest["as_of"]},
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": {"@type": "xsd:date", "@value": manifest["as_of"]},
            "dcat:endDate": {"@type": "xsd:date", "@value": manifest["as_of"]},
        },
        "dct:spatial": {
            "@type": "dct:Location",
            "dcat:bbox": {"@type": "geo:wktLiteral", "@value": _box(results.grid)},
        },
        "dcat:keyword": _said("mobile coverage", "phủ sóng di động"),
        "dct:provenance": [
            {"@type": "dct:ProvenanceStatement", "dct:description": said}
            for said in attributions(manifest.get("sources", ()))
        ],
        "dcat:distribution": _distributions(results, terms, base),
    }
    if terms is not None and terms.contact is not None:
        mail = {"@id": f"mailto:{terms.contact}"}
        contact = {"@type": "vcard:Organization", "vcard:fn": terms.publisher, "vcard:hasEmail": mail}
        dataset["dcat:contactPoint"] = contact
    return dataset


def _distributions(results: Results, terms: OpenData | None, base: str) -> list[dict[str, Any]]:
    files = list(_TABLES)
    for technology in technology_groups(find_profile(results)):
        english, vietnamese = f"Classes of {technology}, cells of 100 m", f"Lớp dịch vụ {technology}, ô 100 m"
        files.append((f"class/{quote(technology, safe='+')}.tif", _TIFF, english, vietnamese))
    licence = {} if terms is None else {"dct:license": {"@id": terms.licence_url}}
    return [
        {
            "@id": f"{base}/downloads/current/{path}",
            "@type": "dcat:Distribution",
            "dct:title": _said(english, vietnamese),
            "dcat:accessURL": {"@id": f"{base}/downloads/current/{path}"},
            "dcat:downloadURL": {"@id": f"{base}/downloads/current/{path}"},
            "dcat:mediaType": {"@id": f"{_IANA}{media_type}"},
            **licence,
        }
        for path, media_type, english, vietnamese in files
    ]


def _said(english: str, vietnamese: str) -> list[dict[str, str]]:
    return [{"@language": "vi", "@value": vietnamese}, {"@language": "en", "@value": english}]


def _box(grid: Grid) -> str:
    to_degrees = Transformer.from_crs(grid.crs, 4326, always_xy=True)
    west, south, east, north = (round(value, 5) for value in to_degrees.transform_bounds(*grid.bounds))
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return "POLYGON((" + ", ".join(f"{x} {y}" for x, y in corners) + "))"
