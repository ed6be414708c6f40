"""What was measured on, and with which versions. Neither names of machines nor paths."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from service import __version__
from service.core import embedded

_PACKAGES = (
    "uvicorn",
    "uvloop",
    "httptools",
    "fastapi",
    "pydantic",
    "sqlalchemy",
    "asyncpg",
    "orjson",
    "numpy",
    "arq",
    "meilisearch",
    "django",
    "djangorestframework",
    "gunicorn",
    "psycopg",
    "sparse-dot-topn",
    "scipy",
)


def machine() -> str:
    """Return processor, memory and system in one line."""
    cores = len(psutil.Process().cpu_affinity() or []) if hasattr(psutil.Process, "cpu_affinity") else 0
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{_processor()}, {cores or psutil.cpu_count()} cores, {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.release()} on {platform.machine()}"
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def versions(redis: str | None, meilisearch: str | None) -> dict[str, str]:
    """Return the version of everything that took part."""
    found = {"Ancrage": f"{__version__}{_revision()}", "Python": platform.python_version()}
    found["PostgreSQL"] = _said(str(embedded.executable("postgres")), "--version").split()[-1]
    if redis is not None:
        found["Redis"] = _said(redis, "--version").partition("v=")[2].split()[0]
    if meilisearch is not None:
        found["Meilisearch"] = meilisearch
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _revision() -> str:
    """Return the commit that was measured, where this is a clone; a plus when files differed from it."""
    commit = _said("git", "rev-parse", "--short", "HEAD")
    changed = _said("git", "status", "--porcelain", "--untracked-files=no", "--", "service")
    return f" at {commit}{'+' if changed else ''}" if commit else ""


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
