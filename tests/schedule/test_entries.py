"""The schedule file: what it says, and every mistake in it told at once, with its line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analysis.errors import UserError
from analysis.schedule.entries import read

ROOT = Path(__file__).resolve().parents[2]

WRONG = """\
zone = "Europe/Berlim"
collect = "yes"
limit = "soon"
colect = true

[[entry]]
report = "plse"
when = "daily 06:00"

[[entry]]
report = "pulse"
when = "dayly 06:00"
target = "nowhere"
missed = "all"

[[entry]]
report = "week"
when = "weekly monday 07:00"
skip_after = "2 weeks"
parameters = { since = "last full weak", untl = "today" }

[[entry]]
report = "pulse"
name = "p 2"
when = "hourly"
[entry.parameters]
top = "many"

[[entry]]
report = "week"
when = "hourly"
parameters = { since = "today", until = "yesterday" }

[[entry]]
name = "same"
report = "pulse"
when = "hourly"

[[entry]]
name = "same"
report = "pulse"
when = "hourly"
"""


def test_all_mistakes_are_told_at_once_with_their_lines(house):
    house.write(WRONG)
    with pytest.raises(UserError) as caught:
        house.schedule()
    said = str(caught.value)
    assert "nothing was run" in said
    told = {
        part.partition(":")[0]: part
        for part in said.replace("nothing was run: ", "\0").split("\0")[1].split("; line")
    }
    lines = [int(line.replace("line", "")) for line in told]
    for line, word in [
        (1, "Europe/Berlim"), (2, "expected true or false"), (3, '"30 min"'), (4, "did you mean 'collect'"),
        (7, "did you mean 'pulse'"), (12, '"daily 06:00"'), (13, "there are public"), (14, '"newest"'),
        (19, "2 weeks"), (20, "last full weak"), (20, "did you mean 'until'"), (24, "letters, digits"),
        (27, "top=many"), (32, "is not before"), (40, "stands twice"),
    ]:  # fmt: skip
        assert line in lines, (line, said)
        assert word in said, (word, said)
    assert lines == sorted(lines)
    assert not (house.folder / "reports").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"line 1: entry: expected at least one \[\[entry\]\]"),
        ("entry = 3", "expected at least one"),
        ("[[entry]]\nwhen = 3", "expected the name of a notebook"),
        ("[[entry", "is no TOML"),
        ('[[entry]]\nreport="pulse"\nwhen="hourly"\nparameters = 3', "expected a table"),
        ('[[entry]]\nreport="pulse"\nwhen="hourly"\nparameters = { top = [1] }', "list of texts"),
        ('zone = ""\n[[entry]]\nreport="pulse"\nwhen="hourly"', "expected a time zone"),
    ],
)
def test_no_schedule(house, text, said):
    house.write(text)
    with pytest.raises(UserError, match=said):
        house.schedule()


def test_a_file_that_is_not_there(house):
    (house.folder / "schedule.toml").unlink()
    with pytest.raises(UserError, match=r"there is no schedule at .*VIRALITY_SCHEDULE"):
        house.schedule()
    (house.folder / "schedule.toml").write_bytes(b"\xff")
    with pytest.raises(UserError, match="cannot be read"):
        house.schedule()


def test_what_an_entry_says(house):
    house.write(
        'zone = "Europe/Berlin"\nlimit = "3 h"\n[[entry]]\nname = "w"\nreport = "week"\n'
        'when = "weekly mon 07:00"\n'
        'skip_after = "2 d"\nmissed = "each"\nparameters = { since = 2026-01-05, until = "today" }\n'
    )
    schedule = house.schedule()
    (entry,) = schedule.entries
    assert (schedule.collect, schedule.limit, schedule.step_limit) == (
        True,
        timedelta(hours=3),
        timedelta(minutes=30),
    )
    assert (entry.name, entry.missed, entry.skip_after) == ("w", "each", timedelta(days=2))
    slot = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)  # Monday, half past midnight, in Berlin
    assert entry.words(slot) == ["since=2026-01-05", "until=2026-03-30"]
    assert not entry.repeats


def test_the_schedule_that_ships_is_right():
    schedule = read(ROOT / "reports/schedule.toml", ROOT / "notebooks", set())
    assert {entry.missed for entry in schedule.entries} == {"newest", "each"}
    assert any(entry.parameters for entry in schedule.entries)
