"""What came of an import: counted rows, and the file in which those that cannot be used are kept."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from analysis.errors import UserError
from analysis.importing.mapping import Mapping
from analysis.store import Store

SHOWN = 5
HIDDEN = "(an account, hidden)"
_encoded = json.JSONEncoder(ensure_ascii=False).encode


@dataclass
class Counts:
    """How an import went: input rows, and the first few that were set aside with line and reason."""

    rows: int = 0
    new: int = 0
    known: int = 0
    set_aside: int = 0
    shown: list[str] = field(default_factory=list)
    kept_in: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.rows} rows: {self.new} new, {self.known} known, {self.set_aside} set aside"


class Aside:
    """The file beside the tables in which a file's unusable rows are kept: one JSON object a line.

    Written anew by every import of the same file, and gone when every row of it could be used.
    """

    def __init__(
        self, path: Path, store: Store, mapping: Mapping | None, counts: Counts, dry_run: bool
    ) -> None:
        mark = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
        self.place = store.path / "set_aside" / f"{path.name}.{mark}.jsonl"
        self.source = path.name
        self.secret = mapping.actor.column if mapping and mapping.actor else None
        self.counts = counts
        self.dry_run = dry_run
        self._draft: IO[str] | None = None

    def __enter__(self) -> Aside:
        return self

    def put(self, line: int, reason: str, row: str | dict[str, Any]) -> None:
        """Keep a row, and show it when it is one of the first."""
        if len(self.counts.shown) < SHOWN:
            self.counts.shown.append(f"{self.source}:{line}: {reason}")
        if self.dry_run:
            return
        if self._draft is None:
            try:
                self.place.parent.mkdir(parents=True, exist_ok=True)
                self._draft = open(self._draft_path(), "w", encoding="utf-8")  # noqa: SIM115 - closed in __exit__
            except OSError as error:
                raise UserError(
                    f"rows cannot be set aside in {self.place.parent} ({error.strerror}): make it writable, "
                    "or set VIRALITY_STORE to another place"
                ) from None
        if isinstance(row, dict):
            row = {name: HIDDEN if name == self.secret and cell else cell for name, cell in row.items()}
        kept = {"source": self.source, "line": int(line), "reason": reason, "text": row}
        self._draft.write(_encoded(kept) + "\n")

    def _draft_path(self) -> Path:
        return self.place.with_name(f"{self.place.name}.{os.getpid()}.part")

    def __exit__(self, *failed: object) -> None:
        if self._draft is not None:
            self._draft.close()
            os.replace(self._draft_path(), self.place)
            self.counts.kept_in.append(self.place)
        elif not self.dry_run and failed == (None, None, None):
            self.place.unlink(missing_ok=True)
