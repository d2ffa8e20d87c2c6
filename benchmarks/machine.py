"""What a measurement ran on, and whether it had the machine for itself."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

BUSY = 0.15  # cores that others keep at work, on average, from which a fit's seconds mean little
SPREAD = 1.5  # slowest over fastest run of the same fit from which they mean little
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
LIBRARIES = ("torchlogit", "torch", "numpy", "scipy")


def described() -> dict[str, Any]:
    """Processor, cores, system and the versions of what everyone stands on."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: found for name in LIBRARIES if (found := installed(name))},
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
    }


def installed(package: str) -> str:
    """The version of a package, or nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load() -> float:
    """Load average of the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def busy_seconds() -> float | None:
    """CPU seconds that all processes together have spent, time stolen by other machines included; None if not told."""
    try:
        first, *rest = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    if sum(line.startswith("cpu") for line in rest) != os.cpu_count():
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, first.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICK


def own_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


class Watch:
    """How many cores others kept at work since the start, on average; None where it cannot be told."""

    def __init__(self) -> None:
        self.all, self.own = busy_seconds(), own_seconds()

    def others(self, seconds: float) -> float | None:
        now = busy_seconds()
        if now is None or self.all is None or seconds < 0.2:  # the system counts in hundredths of a second
            return None
        return max(0.0, (now - self.all - (own_seconds() - self.own)) / seconds)


class Memory:
    """Peak extra memory: the most that the process held at any moment since the start, over what it held then."""

    def __init__(self) -> None:
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
            self.before = _held("VmRSS")
        except OSError:
            self.before = None

    def extra(self) -> float | None:
        """Megabytes, or None where the system does not tell."""
        return None if self.before is None else max(0.0, _held("VmHWM") - self.before)


def _held(what: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024 / 1e6


def disturbed(timing: dict[str, Any]) -> bool:
    """Whether others were at work beside these runs, or the runs differ too much from one another."""
    seconds = timing["seconds"]
    return timing["others"] > BUSY or max(seconds) / max(min(seconds), 1e-9) > SPREAD
