"""An event and its probability: what calibration is asked of, also where there are more than two classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from torchlogit.metrics.scored import Scored
from torchlogit.tables.features import level_text


def event_of(scored: Scored, label: Any = None) -> Scored:
    """The rows that count as two classes, an event and its absence: ``label`` against the others.

    Without a label two classes stay as they are, and of more the event is that the most probable class is the right one,
    with its probability as the confidence. ParameterError for a label that is no class, DataError where no row counts.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> three = scored_arrays(["a", "b", "c"], [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    >>> event_of(three, "b").probability[:, 1].round(2).tolist(), event_of(three).y.tolist()
    ([0.3, 0.3, 0.2], [1, 0, 1])
    """
    return as_event(scored.counted(), label)


def as_event(rows: Scored, label: Any = None) -> Scored:
    """`event_of` of any rows, also of none."""
    if label is not None:
        return rows.against(label)
    return rows if rows.binary else _confidence(rows)


def _confidence(rows: Scored) -> Scored:
    """Whether the most probable class is the right one, with its probability."""
    logs = np.sort(rows.log_probability, 1)
    both = np.stack([np.logaddexp.reduce(logs[:, :-1], axis=1), logs[:, -1]], 1)
    right = rows.log_probability.argmax(1) == rows.y
    names = np.array(["wrong", "right"], dtype=object)
    return replace(rows, y=right.astype(np.int64), log_probability=both, classes=names)


def name_of(event: Scored) -> str:
    """The event's name."""
    return level_text(event.classes.tolist()[-1])
