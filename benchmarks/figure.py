"""One picture: for each workload, everyone's seconds as multiples of ours. Told by shape and place, not by colour alone."""

from __future__ import annotations

import math
from pathlib import Path
from textwrap import fill
from typing import Any

from benchmarks.machine import disturbed
from benchmarks.verdict import Entry, Found, entries, seconds, verdict

LETTER = 0.0115  # width of a letter, as a share of the axis
SHOWN = 7  # rivals a workload at most
LEVELS = {1: 7, -1: -7, 2: 17, -2: -17}  # places of a name beside its mark, in points
NOTE = """● at the wanted distance to the optimum    ○ stopped short of it    ◆ torchlogit: its time is on the right
newton-…, lbfgs, sag, saga, liblinear: scikit-learn's solvers; LIBLINEAR: the library itself"""


def draw(results: dict[str, Found], path: Path) -> Path:
    """Write the picture. Workloads in which torchlogit did not reach the target are left out."""
    from torchlogit.plots.style import finished, headline, panels, styled
    from torchlogit.plots.themes import LIGHT

    rows = [(found, chosen(found)) for found in results.values() if verdict(found, results).ours]
    _, (ax,) = panels(size=(10, 1.9 + 0.74 * len(rows)))
    limits = _range([ratio for _, lines in rows for ratio, _ in lines])
    with styled():
        ax.axvline(1, color=LIGHT.red, linewidth=1.6, zorder=1)
        for place, (found, lines) in enumerate(rows):
            _workload(ax, place, found, lines, limits)
        _axes(ax, [_label(found) for found, _ in rows], limits)
        headline(ax, "Time to the optimum, beside torchlogit's", NOTE)
    return finished(ax).save(path, dpi=150)


def chosen(found: Found) -> list[tuple[float, Entry]]:
    """Each rival once, at its fastest that reaches the target, else at its nearest; with its multiple of ours."""
    ours = _ours(found)
    once: dict[str, Entry] = {}
    for entry in entries(found):
        known = once.get(entry.name)
        if known is None or (not known.row["reached"] and entry.row["gap"] < known.row["gap"]):
            once[entry.name] = entry
    rivals = [entry for entry in once.values() if not entry.rival["ours"]]
    fast = sorted(rivals, key=lambda e: (not e.row["reached"], e.seconds))[:SHOWN]
    return sorted(((entry.seconds / ours.seconds, entry) for entry in fast), key=lambda pair: pair[0])


def _ours(found: Found) -> Entry:
    ours = verdict(found, {}).ours
    assert ours is not None
    return ours


def _range(ratios: list[float]) -> tuple[float, float]:
    return min(0.5, *ratios, 1.0) / 1.6, max(10.0, *ratios, 1.0) * 2.5


def _label(found: Found) -> str:
    return fill(f"{found['name']}  {found['title'].removesuffix(', L2, C = 1')}", 38)


def _axes(ax: Any, labels: list[str], limits: tuple[float, float]) -> None:
    ax.set_xscale("log")
    ax.set_xlim(*limits)
    ax.set_ylim(len(labels) - 0.4, -0.65)
    ax.set_yticks(range(len(labels)), labels)
    ax.grid(axis="y", visible=False)
    first, last = math.ceil(math.log10(limits[0])), math.floor(math.log10(limits[1]))
    ax.set_xticks([10.0**p for p in range(first, last + 1)], [f"{10.0**p:g} ×" for p in range(first, last + 1)])
    ax.set_xlabel("seconds, as multiples of torchlogit's (left of the red line: faster than torchlogit)")


def _workload(ax: Any, place: int, found: Found, lines: list[tuple[float, Entry]], limits: tuple[float, float]) -> None:
    """A line with a mark and a name for each rival; our time at its end."""
    from torchlogit.plots.themes import LIGHT

    red, ink, grey, muted = LIGHT.red, LIGHT.ink, LIGHT.grey, LIGHT.muted
    ours = _ours(found)
    busy = disturbed(ours.row) or any(disturbed(entry.row) for _, entry in lines)
    ax.axhline(place, color="#DDDDDD", linewidth=0.8, zorder=0)
    ax.plot(1, place, "D", color=red, markersize=9, zorder=4)
    own = seconds(ours.seconds) + ("\n(busy)" if busy else "")
    ax.annotate(own, (1, place), (6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                va="center", color=red, weight="bold", size=9.5)  # fmt: skip
    taken: dict[int, float] = {}
    for ratio, entry in lines:
        there = entry.row["reached"]
        ax.plot(ratio, place, "o", markersize=6.5, markeredgewidth=1.3, zorder=3,
                color=ink if there else "white", markeredgecolor=ink if there else grey)  # fmt: skip
        _name(ax, place, ratio, entry.rival["short"], limits, taken, ink if there else muted)


def _name(
    ax: Any, place: int, at: float, text: str, limits: tuple[float, float], taken: dict[int, float], color: str
) -> None:
    """Above the mark, or below, or further out: the first place where the name meets no other; else nowhere."""
    low, high = (math.log(limit) for limit in limits)
    centre, half = (math.log(at) - low) / (high - low), (len(text) + 0.5) * LETTER / 2
    level = next((level for level in LEVELS if taken.get(level, -1) < centre - half), None)
    if level is not None:
        taken[level] = centre + half
        vertical = "bottom" if level > 0 else "top"
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.75}
        ax.annotate(text, (at, place), (0, LEVELS[level]), textcoords="offset points", ha="center", va=vertical,
                    size=8.5, color=color, bbox=paper)  # fmt: skip
