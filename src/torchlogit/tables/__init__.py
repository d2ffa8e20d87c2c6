"""Between a file or a data frame and numeric columns: read, encode, drop what is missing, write.

The names load on first use: importing the package imports neither pyarrow nor narwhals.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchlogit.tables.features import Feature as Feature
    from torchlogit.tables.missing import Kept as Kept
    from torchlogit.tables.missing import keep_rows as keep_rows
    from torchlogit.tables.names import did_you_mean as did_you_mean
    from torchlogit.tables.names import show as show
    from torchlogit.tables.names import show_rows as show_rows
    from torchlogit.tables.names import show_value as show_value
    from torchlogit.tables.read import read_table as read_table
    from torchlogit.tables.recipe import Encoded as Encoded
    from torchlogit.tables.recipe import Recipe as Recipe
    from torchlogit.tables.target import Target as Target
    from torchlogit.tables.target import encode_offset as encode_offset
    from torchlogit.tables.target import encode_target as encode_target
    from torchlogit.tables.target import encode_weight as encode_weight
    from torchlogit.tables.target import known_classes as known_classes
    from torchlogit.tables.write import atomic as atomic
    from torchlogit.tables.write import write_csv as write_csv
    from torchlogit.tables.write import write_table as write_table

_HOMES = {
    "did_you_mean": "names",
    "show": "names",
    "show_rows": "names",
    "show_value": "names",
    "read_table": "read",
    "Encoded": "recipe",
    "Feature": "features",
    "Recipe": "recipe",
    "Target": "target",
    "encode_offset": "target",
    "encode_target": "target",
    "encode_weight": "target",
    "known_classes": "target",
    "Kept": "missing",
    "keep_rows": "missing",
    "atomic": "write",
    "write_csv": "write",
    "write_table": "write",
}

__all__ = [
    "Encoded",
    "Feature",
    "Kept",
    "Recipe",
    "Target",
    "atomic",
    "did_you_mean",
    "encode_offset",
    "encode_target",
    "encode_weight",
    "keep_rows",
    "known_classes",
    "read_table",
    "show",
    "show_rows",
    "show_value",
    "write_csv",
    "write_table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
