"""A page in a real Chromium with everything that it asks for, says and raises, and what axe-core finds on it."""

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

_PROGRAM = "/usr/bin/chromium"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).parent / "assets" / "axe-core" / "axe.min.js"
HOSTILE = (
    "</script><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    "`${alert(1)}`",
    "\"quotes\" & 'more' <img src=x onerror=alert(1)>",
    "line\u2028separator \u202eright to left",
)


def launch_chromium(playwright: Playwright) -> Browser:
    """Start Debian's Chromium, which asks nobody for anything of its own accord."""
    return playwright.chromium.launch(executable_path=_PROGRAM, args=_ARGUMENTS)


class Watched:
    """A page with everything that it asks for, says and raises."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.dialogs: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    @property
    def outside(self) -> list[str]:
        """Requests that left the file."""
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]

    @property
    def is_quiet(self) -> bool:
        """Whether the page asked nobody, ran nothing foreign and said nothing."""
        return not (self.outside or self.messages or self.dialogs)


def serious_faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical on a page as it stands: rule and places."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
    return [
        f"{fault['id']}: {json.dumps([node['target'] for node in fault['nodes']][:4])}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
