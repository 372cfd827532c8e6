"""Commands for the keys of machines: keys add, list, rotate, revoke."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from phusong.api.console import JsonOption, LanguageOption, log, print_json, print_line, print_table
from phusong.api.layer_commands import Folder

if TYPE_CHECKING:
    from phusong.api.keys import Keys

Name = Annotated[str, typer.Argument(metavar="NAME", help="Who or what the key is for.")]
DaysOption = Annotated[int, typer.Option(help="Days until the key expires.")]

keys = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Keys with which other systems read the service (Authorization: Bearer KEY).",
)


@keys.command("add")
def add(
    folder: Folder,
    name: Name,
    role: Annotated[str, typer.Option(help="What it may do: planner, data_admin or auditor.")],
    days: DaysOption = 365,
) -> None:
    """Make a key and print it; it is shown this once."""
    _print_key(_keys(folder).add(name, role, days=days))  # type: ignore[arg-type]


@keys.command("list")
def list_(folder: Folder, as_json: JsonOption = False, language: LanguageOption = "en") -> None:
    """List the keys that were made: name, role, state and dates; never the keys themselves."""
    now_s = datetime.now(UTC).timestamp()
    rows = [
        {
            "key_id": key.key_id,
            "name": key.name,
            "role": key.role,
            "state": key.state(now_s),
            "created_at": _time(key.created_s),
            "expires_at": _time(key.expires_s),
        }
        for key in _keys(folder).all()
    ]
    if as_json:
        print_json({"keys": rows})
    elif rows:
        headings = [("key", "khóa"), ("name", "tên"), ("role", "vai trò"), ("state", "trạng thái")]
        headings += [("created", "tạo lúc"), ("expires", "hết hạn")]
        print_table(headings, [list(row.values()) for row in rows], language=language)
    else:
        print_line("There are no keys.", "Chưa có khóa nào.", language=language)


@keys.command("rotate")
def rotate(
    folder: Folder,
    name: Name,
    days: DaysOption = 365,
    overlap_hours: Annotated[float, typer.Option(help="Hours for which the former key goes on.")] = 24.0,
) -> None:
    """Make a new key in place of the former one, and print it; the former one goes on for a while."""
    _print_key(_keys(folder).rotate(name, days=days, overlap_hours=overlap_hours))


@keys.command("revoke")
def revoke(folder: Folder, name: Name) -> None:
    """Refuse every key of that name from now on, in services that run too."""
    _keys(folder).revoke(name)
    log(f"Revoked {name}.", f"Đã thu hồi {name}.")


def _keys(folder: Folder) -> "Keys":
    from phusong.api.access_store import AccessStore
    from phusong.api.keys import Keys
    from phusong.geodata.workspace import Workspace

    return Keys(AccessStore(Workspace.open(folder).path))


def _print_key(text: str) -> None:
    typer.echo(text)
    log("Keep it safe: it is not shown again.", "Hãy cất giữ khóa: khóa không hiển thị lại.")


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
