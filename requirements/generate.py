"""Write what follows from pyproject.toml and the lock: constraints.txt and environment.yml.

Run by ``make lock``; ``--check`` only says whether they still follow.
"""

import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


def constraints() -> str:
    """The lock without its hashes: what pip and conda can take beside an editable install."""
    lines = (HERE / "lock.txt").read_text().splitlines()
    pins = [line.rstrip(" \\") for line in lines if re.match(r"[A-Za-z0-9]", line)]
    return "# from lock.txt by `make lock`: the same versions, without hashes\n" + "\n".join(pins) + "\n"


def environment() -> str:
    """The conda environment: Python and pip from conda, all the rest as pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    pip = ["-c requirements/constraints.txt", *wanted, "-e ."]
    return "\n".join(
        [
            "# from pyproject.toml by `make lock`; change that file, not this one",
            f"name: {project['project']['name']}",
            "channels:",
            "  - conda-forge",
            "dependencies:",
            "  - python=3.12",
            "  - pip",
            "  - pip:",
            *(f'      - "{line}"' for line in pip),
            "",
        ]
    )


def main() -> int:
    """Write both files, or with --check compare them."""
    stale = []
    for path, text in ((HERE / "constraints.txt", constraints()), (ROOT / "environment.yml", environment())):
        if "--check" in sys.argv:
            if not path.is_file() or path.read_text() != text:
                stale.append(path.name)
        else:
            path.write_text(text)
    if stale:
        print(f"stale: {', '.join(stale)}; run `make lock`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
