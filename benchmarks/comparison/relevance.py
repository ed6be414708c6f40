"""Relevance, as ``benchmarks.relevance`` measures it, in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

_SECONDS: Final = 300
_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Relevance:
    """What it wrote: figures by engine, or ``missing``, the reason there are none."""

    engines: dict[str, dict[str, float]]
    agreement: float | None
    queries: int
    missing: str | None

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        """Read what ``benchmarks.relevance --json`` wrote."""
        engines = {name: figures for name, figures in (told.get("engines") or {}).items() if figures}
        return cls(engines, told.get("agreement"), told.get("queries") or 0, told.get("missing"))

    @classmethod
    def measured(cls, folder: Path) -> Self:
        """Run it; a run that fails is a reason like another, told in the report."""
        written = folder / "relevance.json"
        try:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.relevance", "--json", str(written)],
                cwd=_ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return cls.of({"missing": f"it took more than {_SECONDS} seconds"})
        if not written.exists():
            last = done.stderr.strip().splitlines()[-1:] or ["it wrote nothing"]
            return cls.of({"missing": last[0]})
        return cls.of(json.loads(written.read_text(encoding="utf-8")))
