"""What tests asked a real server and what it answered, kept in compressed files, one per file of tests."""

import gzip
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple, Self

import orjson

FOLDER: Final = Path(__file__).parent / "exchanges"
LAST_RUN: Final = Path(__file__).parent / "LAST_RUN.md"
HOW: Final = (
    "Record again with a real server: RECORD_MEILISEARCH=1 python -m pytest -n 0 tests/search "
    "(see docs/search.md)."
)


class Exchange(NamedTuple):
    """One request, its body as a fingerprint, and the answer to it."""

    method: str
    path: str
    body: str
    status: int
    answer: str
    retry_after: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What a request must be to get this answer."""
        return self.method, self.path, self.body


@dataclass
class Recording:
    """The exchanges of the tests of one file, by the test's name."""

    version: str = ""
    day: str = ""
    tests: dict[str, list[Exchange]] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str) -> Self:
        """Return what was recorded for the file of tests ``name``, empty when nothing was."""
        path = FOLDER / f"{name}.json.gz"
        if not path.exists():
            return cls()
        content = orjson.loads(gzip.decompress(path.read_bytes()))
        answers = content["answers"]
        return cls(
            content["version"],
            content["day"],
            {
                test: [
                    Exchange(method, path, body, status, answers[answer], *rest)
                    for method, path, body, status, answer, *rest in exchanges
                ]
                for test, exchanges in content["tests"].items()
            },
        )

    def save(self, name: str) -> int:
        """Write the file; return its size in bytes."""
        answers: dict[str, int] = {}
        tests = {
            test: [
                [*one[:4], answers.setdefault(one.answer, len(answers)), *([one[5]] if one[5] else [])]
                for one in exchanges
            ]
            for test, exchanges in sorted(self.tests.items())
        }
        content = {"version": self.version, "day": self.day, "answers": list(answers), "tests": tests}
        FOLDER.mkdir(exist_ok=True)
        packed = gzip.compress(orjson.dumps(content), compresslevel=9, mtime=0)
        (FOLDER / f"{name}.json.gz").write_bytes(packed)
        return len(packed)


def write_last_run(version: str) -> None:
    """Say when, from which server and for how many tests the exchanges were recorded."""
    lines = []
    total = 0
    for path in sorted(FOLDER.glob("*.json.gz")):
        name = path.name.removesuffix(".json.gz")
        recording = Recording.load(name)
        exchanges = sum(len(kept) for kept in recording.tests.values())
        total += len(recording.tests)
        lines.append(
            f"| {name} | {recording.day} | {recording.version} | {len(recording.tests)} | {exchanges} |"
            f" {path.stat().st_size:,} |"
        )
    LAST_RUN.write_text(
        f"A real server, Meilisearch {version}, was last asked on {today()}; {total} tests are kept.\n\n"
        "| File of tests | Day | Version | Tests | Exchanges | Bytes |\n"
        "| --- | --- | --- | --: | --: | --: |\n" + "\n".join(lines) + "\n",
        encoding="utf-8",
    )


def today() -> str:
    """Return the day of a recording."""
    return date.today().isoformat()  # noqa: DTZ011 - a day for readers, not a moment
