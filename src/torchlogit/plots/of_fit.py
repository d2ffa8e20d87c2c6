"""Pictures of a fit and of its own rows: each asks the fit for its table, and draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlogit.errors import ParameterError
from torchlogit.plots.curve import probability_curve
from torchlogit.plots.diagnostics import binned_residuals, leverage, quantile_residuals
from torchlogit.plots.digits import weight_images
from torchlogit.plots.forests import effects, forest
from torchlogit.plots.frame import UNCERTAIN, style_for
from torchlogit.plots.maps import decision_map
from torchlogit.plots.nomograms import nomogram
from torchlogit.plots.paths import coefficient_path
from torchlogit.plots.style import Display
from torchlogit.tables.features import level_text

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

LEAST = 16  # pixels of an image
Names = Sequence[str]


def curve(
    fit: Fit,
    *,
    features: Names = (),
    threshold: float = 0.5,
    uncertain: tuple[float, float] = UNCERTAIN,
    level: float = 0.95,
    **look: Any,
) -> Display:
    """The probability over one feature."""
    _check(features, 1, "curve")
    return probability_curve(fit.curves(*features, level=level), threshold=threshold, uncertain=uncertain, **look)


def map_of_two(
    fit: Fit,
    *,
    features: Names = (),
    label: Any = None,
    threshold: float = 0.5,
    uncertain: tuple[float, float] = UNCERTAIN,
    **look: Any,
) -> Display:
    """The probability over two features."""
    _check(features, 2, "map")
    return decision_map(fit.decision_map(*features, label=label), threshold=threshold, uncertain=uncertain, **look)


def odds_ratios(fit: Fit, *, level: float = 0.95, **look: Any) -> Display:
    """The forest."""
    return forest(fit.forest(level), **look)


def average_effects(fit: Fit, *, features: Names = (), level: float = 0.95, **look: Any) -> Display:
    """Effects on the probability."""
    return effects(fit.effects(list(features) or None, level=level), **look)


def scales(fit: Fit, **look: Any) -> Display:
    """The nomogram."""
    return nomogram(fit.nomogram(), **look)


def residuals(fit: Fit, *, features: Names = (), bins: int | None = None, **look: Any) -> Display:
    """Binned residuals, over the fitted probability or a feature."""
    _check(features, 1, "residuals")
    return binned_residuals(fit.binned_residuals(features[0] if features else None, bins), **look)


def quantiles(fit: Fit, **look: Any) -> Display:
    """Quantile residuals over normal quantiles."""
    return quantile_residuals(fit.quantile_residuals(), **look)


def influence(fit: Fit, **look: Any) -> Display:
    """Residuals over leverage."""
    from torchlogit.inference.observed import observed

    observed(fit).check_rows("; leverage is that of the fitted rows, so give these")
    return leverage(fit.influence(), **look)


def path(fit: Fit, *, label: Any = None, **look: Any) -> Display:
    """Coefficients of the fit's rows along a lasso path, its features in units of their standard deviation."""
    from torchlogit.inference.observed import observed
    from torchlogit.path import fit_path

    rows = observed(fit).rows
    x = np.asarray(rows.x.toarray() if hasattr(rows.x, "toarray") else rows.x, dtype=np.float64)
    spread = x.std(0)
    data = dict(zip(fit.columns, (x / np.where(spread > 0, spread, 1.0)).T, strict=True))
    found = fit_path(data, fit.classes[rows.codes], weight=rows.weight, offset=rows.offset)
    look = {"note": style_for(look).say("features in units of their standard deviation"), **look}
    return coefficient_path(found, label=label, **look)


def weights(fit: Fit, **look: Any) -> Display:
    """The weights of each class as an image, of a model whose features are the pixels of a square one."""
    coef = fit.theta[int(fit.intercept) :].T.numpy()
    if coef.shape[1] < LEAST:
        raise ParameterError(
            f"{coef.shape[1]} features are no pixels of an image: this picture is for models of whole images"
        )
    look = {"title": style_for(look).say("Weights of each class"), **look}
    names = [level_text(each) for each in fit.classes.tolist()]
    return weight_images(coef, classes=names if len(coef) > 1 else names[-1:], **look)


def _check(features: Names, most: int, kind: str) -> None:
    if len(features) > most:
        what = "one feature" if most == 1 else "two features"
        raise ParameterError(f"the picture `{kind}` is drawn over {what}, got {len(features)}")
