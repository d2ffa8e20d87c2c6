"""Pictures, one function a plot. A plot takes a table that was computed elsewhere, never a model or raw data.

Every plot comes back as a `Display`: its figure and axes to go on with, and ``save`` for PNG, SVG and PDF.
"""

from __future__ import annotations

from torchlogit.plots.curve import CurveTable, probability_curve
from torchlogit.plots.descent import loss_surface, loss_surfaces, training
from torchlogit.plots.digits import digit, weight_images
from torchlogit.plots.gallery import sigmoid, sigmoid_gallery
from torchlogit.plots.graphs import units
from torchlogit.plots.style import Display, panels

__all__ = [
    "CurveTable",
    "Display",
    "digit",
    "loss_surface",
    "loss_surfaces",
    "panels",
    "probability_curve",
    "sigmoid",
    "sigmoid_gallery",
    "training",
    "units",
    "weight_images",
]
