"""Write docs/platforms.md from the cards: ``python -m analysis.platforms.document``."""

from __future__ import annotations

from pathlib import Path

from analysis.platforms.describe import markdown

PAGE = Path(__file__).resolve().parents[3] / "docs" / "platforms.md"


def main() -> None:
    """Write the page."""
    PAGE.write_text(markdown(), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
