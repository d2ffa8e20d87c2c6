"""Kinds of fits whose numbers must be the same wherever the rows lie, and their facts as ranks find them."""

import os

import numpy as np
from ranks import facts, fit_here
from streams import table, write

import torchlogit
from torchlogit import L1, L2, LBFGS, Jeffreys, Newton

PLAIN, SEVERAL, GAPS = {}, {"classes": 3}, {"gaps": True}  # what `table` is asked for
KINDS = {
    "newton": (PLAIN, {"solver": Newton()}),
    "lbfgs": (PLAIN, {"solver": LBFGS()}),
    "l1": (PLAIN, {"penalty": L1(4.0)}),
    "softmax": (SEVERAL, {}),
    "softmax l2": (SEVERAL, {"penalty": L2(1.0)}),
    "weights and offset": (PLAIN, {"weight": "w", "offset": "o"}),
    "sampling weights": (PLAIN, {"weight": "w", "weights_are": "sampling"}),
    "dropped rows": (GAPS, {"missing": "drop"}),
    "firth": (PLAIN, {"penalty": Jeffreys()}),
    "formula": (PLAIN, {}),
}
TABLES = {"plain": PLAIN, "several": SEVERAL, "gaps": GAPS}


def target(kind):
    return "y ~ town * a + I(c * 100) + bs(d, 4)" if kind == "formula" else "y"


def table_of(kind):
    """The name of its table."""
    return next(name for name, how in TABLES.items() if how is KINDS[kind][0])


def written(folder):
    """Every table as Parquet files in a folder of its name."""
    for name, how in TABLES.items():
        write(folder / name, table(**how))
    return folder


def in_memory():
    """The facts of every kind, of tables in memory."""
    tables = {name: table(**how) for name, how in TABLES.items()}
    return {kind: facts(fit_of(torchlogit.fit, tables, kind)) for kind in KINDS}


def on_ranks(places, **options):
    """The same on this rank, together with the others; ``places`` has the rows of each table."""
    return {kind: facts(fit_of(fit_here, places, kind, **options)) for kind in KINDS}


def fit_of(fit, places, kind, **options):
    return fit(places[table_of(kind)], target(kind), **KINDS[kind][1], **options)


def same(found, whole, kind=""):
    assert found.keys() == whole.keys()
    for name, value in whole.items():
        if isinstance(value, float | np.ndarray):
            size = np.abs(value).max()
            np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-10 * size, err_msg=f"{kind} {name}")
        else:
            assert found[name] == value, (kind, name)


def same_bits(one, other):
    return all(np.array_equal(one[name], value) for name, value in other.items() if name != "warnings")


def in_one_start(folders, where, *asked):
    """What `torchlogit.spark.rank` answers, the facts of every kind, and its answer for rows with gaps: a start takes seconds.

    ``folders`` has the place of each table. Each beginning is told apart as torchrun's restarts are.
    """
    from torchlogit.sources.joining import process_group
    from torchlogit.spark import rank

    _, timeout, _ = asked
    os.environ["TEST_TIMEOUT"] = str(timeout)
    with process_group(timeout):
        found = on_ranks(folders)
    answers = []
    for start, place in enumerate((folders["gaps"], where), 1):
        os.environ["TORCHELASTIC_RESTART_COUNT"] = str(start)
        answers.append(rank(place, *asked))
    return found, *answers
