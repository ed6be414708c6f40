"""Fixtures: a Meilisearch for every test of the contract, real where there is one, else as recorded."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.search.meilisearch_server.exchanges import HOW, Recording, today, write_last_run
from tests.search.meilisearch_server.real import MeilisearchServer, executable, named, version
from tests.search.meilisearch_server.relay import Relay, Upstream


@dataclass(frozen=True, slots=True)
class Access:
    """Where a test finds Meilisearch. ``real``: a server answers, no recording.

    ``prefix`` is that of the indexes this worker's tests may make.
    """

    url: str
    key: str
    prefix: str
    real: bool


def recording_asked() -> bool:
    """Tell whether this run is to record what a real server answers."""
    return bool(os.environ.get("RECORD_MEILISEARCH"))


@pytest.fixture(scope="session")
def real_meilisearch(servers_folder: Path) -> Iterator[tuple[str, str] | None]:
    """Yield address and key of a real server that tests share, or None where there is none."""
    if (known := named()) is not None:
        yield known
    elif executable() is not None:
        server = MeilisearchServer(servers_folder)
        server.start()
        yield server.url, server.key
        server.kill()
    else:
        yield None


@pytest.fixture
def own_meilisearch(servers_folder: Path) -> Iterator[MeilisearchServer]:
    """Yield a running server of this test alone, to be killed and wiped. Skips where there is no binary."""
    if executable() is None:
        pytest.skip("no meilisearch binary on this machine")
    server = MeilisearchServer(servers_folder)
    server.start()
    yield server
    server.kill()


class _Recorder:
    """What a run records, kept when it ends."""

    def __init__(self, config: pytest.Config, server: tuple[str, str]) -> None:
        self.version = version(*server)
        self.whole = not config.getoption("keyword") and not any("::" in each for each in config.args)
        self.files: dict[str, Recording] = {}

    def add(self, file: str, test: str, relay: Relay) -> None:
        if file not in self.files:
            # Tests that are no longer there are forgotten, when all that are there run.
            self.files[file] = Recording() if self.whole else Recording.load(file)
        recording = self.files[file]
        recording.version, recording.day = self.version, today()
        recording.tests[test] = relay.end()

    def save(self) -> None:
        for file, recording in self.files.items():
            recording.save(file)
        write_last_run(self.version)


@pytest.fixture(scope="session")
def _recorder(
    request: pytest.FixtureRequest, real_meilisearch: tuple[str, str] | None
) -> Iterator[_Recorder | None]:
    if not recording_asked():
        yield None
        return
    if real_meilisearch is None:
        pytest.exit("RECORD_MEILISEARCH needs MEILISEARCH_TEST_URL or a meilisearch binary", 2)
    if hasattr(request.config, "workerinput"):
        pytest.exit("RECORD_MEILISEARCH needs one process: pytest -n 0", 2)
    recorder = _Recorder(request.config, real_meilisearch)
    yield recorder
    recorder.save()


@pytest.fixture(scope="session")
def _relay(real_meilisearch: tuple[str, str] | None, _recorder: _Recorder | None) -> Iterator[Relay | None]:
    if real_meilisearch is not None and _recorder is None:
        yield None
        return
    relay = Relay(None if real_meilisearch is None else Upstream(*real_meilisearch))
    relay.start()
    yield relay
    relay.stop()


@pytest.fixture
def meilisearch_server(
    request: pytest.FixtureRequest,
    worker_id: str,
    real_meilisearch: tuple[str, str] | None,
    _recorder: _Recorder | None,
    _relay: Relay | None,
) -> Iterator[Access]:
    """Yield a Meilisearch for this test: real, recorded while it answers, or as it was recorded."""
    if _relay is None:
        assert real_meilisearch is not None
        url, key = real_meilisearch
        yield Access(url, key, f"contract-{worker_id}", real=True)
        return
    file, test = request.node.path.stem, request.node.nodeid.partition("::")[2]
    if _recorder is not None:
        _relay.begin([])
        yield Access(_relay.url, "none", "contract", real=True)
        _recorder.add(file, test, _relay)
        return
    kept = Recording.load(file).tests.get(test)
    assert kept is not None, f"Nothing was recorded for {request.node.nodeid}. {HOW}"
    _relay.begin(kept)
    yield Access(_relay.url, "none", "contract", real=False)
    assert not _relay.unknown, f"Not recorded: {_relay.unknown}. {HOW}"
