"""The rules: [alerts] of virality.toml, checked whole; no secret is ever repeated."""

from datetime import UTC, datetime

import pytest

from analysis.alerts import KINDS, Rules
from analysis.alerts.rules import read
from analysis.errors import UserError
from analysis.settings import addresses


@pytest.fixture
def written(tmp_path):
    def write(text):
        file = tmp_path / "virality.toml"
        file.write_text(text)
        return file

    return write


def test_defaults_where_nothing_is_written(written, tmp_path):
    assert read(tmp_path / "none.toml") == Rules()
    assert read(written('store = "data/store"')) == Rules()
    assert Rules().kinds == KINDS


def test_every_rule_can_be_written(written):
    rules = read(
        written(
            '[alerts]\nkinds = ["spike"]\nfalse_per_month = 2\nleast = 50\nrearm_hours = 12.5\n'
            'missing_hours = 48\nquiet = "22:00-7:00"\nzone = "Europe/Berlin"\nurgent = []\nmost = 3\n'
        )
    )
    assert rules == Rules(("spike",), 2, 50, 12.5, 48, "22:00-7:00", "Europe/Berlin", (), 3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('kind = ["spike"]', "no 'kind'"),
        ('kinds = ["spikes"]', "no kind 'spikes'"),
        ('kinds = "spike"', "a list"),
        ("false_per_month = 0", "above 0"),
        ('false_per_month = "1"', "a number"),
        ("most = 1.5", "a number"),
        ("most = true", "a number"),
        ('quiet = "at night"', "22:00-07:00"),
        ('quiet = "25:00-07:00"', "22:00-07:00"),
        ('zone = "Berlin"', "Europe/Berlin"),
        ("zone = 1", "text"),
    ],
)
def test_a_wrong_line_is_named_with_what_was_expected(written, line, said):
    with pytest.raises(UserError, match=said):
        read(written(f"[alerts]\n{line}\n"))


def test_an_address_in_the_file_is_refused_and_not_repeated(written):
    with pytest.raises(UserError, match="VIRALITY_ALERTS") as error:
        read(written('[alerts]\nurls = ["slack://T0/B0/s3cr3t"]\n'))
    assert "s3cr3t" not in str(error.value)


def test_no_toml_and_no_table_are_errors_for_people(written):
    with pytest.raises(UserError, match="TOML"):
        read(written("[alerts"))
    with pytest.raises(UserError, match="table"):
        read(written("alerts = 1"))


@pytest.mark.parametrize(
    ("quiet", "zone", "hour", "is_quiet"),
    [
        ("22:00-07:00", "UTC", 23, True),
        ("22:00-07:00", "UTC", 6, True),
        ("22:00-07:00", "UTC", 7, False),
        ("12:00-14:00", "UTC", 13, True),
        ("12:00-14:00", "UTC", 14, False),
        ("22:00-07:00", "Europe/Berlin", 20, True),
        ("", "UTC", 3, False),
    ],
)
def test_the_quiet_time_is_the_zone_s(quiet, zone, hour, is_quiet):
    assert Rules(quiet=quiet, zone=zone).is_quiet(datetime(2026, 7, 1, hour, tzinfo=UTC)) is is_quiet


def test_addresses_come_from_the_environment_or_env_file_and_hide(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIRALITY_ALERTS", raising=False)
    assert addresses() == ()
    (tmp_path / ".env").write_text('VIRALITY_ALERTS="json://one/s3cr3t  json://two"\n')
    assert len(addresses()) == 2
    assert "s3cr3t" not in repr(addresses())
    monkeypatch.setenv("VIRALITY_ALERTS", "json://three\njson://four,x\njson://five")
    assert addresses()[1].get_secret_value() == "json://four,x"
