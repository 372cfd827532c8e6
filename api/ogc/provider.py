"""What pygeoapi reads features from: a selection of ours, made before it is asked."""

from typing import Any

from pygeoapi.provider.base import BaseProvider

from phusong.api.ogc.features import Selection


class StoreProvider(BaseProvider):  # type: ignore[misc]
    """Gives pages of a `Selection`; parameters have been read, checked and applied before.

    Parameters
    ----------
    provider_def
        Definition with `data`, the selection, and `fields`, the properties as JSON Schema.
    """

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self.selection: Selection = provider_def["data"]
        self._fields: dict[str, dict[str, Any]] = provider_def["fields"]

    def get_fields(self) -> dict[str, dict[str, Any]]:
        """The properties as JSON Schema."""
        return self._fields

    def query(self, *, offset: int, limit: int, **_applied: Any) -> dict[str, Any]:
        """A page of the features."""
        features = self.selection.page(offset, limit)
        return {
            "type": "FeatureCollection",
            "features": features,
            "numberMatched": len(self.selection.positions),
            "numberReturned": len(features),
        }

    def get(self, identifier: str, **_applied: Any) -> dict[str, Any]:
        """One feature."""
        return self.selection.feature(identifier)
