"""Pictures, one function a plot. A plot takes a table that was computed elsewhere, never a model or raw data.

Every plot takes ``ax=`` to draw on, ``title=``, and a look: ``theme="light"`` or ``"dark"``, ``language="en"`` or
``"zh"``, and ``width="column"`` (3.4 inches), ``"full"`` (7) or inches. It comes back as a `Display`: its figure and axes to go
on with, ``alt``, a sentence for who cannot see it, ``save`` for PNG, SVG and PDF, ``to_bytes`` for the same without a file.

A new picture is written so (`style` has the rest)::

    def roc(table, *, ax=None, title="", note="", **look: Unpack[Look]) -> Display:
        with drawing(ax, (4.8, 4.4), look) as ax:            # given axes or new ones, inside their style
            style = style_of(ax)                             # the figure's: colours, language, size of letters
            headline(ax, title, note)                        # wraps; leaves out what no font can write
            ax.plot(table.x, table.y, **style.curve(0))      # colour and dashes of the i-th line; points: style.marks(0)
            ax.axhline(0.5, color=style.theme.red)           # paper, ink, muted, grey, grid, red; style.scale_of("sequential")
            ax.set(xlabel=style.say("false positive rate"))  # the English phrase is the key of its Chinese in words.py
            ax.text(0, 0, "…", size=style.pt(9))             # points, smaller at a column's width
        return finished(ax, alt=style.say("…"))

Text of the caller's goes through ``fitted(ax, text, points)`` or ``drawable(text, otherwise, width)``; `legend_under` puts
a legend where it hides nothing. ``panels(2, theme="dark", language="zh", width="full")`` is an empty figure whose axes carry
that look.
"""

from __future__ import annotations

from torchlogit.plots.acting import net_benefit, risk_coverage, threshold_cost, threshold_rates
from torchlogit.plots.curve import CurveTable, probability_curve
from torchlogit.plots.descent import loss_surface, loss_surfaces, training
from torchlogit.plots.diagnostics import binned_residuals, leverage, quantile_residuals
from torchlogit.plots.digits import digit, weight_images
from torchlogit.plots.forests import effects, forest, margins
from torchlogit.plots.gallery import sigmoid, sigmoid_gallery
from torchlogit.plots.graphs import units
from torchlogit.plots.kinds import KINDS, picture
from torchlogit.plots.maps import decision_map
from torchlogit.plots.nomograms import nomogram
from torchlogit.plots.outcomes import calibration, confusion, scores
from torchlogit.plots.paths import coefficient_path
from torchlogit.plots.ranking import gain, lift, precision_recall, roc
from torchlogit.plots.style import Display, Look, panels

__all__ = [
    "KINDS",
    "CurveTable",
    "Display",
    "Look",
    "binned_residuals",
    "calibration",
    "coefficient_path",
    "confusion",
    "decision_map",
    "digit",
    "effects",
    "forest",
    "gain",
    "leverage",
    "lift",
    "loss_surface",
    "loss_surfaces",
    "margins",
    "net_benefit",
    "nomogram",
    "panels",
    "picture",
    "precision_recall",
    "probability_curve",
    "quantile_residuals",
    "risk_coverage",
    "roc",
    "scores",
    "sigmoid",
    "sigmoid_gallery",
    "threshold_cost",
    "threshold_rates",
    "training",
    "units",
    "weight_images",
]
