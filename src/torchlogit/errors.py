"""Every error and warning of the package, in one tree.

An error that is about the caller's data is also a ``ValueError``, one about files also an ``OSError``, so code that
knows nothing of torchlogit still catches them. ``exit_code`` is what the command line ends with.
"""

from __future__ import annotations


class TorchlogitError(Exception):
    """Root of the tree; alone it means an unexpected failure."""

    exit_code = 1
    of_all = False  # whether every rank of a fit raises it


class ParameterError(TorchlogitError, ValueError):
    """An argument has a value that means nothing (``C=0``, an unknown solver, a negative strength)."""

    exit_code = 2


class DataError(TorchlogitError, ValueError):
    """The data cannot be used; the message names column, row, what was found and what to do."""

    exit_code = 3


class NotCertifiedError(TorchlogitError, RuntimeError):
    """The fit did not reach a certified optimum and ``strict`` was asked for."""

    exit_code = 4


class FileError(TorchlogitError, OSError):
    """A file or a disk: missing, not readable, full."""

    exit_code = 5


class DistributedError(TorchlogitError, RuntimeError):
    """The ranks of a fit do not come together: one was lost or gives no sign, or they were given different things."""

    exit_code = 6


class ModelFileError(FileError, ValueError):
    """A model file that is not one, is damaged, or was written by a newer version."""


class TorchlogitWarning(UserWarning):
    """Root of the warnings."""


class NotCertifiedWarning(TorchlogitWarning):
    """The fit is not at a certified optimum: not converged, separated, flat."""


class AliasedWarning(TorchlogitWarning):
    """A column adds nothing to the columns before it and is reported as aliased."""


class AccuracyWarning(TorchlogitWarning):
    """A coefficient has fewer correct digits than its user would believe."""


class DataWarning(TorchlogitWarning):
    """Something was dropped, reordered or looks wrong in the data."""
