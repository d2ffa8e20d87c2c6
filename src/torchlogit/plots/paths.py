"""The coefficients over the strengths of a penalty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from torchlogit.errors import ParameterError
from torchlogit.plots.style import Display, Look, drawing, finished, fitted, headline, style_of
from torchlogit.plots.whiskers import beside, cut, log_ticks
from torchlogit.tables.features import level_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.path import Path

NAMED = 8  # coefficients with a name, the largest where the penalty is least
APART = 0.055  # least distance of two names, as a share of the axis


def coefficient_path(
    path: Path,
    *,
    label: Any = None,
    marks: Mapping[str, float] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    **look: Unpack[Look],
) -> Display:
    """Every coefficient as the penalty weakens from left to right, with how many are not 0 above.

    The axis is the strength, 1/C, falling. The eight largest where the penalty is least have their names at the end of their
    line, the others are grey. ``marks`` are strengths by name, such as one that cross-validation chose, drawn as red lines. Of
    more than two classes ``label`` says whose coefficients are drawn. ``look``: `Look`.

    ParameterError for a path of one strength, a class there is not or a mark that is not positive, ``ImportError`` if
    matplotlib is not installed.

    >>> from torchlogit import datasets, fit_path
    >>> display = coefficient_path(fit_path(datasets.study_hours(), "passed", n_strengths=5), marks={"C = 1": 1.0})
    >>> [text.get_text() for text in display.ax.texts if text.get_text()]
    ['hours', 'C = 1']
    """
    strengths, coefficients = path.strengths.numpy(), path.theta[:, _lead(path) :, _class(path, label)].numpy()
    if len(strengths) < 2:
        raise ParameterError("a path of one strength has no lines; give two or more")
    if not all(mark > 0 for mark in (marks or {}).values()):
        raise ParameterError(f"marks are strengths over 0, got {dict(marks or {})}")
    with drawing(ax, (6.4, 4.4), look) as ax:
        style = style_of(ax)
        ax.set(xscale="log", xlim=(strengths.max(), strengths.min()), ylabel=style.say("coefficient"))
        ax.set_xlabel(fitted(ax, style.say("strength of the penalty, 1/C"), style.pt(10.5)))
        ticks = log_ticks(strengths.min(), strengths.max())
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.set_xticks([], minor=True)
        ax.axhline(0, color=style.theme.grey, linewidth=1, zorder=1)
        _draw(ax, path.columns, strengths, coefficients)
        for name, mark in (marks or {}).items():
            _mark(ax, name, mark)
        own = style.say("Coefficients as the penalty weakens")
        headline(ax, own if title is None else title, note, 32)
        _counts(ax, strengths, path.n_nonzero.numpy() if label is None else (coefficients != 0).sum(1))
    ends = "; ".join(f"{name} {value:.3g}" for name, value in zip(path.columns, coefficients[-1], strict=True))
    return finished(ax, f"{own}: {ends[:600]}")


def _lead(path: Path) -> int:
    return path.theta.shape[1] - len(path.columns)


def _class(path: Path, label: Any) -> int:
    """The column of theta of a class."""
    names = [level_text(c) for c in path.classes.tolist()]
    if path.theta.shape[2] == 1:
        return 0
    if label is None or level_text(label) not in names:
        raise ParameterError(f"say whose coefficients: label= one of {', '.join(map(repr, names))}")
    return names.index(level_text(label))


def _draw(ax: Axes, names: tuple[str, ...], strengths: Any, coefficients: Any) -> None:
    """The lines, and the names of the largest at their ends, moved apart where they would touch."""
    style = style_of(ax)
    order = np.argsort(-np.abs(coefficients[-1]), kind="stable")
    chosen = [int(j) for j in order[:NAMED] if coefficients[-1, j] != 0]
    for j in set(range(coefficients.shape[1])) - set(chosen):
        ax.plot(strengths, coefficients[:, j], color=style.theme.grey, linewidth=0.8, alpha=0.6, zorder=2)
    low, high = min(coefficients.min(), 0), max(coefficients.max(), 0)
    spare = 0.05 * (high - low or 1)
    ax.set_ylim(low - spare, high + spare)
    places = apart(coefficients[-1, chosen], APART / style.scale**2 * (high - low + 2 * spare))
    for i, (j, place) in enumerate(zip(chosen, places, strict=True)):
        (line,) = ax.plot(strengths, coefficients[:, j], **style.curve(i), linewidth=style.pt(1.9), zorder=3)
        name = cut(names[j], 24 if style.wide else 14)
        beside(ax, name, place, 1, 6, va="center", size=style.pt(9), color=line.get_color())


def apart(places: Any, least: float) -> Any:
    """Places (m,) moved as little as leaves them ``least`` apart, in the same order.

    >>> apart(np.array([1.0, 1.1, 5.0]), 1.0).tolist()
    [0.55, 1.55, 5.0]
    """
    order = np.argsort(places, kind="stable")
    groups = list[list[float]]()  # sum of wanted places of its first name, number of names
    for k in order:
        groups.append([float(places[k]), 1.0])
        while len(groups) > 1 and _end(groups[-2], least) > groups[-1][0] / groups[-1][1]:
            total, count = groups.pop()
            before = groups[-1]
            before[0] += total - count * before[1] * least
            before[1] += count
    out = np.empty(len(places))
    out[order] = [total / count + i * least for total, count in groups for i in range(int(count))]
    return out


def _end(group: list[float], least: float) -> float:
    """Where the name after a group may begin."""
    return group[0] / group[1] + group[1] * least


def _mark(ax: Axes, name: str, strength: float) -> None:
    style = style_of(ax)
    ax.axvline(strength, color=style.theme.red, linewidth=1.4, zorder=2.5)
    how: Any = {"rotation": 90, "ha": "right", "va": "bottom", "size": style.pt(9), "color": style.theme.red}
    text = ax.annotate(cut(name, 24), (strength, 0.02), (-2, 0), xycoords=ax.get_xaxis_transform(),
                       textcoords="offset points", **how)  # fmt: skip
    text.set_bbox({"facecolor": style.theme.paper, "edgecolor": "none", "alpha": 0.75, "pad": 0.6})


def _counts(ax: Axes, strengths: Any, counts: Any) -> None:
    """How many coefficients are not 0, along the top."""
    from matplotlib.ticker import NullFormatter, NullLocator

    style = style_of(ax)
    top = ax.secondary_xaxis("top")
    shown = np.unique(np.linspace(0, len(strengths) - 1, 7 if style.wide else 5).round().astype(int))
    top.set_xticks(strengths[shown], [str(int(counts[i])) for i in shown])
    top.xaxis.set_minor_locator(NullLocator())
    top.xaxis.set_minor_formatter(NullFormatter())
    top.set_xlabel(
        style.say("coefficients that are not 0"), size=style.pt(9), color=style.theme.muted, labelpad=style.pt(4)
    )
    top.tick_params(length=2, labelsize=style.pt(8.5), labelcolor=style.theme.muted)
    top.spines["top"].set_visible(False)
