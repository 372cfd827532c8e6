import json

from typer.testing import CliRunner

from phusong.api.cli import app


def run(*words):
    return CliRunner().invoke(app, ["unit", *words])


def test_a_unit_is_looked_up_with_what_it_was_made_of():
    found = json.loads(run("Minh Hóa", "--on", "2025-08-01", "--json").stdout)
    assert (found["code"], found["valid_from"], found["became"]) == ("18901", "2025-07-01", [])
    assert "Thị trấn Quy Đạt" in {unit["name"] for unit in found["made_of"]}


def test_a_code_is_looked_up_on_its_day():
    result = run("18931", "--on", "2025-06-30")
    assert result.stdout.splitlines()[0].startswith("Xã Minh Hóa, Huyện Minh Hóa, Tỉnh Quảng Bình")
    assert "18943" in result.stdout


def test_an_ambiguous_name_ends_with_its_candidates():
    result = run("Minh Hóa")
    assert result.exit_code == 1
    assert "18931" in result.stderr
    assert "18901" in result.stderr
