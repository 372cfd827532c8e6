"""How much the cache may hold: by default twice what the fields of the present stations take, the working set."""

from collections.abc import Sequence

from phusong.coverage.cache import Cache

SPARE_FACTOR = 2.0  # room for fields of stations that come back, of other dates and scenarios
LEAST_BYTES = 1e9  # rasters made ready and counted tiles take room beside small sets of fields
GB = 1e9


def cache_limit_bytes(limit_gb: float, working_set_bytes: float) -> float:
    """The limit [bytes]; 0 GB chooses it by the working set."""
    return limit_gb * GB if limit_gb else max(SPARE_FACTOR * working_set_bytes, LEAST_BYTES)


def limit_warnings(limit_gb: float, working_set_bytes: float) -> list[dict[str, str]]:
    """A warning where the limit is below the working set."""
    if cache_limit_bytes(limit_gb, working_set_bytes) >= working_set_bytes:
        return []
    needed_gb = f"{working_set_bytes / GB:.3g}"
    return [
        {
            "en": f"the fields of this workspace take about {needed_gb} GB, cache_limit_gb allows {limit_gb:g}: "
            "what is evicted is computed again; raise it in phusong.toml, or set 0",
            "vi": f"trường suy hao của vùng này chiếm khoảng {needed_gb} GB, cache_limit_gb chỉ cho {limit_gb:g}: "
            "phần bị loại sẽ phải tính lại; hãy tăng trong phusong.toml, hoặc đặt 0",
        }
    ]


def trim_cache(cache: Cache, field_keys: Sequence[str], limit_gb: float) -> list[dict[str, str]]:
    """Evict what was used longest ago until the cache meets its limit; fields of the present stations go last.

    Parameters
    ----------
    field_keys
        Keys of their fields.
    limit_gb
        As in the settings [GB].
    """
    sizes = cache.mark_used(field_keys)
    working_set_bytes = sum(sizes) * len(field_keys) / len(sizes) if sizes else 0.0  # some may have been evicted
    cache.trim(cache_limit_bytes(limit_gb, working_set_bytes))
    return limit_warnings(limit_gb, working_set_bytes)
