"""What must agree: pyproject, lock, constraints, environment.yml; and what must not be committed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def canonical(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked() -> set[str]:
    return {
        canonical(line)
        for line in (ROOT / "requirements/lock.txt").read_text().splitlines()
        if re.match(r"[A-Za-z0-9]", line)
    }


def test_what_users_asked_for_is_there():
    wanted = {"pandas", "jupyterlab", "plotly", "praw", "statsmodels", "papermill", "nbval"}
    assert wanted <= {canonical(line) for line in project()["project"]["dependencies"]}
    for place in ("notebooks", "data", "src/analysis", "reports", "tests", "environment.yml", "Makefile"):
        assert (ROOT / place).exists()


def test_the_lock_covers_every_dependency():
    groups = project()["dependency-groups"]
    wanted = [*project()["project"]["dependencies"], *groups["dev"], *groups["bench"]]
    assert {canonical(line) for line in wanted} <= locked()


def test_constraints_and_environment_follow_from_pyproject_and_lock():
    done = subprocess.run(
        [sys.executable, ROOT / "requirements/generate.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "requirements/lock.txt",
        "requirements/bootstrap.txt",
        "requirements/constraints.txt",
        "environment.yml",
    ],
)
def test_no_lock_names_a_host(name):
    assert "://" not in (ROOT / name).read_text()


def test_every_hash_is_there():
    text = (ROOT / "requirements/lock.txt").read_text()
    for block in re.split(r"\n(?=[A-Za-z0-9])", text)[1:]:
        assert "--hash=sha256:" in block, block[:80]


def test_the_house_holds():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_models_page_follows_from_their_files_and_figures():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.document", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
