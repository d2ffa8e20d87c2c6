"""Everyone who is measured, one file per package; the name of a fitter → its adapter."""

from __future__ import annotations

from benchmarks.rivals import (
    adelie,
    celer,
    glmnet,
    glum,
    liblinear,
    ours,
    plain,
    scikit_learn,
    skglm,
    snapml,
    statsmodels,
)
from benchmarks.rivals.base import Rival

HOMES = (ours, scikit_learn, statsmodels, glum, skglm, celer, adelie, liblinear, snapml, glmnet, plain)
RIVALS: dict[str, Rival] = {rival.name: rival for home in HOMES for rival in home.RIVALS}
