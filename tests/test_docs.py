"""The reference names every command, option, setting, column and path, and nothing else; links lead somewhere."""

import inspect
import re
import types
from pathlib import Path
from typing import Union, get_args, get_origin

import pytest
import typer.main
from pydantic import BaseModel

from phusong.api.app import create_app
from phusong.api.cli import app
from phusong.api.errors import STATUS_OF
from phusong.coverage.dictionary import DATA_DICTIONARY
from phusong.coverage.field import loss_field
from phusong.coverage.propagation.p1812 import path_loss_db, ray_loss_db
from phusong.coverage.run_stores import TABLES
from phusong.geodata.recipe import Recipe
from phusong.geodata.schemas import LAYERS
from phusong.geodata.settings import Settings
from phusong.geodata.workspace import RASTERS, Workspace

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")


def commands_of(group, prefix=""):
    """Every command of a group and of the groups in it, by the words that call it."""
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        yield from commands_of(command, f"{prefix}{name} ") if inner else [(prefix + name, command)]


COMMANDS = dict(commands_of(typer.main.get_command(app)))


def section(page, heading):
    """The text below a heading, up to the next of the same rank."""
    rank = heading.split(" ")[0]
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{len(rank)}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no heading {heading!r}"
    return found[1]


def first_cells(text):
    """The code words in the first column of the tables of a text."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return {word for cell in rows for word in CODE.findall(cell)}


def anchors(page):
    """The anchors of the headings of a page, as they are made on GitHub."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def models_inside(annotation):
    """A model, and what it is called by, inside an annotation: itself, in a tuple, or by name in a dictionary."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [("", annotation)]
    if get_origin(annotation) is dict:
        return [("<name>.", model) for _, model in models_inside(get_args(annotation)[1])]
    if get_origin(annotation) in (tuple, list, Union, types.UnionType):
        return [found for part in get_args(annotation) for found in models_inside(part)]
    return []


def setting_keys(model, prefix=""):
    for name, field in model.model_fields.items():
        inside = models_inside(field.annotation)
        if not inside:
            yield prefix + name
        for by_name, inner in inside:
            yield from setting_keys(inner, f"{prefix}{name}.{by_name}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page):
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if not link.startswith("https://"):
            target = (page.parent / path).resolve() if path else page
            assert target.is_file(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_documented_and_no_other(name):
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("--")}
    assert first_cells(section("reference/commands.md", f"## phusong {name}")) == options - {"--help"}


def test_no_command_is_documented_that_does_not_exist():
    text = (DOCS / "reference/commands.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## phusong (.+)$", text, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_line_shown_uses_commands_and_options_that_exist(page):
    lines = re.findall(r"^    phusong (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    for line in lines:
        command = COMMANDS.get(" ".join(line.split()[:2])) or COMMANDS[line.split()[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", line)) <= known, line


def test_every_setting_is_documented_and_no_other():
    text = (DOCS / "reference/settings.md").read_text(encoding="utf-8").partition("## Environment")[0]
    documented = {key for key in first_cells(text) if key not in ("qcvn", "ofcom")}
    assert {key.replace("<technology>", "<name>") for key in documented} == set(setting_keys(Settings))


@pytest.mark.parametrize("layer", LAYERS.values(), ids=lambda layer: layer.name)
def test_every_column_of_a_layer_is_documented_and_no_other(layer):
    assert first_cells(section("reference/layers.md", f"## {layer.name}")) == set(layer.column_names)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=lambda layer: layer.name)
def test_the_reference_says_which_columns_are_required_and_which_words_they_take(layer):
    rows = section("reference/layers.md", f"## {layer.name}").splitlines()
    for column in layer.columns:
        value = next(row.split("|")[2] for row in rows if row.startswith(f"| `{column.name}` |"))
        assert ("required" in value) == column.required, column.name
        if column.kind != "texts":
            assert tuple(CODE.findall(value)) == column.choices, column.name


def test_every_raster_is_documented():
    assert first_cells(section("reference/layers.md", "## Rasters")) == set(RASTERS)


def test_every_path_and_parameter_of_the_service_is_documented_and_no_other(tmp_path):
    Workspace.create(tmp_path / "w", crs="EPSG:32648")
    paths = create_app(tmp_path / "w").openapi()["paths"]
    rows = [line.split("|")[1:3] for line in section("reference/http.md", "# HTTP").splitlines() if line[:3] == "| `"]
    documented = {CODE.findall(path)[0]: set(CODE.findall(parameters)) for path, parameters in rows}
    assert documented.pop("/openapi.json") == set()
    described = {
        path: {
            entry["name"]
            for method in item.values()
            for entry in method.get("parameters", [])
            if entry["in"] == "query"
        }
        for path, item in paths.items()
    }
    assert documented == described


def test_every_status_of_an_error_is_documented():
    documented = {
        int(number) for number in re.findall(r"^\| (\d{3}) \|", section("reference/http.md", "## Errors"), re.M)
    }
    assert set(STATUS_OF.values()) <= documented


def test_every_table_of_a_run_is_documented():
    assert first_cells(section("reference/files.md", "## A run").partition("### ")[0]) == set(TABLES)


@pytest.mark.parametrize("table", ["settlements", "figures"])
def test_every_column_of_a_table_is_documented_and_no_other(table):
    assert first_cells(section("reference/files.md", f"### {table}")) == set(DATA_DICTIONARY[table])


def test_the_how_to_names_every_key_of_a_recipe():
    text = (DOCS / "how-to/recipe.md").read_text(encoding="utf-8")
    keys = {key.rpartition(".")[2] for key in setting_keys(Recipe)}
    assert {key for key in keys if not re.search(rf"^    (# )?{key}\b", text, re.MULTILINE)} == set()


def test_every_name_of_a_layer_and_of_the_engine_is_in_the_glossary():
    glossary = set(CODE.findall((DOCS / "glossary.md").read_text(encoding="utf-8")))
    columns = {name for layer in LAYERS.values() for name in layer.column_names}
    arguments = {
        name for function in (path_loss_db, ray_loss_db, loss_field) for name in inspect.signature(function).parameters
    }
    assert (columns | arguments) - glossary == set()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
