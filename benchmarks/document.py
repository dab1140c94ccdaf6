"""docs/models.md: what each model's module says of itself, and the figures its benchmark measured."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "models.md"
HEAD = """# Models

Each model: its question, formula, assumptions and when it abstains, as its file says; then its figures,
as `make bench` measured them. Made by `python -m benchmarks.document`; change the files, not this page.
"""


def models() -> str:
    """The page, from the docstrings in src/analysis/models and the figures in docs/figures."""
    parts = [HEAD]
    for path in sorted((ROOT / "src/analysis/models").glob("*.py")):
        said = ast.get_docstring(ast.parse(path.read_text()))
        if path.stem.startswith("_") or path.stem in ("result", "grid") or not said:
            continue
        parts.append(f"## {path.stem}\n\n{said}\n")
        figures = ROOT / "docs" / "figures" / f"{path.stem}.md"
        if figures.is_file():
            # the figures' own headings go one level below the model's
            parts.append(
                "\n".join("#" + x if x.startswith("#") else x for x in _deep(figures.read_text())) + "\n"
            )
    return "\n".join(parts)


def _deep(text: str) -> list[str]:
    return ["#" + line if line.startswith("#") else line for line in text.strip().splitlines()]


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text() != models() and f"{TARGET.name} is stale: python -m benchmarks.document")
    TARGET.write_text(models())
    print(TARGET.relative_to(ROOT))
