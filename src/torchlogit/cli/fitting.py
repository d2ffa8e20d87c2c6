"""``torchlogit fit``: a table in, a fitted model out, told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

from torchlogit.arguments import LANGUAGES, check_share
from torchlogit.cli.files import PICTURES, check_choice, check_ending, check_output
from torchlogit.cli.ranks import joined, own_rank
from torchlogit.cli.reading import files_of, is_small_text, several, table_of
from torchlogit.cli.streams import out, out_json, progress, say
from torchlogit.cli.wording import as_text
from torchlogit.errors import ParameterError, TorchlogitError
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.solvers import Record

ROBUST = ("HC0", "HC1", "HC2", "HC3")
WEIGHTS = ("frequency", "sampling", "importance")
SOLVERS = ("auto", "newton", "lbfgs", "proximal", "sgd")
MAX_ITER = 100
EPOCHS, BATCH = 1000, 256  # of SGD


@dataclass(frozen=True)
class Options:
    """The options of the command, as typed."""

    data: str
    target: str | None
    formula: str | None
    features: list[str]
    c: float | None
    l1_ratio: float | None
    link: str
    firth: bool
    robust: str | None
    cluster: list[str]
    solver: str
    seed: int | None
    weights: str | None
    weights_are: Any
    offset: str | None
    reference: list[str]
    categorical: list[str]
    text: list[str]
    missing: str
    binary: bool
    delimiter: str | None
    encoding: str
    max_iter: int | None
    tol: float | None
    level: float
    profile: bool
    base: str | None
    lang: str | None
    strict: bool
    as_json: bool
    out: str | None
    plot: str | None
    plot_feature: str | None
    memory: str
    checkpoint: str | None
    timeout: float
    force: bool


def run(options: Options) -> None:
    """Check, read, fit, save, draw, show: in this order, so that a mistake is told before the work."""
    check(options)
    with joined(options.timeout) as group:
        table = rows_of(options, group)
        whole = hasattr(table, "column_names")
        if options.plot is not None and not whole:
            raise ParameterError("--plot needs all rows in memory, and they are read in parts; give a larger --memory")
        if options.plot is not None:
            from torchlogit.cli.curve import check_feature

            check_feature(table, options.plot_feature)
        result = fitted(table, options, group)
        if not own_rank():  # the first rank speaks for all
            tell(result)
            keep(result, options)
        lines = shown(result, options)  # by all ranks, for profiles look at the rows again
    if not own_rank():
        for line in lines:
            (out_json if options.as_json else out)(line)


def keep(result: Fit, options: Options) -> None:
    """Write model and picture."""
    if options.out is not None:
        result.save(options.out)
        say(f"model written to {show(options.out, 300)}")
    if options.plot is not None:
        from torchlogit.cli.curve import draw

        draw(result, options.plot_feature, options.plot)
        say(f"picture written to {show(options.plot, 300)}")


def check(options: Options) -> None:
    """Refuse options that mean nothing, and outputs that would replace something."""
    from torchlogit.losses import LINKS

    check_choice(options.link, tuple(LINKS), "--link")
    check_choice(options.solver, SOLVERS, "--solver")
    check_choice(options.missing, ("drop", "error"), "--missing")
    for value, choices, name in (
        (options.weights_are, WEIGHTS, "--weights-are"),
        (options.robust, ROBUST, "--robust"),
        (options.lang, LANGUAGES, "--lang"),
    ):
        if value is not None:
            check_choice(value, choices, name)
    if options.weights_are is not None and options.weights is None:
        raise ParameterError("--weights-are says what weights mean; say which they are with --weights COL")
    if (options.target is None) == (options.formula is None):
        raise ParameterError("say what to predict: --target COL, or --formula 'COL ~ ...', one of the two")
    if options.formula is not None and (options.features or options.categorical or options.reference):
        raise ParameterError("a formula says it all: leave out --features, --categorical and --reference")
    if options.firth and (options.c is not None or options.l1_ratio is not None):
        raise ParameterError("--firth is a penalty of its own; leave out --C")
    check_share(options.level, "--level")
    if options.c is not None and not options.c > 0:
        raise ParameterError(f"--C must be a positive number, got {options.c:g}; leave it out for no penalty")
    if options.l1_ratio is not None and options.c is None:
        raise ParameterError("--l1-ratio shapes a penalty; say how strong it is with --C, such as --C 1")
    if options.plot_feature is not None and options.plot is None:
        raise ParameterError("--plot-feature says what to draw; say where with --plot, such as --plot curve.png")
    if options.out is not None and options.out == options.plot:
        raise ParameterError("--out and --plot name the same file")
    check_ending(options.plot, PICTURES)
    for path in (options.out, options.plot):
        check_output(path, [options.data], options.force)
    penalty(options)


def penalty(options: Options) -> Any:
    """The penalty asked for; None for none."""
    if options.firth:
        from torchlogit.penalties import Jeffreys

        return Jeffreys()
    if options.c is None:
        return None
    from torchlogit.penalties import L1, L2, ElasticNet

    ratio = options.l1_ratio or 0.0
    if ratio in (0, 1):
        return (L1 if ratio else L2)(1 / options.c)
    return ElasticNet(1 / options.c, ratio)


def rows_of(options: Options, group: str | None) -> Any:
    """The table, or where it does not fit in memory or is spread over a group of processes, who reads it in parts."""
    from torchlogit.sources.stream import KEPT, bytes_of
    from torchlogit.streamed import opened

    path, room = options.data, bytes_of(options.memory) // KEPT
    how = (path, options.encoding, options.delimiter, options.text)
    alone = options.checkpoint is None and group is None
    if alone and not several(path) and is_small_text(path, room):
        return table_of(*how)
    files = files_of(*how)
    return files if group is not None else opened(files, options.memory, options.checkpoint)


@contextmanager
def kept(checkpoint: str | None) -> Iterator[None]:
    """Within: who ends the run is told that the passes it has made are kept."""
    try:
        yield
    except BaseException as error:
        if checkpoint is not None and not isinstance(error, TorchlogitError):
            say(f"the checkpoint {show(checkpoint, 300)} is kept: the same command goes on from its last pass")
        raise


def _two_classes(table: Any, target: str) -> None:
    from torchlogit.tables import encode_target
    from torchlogit.tables.recipe import require

    require(target, table.column_names, "is missing from the table")
    encode_target(table[target], name=target, binary=True)


def fitted(table: Any, options: Options, group: str | None = None) -> Fit:
    """The fit itself, with a progress bar where a terminal shows it."""
    from torchlogit.fit import fit

    if options.binary and options.target is not None and hasattr(table, "column_names"):
        _two_classes(table, options.target)
    names = list(getattr(table, "column_names", None) or table.schema.names)
    features = listed(options.features, names) or None
    declared = listed(options.categorical, names)
    used = set(names if features is None else features) - {options.target, options.weights, options.offset}
    with progress(lambda record: share(record, options)) as watch, kept(options.checkpoint):
        return fit(
            table,
            options.target if options.formula is None else options.formula,
            features=features,
            penalty=penalty(options),
            loss="logistic" if options.binary and not hasattr(table, "column_names") else "auto",
            link=options.link,
            weight=options.weights,
            weights_are=options.weights_are,
            covariance=options.robust,
            cluster=clusters(options),
            offset=options.offset,
            categorical=[*declared, *(name for name in options.text if name in used and name not in declared)],
            reference=dict(level(text, names) for text in options.reference) or None,
            missing="drop" if options.missing == "drop" else "error",
            solver=solver(options),
            tol=options.tol,
            strict=options.strict,
            watch=watch,
            memory=options.memory,
            checkpoint=options.checkpoint,
            process_group=group,
            timeout=options.timeout,
            max_iter=MAX_ITER if options.max_iter is None else options.max_iter,
        )


def solver(options: Options) -> Any:
    """The solver by name; SGD with its seed."""
    if options.solver == "sgd":
        from torchlogit.solvers import SGD

        epochs = EPOCHS if options.max_iter is None else options.max_iter
        return SGD(epochs=epochs, batch_size=BATCH, seed=options.seed or 0)
    if options.seed is not None:
        say("--seed changes nothing: only --solver sgd draws random numbers", "note")
    return options.solver


def share(record: Record, options: Options) -> float:
    """How much of a fit is done: digits of the certificate, or for SGD epochs."""
    if options.solver == "sgd":
        return record.iteration / (options.max_iter or EPOCHS)
    if not 0 < record.relative_distance < 1:
        return 0.0
    return min(1.0, log(record.relative_distance) / log(options.tol or 1e-20))


def listed(given: list[str], names: list[str]) -> list[str]:
    """Column names, repeated or with commas between them; a name that itself has a comma is one name.

    >>> listed(["a,b", "income, net"], ["a", "b", "income, net"])
    ['a', 'b', 'income, net']
    """
    return [
        name for text in given for name in ([text] if text in names else [part.strip() for part in text.split(",")])
    ]


def level(text: str, names: list[str]) -> tuple[str, str]:
    """``COL=LEVEL``, split where the left is a column.

    >>> level("a=b=c", ["a=b"])
    ('a=b', 'c')
    """
    splits = [(text[:i], text[i + 1 :]) for i, character in enumerate(text) if character == "="]
    if not splits:
        raise ParameterError(f"--reference {show(text)!r} should be COL=LEVEL, such as --reference region=north")
    return next((split for split in splits if split[0] in names), splits[0])


def tell(fit: Fit) -> None:
    """Say which rows were dropped and which class counts as 1."""
    from torchlogit.summary import class_name

    kept = getattr(fit.stream, "journal", None)
    if kept is not None and kept.resumed:
        say(f"went on after {kept.resumed} passes that an earlier run had kept in {show(kept.folder, 300)}")
    for sentence in fit.warnings:
        if sentence.startswith("dropped"):
            say(sentence)
    target = show(fit.target)
    if fit.loss == "softmax":
        names = ", ".join(class_name(label) for label in fit.classes[:12]) + (", …" if len(fit.classes) > 12 else "")
        say(f"`{target}` has {len(fit.classes)} classes, each with its own probability: {names}")
    elif fit.counts:
        say(f"`{target}`: counts of successes and of failures")
    else:
        say(f"`{target}`: {class_name(fit.positive)} counts as 1, {class_name(fit.classes[0])} as 0")


def clusters(options: Options) -> Any:
    """The column, or the two columns, within whose groups rows belong together."""
    return options.cluster[0] if len(options.cluster) == 1 else options.cluster or None


def shown(fit: Fit, options: Options) -> list[str]:
    """The result for stdout: table and, if asked for, words; or JSON."""
    from torchlogit.cli.answering import class_of

    kind, base = "profile" if options.profile else None, class_of(fit, options.base)
    found = fit.summary(options.level, interval=kind, base=base)
    if options.as_json:
        return [found.to_json()]
    words = [] if options.lang is None else [fit.explain(options.lang, options.level, base=base)]
    return [as_text(found.document()), *("\n" + as_text(each.document()) for each in words)]
