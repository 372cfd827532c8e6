"""Where the layers of a workspace come from: provider, licence and attribution, kept in `sources.json` beside them.

A layer that was fetched has an entry; one imported by hand has none. The entries travel with everything that is made
of the layers: metadata of GeoPackage and GeoTIFF, manifests of runs, answers and maps.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phusong.geodata.writing import replacing

SOURCES_FILE = "sources.json"
TAGS = ("ATTRIBUTION", "LICENCE", "LICENCE_URL", "SHARE_ALIKE")


@dataclass(frozen=True)
class Source:
    """Who made a layer's data, and under which terms it may be passed on.

    `share_alike` is whether a database derived from it must be offered under the same licence. `edition` names year,
    version or era. `files` maps the address of each file to the sha256 of its content; `key` is a hash of all that the
    layer was made from. `fetched_on` is an ISO date.
    """

    title: str
    licence: str
    licence_url: str
    attribution: str
    share_alike: bool
    edition: str
    fetched_on: str = ""
    key: str = ""
    files: Mapping[str, str] | None = None

    def tags(self) -> dict[str, str]:
        """The terms as metadata of a file."""
        share_alike = "yes" if self.share_alike else "no"
        return dict(zip(TAGS, (self.attribution, self.licence, self.licence_url, share_alike), strict=True))


def read_sources(folder: Path) -> dict[str, Source]:
    """The sources of a workspace's layers and rasters, by name; none for what was imported by hand."""
    try:
        text = (folder / SOURCES_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return {name: Source(**entry) for name, entry in json.loads(text).items()}


def record_source(folder: Path, layer: str, source: Source | None) -> None:
    """Keep where a layer comes from; None forgets it, as for a layer that a user's own file replaces."""
    sources = read_sources(folder)
    if source is None and layer not in sources:
        return
    sources.pop(layer, None)
    if source is not None:
        sources[layer] = source
    text = json.dumps({name: asdict(sources[name]) for name in sorted(sources)}, ensure_ascii=False, indent=1)
    with replacing(folder / SOURCES_FILE) as aside:
        aside.write_text(text, encoding="utf-8")


def notices(folder: Path) -> list[dict[str, Any]]:
    """What has to be said wherever something made of the layers is shown: an entry per layer, in plain types."""
    said = ("title", "edition", "attribution", "licence", "licence_url", "share_alike")
    return [
        {"layer": layer, **{name: getattr(source, name) for name in said}}
        for layer, source in read_sources(folder).items()
    ]


def attributions(said: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence per source of such entries: attribution, title, licence, and whether it is share-alike."""
    texts = []
    for entry in said:
        terms = [entry["title"], entry["licence"], *(["share-alike"] if entry["share_alike"] else [])]
        texts.append(f"{entry['attribution']} [{', '.join(terms)}]")
    return list(dict.fromkeys(texts))
