"""Publishing to a folder, S3 and SFTP: only what changed, whole, back again, and nothing that is wrong."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.cli import app
from analysis.errors import UserError
from analysis.publish import Published, publish, rollback
from publish.conftest import Growing
from publish.readers import equal, mixed, of
from publish.servers import SECRET, Bucket, SftpServer

KINDS = ("folder", "s3", "sftp")


@pytest.fixture(params=KINDS)
def target(request, declare, home) -> tuple[str, Callable[[str], bytes | None]]:
    """A declared target of each kind, and how its readers read it."""
    if request.param == "folder":
        return declare(str(home / "www")), of(home / "www/current")
    if request.param == "s3":
        bucket = request.getfixturevalue("bucket")
        return declare(bucket.url), bucket.reader()
    server = request.getfixturevalue("sftp")
    return declare(server.url), of(server.root / "site")


def quiet(line: str) -> None:
    assert SECRET not in line


def go(growing: Growing, name: str) -> Published:
    return publish(name, site=growing.folder, say=quiet)


def named(growing: Growing) -> int:
    """Files of the site, the manifest among them."""
    return len(json.loads((growing.folder / "manifest.json").read_bytes())["files"]) + 1


def test_readers_get_the_site_and_only_what_changed_is_sent(target, growing: Growing) -> None:
    name, read = target
    first = go(growing, name)
    assert equal(growing.folder, read)
    assert mixed(read) == []
    assert first.files == named(growing)
    again = go(growing, name)
    assert (again.files, again.sent, again.release) == (0, 0, first.release)
    growing.add()
    second = go(growing, name)
    assert equal(growing.folder, read)
    assert mixed(read) == []
    assert second.release != first.release
    # the run and what follows from several runs; neither the assets nor the pages of other runs
    assert second.files < 20
    assert second.sent < first.sent / 10
    assert second.unchanged + second.files == named(growing)
    assert go(growing, name).files == 0


def test_a_rollback_brings_back_the_release_before_byte_for_byte(target, growing: Growing, request) -> None:
    name, read = target
    with pytest.raises(UserError, match="no release before"):
        rollback(name, site=growing.folder, say=quiet)
    seen = []
    for _ in range(2 if "s3" in request.node.name else 3):
        seen.append((go(growing, name).release, read("index.html"), read("manifest.json"), read("feed.xml")))
        growing.add()
    for release, *pages in reversed(seen[:-1]):
        assert rollback(name, site=growing.folder, say=quiet).release == release
        assert [read("index.html"), read("manifest.json"), read("feed.xml")] == pages
        assert mixed(read) == []
    with pytest.raises(UserError, match="no release before"):
        rollback(name, site=growing.folder, say=quiet)
    go(growing, name)  # and forward again, with all that was made meanwhile
    assert equal(growing.folder, read)
    assert rollback(name, site=growing.folder, say=quiet).release == seen[0][0]


def test_what_left_the_site_stays_for_a_grace_and_goes_then(target, growing: Growing, home: Path) -> None:
    name, read = target
    go(growing, name)
    gone = sorted((growing.folder / "runs").iterdir())[0].name
    for file in (growing.folder / "runs" / gone).iterdir():
        file.unlink()
    (growing.folder / "runs" / gone).rmdir()
    growing.site.build()
    go(growing, name)
    assert equal(growing.folder, read)
    assert f"runs/{gone}/".encode() not in read("history.html")
    assert read(f"runs/{gone}/index.html") is not None  # for a reader whose index is an older one
    settings = home / "virality.toml"
    settings.write_text(settings.read_text().replace("grace_days = 7", "grace_days = 0"))
    for _ in range(3):  # as long as a rollback may need it, it stays
        growing.add()
        go(growing, name)
        assert read(f"runs/{gone}/index.html") is not None
    growing.add()
    assert go(growing, name).removed >= 4
    assert read(f"runs/{gone}/index.html") is None
    assert read(f"runs/{gone}/figure.csv") is None
    assert equal(growing.folder, read)
    assert mixed(read) == []


def test_a_run_that_was_made_again_with_other_bytes_is_replaced(target, growing: Growing) -> None:
    name, read = target
    failed = growing.fail()
    go(growing, name)
    before = read(f"runs/{failed.id}/figure.csv")
    page = growing.folder / "runs" / failed.id
    staged = growing.site.stage(failed.id)
    for file in ("index.html", "figure.csv"):
        (staged / file).write_bytes((page / file).read_bytes())
    (staged / "figure.csv").write_bytes(before + b"more\n")
    growing.site.publish(failed, staged)
    go(growing, name)
    assert equal(growing.folder, read)
    rollback(name, site=growing.folder, say=quiet)
    assert read(f"runs/{failed.id}/figure.csv") == before


def test_a_failure_is_told_as_one(target, growing: Growing) -> None:
    name, read = target
    failed = growing.fail()
    go(growing, name)
    assert b"failed" in read("index.html")
    assert f"runs/{failed.id}/".encode() not in read("feed.xml")


@pytest.mark.parametrize("harm", ["changed", "shorter", "gone", "asset", "record", "manifest", "unnamed"])
def test_what_is_not_as_its_manifest_says_is_refused_and_readers_keep_what_they_have(
    harm: str, growing: Growing, home: Path
) -> None:
    place, read = home / "www", of(home / "www/current")
    go(growing, str(place))
    before = read("manifest.json")
    record = growing.add()
    page = growing.folder / "runs" / record.id / "index.html"
    manifest = growing.folder / "manifest.json"
    if harm == "changed":
        page.write_bytes(page.read_bytes().replace(b"all", b"any"))
    elif harm == "shorter":
        page.write_bytes(page.read_bytes()[:-1])
    elif harm == "gone":
        page.unlink()
    elif harm == "asset":
        next((growing.folder / "assets").iterdir()).write_bytes(b"")
    elif harm == "record":  # a failed run told as good
        growing.fail()
        said = json.loads(manifest.read_text())
        said["runs"] = [{**run, "status": "ok"} for run in said["runs"]]
        manifest.write_text(json.dumps(said))
    elif harm == "manifest":
        manifest.write_text(manifest.read_text()[:-100])
    else:
        said = json.loads(manifest.read_text())
        del said["files"][f"runs/{record.id}/index.html"]
        manifest.write_text(json.dumps(said))
    with pytest.raises(UserError) as told:
        go(growing, str(place))
    assert "virality site" in str(told.value)
    assert read("manifest.json") == before
    assert mixed(read) == []


def test_a_manifest_never_leads_out_of_the_site(growing: Growing, home: Path) -> None:
    manifest = growing.folder / "manifest.json"
    said = json.loads(manifest.read_text())
    said["files"]["../../virality.toml"] = {"bytes": 0, "sha256": "0"}
    manifest.write_text(json.dumps(said))
    with pytest.raises(UserError, match="leads out"):
        go(growing, str(home / "www"))


def test_there_must_be_a_site(home: Path) -> None:
    with pytest.raises(UserError, match="no built site"):
        publish(str(home / "www"), site=home / "site", say=quiet)


def test_objects_have_their_type_and_how_long_they_may_be_kept(
    bucket: Bucket, declare, growing: Growing
) -> None:
    go(growing, declare(bucket.url))
    client = bucket.client()
    said = {path: client.head_object(Bucket=bucket.name, Key=f"site/{path}") for path in bucket.names()}
    for path, head in said.items():
        lasting = path.startswith("assets/")
        assert head["CacheControl"] == ("public, max-age=31536000, immutable" if lasting else "no-cache")
        assert not head["ContentType"].startswith("binary"), path
    assert said["index.html"]["ContentType"] == "text/html; charset=utf-8"
    assert said["feed.xml"]["ContentType"] == "application/atom+xml; charset=utf-8"
    types = {path.rpartition(".")[2]: head["ContentType"] for path, head in said.items()}
    assert types["js"] == "text/javascript; charset=utf-8"
    assert types["csv"] == "text/csv; charset=utf-8"


def test_old_releases_do_not_pile_up(target, growing: Growing, request) -> None:
    name, _ = target
    for _ in range(6):
        growing.add()
        go(growing, name)
    if "s3" in request.node.name:
        kept = {
            path.split("/")[1] for path in request.getfixturevalue("bucket").names() if "releases/" in path
        }
    elif "sftp" in request.node.name:
        kept = set(os.listdir(request.getfixturevalue("sftp").root / "site/releases"))
    else:
        kept = {path for path in os.listdir(Path("www/releases")) if not path.endswith(".json")} - {".lock"}
        kept |= {"history.json"}
    assert len(kept) == 6, kept  # five releases and what is remembered of them


def test_a_host_whose_key_is_not_known_gets_nothing(sftp: SftpServer, declare, growing: Growing) -> None:
    name = declare(sftp.url)
    line = sftp.hosts.read_text()
    sftp.hosts.write_text("")
    with pytest.raises(UserError, match=r"the key of 127\.0\.0\.1 is not in .*known_hosts"):
        go(growing, name)
    assert not list(sftp.root.iterdir())
    assert sftp.hosts.read_text() == ""  # it was not added either
    import paramiko

    other = paramiko.ECDSAKey.generate()
    sftp.hosts.write_text(line.rpartition(" ")[0] + f" {other.get_base64()}\n")
    with pytest.raises(UserError, match="another key than"):
        go(growing, name)
    assert not list(sftp.root.iterdir())


def test_no_secret_is_told(sftp: SftpServer, bucket: Bucket, declare, growing: Growing, monkeypatch) -> None:
    wrong = "wrong-" + SECRET
    monkeypatch.setenv("VIRALITY_SFTP_PASSWORD", wrong)
    with pytest.raises(UserError) as told:
        go(growing, declare(sftp.url))
    assert wrong not in str(told.value)
    with pytest.raises(UserError) as told:
        go(growing, declare("s3://no-such-bucket-anywhere/x"))
    assert "bucket" in str(told.value)
    assert SECRET not in str(told.value)
    go(growing, declare(bucket.url))
    read = bucket.reader()
    assert not [path for path in bucket.names() if SECRET.encode() in (read(path) or b"")]


def test_the_command(growing: Growing, home: Path) -> None:
    done = CliRunner().invoke(app, ["publish", "./www"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "./www: release " in done.output
    assert "nothing was sent" in CliRunner().invoke(app, ["publish", "./www"]).output
    growing.add()
    CliRunner().invoke(app, ["publish", "./www"])
    done = CliRunner().invoke(app, ["publish", "./www", "--rollback"], catch_exceptions=False)
    assert "back at release" in done.output
