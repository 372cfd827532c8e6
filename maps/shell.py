"""The shell of every page: one HTML file of parts, a policy that admits its own scripts alone, and its data as JSON.

Text of a layer is in the JSON block, the title and a mark of the run, nowhere else.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from phusong.maps.data import Audience
from phusong.maps.text import json_for_script

Kind = Literal["map", "unit", "whatif", "diff", "runs"]
_MARK = "LƯU HÀNH NỘI BỘ"
_MARKS: dict[Audience, str] = {"public": "", "internal": f'<p class="mark" lang="vi">{_MARK}</p>'}
# the same on every printed page
_PRINTED_MARKS: dict[Audience, str] = {
    "public": "",
    "internal": f'@page {{ @top-right {{ content: "{_MARK}"; font: bold 10pt sans-serif; }} }}\n',
}
_HOLE = re.compile(r"\[\[([A-Z]+(?::[a-z]+)?)\]\]")


@dataclass(frozen=True)
class PageMark:
    """What a page is, as written in its head for the index of runs: what kind, for whom, of which runs."""

    kind: Kind
    audience: Audience
    run_ids: tuple[str, ...]

    @property
    def text(self) -> str:
        """Kind, audience and runs, parted by spaces."""
        return " ".join((self.kind, self.audience, *self.run_ids))


def assemble_page(
    template: str, payload: Mapping[str, Any], mark: PageMark, *, title: str, scripts: Mapping[str, str],
    styles: Mapping[str, str], parts: Mapping[str, str] | None = None, asks_service: bool = False,
) -> str:  # fmt: skip
    """A page that opens with the network cable out.

    Parameters
    ----------
    template
        Name of the page's template, with holes for all parts.
    payload
        What the page's scripts read; its kind, audience and the words of both languages are added.
    mark
        What page it is.
    title
        The title before the scripts give one; any text.
    scripts, styles
        Inline scripts and styles by the name of their hole.
    parts
        Further markup of our own by the name of its hole.
    asks_service
        Whether the page's scripts may ask the service it came from; all others ask nobody.
    """
    styled = {**styles, "page": styles["page"] + _PRINTED_MARKS[mark.audience]}
    known = {"kind": mark.kind, "audience": mark.audience, "strings": json.loads(read_template("strings.json"))}
    filled = {
        "POLICY": _policy(scripts.values(), styled.values(), asks_service=asks_service),
        "TITLE": html.escape(title),
        "ABOUT": html.escape(mark.text),
        "MARK": _MARKS[mark.audience],
        "DATA": json_for_script({**payload, **known}),
        **{f"SCRIPT:{name}": text for name, text in scripts.items()},
        **{f"STYLE:{name}": text for name, text in styled.items()},
        **(parts or {}),
    }
    # one pass, so that nothing inside a part is ever taken for a placeholder
    return _HOLE.sub(lambda match: filled[match[1]], read_template(template))


def read_asset(name: str) -> str:
    """A carried file of others, as text."""
    return files("phusong.maps").joinpath("assets", name).read_text(encoding="utf-8")


def read_template(name: str) -> str:
    """A file of our pages, as text."""
    return files("phusong.maps").joinpath("templates", name).read_text(encoding="utf-8")


def read_scripts(*names: str) -> str:
    """Scripts of our pages one after the other, as one."""
    return "\n".join(read_template(name) for name in names)


def _policy(scripts: Iterable[str], styles: Iterable[str], *, asks_service: bool) -> str:
    def hashes(texts: Iterable[str]) -> str:
        return " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts
        )

    connect = "'self'" if asks_service else "'none'"
    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; img-src data:; "
        f"connect-src {connect}; form-action 'none'; base-uri 'none'"
    )
