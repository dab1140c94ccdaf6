"""Readers while it is published, and publishes that are killed, cut off and repeated: never half a site."""

import os
import random
import shutil
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from analysis.publish import folder, publish
from analysis.publish.folder import Folder
from analysis.publish.inplace import InPlace
from analysis.publish.release import take
from publish.conftest import Growing
from publish.readers import equal, links, mixed, of
from publish.servers import Bucket
from publish.steps import Killed, Memory, killed

DAY = timedelta(days=1)


def quiet(line: str) -> None:
    pass


def pages(files: dict[str, bytes]) -> dict[str, bytes]:
    """What readers see by following links."""
    found = {"index.html": files["index.html"]}
    queue = ["index.html"]
    while queue:
        for link in links(one := queue.pop(), found[one]):
            if link not in found:
                found[link] = files[link]
                queue.append(link)
    return found


def change(growing: Growing, number: int) -> None:
    """What happens to sites: a run more, a failure, a run that is thinned."""
    if number % 7 == 5:
        growing.fail()
    else:
        growing.add()
    if number % 4 == 3:
        oldest = growing.site.records()[-1]
        shutil.rmtree(growing.site.runs / oldest.id)
        growing.site.build()


def test_every_state_that_readers_of_a_store_can_meet_is_a_whole_site(growing: Growing) -> None:
    """After each single write, in any order of those sent together: through publishes and rollbacks."""
    store = Memory(seed=1)
    place, wrong = InPlace(store, timedelta(0)), []
    place.publish(*take(growing.folder), quiet)
    store.seen = lambda: wrong.extend(mixed(store.read))
    for number in range(9):
        change(growing, number)
        place.publish(*take(growing.folder), quiet)
        assert equal(growing.folder, store.read)
        if number % 5 == 4:
            place.rollback(quiet)
    assert wrong == []
    assert store.writes > 200


def test_a_reader_would_notice_pages_that_are_switched_in_another_order(growing: Growing) -> None:
    """The check above can fail: with the index first, readers meet what is not there yet."""
    store = Memory(seed=1)
    place = InPlace(store, DAY)
    place.publish(*take(growing.folder), quiet)
    growing.add()
    store.files["index.html"] = (growing.folder / "index.html").read_bytes()
    wrong = mixed(store.read)
    assert any("is not there" in one for one in wrong)
    assert any("is older than the index" in one for one in wrong)


def test_a_publish_to_a_store_killed_at_every_step_and_repeated(growing: Growing) -> None:
    store = Memory(seed=2)
    place = InPlace(store, DAY)
    place.publish(*take(growing.folder), quiet)
    for number in range(2):
        change(growing, number)
    base = dict(store.files)
    clean = Memory(seed=2)
    clean.files = dict(base)
    InPlace(clean, DAY).publish(*take(growing.folder), quiet)
    for step in range(1, clean.writes + 1):
        store = Memory(seed=step)
        store.files, store.die_at = dict(base), step
        with pytest.raises(Killed):
            InPlace(store, DAY).publish(*take(growing.folder), quiet)
        assert mixed(store.read) == []
        if step % 3 == 0:  # and some give up
            undone = Memory()
            undone.files = dict(store.files)
            if b'"switching": []' not in undone.files["releases/history.json"]:
                InPlace(undone, DAY).rollback(quiet)
                assert all(
                    undone.files[path] == data for path, data in base.items() if "releases" not in path
                )
        store.die_at = -1
        InPlace(store, DAY).publish(*take(growing.folder), quiet)
        left = {path for path in store.files if path not in clean.files}
        assert equal(growing.folder, store.read)
        assert not left
        assert mixed(store.read) == []
        assert InPlace(store, DAY).publish(*take(growing.folder), quiet)[:2] == (0, 0)
        InPlace(store, DAY).rollback(quiet)
        assert pages(store.files) == pages(base)


def test_a_rollback_of_a_store_killed_at_every_step_and_repeated_or_published_over(growing: Growing) -> None:
    store = Memory(seed=3)
    place = InPlace(store, DAY)
    for number in range(3):
        change(growing, number)
        place.publish(*take(growing.folder), quiet)
    base, before = dict(store.files), None
    for step in range(1, 100):
        store = Memory(seed=step)
        store.files, store.die_at = dict(base), step
        try:
            InPlace(store, DAY).rollback(quiet)
        except Killed:
            assert mixed(store.read) == []
        else:
            break
        other = Memory(seed=step)
        other.files = dict(store.files)
        InPlace(other, DAY).publish(*take(growing.folder), quiet)
        assert equal(growing.folder, other.read)
        store.die_at = -1
        InPlace(store, DAY).rollback(quiet)
        pages = {path: data for path, data in store.files.items() if "releases" not in path}
        before = before or pages
        if b'"switching": []' in store.files["releases/history.json"] and step > 1:
            assert mixed(store.read) == []
    assert step > 5


STEPS = ("os.rename", "os.replace", "os.symlink", "os.link", "shutil.rmtree", "_write")


@pytest.fixture
def stepping(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Counts what a folder's publish does to the disk; kills it before the step whose number is ``die``."""
    state = {"steps": 0, "die": -1}

    def counted(act):
        def step(*arguments, **words):
            state["steps"] += 1
            if state["steps"] == state["die"]:
                raise Killed
            return act(*arguments, **words)

        return step

    for name in STEPS:
        module, _, function = name.rpartition(".")
        owner = getattr(folder, module) if module else folder
        monkeypatch.setattr(owner, function, counted(getattr(owner, function)))
    return state


def test_a_publish_to_a_folder_killed_at_every_step_and_repeated(
    growing: Growing, home: Path, stepping: dict[str, int]
) -> None:
    place, read = Folder(home / "www", DAY), of(home / "www/current")
    place.publish(*take(growing.folder), quiet)
    growing.add()
    stepping["steps"] = 0
    place.publish(*take(growing.folder), quiet)
    # the many links in the middle are alike; what comes after them is not
    last = stepping["steps"]
    for die in (1, 2, last // 2, *range(last - 4, last + 40)):
        growing.add()
        before, stepping["steps"], stepping["die"] = read("manifest.json"), 0, die
        release, bytes_of = take(growing.folder)
        try:
            place.publish(release, bytes_of, quiet)
        except Killed:
            # the old site or the new one, and each wholly
            assert read("manifest.json") in (before, release.manifest)
            assert mixed(read) == []
        else:
            break
        stepping["die"] = -1
        place.publish(*take(growing.folder), quiet)
        assert equal(growing.folder, read)
        assert place.publish(*take(growing.folder), quiet)[:2] == (0, 0)
        trees = {path.name for path in (home / "www/releases").iterdir() if path.is_dir()}
        assert len({name.rpartition("-")[2] for name in trees}) == len(trees) <= 5


def test_readers_of_a_folder_never_meet_a_mixed_site(growing: Growing, home: Path) -> None:
    place = Folder(home / "www", DAY)
    place.publish(*take(growing.folder), quiet)
    read, strict, stop = of(home / "www/current"), [], threading.Event()
    wrong: list[str] = []
    rounds = []

    def reader() -> None:
        while not stop.is_set():
            wrong.extend(mixed(read, deep=False))
            here = home / "www" / os.readlink(home / "www/current")  # one that holds on to a release
            with suppress(FileNotFoundError):
                if not equal(here, of(here)):
                    strict.append(here)
            rounds.append(1)

    readers = [threading.Thread(target=reader) for _ in range(2)]
    for one in readers:
        one.start()
    for number in range(20):
        change(growing, number)
        place.publish(*take(growing.folder), quiet)
    stop.set()
    for one in readers:
        one.join()
    assert wrong == strict == []
    assert len(rounds) >= 2


def test_readers_of_s3_never_meet_a_mixed_site(growing: Growing, bucket: Bucket, declare) -> None:
    name = declare(bucket.url)
    publish(name, site=growing.folder, say=quiet)
    wrong, rounds, stop = [], [], threading.Event()

    def reader() -> None:
        read = bucket.reader()
        while not stop.is_set():
            wrong.extend(mixed(read, deep=False))
            rounds.append(1)

    thread = threading.Thread(target=reader)
    thread.start()
    for number in range(4):
        change(growing, number)
        publish(name, site=growing.folder, say=quiet)
    stop.set()
    thread.join()
    assert wrong == []
    assert rounds
    assert equal(growing.folder, bucket.reader())


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_process_killed_at_random_moments_and_repeated(
    kind: str, growing: Growing, home: Path, declare, request
) -> None:
    if kind == "s3":
        bucket = request.getfixturevalue("bucket")
        name, read = declare(bucket.url), bucket.reader()
    else:
        name, read = declare(str(home / "www")), of(home / "www/current")
    publish(name, site=growing.folder, say=quiet)
    chance, deaths = random.Random(kind), 0
    for _ in range(6):
        growing.add()
        deaths += killed(name, growing.folder, chance.uniform(0, 0.3 if kind == "s3" else 0.03))
        assert mixed(read) == []
    publish(name, site=growing.folder, say=quiet)
    assert equal(growing.folder, read)
    assert publish(name, site=growing.folder, say=quiet).files == 0
    assert deaths
