"""People are kept as keyed hashes that join nothing across platforms and nothing without the key."""

import multiprocessing
import re
import stat

import pytest

from analysis import actors
from analysis.actors import actor_hash, key_file
from analysis.errors import UserError


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.delenv("VIRALITY_ACTOR_KEY", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    actors._kept.cache_clear()
    yield
    actors._kept.cache_clear()


def test_the_same_account_has_one_hash_and_others_have_others():
    ann = actor_hash("reddit", "ann")
    assert re.fullmatch("[0-9a-f]{16}", ann)
    assert actor_hash("reddit", "ann") == ann
    assert (
        len({ann, actor_hash("reddit", "bob"), actor_hash("reddit", "Ann"), actor_hash("lobsters", "ann")})
        == 4
    )


def test_platform_and_name_cannot_be_shifted_into_each_other():
    assert actor_hash("a", "bc") != actor_hash("ab", "c")


def test_a_key_is_made_once_outside_the_store_and_for_its_user_alone():
    ann = actor_hash("reddit", "ann")
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert len(key_file().read_text().strip()) == 64
    actors._kept.cache_clear()
    assert actor_hash("reddit", "ann") == ann, "the next run reads the same key"


def test_another_key_gives_other_hashes(monkeypatch):
    ann = actor_hash("reddit", "ann")
    monkeypatch.setenv("VIRALITY_ACTOR_KEY", "another key, long enough to be one")
    assert actor_hash("reddit", "ann") != ann


def _hash(_: int) -> str:
    actors._kept.cache_clear()
    return actor_hash("reddit", "ann")


def test_two_first_runs_at_once_agree_on_one_key():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert len(set(pool.map(_hash, range(4)))) == 1


def test_a_key_that_cannot_be_kept_is_said_so(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="VIRALITY_ACTOR_KEY"):
        actor_hash("reddit", "ann")


def test_a_broken_key_is_not_used():
    key_file().parent.mkdir(parents=True)
    key_file().write_text("short\n")
    with pytest.raises(UserError, match="5 characters"):
        actor_hash("reddit", "ann")
