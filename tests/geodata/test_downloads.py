"""Downloads: whole and checked or not at all, resumed, tried again; from providers' addresses or from a mirror."""

import hashlib
import json
import os
import shutil

import pytest

from phusong.geodata.errors import DiskFullError, DownloadError, InputError
from phusong.geodata.open_data import downloads as module
from phusong.geodata.open_data.downloads import Downloads, Resource
from tests.geodata.open_data_server import serving

PATH = "data.example.org/tiles/one.tif"
TILE = Resource(f"https://{PATH}", "tiff", 1e6)
CONTENT = b"II*\x00" + os.urandom(400_000)


@pytest.fixture
def server(tmp_path):
    file = tmp_path / "provider" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    with serving(tmp_path / "provider") as providers:
        yield providers


@pytest.fixture
def made(tmp_path, server):
    """Make a Downloads that takes no pause and remembers which it would have taken."""

    def make(**options):
        waits = []
        downloads = Downloads(tmp_path / "cache", options.pop("mirror", server.url), sleep=waits.append, **options)
        downloads.waits = waits
        return downloads

    return make


def test_a_file_is_downloaded_once_and_then_taken_from_the_cache(server, made):
    assert made().get(TILE).read_bytes() == CONTENT
    again = made()
    assert again.get(TILE).read_bytes() == CONTENT
    assert server.requests[PATH] == 1
    assert again.hashes == {TILE.url: hashlib.sha256(CONTENT).hexdigest()}


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(server, made):
    server.faults[PATH] = ["truncate", "truncate"]
    assert made().get(TILE).read_bytes() == CONTENT
    assert (server.requests[PATH], server.sent[PATH]) == (3, len(CONTENT))


def test_a_later_run_goes_on_with_what_an_earlier_one_left(server, made):
    server.faults[PATH] = ["truncate"]
    with pytest.raises(DownloadError, match=r"one\.tif .* did not arrive in 1 attempts .*; run again to go on"):
        made(attempts=1).get(TILE)
    assert made().get(TILE).read_bytes() == CONTENT
    assert server.sent[PATH] == len(CONTENT)


def test_a_file_that_changed_meanwhile_is_begun_anew(server, made):
    server.faults[PATH] = ["truncate"]
    with pytest.raises(DownloadError):
        made(attempts=1).get(TILE)
    newer = b"II*\x00" + os.urandom(300_000)
    (server.folder / PATH).write_bytes(newer)
    assert made().get(TILE).read_bytes() == newer


def test_a_busy_server_is_asked_again_after_longer_and_longer_pauses(server, made):
    server.faults[PATH] = ["status 503", "status 503", "status 429"]
    downloads = made()
    assert downloads.get(TILE).read_bytes() == CONTENT
    for pause, usual in zip(downloads.waits, (1.0, 2.0, 4.0), strict=True):
        assert 0.5 * usual <= pause <= 1.5 * usual


def test_a_server_that_names_the_pause_gets_it(server, made):
    server.faults[PATH] = ["status 503 7"]
    downloads = made()
    downloads.get(TILE)
    assert downloads.waits == [7.0]


def test_a_pause_of_an_hour_is_not_waited_for(server, made):
    server.faults[PATH] = ["status 429 3600"]
    with pytest.raises(DownloadError, match="asks to wait 3600 s; run again later"):
        made().get(TILE)


def test_a_transfer_that_only_drips_is_broken_off_and_taken_up_again(server, made):
    server.faults[PATH] = ["drip"]
    assert made(patience_s=0.5).get(TILE).read_bytes() == CONTENT
    assert server.requests[PATH] == 2
    assert server.sent[PATH] <= len(CONTENT) + 200


def test_redirections_are_followed(server, made):
    server.faults[PATH] = ["redirect"]
    assert made().get(TILE).read_bytes() == CONTENT


def test_a_wrong_digest_of_the_server_makes_it_try_again(server, made):
    server.faults[PATH] = ["wrong digest"]
    assert made().get(TILE).read_bytes() == CONTENT
    assert server.requests[PATH] == 2


def test_a_digest_that_stays_wrong_is_an_error_and_nothing_is_kept(server, made, tmp_path):
    server.faults[PATH] = ["wrong digest"] * 3
    with pytest.raises(DownloadError, match="wrong checksum"):
        made(attempts=3).get(TILE)
    assert not (tmp_path / "cache" / PATH).exists()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("status 404", "is not there"),
        ("status 403", "is not there"),
        ("status 400", "was answered with status 400"),
        ("page", "is a web page in place of a file"),
    ],
)
def test_what_will_not_pass_is_an_error_at_once(server, made, fault, sentence):
    server.faults[PATH] = [fault]
    downloads = made()
    with pytest.raises(DownloadError, match=sentence) as caught:
        downloads.get(TILE)
    assert downloads.waits == []
    assert caught.value.vi.startswith("one.tif")


@pytest.mark.parametrize(
    ("kind", "content", "sentence"),
    [
        ("tiff", b"not a raster", "is damaged"),
        ("json", b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "is a Git LFS pointer"),
        ("json", b'{"a": ', "is damaged"),
        (
            "overpass",
            b'{"elements": [], "remark": "runtime error: Query timed out"}',
            "incomplete answer: runtime error",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused(server, made, tmp_path, kind, content, sentence):
    (server.folder / PATH).write_bytes(content)
    with pytest.raises(DownloadError, match=sentence):
        made().get(Resource(TILE.url, kind))
    assert not (tmp_path / "cache" / PATH).exists()


def test_a_file_that_was_changed_in_the_cache_is_downloaded_again(server, made):
    file = made().get(TILE)
    file.write_bytes(CONTENT[:-1] + b"x")
    downloads = made()
    assert downloads.get(TILE).read_bytes() == CONTENT
    assert downloads.notes == ["one.tif in the cache was changed or damaged and is downloaded again"]


def test_a_cache_is_a_mirror_for_another_machine(server, made, tmp_path):
    made().get(TILE)
    shutil.move(tmp_path / "cache", tmp_path / "carried")
    assert made(mirror=str(tmp_path / "carried")).get(TILE).read_bytes() == CONTENT
    assert server.requests[PATH] == 1


def test_a_damaged_file_of_a_carried_cache_is_refused(made, tmp_path):
    made().get(TILE).write_bytes(CONTENT[:-1] + b"x")
    shutil.move(tmp_path / "cache", tmp_path / "carried")
    with pytest.raises(DownloadError, match="another checksum than the mirror states"):
        made(mirror=str(tmp_path / "carried")).get(TILE)


def test_a_mirror_that_lacks_a_file_is_named(made, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DownloadError, match=r"one\.tif \(.*empty/data\.example\.org/tiles/one\.tif\) is not there"):
        made(mirror=str(tmp_path / "empty")).get(TILE)


@pytest.mark.parametrize("by_address", [True, False])
def test_a_mirrors_list_of_checksums_is_held_to(server, made, by_address):
    (server.folder / "SHA256SUMS").write_text(f"{'0' * 64}  ./{PATH}\n", encoding="utf-8")
    with pytest.raises(DownloadError, match="another checksum than the mirror states"):
        made(mirror=server.url if by_address else str(server.folder)).get(TILE)


def test_an_address_that_nobody_answers_is_an_error(server, made):
    with pytest.raises(DownloadError, match="did not arrive in 2 attempts"):
        made(mirror="http://127.0.0.1:1", attempts=2).get(TILE)


@pytest.mark.parametrize("url", ["https://a.org/../../etc/passwd", "file:///etc/passwd", "https://a.org/%2e%2e/x"])
def test_an_address_that_would_lead_out_of_the_cache_is_refused(made, url):
    with pytest.raises(DownloadError, match="is no address of a file"):
        made().get(Resource(url, "text"))


def test_a_large_download_wants_to_be_confirmed(made):
    many = [Resource(f"https://a.org/{number}.tif", "tiff", 5e8) for number in range(5)]
    with pytest.raises(InputError, match=r"about 2\.5 GB in 5 files; give --yes"):
        made().plan(many, confirmed=False)


def test_a_disk_without_room_is_found_before_the_download(made, monkeypatch, tmp_path):
    small = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: small)
    with pytest.raises(DiskFullError, match=r"About 1 MB are needed and the disk of .* has 0 MB free"):
        made().plan([TILE], confirmed=True)


def test_progress_ends_with_all_bytes(made):
    seen = []
    downloads = made(progress=lambda done, total: seen.append((done, total)))
    downloads.plan([TILE], confirmed=False)
    downloads.get(TILE)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert all(done <= total for done, total in seen)


def test_the_record_of_a_file_says_where_it_came_from(made):
    record = json.loads(made().get(TILE).with_name("one.tif.download.json").read_text(encoding="utf-8"))
    assert record["url"] == TILE.url
    assert record["bytes"] == len(CONTENT)
