"""TOML files read into pydantic models, with all faults in one sentence in two languages."""

import difflib
import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

import pydantic
from pydantic import BaseModel, ConfigDict

from phusong.geodata.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """Base of every section: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def validate_toml(model: type[Model], text: str, *, where: str) -> Model:
    """Read TOML text into a pydantic model, all faults in one error.

    Raises
    ------
    SettingsError
        The text is no TOML, or does not fit the model.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is not valid TOML: {error}.", vi=f"{where} sai cú pháp TOML: {error}.") from error
    try:
        return model.model_validate(data)
    except pydantic.ValidationError as error:
        faults = [_describe(model, dict(fault)) for fault in error.errors()]
        english, vietnamese = ("; ".join(texts) for texts in zip(*faults, strict=True))
        raise SettingsError(
            f"{where}: {english}" + ("" if english.endswith("?") else "."),
            vi=f"{where}: {vietnamese}" + ("" if vietnamese.endswith("?") else "."),
        ) from error


def _describe(model: type[BaseModel], fault: dict[str, Any]) -> tuple[str, str]:
    location = tuple(fault["loc"])
    key = ".".join(str(part) for part in location)
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), sorted(_known_keys(model)), n=1, cutoff=0.5)
        hint, goi_y = "; remove it", "; hãy bỏ đi"
        if near:
            hint, goi_y = f", did you mean {near[0]}?", f", ý bạn là {near[0]}?"
        return f"unknown key {key}{hint}", f"khóa không biết {key}{goi_y}"
    if fault["type"] == "missing":
        return f"key {key} is missing; add it", f"thiếu khóa {key}; hãy bổ sung"
    message = str(fault["msg"]).removeprefix("Value error, ")
    got = "" if isinstance(fault["input"], Mapping) else f", got {fault['input']!r}"
    if fault["type"] == "value_error":
        got = ""
    return f"{key or 'file'}: {message}{got}", f"{key or 'tệp'}: giá trị không hợp lệ ({message}{got})"


def _known_keys(model: type[BaseModel]) -> set[str]:
    """Names of all keys of a model and of the models inside it."""
    keys: set[str] = set()
    pending: list[Any] = [model]
    while pending:
        item = pending.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            keys.update(item.model_fields)
            pending.extend(field.annotation for field in item.model_fields.values())
        else:
            pending.extend(getattr(item, "__args__", ()))
    return keys
