"""``python -m analysis.cli`` is ``virality``."""

from analysis.cli import main

main()
