"""Between a file or a data frame and numeric columns: read, encode, drop what is missing, write.

The names load on first use: importing the package imports neither pyarrow nor narwhals.
"""

from __future__ import annotations

from importlib import import_module

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
    "read_table",
    "show",
    "show_rows",
    "show_value",
    "write_csv",
    "write_table",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
