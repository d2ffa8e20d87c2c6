"""The colours of pictures on light and on dark paper: for every kind of colour vision, and told apart without any."""

from __future__ import annotations

from typing import Any, NamedTuple

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (6, 1.5, 1.5, 1.5)), (0, (1, 1.2)))  # for black and white
MARKERS = "os^D"


class Theme(NamedTuple):
    """Colours by what they are for. Words in ``ink``, ``muted`` and ``red`` have a contrast of 4.5 or more with ``paper``.

    ``curves`` are Okabe and Ito's; a scale of colours is the name of one of matplotlib's, or colours it runs through, and its
    lightness always rises or falls from one end to the other (of ``diverging`` from its middle).
    """

    paper: str
    ink: str
    muted: str
    grey: str
    grid: str
    red: str
    curves: tuple[str, str, str, str]
    sequential: Any  # from nothing, which is almost the paper, to much
    inks: Any  # from paper to ink
    diverging: Any  # from against through the paper to for


LIGHT = Theme(
    paper="white",
    ink="#2B2B2B",
    muted="#5A5A5A",
    grey="#8A8A8A",
    grid="#DDDDDD",
    red="#CC3311",
    curves=("#0072B2", "#009E73", "#CC79A7", "#000000"),
    sequential="Blues",
    inks="Greys",
    diverging="RdBu_r",
)
DARK = Theme(
    paper="#16191E",
    ink="#ECECEC",
    muted="#B3B8C0",
    grey="#858B94",
    grid="#31363E",
    red="#FF7A5C",
    curves=("#56B4E9", "#35C79A", "#E7A3CB", "#F4F4F4"),
    sequential=("#1C232D", "#24496B", "#3F86B8", "#A5D4F2"),
    inks=("#16191E", "#ECECEC"),
    diverging=("#A9D8FF", "#3F86B8", "#16191E", "#C2543A", "#FFC7B5"),
)
THEMES = {"light": LIGHT, "dark": DARK}
