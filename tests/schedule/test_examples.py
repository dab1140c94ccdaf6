"""The examples that ship (cron, systemd, a workflow): right in syntax and in what they call."""

import configparser
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml
from cronsim import CronSim
from typer.main import get_command

from analysis.cli import app
from analysis.schedule import BUSY
from analysis.schedule.entries import LIMIT

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "schedule"
HOME = "/srv/virality/"

TEXTS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
STEP = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "name": {"type": "string"}, "if": {"type": "string"},
        "run": {"type": "string"},
        "uses": {"type": "string", "pattern": r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$"},
        "with": TEXTS, "env": TEXTS,
        "shell": {"type": "string"}, "working-directory": {"type": "string"},
        "continue-on-error": {"type": "boolean"}, "timeout-minutes": {"type": "number"},
    },
    "additionalProperties": False,
    "oneOf": [{"required": ["run"]}, {"required": ["uses"]}],
}  # fmt: skip
# what GitHub documents of a workflow, as far as a workflow of ours may use it
WORKFLOW = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "on": {
            "type": "object",
            "properties": {
                "schedule": {
                    "type": "array",
                    "items": {"properties": {"cron": {"type": "string"}}, "required": ["cron"]},
                },
                "workflow_dispatch": {"type": ["object", "null"]},
                "push": {"type": "object"},
            },
            "additionalProperties": False,
        },
        "permissions": {"additionalProperties": {"enum": ["read", "write", "none"]}},
        "concurrency": {"required": ["group"]},
        "env": TEXTS,
        "jobs": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "runs-on": {"type": "string"}, "timeout-minutes": {"type": "number"}, "env": TEXTS,
                    "needs": {"type": ["string", "array"]}, "permissions": {"type": "object"},
                    "environment": {"type": ["string", "object"]}, "if": {"type": "string"},
                    "steps": {"type": "array", "minItems": 1, "items": STEP},
                },
                "required": ["runs-on", "steps"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["on", "jobs"],
    "additionalProperties": False,
}  # fmt: skip


def commands(text):
    """The virality commands a text calls: [["run"], ["status"], ...]."""
    found = re.findall(r"\.venv/bin/virality((?: [\w-]+)+)", text)
    return [words.split() for words in found]


def known(words):
    command = get_command(app)
    assert words[0] in command.commands, words
    return True


def test_cron():
    text = (EXAMPLES / "crontab").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    settings = [line for line in lines if re.match(r"[A-Z]+=", line)]
    jobs = [line.split(None, 5) for line in lines if line not in settings]
    assert text.endswith("\n")  # cron passes over a last line without its end
    assert len(jobs) == 2
    for *fields, command in jobs:
        assert next(CronSim(" ".join(fields), datetime(2026, 1, 1, tzinfo=UTC)))
        assert "%" not in command  # cron ends the command there
        assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0
        assert command.startswith(f"cd {HOME.rstrip('/')} && ")
    assert [words[0] for words in commands(text)] == ["run", "status"]
    assert all(map(known, commands(text)))


def unit(name):
    parser = configparser.ConfigParser(strict=True, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string((EXAMPLES / name).read_text())
    return parser


def test_systemd_units_say_what_they_must():
    service, timer = unit("virality.service"), unit("virality.timer")
    assert service.sections() == ["Unit", "Service"]
    found = service["Service"]
    assert found["Type"] == "oneshot"
    assert found["ExecStart"] == f"{found['WorkingDirectory']}/.venv/bin/virality run"
    assert known(["run"])
    assert int(found["SuccessExitStatus"]) == BUSY
    hours, minutes = re.fullmatch(r"(\d+)h (\d+)min", found["TimeoutStartSec"]).groups()
    assert int(hours) * 3600 + int(minutes) * 60 > LIMIT.total_seconds()
    assert found["KillMode"] == "control-group"
    assert timer.sections() == ["Unit", "Timer", "Install"]
    assert timer["Timer"]["OnCalendar"] == "*:0/15"
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_finds_no_fault(tmp_path):
    program = tmp_path / "virality"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in ("virality.service", "virality.timer"):
        text = (EXAMPLES / name).read_text()
        (tmp_path / name).write_text(text.replace(f"{HOME}.venv/bin/virality", str(program)))
    command = ["systemd-analyze", "verify", "virality.service", "virality.timer"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (tmp_path / "virality.service").write_text("[Service]\nType=onceshot\n")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode or done.stderr  # it can fail


def test_the_workflow_is_one():
    text = (EXAMPLES / "workflow.yml").read_text()
    found = yaml.load(text, Loader=yaml.BaseLoader)  # BaseLoader: `on` is no truth value
    typed = yaml.safe_load(text)
    typed["on"] = typed.pop(True)
    jsonschema.Draft202012Validator(WORKFLOW).validate(typed)
    for one in found["on"]["schedule"]:
        assert next(CronSim(one["cron"], datetime(2026, 1, 1, tzinfo=UTC)))
    assert all(map(known, commands(text)))
    assert typed["jobs"]["run"]["timeout-minutes"] * 60 > LIMIT.total_seconds()
    assert "secrets." not in re.sub(r"\$\{\{ secrets\.VIRALITY_\w+ \}\}", "", text)
    broken = {**typed, "jobs": {"run": {"steps": [{"uses": "actions/checkout"}]}}}
    assert list(jsonschema.Draft202012Validator(WORKFLOW).iter_errors(broken))
