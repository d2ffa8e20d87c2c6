"""The pictures of a report: each drawn once for light and once for dark ground, without a point for any row."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torchlogit.report.material import NOT_TOLD, Material
from torchlogit.report.parts import Picture
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.plots.style import Display

HEAVY = 120_000  # bytes of lines from which dots are lighter
DOTS = 144  # an inch
TOLD = 1200  # letters of what is said of a picture
CURVES = 4  # that can be told apart


def of_effects(m: Material) -> tuple[Picture, ...]:
    """Average effects, and the probability over the number that moves it most."""
    return (*_effects(m), *_curve(m))


def _effects(m: Material) -> tuple[Picture, ...]:
    from torchlogit.plots import effects

    found = m.effects
    return () if found is None else drawn(m, "effects", lambda look: effects(found, title="", **look), wide=True)


def _curve(m: Material) -> tuple[Picture, ...]:
    from torchlogit.plots import probability_curve

    name = m.leading
    if name is None or len(m.fit.classes) > CURVES:
        return ()
    try:
        found = replace(m.fit.curves(name, level=m.level), points=None)
    except NOT_TOLD:
        return ()
    return drawn(m, "curve", lambda look: probability_curve(found, title="", **look), name=m.name(name))


def of_numbers(m: Material) -> tuple[Picture, ...]:
    """Odds ratios."""
    from torchlogit.plots import forest

    try:
        found = m.fit.forest(m.level, interval=m.summary.interval, base=m.summary.base if not m.binary else None)
    except NOT_TOLD:
        return ()
    return drawn(m, "forest", lambda look: forest(found, title="", **look), wide=True)


def of_performance(m: Material) -> tuple[Picture, ...]:
    """How rows are ranked, whether probabilities come true, which answers were right, and what leaving some open does."""
    from torchlogit.plots import of_rows

    rows = m.scored
    kinds: dict[str, Callable[[Any], Display]] = {
        "roc": lambda look: of_rows.roc({"": rows}, title="", **look),
        "calibration": lambda look: of_rows.calibration(rows, title="", **look),
        "confusion": lambda look: of_rows.confusion(rows, title="", **look),
        "risk": lambda look: of_rows.risk({"": rows}, title="", **look),
    }
    names = [name for name in kinds if m.binary or name != "roc"]
    return tuple(picture for name in names for picture in drawn(m, name, kinds[name]))


def drawn(
    m: Material, kind: str, draw: Callable[[dict[str, Any]], Display], wide: bool = False, **values: str
) -> tuple[Picture, ...]:
    """The picture in both themes; none where there is nothing to draw."""
    try:
        light, dark = (draw({"theme": theme, "language": m.language}) for theme in ("light", "dark"))
    except NOT_TOLD:
        return ()
    event = m.event if m.binary else m.say("each_class")
    return (
        Picture(
            kind,
            show(light.alt, TOLD),
            m.say(f"{kind}_caption", event=event, **values),
            address(light),
            address(dark),
            wide,
        ),
    )


def address(display: Display) -> str:
    """A picture as a data address: in lines, or in dots where these are lighter."""
    kind, content = "svg+xml", display.to_bytes("svg")
    if len(content) > HEAVY and len(dots := display.to_bytes("png", DOTS)) < len(content):
        kind, content = "png", dots
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
