"""The workflow for GitHub Pages that ships: as GitHub documents one, pinned, calling what there is."""

import copy
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from schedule.test_examples import WORKFLOW
from typer.main import get_command

from analysis.cli import app

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / ".github/workflows/pages.yml"


def schema() -> dict:
    """The schema of the schedule's workflow; here actions are pinned to a commit, and may read Pages."""
    made = copy.deepcopy(WORKFLOW)
    job = made["properties"]["jobs"]["additionalProperties"]
    job["properties"]["steps"]["items"]["properties"]["uses"] = {
        "type": "string",
        "pattern": r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$",
    }
    job["properties"]["permissions"] = {
        "properties": {name: {"enum": ["read", "write"]} for name in ("contents", "pages", "id-token")},
        "additionalProperties": False,
    }
    return made


def typed() -> dict:
    found = yaml.safe_load(FILE.read_text())
    found["on"] = found.pop(True)  # YAML 1.1 reads `on` as a truth value
    return found


def test_it_is_a_workflow() -> None:
    jsonschema.Draft202012Validator(schema()).validate(typed())


@pytest.mark.parametrize("harm", ["tag", "runner", "permission", "key"])
def test_the_schema_can_fail(harm: str) -> None:
    broken = typed()
    build = broken["jobs"]["build"]
    if harm == "tag":
        build["steps"][0]["uses"] = "actions/checkout@v4"
    elif harm == "runner":
        del build["runs-on"]
    elif harm == "permission":
        build["permissions"]["packages"] = "write"
    else:
        build["stepps"] = build.pop("steps")
    assert list(jsonschema.Draft202012Validator(schema()).iter_errors(broken))


def test_it_calls_what_there_is_and_deploys_what_was_published() -> None:
    jobs = typed()["jobs"]
    commands = get_command(app).commands
    steps = jobs["build"]["steps"]
    called = [step["run"].split() for step in steps if step.get("run", "").startswith(".venv/bin/virality")]
    assert [words[1] for words in called] == ["simulate", "report", "publish"]
    assert all(words[1] in commands for words in called)
    assert "env:" in (ROOT / "Makefile").read_text()
    path = next(step["with"]["path"] for step in steps if "upload-pages-artifact" in step.get("uses", ""))
    assert path == f"{called[-1][2].removeprefix('./')}/current/"
    assert jobs["deploy"]["needs"] == "build"
    assert jobs["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert "write" not in str(jobs["build"]["permissions"])


def test_it_names_no_registry_and_holds_no_secret() -> None:
    text = FILE.read_text()
    assert not re.findall(r"https?://|index-url|registry", text)
    assert not re.search(r"secrets\.[A-Z]", re.sub(r"\$\{\{ secrets\.[A-Z_]+ \}\}", "", text))
