import json
import stat

import pytest

from phusong.api.access_store import AccessStore
from phusong.api.keys import Keys
from phusong.geodata.errors import InputError, UnknownNameError

from .conftest import run


@pytest.fixture
def keys(tmp_path, clock):
    return Keys(AccessStore(tmp_path), clock=clock)


def test_a_key_is_known_by_its_text_and_has_its_role(keys):
    text = keys.add("portal", "planner")
    caller = keys.caller(text)
    assert (caller.name, set(caller.roles), caller.kind) == ("portal", {"planner"}, "key")


def test_a_changed_key_is_not_known(keys):
    text = keys.add("portal", "planner")
    for other in (text[:-1], text[:-1] + ("A" if text[-1] != "A" else "B"), text + "A", "", text.upper()):
        assert keys.caller(other) is None


def test_only_a_hash_is_kept_and_only_the_owner_reads_it(keys, tmp_path):
    text = keys.add("portal", "planner")
    file = tmp_path / "access" / "access.sqlite"
    assert text.split("_", 2)[2].encode() not in file.read_bytes()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)


def test_a_key_expires(keys, clock):
    text = keys.add("portal", "auditor", days=2)
    clock.now_s += 2 * 86400 - 1
    assert keys.caller(text)
    clock.now_s += 1
    assert keys.caller(text) is None
    assert keys.add("portal", "auditor")  # the name is free again


def test_the_former_key_goes_on_until_the_overlap_ends(keys, clock):
    former = keys.add("portal", "planner")
    new = keys.rotate("portal", overlap_hours=1)
    assert keys.caller(former) == keys.caller(new)
    clock.now_s += 3600
    assert keys.caller(former) is None
    assert keys.caller(new)


def test_rotating_without_overlap_ends_the_former_key_at_once(keys):
    former = keys.add("portal", "planner")
    keys.rotate("portal", overlap_hours=0)
    assert keys.caller(former) is None


def test_revoking_ends_all_keys_of_a_name_in_other_processes_too(keys, tmp_path, clock):
    texts = [keys.add("portal", "planner"), keys.rotate("portal")]
    elsewhere = Keys(AccessStore(tmp_path), clock=clock)
    assert all(elsewhere.caller(text) for text in texts)
    keys.revoke("portal")
    assert not any(elsewhere.caller(text) for text in texts)
    assert [key.state(clock()) for key in keys.all()] == ["revoked", "revoked"]


def test_keys_that_ended_long_ago_are_forgotten(keys, clock):
    keys.add("old", "planner", days=1)
    keys.add("new", "planner", days=100)
    clock.now_s += 40 * 86400
    assert keys.prune(days=30) == 1
    assert [key.name for key in keys.all()] == ["new"]


@pytest.mark.parametrize(
    ("name", "role", "days"),
    [
        *((name, "planner", 1) for name in ("", "a b", "-a", "x" * 65)),
        *(("a", role, 1) for role in ("public", "root")),
        *(("a", "planner", days) for days in (0, 4000)),
    ],
)
def test_a_key_without_a_name_a_role_or_an_end_is_not_made(keys, name, role, days):
    with pytest.raises(InputError):
        keys.add(name, role, days=days)


def test_a_name_stands_for_one_key(keys):
    keys.add("portal", "planner")
    with pytest.raises(InputError, match="rotate"):
        keys.add("portal", "planner")
    for act in (keys.rotate, keys.revoke):
        with pytest.raises(UnknownNameError, match="phusong keys list"):
            act("nobody")


def test_the_commands_make_list_rotate_and_revoke_keys(empty):
    assert "There are no keys" in run("keys", "list", empty.path).stdout
    text = run("keys", "add", empty.path, "portal", "--role", "planner", "--days", 30).stdout.strip()
    assert Keys(AccessStore(empty.path)).caller(text).name == "portal"
    new = run("keys", "rotate", empty.path, "portal", "--overlap-hours", 0).stdout.strip()
    assert new != text
    run("keys", "revoke", empty.path, "portal")
    listed = json.loads(run("keys", "list", empty.path, "--json").stdout)["keys"]
    assert [(key["name"], key["role"]) for key in listed] == [("portal", "planner")] * 2
    assert {key["state"] for key in listed} <= {"expired", "revoked"}
    assert text not in run("keys", "list", empty.path).stdout
