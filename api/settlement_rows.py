"""The settlements of a run by one profile: rows ready to send in Vietnamese order, columns ready to be filtered."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic_core import to_json

from phusong.api.access_views import public_view
from phusong.api.answers import find_commune, plain_rows, unknown_name
from phusong.api.models import SettlementRow
from phusong.api.unit_figures import judged_by
from phusong.coverage.results import Results
from phusong.geodata.errors import InputError
from phusong.geodata.names import name_key, search_key, sort_key
from phusong.geodata.settings import ThresholdProfile

Sort = Literal["commune", "name", "population", "households"]
SORTS = get_args(Sort)
Box = tuple[float, float, float, float]
Bools = npt.NDArray[np.bool_]
UNIT_COLUMNS = ("commune_code", "district_code")


@dataclass(frozen=True)
class SettlementQuery:
    """Which settlements are asked for; None asks for all.

    Attributes
    ----------
    signal
        "none" (trắng sóng), "weak" (lõm sóng), "good" or "unknown": the published one.
    power, broadband
        "yes", "no" or "unknown"; unknown is neither yes nor no.
    uncertain
        "yes" where the model's error could turn served into not served or back, or "no".
    disagrees
        "yes" where the declared or measured signal is another than the modelled one, "no" where they agree.
    commune
        Code or name of a commune, in any spelling, with or without "xã"; without diacritics if that is unambiguous.
    unit
        Code of a commune, a former district or the province.
    name
        Words of the settlement's name; without diacritics they stand for every name of these letters.
    q
        Words of the settlement's, commune's or former district's name or the id, all of them, diacritics or not.
    bbox
        West, south, east and north edge [degrees, WGS 84].
    """

    signal: str | None = None
    power: str | None = None
    broadband: str | None = None
    uncertain: str | None = None
    disagrees: str | None = None
    commune: str | None = None
    unit: str | None = None
    name: str | None = None
    q: str | None = None
    bbox: Box | None = None


class SettlementRows:
    """The settlements of a run, by commune and name in Vietnamese order.

    Parameters
    ----------
    results
        The run.
    profile
        The threshold profile that decides signal and uncertain.
    """

    def __init__(self, results: Results, profile: ThresholdProfile) -> None:
        self._results = results
        table = judged_by(results, profile)
        keys = [_place_key(row) for row in plain_rows(table[["settlement_id", "name", "commune_name"]])]
        order = sorted(range(len(table)), key=keys.__getitem__)
        self.table = table.iloc[order].reset_index(drop=True)
        self._name_keys = [keys[i][1] for i in order]
        self._codes: dict[str, tuple[npt.NDArray[np.int64], dict[str, int]]] = {}

    @cached_property
    def plain(self) -> list[dict[str, Any]]:
        """The rows as plain values; columns that an older run has not are None."""
        missing = dict.fromkeys(name for name in SettlementRow.model_fields if name not in self.table)
        return [missing | row for row in plain_rows(self.table)]

    @cached_property
    def rows(self) -> list[bytes]:
        """The rows as JSON."""
        return [to_json(row) for row in self.plain]

    @cached_property
    def public_rows(self) -> list[bytes]:
        """The rows as the public sees them, as JSON."""
        return [public_view(SettlementRow(**row)).model_dump_json().encode() for row in self.plain]

    @cached_property
    def position(self) -> dict[str, int]:
        """Position of every settlement by id."""
        return {name: position for position, name in enumerate(self.table["settlement_id"].astype(str))}

    def chosen(self, query: SettlementQuery, sort: Sort = "commune") -> npt.NDArray[np.int64]:
        """Positions of the settlements asked for, in order.

        Parameters
        ----------
        query
            The conditions; all must hold.
        sort
            By commune and name or by name in Vietnamese order, or the largest population or number of households
            first, unknown ones last.

        Raises
        ------
        UnknownNameError
            The run has no such commune or unit.
        InputError
            The run was computed before settlements had a column that is asked for.
        """
        wanted = np.ones(len(self.table), dtype=bool)
        published = "signal_published" if "signal_published" in self.table else "signal"
        asked = {published: query.signal, "power": query.power, "broadband": query.broadband}
        asked |= {"uncertain": query.uncertain, "signal_disagrees": query.disagrees}
        for column, value in asked.items():
            if value is not None:
                wanted &= self._equal(column, value)
        if query.commune is not None:
            wanted &= self._equal("commune_code", find_commune(self._results, query.commune))
        if query.unit is not None:
            wanted &= self._in_unit(query.unit)
        if query.name is not None:
            wanted &= self._named(query.name)
        if query.q is not None:
            words = search_key(query.q).split()
            wanted &= np.array([all(word in text for word in words) for text in self._texts], dtype=bool)
        if query.bbox is not None:
            wanted &= self._inside(query.bbox)
        order = self._orders[sort]
        return order[wanted[order]]

    def rank(self, sort: Sort) -> npt.NDArray[np.int64]:
        """Rank of every settlement in an order, by position."""
        return self._ranks[sort]

    def total(self, column: str, positions: npt.NDArray[np.int64]) -> float | None:
        """Sum of a column over settlements, None where it is known of none."""
        values = self._numbers[column][positions]
        known = values[np.isfinite(values)]
        return float(known.sum()) if known.size else None

    def _equal(self, column: str, value: str) -> Bools:
        if column not in self._codes:
            if column not in self.table:
                raise InputError(
                    f"The run does not say {column} of settlements; compute it again.",
                    vi=f"Lần tính này chưa có {column} của điểm dân cư; hãy tính lại.",
                )
            codes, values = pd.factorize(self.table[column])
            self._codes[column] = codes, {str(name): code for code, name in enumerate(values)}
        codes, code_of = self._codes[column]
        equal: Bools = codes == code_of.get(value, -2)
        return equal

    def _in_unit(self, unit: str) -> Bools:
        if unit in set(self._results.units("province")["code"].astype(str)):
            return np.ones(len(self.table), dtype=bool)
        inside = np.zeros(len(self.table), dtype=bool)
        for column in UNIT_COLUMNS:
            inside |= self._equal(column, unit)
        if not inside.any() and unit not in set(self._results.table("units")["code"].astype(str)):
            raise unknown_name("unit", "đơn vị", unit, sorted(self._results.table("units")["code"].astype(str)))
        return inside

    def _named(self, wanted: str) -> Bools:
        key = search_key if wanted.isascii() else partial(name_key, keep_prefix=True)
        words = f" {key(wanted)}"
        return np.array([words in f" {key(own)}" for own in self.table["name"]], dtype=bool)

    def _inside(self, box: Box) -> Bools:
        west, south, east, north = box
        lon, lat = self._numbers["lon"], self._numbers["lat"]
        inside: Bools = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        return inside

    @cached_property
    def _numbers(self) -> dict[str, npt.NDArray[np.float64]]:
        return {name: self.table[name].to_numpy(float) for name in ("lon", "lat", "population", "households")}

    @cached_property
    def _texts(self) -> list[str]:
        """What `q` searches, by settlement."""
        columns = [self.table[name] for name in ("settlement_id", "name", "commune_name", "district_name")]
        return [search_key(" ".join(str(part) for part in parts if part)) for parts in zip(*columns, strict=True)]

    @cached_property
    def _ranks(self) -> dict[Sort, npt.NDArray[np.int64]]:
        return {sort: np.argsort(order) for sort, order in self._orders.items()}

    @cached_property
    def _orders(self) -> dict[Sort, npt.NDArray[np.int64]]:
        most: dict[Sort, npt.NDArray[np.int64]] = {
            name: np.argsort(-self._numbers[name], kind="stable") for name in ("population", "households")
        }
        by_name = sorted(range(len(self.table)), key=self._name_keys.__getitem__)
        return {"commune": np.arange(len(self.table)), "name": np.array(by_name, dtype=np.int64), **most}


def _place_key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    commune, name = (sort_key(row[column] or "") for column in ("commune_name", "name"))
    return commune, name, row["settlement_id"]
