"""A network that is cut in the middle of an upload, and two publishers at once."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from analysis.errors import UserError
from analysis.publish import publish
from analysis.publish.folder import Folder
from analysis.publish.inplace import InPlace
from analysis.publish.release import take
from publish.conftest import Growing
from publish.readers import equal, mixed, of
from publish.servers import Bucket, Cut, SftpServer
from publish.steps import Memory

DAY = timedelta(days=1)


def quiet(line: str) -> None:
    pass


@pytest.mark.parametrize("kind", ["s3", "sftp"])
@pytest.mark.parametrize("after", [3_000, 60_000])
def test_a_network_cut_in_the_middle_leaves_the_old_site(
    kind: str, after: int, growing: Growing, declare, request, monkeypatch
) -> None:
    if kind == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        road = Cut(int(bucket.endpoint.rpartition(":")[2]))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{road.here}")
        name, read = declare(bucket.url), bucket.reader()
    else:
        server: SftpServer = request.getfixturevalue("sftp")
        road = Cut(server.port)
        line = server.hosts.read_text().replace(f":{server.port}", f":{road.here}")
        server.hosts.write_text(line)
        name = declare(f"sftp://writer@127.0.0.1:{road.here}/site")
        read = of(server.root / "site")
    try:
        publish(name, site=growing.folder, say=quiet)
        before, index = read("manifest.json"), read("index.html")
        record = growing.add(title="The new one")
        staged = growing.site.stage(record.id)
        for file in (growing.site.runs / record.id).glob("*"):
            shutil.copy(file, staged)
        (staged / "figure.csv").write_text(f"run\n{record.id}\n" + "1234567890" * 20_000 + "\n" * 50)
        growing.site.publish(record, staged)
        road.left = after
        with pytest.raises(UserError, match="the same command goes on"):
            publish(name, site=growing.folder, say=quiet)
        assert read("manifest.json") == before
        assert read("index.html") == index
        assert mixed(read) == []
        road.left = -1
        publish(name, site=growing.folder, say=quiet)
        assert equal(growing.folder, read)
    finally:
        road.close()


def test_two_at_once_do_not_mix(growing: Growing, home: Path) -> None:
    place = Folder(home / "www", DAY)
    place.publish(*take(growing.folder), quiet)
    growing.add()
    with place._alone(), pytest.raises(UserError, match="somebody else publishes"):
        Folder(home / "www", DAY).publish(*take(growing.folder), quiet)
    store = Memory()
    first = InPlace(store, DAY)
    first.publish(*take(growing.folder), quiet)
    other = Growing(home / "other")
    other.add()

    def meanwhile() -> None:
        store.seen = lambda: None
        InPlace(store, DAY).publish(*take(other.folder), quiet)

    growing.add()
    store.seen = meanwhile
    with pytest.raises(UserError, match="somebody else publishes"):
        first.publish(*take(growing.folder), quiet)
    assert equal(other.folder, store.read)
    assert mixed(store.read) == []
