import io
import json
import stat
import tarfile

import pytest

from phusong.api.access_store import AccessStore
from phusong.api.audit import AuditLog
from phusong.api.backups import restore_backup, write_backup
from phusong.api.keys import Keys
from phusong.api.sessions import Sessions
from phusong.coverage.results import Results
from phusong.geodata.errors import BusyError, InputError, WorkspaceError
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import writing

from .conftest import run


@pytest.fixture
def backup(copied, tmp_path):
    file = tmp_path / "backup.tar"
    write_backup(copied, file)
    return file


def test_a_restored_workspace_answers_the_same(copied, tmp_path):
    key = Keys(AccessStore(copied.path)).add("portal", "planner")
    AuditLog(copied.path).write("request", caller="portal")
    run("backup", copied.path, tmp_path / "b.tar")
    result = run("restore", tmp_path / "b.tar", tmp_path / "again")
    assert result.exit_code == 0, result.output
    again = Workspace.open(tmp_path / "again")
    assert Results.open(again).settlements.equals(Results.open(copied).settlements)
    assert again.read_layer("stations").equals(copied.read_layer("stations"))
    words = ("coverage", "--level", "commune", "--json")
    outputs = [run(words[0], folder, *words[1:]).stdout for folder in (copied.path, again.path)]
    assert outputs[0] == outputs[1] != ""
    assert Keys(AccessStore(again.path)).caller(key).name == "portal"
    assert (again.path / "access/audit").is_dir()
    assert not any((again.path / "cache").iterdir())


def test_a_restored_workspace_can_be_computed_again(copied, backup, tmp_path):
    restore_backup(backup, tmp_path / "again")
    plan = run("compute", tmp_path / "again", "--dry-run")
    assert plan.exit_code == 0, plan.output


def test_nobody_is_signed_in_after_a_restore_and_only_the_owner_reads_the_keys(copied, tmp_path):
    token = Sessions(AccessStore(copied.path)).open("lan", ["planner"], hours=8)
    write_backup(copied, tmp_path / "b.tar")
    restore_backup(tmp_path / "b.tar", tmp_path / "again")
    store = AccessStore(tmp_path / "again")
    assert Sessions(store).find(token) is None
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_a_damaged_backup_is_refused_and_nothing_is_left(backup, tmp_path, place):
    content = bytearray(backup.read_bytes())
    at = int(len(content) * place)
    content[at : at + 600] = bytes(byte ^ 255 for byte in content[at : at + 600])
    backup.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged|no whole backup"):
        restore_backup(backup, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.glob(".restore-*"))


def test_half_a_backup_is_refused(backup, tmp_path):
    backup.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    with pytest.raises(InputError):
        restore_backup(backup, tmp_path / "again")


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside-of-phusong"])
def test_a_backup_writes_nowhere_else(tmp_path, name):
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        info = tarfile.TarInfo(name)
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(InputError):
        restore_backup(tmp_path / "b.tar", tmp_path / "again")
    assert not (tmp_path / "outside").exists()


def test_a_backup_waits_for_the_writer_and_says_who_it_is(copied, tmp_path):
    with writing(copied.path, "compute"):
        result = run_elsewhere(copied, tmp_path / "b.tar")
    assert isinstance(result, BusyError)
    assert not (tmp_path / "b.tar").exists()


def run_elsewhere(workspace, file):
    """What a thread without this one's hold on the workspace gets."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        return pool.submit(write_backup, workspace, file).exception()


def test_a_folder_in_use_is_not_restored_over(copied, backup):
    with pytest.raises(WorkspaceError):
        restore_backup(backup, copied.path)


def test_a_backup_in_the_workspace_itself_is_refused(copied):
    with pytest.raises(InputError, match="outside"):
        write_backup(copied, copied.path / "b.tar")


def test_prune_removes_what_is_older_than_the_settings_keep(copied):
    log = AuditLog(copied.path)
    log.folder.mkdir(parents=True)
    (log.folder / "2001-01.jsonl").write_text("{}\n", "utf-8")
    log.write("request", caller="now")
    pruned = json.loads(run("prune", copied.path, "--json").stdout)
    assert (pruned["kept_days"], pruned["audit_months"], pruned["keys"]) == (730, ["2001-01"], 0)
    assert len(list(log.folder.iterdir())) == 1
