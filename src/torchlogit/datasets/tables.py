"""The two tables that ship with the package, as dicts of NumPy columns."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from torchlogit.errors import ParameterError

_DATA = Path(__file__).parents[1] / "data"


def lesson() -> dict[str, NDArray[np.float64]]:
    """The three students of the PyTorch lesson on logistic regression: ``hours`` 1, 2, 3 and ``passed`` 0, 0, 1.

    The classes are split perfectly between 2 and 3 hours, so no maximum-likelihood estimate exists: however long one
    trains, the slope goes on growing and the 50 % point creeps towards 2.5 hours.

    >>> lesson()["passed"]
    array([0., 0., 1.])
    """
    return _table("lesson")


def study_hours() -> dict[str, NDArray[np.float64]]:
    """Twenty students: ``hours`` of study (0.5 to 5.5) and whether they ``passed`` the exam (0 or 1), ten of them did.

    The example of Wikipedia's article "Logistic regression". Its classes overlap, so the fit exists: intercept −4.0777
    (standard error 1.7610), slope 1.5046 per hour (0.6287), even chances at 2.71 hours.

    >>> table = study_hours()
    >>> len(table["hours"]), int(table["passed"].sum())
    (20, 10)
    """
    return _table("study_hours")


def path(name: str) -> Path:
    """Where the CSV file of a shipped table lies: for the command, or for another program.

    Raises ``ParameterError`` for a name that is none.

    >>> path("study_hours").name
    'study_hours.csv'
    """
    names = sorted(file.stem for file in _DATA.glob("*.csv"))
    if name not in names:
        raise ParameterError(f"no data set is called {name!r}; there are: {', '.join(names)}")
    return _DATA / f"{name}.csv"


def _table(name: str) -> dict[str, NDArray[np.float64]]:
    with path(name).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, np.array(rows, dtype=np.float64).T.copy(), strict=True))
