"""Any sequence of publishes, rollbacks and kills, over files that come, change, go and come back."""

import hashlib
import json
import random
from datetime import timedelta

import pytest

from analysis.errors import UserError
from analysis.publish.history import KEPT
from analysis.publish.inplace import InPlace
from analysis.publish.release import Release, parse
from analysis.reports.manifest import FORMAT, NAME
from publish.steps import Killed, Memory

Pages = dict[str, bytes]


def quiet(line: str) -> None:
    pass


def release(pages: Pages) -> tuple[Release, Pages]:
    files = {
        path: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in pages.items()
    }
    said = {"format": FORMAT, "changing": ["contents/*.html", "index.html"], "entries": ["index.html"]}
    manifest = json.dumps(said | {"files": files, "runs": []}).encode()
    return parse(manifest, "here"), pages | {NAME: manifest}


def any_site(chance: random.Random) -> Pages:
    pages = {"index.html": str(chance.random()).encode()}
    for number in range(5):
        if chance.random() < 0.6:
            pages[f"contents/{number}.html"] = str(chance.randrange(3)).encode()
        if chance.random() < 0.6:
            pages[f"runs/{number}/index.html"] = str(chance.randrange(2)).encode()
    return pages


@pytest.mark.parametrize("seed", range(60))
def test_any_sequence_ends_in_the_site_that_should_stand(seed: int) -> None:
    chance = random.Random(seed)
    store, stack = Memory(seed), []
    grace = timedelta(0) if seed % 2 else timedelta(days=1)
    for _ in range(25):
        store.die_at = store.writes + chance.randrange(1, 40) if chance.random() < 0.3 else -1
        back = chance.random() < 0.3
        made, pages = release(any_site(chance))
        while True:
            place = InPlace(store, grace)
            try:
                if not back:
                    place.publish(made, pages.__getitem__, quiet)
                    stack = [pages, *stack][:KEPT]
                elif len(stack) > 1:
                    assert place.rollback(quiet)[0] == parse(stack[1][NAME], "here").id
                    stack = stack[1:]
                else:
                    with pytest.raises(UserError, match="no release before"):
                        place.rollback(quiet)
                break
            except Killed:
                store.die_at = -1
                if back and b'"switching": []' in store.files["releases/history.json"]:
                    # killed before it noted anything (or after all was done, when it is done)
                    now = json.loads(store.files["releases/history.json"])["releases"][0]["id"]
                    if now == parse(stack[1][NAME], "here").id:
                        stack = stack[1:]
                        break
        if stack:
            assert {path: store.files.get(path) for path in stack[0]} == stack[0]
