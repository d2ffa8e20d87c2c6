"""One picture: for each workload, everyone's seconds as multiples of ours. Told by shape and place, not by colour alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from benchmarks.machine import disturbed
from benchmarks.verdict import Entry, Found, entries, seconds, verdict

LETTER = 0.0098  # width of a letter, as a share of the axis
SHOWN = 7  # rivals a workload at most


def draw(results: dict[str, Found], path: Path) -> Path:
    """Write the picture. Workloads in which torchlogit did not reach the target are left out."""
    from torchlogit.plots.style import GREY, INK, MUTED, RED, finished, headline, panels, styled

    rows = [(found, chosen(found)) for found in results.values() if verdict(found, results).ours]
    _, (ax,) = panels(size=(9.6, 1.9 + 0.62 * len(rows)))
    low, high = _range([ratio for found, lines in rows for ratio, _ in lines])
    with styled():
        ax.axvline(1, color=RED, linewidth=1.6, zorder=1)
        for place, (found, lines) in enumerate(rows):
            _workload(ax, place, found, lines, (low, high), {"ink": INK, "muted": MUTED, "grey": GREY, "red": RED})
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        ax.set_ylim(len(rows) - 0.3, -0.75)
        ax.set_yticks(range(len(rows)), [_label(found) for found, _ in rows])
        ax.grid(axis="y", visible=False)
        ticks = [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
        ax.set_xticks(ticks, [f"{tick:g} ×" for tick in ticks])
        ax.set_xlabel("seconds, as multiples of torchlogit's (left of the red line: faster than torchlogit)")
        note = "● at the wanted distance to the optimum    ○ stopped short of it    ◆ torchlogit, with its time"
        headline(ax, "Time to the optimum", note)
    return finished(ax).save(path, dpi=150)


def chosen(found: Found) -> list[tuple[float, Entry]]:
    """Each rival once, at its fastest that reaches the target, else at its nearest; with its multiple of ours."""
    ours = verdict(found, {}).ours
    assert ours is not None
    once: dict[str, Entry] = {}
    for entry in entries(found):
        if not entry.rival["ours"]:
            known = once.get(entry.name)
            if known is None or (not known.row["reached"] and entry.row["gap"] < known.row["gap"]):
                once[entry.name] = entry
    fast = sorted(once.values(), key=lambda e: (not e.row["reached"], e.seconds))[:SHOWN]
    return sorted(((entry.seconds / ours.seconds, entry) for entry in fast), key=lambda pair: pair[0])


def _range(ratios: list[float]) -> tuple[float, float]:
    return min(0.5, *ratios, 1.0) / 1.6, max(10.0, *ratios, 1.0) * 2.5


def _label(found: Found) -> str:
    title = found["title"].split(", L2, C = 1")[0]
    name = f"{found['name']}  "
    return name + (
        title
        if len(title) < 36
        else f"{title[:36].rsplit(' ', 1)[0].rstrip(',')}\n{title[len(title[:36].rsplit(' ', 1)[0]) :].strip(', ')[:40]}"
    )


def _workload(
    ax: Any,
    place: int,
    found: Found,
    lines: list[tuple[float, Entry]],
    limits: tuple[float, float],
    ink: dict[str, str],
) -> None:
    """A line with a mark and a name for each rival, names above and below it where they would meet."""
    ours = verdict(found, {}).ours
    assert ours is not None
    busy = any(disturbed(entry.row) for _, entry in lines) or disturbed(ours.row)
    ax.axhline(place, color="#DDDDDD", linewidth=0.8, zorder=0)
    ax.plot(1, place, "D", color=ink["red"], markersize=8.5, zorder=4)
    taken: dict[int, float] = {}
    text = seconds(ours.seconds) + (" (busy)" if busy else "")
    _name(ax, place, 1, text, limits, taken, {"color": ink["red"], "weight": "bold"})
    for ratio, entry in lines:
        filled = entry.row["reached"]
        ax.plot(ratio, place, "o", markersize=6.5, color=ink["ink"] if filled else "white",
                markeredgecolor=ink["ink"] if filled else ink["grey"], markeredgewidth=1.3, zorder=3)  # fmt: skip
        _name(ax, place, ratio, entry.rival["short"], limits, taken, {"color": ink["ink"] if filled else ink["muted"]})


def _name(
    ax: Any,
    place: int,
    at: float,
    text: str,
    limits: tuple[float, float],
    taken: dict[int, float],
    style: dict[str, Any],
) -> None:
    """Above the mark, or below, or further out: the first place where the name meets no other."""
    low, high = (math.log(limit) for limit in limits)
    centre, half = (math.log(at) - low) / (high - low), len(text) * LETTER / 2
    level = next((level for level in (1, -1, 2, -2) if taken.get(level, -1) < centre - half), None)
    if level is None:
        return
    taken[level] = centre + half
    offset = {1: 6.5, -1: -6.5, 2: 15.5, -2: -15.5}[level]
    vertical = "bottom" if level > 0 else "top"
    ax.annotate(text, (at, place), (0, offset), textcoords="offset points", ha="center", va=vertical, size=8.2, **style)
