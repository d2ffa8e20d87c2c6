"""A fit in words and numbers: its summary in every form, and as JSON.

No number is shown that does not exist: where there are no standard errors the columns are left out and a sentence says
why, aliased terms have no estimate, separated ones an infinite one.
"""

from torchlogit.summary.record import to_json
from torchlogit.summary.summary import Summary, summary
from torchlogit.summary.words import class_name, penalty

__all__ = ["Summary", "class_name", "penalty", "summary", "to_json"]
