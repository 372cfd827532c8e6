"""The index of runs: one HTML file that lists runs and links the pages written beside it."""

import html
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from phusong.coverage.service import ANY
from phusong.maps.data import Audience
from phusong.maps.payload import INDICATORS, LANGUAGES
from phusong.maps.shell import PageMark, assemble_page, read_scripts, read_template
from phusong.maps.text import format_count, format_date, format_share

_HEAD_BYTES = 20_000  # of a page: its mark and title stand above its styles
_MARK = re.compile(r'<meta name="phusong" content="(\w+) (\w+) ([^"]+)">')
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


def render_runs_page(
    manifests: Sequence[Mapping[str, Any]], *, name: str, out: Path, audience: Audience = "public"
) -> str:  # fmt: skip
    """The index of the runs of a workspace and of the pages in a folder.

    Parameters
    ----------
    manifests
        Of `list_runs`. Scenarios hold plans: the public index leaves them out.
    name
        Name of the area.
    out
        Where the index will be: pages beside it are linked, the public ones alone in a public index.
    """
    shown = [run for run in manifests if audience == "internal" or run.get("scenario") is None]
    known = {str(run["run_id"]) for run in shown}
    pages = [page for page in find_pages(out.resolve().parent, audience) if set(page["runs"]) <= known]
    payload = {
        "name": name,
        "runs": [_run(run) for run in reversed(shown)],
        "pages": [page for page in pages if page["file"] != out.name],
    }
    return assemble_page(
        "runs.html",
        payload,
        PageMark("runs", audience, ()),
        title=name,
        scripts={"page": read_scripts("words.js", "runs.js")},
        styles={"page": read_template("page.css")},
    )


def find_pages(folder: Path, audience: Audience) -> list[dict[str, Any]]:
    """The pages of ours in a folder that an audience may see: file, title, kind, audience, runs; by file name."""
    found = []
    for path in sorted(folder.glob("*.html")):
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.read(_HEAD_BYTES)
        mark, title = _MARK.search(head), _TITLE.search(head)
        if mark is None or title is None or (audience == "public" and mark[2] != "public"):
            continue
        runs = html.unescape(mark[3]).split()
        found.append(
            {"file": path.name, "title": html.unescape(title[1]), "kind": mark[1], "audience": mark[2], "runs": runs}
        )
    return found


def _run(manifest: Mapping[str, Any]) -> dict[str, Any]:
    as_of = date.fromisoformat(str(manifest["as_of"]))
    return {
        "id": str(manifest["run_id"]),
        "asOf": {language: format_date(as_of, language) for language in LANGUAGES},
        "computed": str(manifest["created_at"]),
        "isCurrent": bool(manifest["is_current"]),
        "scenario": manifest.get("scenario"),
        "profile": str(manifest["settings"]["profiles"][0]["name"]),
        "shares": {
            row["indicator"]: [_share(row, language) for language in LANGUAGES]
            for row in manifest["figures"]
            if row["technology"] == ANY and row["service"] == "weak" and row["indicator"] in INDICATORS
        },
    }


def _share(row: Mapping[str, Any], language: Any) -> str:
    numerator, denominator = row["numerator"], row["denominator"]
    if not denominator or numerator is None:
        return "–"
    counts = f"{format_count(numerator, language)}/{format_count(denominator, language)}"
    return f"{format_share(numerator, denominator, language)} ({counts})"
