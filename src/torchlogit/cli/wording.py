"""Sentences of the package as the command says them: an argument of Python becomes the option that it is here."""

from __future__ import annotations

import re
from collections.abc import Callable

from torchlogit.render.document import Document
from torchlogit.render.spoken import reworded
from torchlogit.render.text import text

OPTIONS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r" \((?:encoding|text_columns|delimiter)=[^()]*\)", ""),  # after the option itself
    (r"pass download=True \(--download\)", "say --download"),
    (r'weights_are="(\w+)"(?:, --weights-are \w+)?', r"--weights-are \1"),
    (r"weights_are\b", "--weights-are"),
    (r"\bgive weight=", "say --weights COL"),
    (r'missing=(["\'])(\w+)\1', r"--missing \2"),
    (r"in `categorical`", "with --categorical"),
    (r"as the argument offset", "with --offset"),
    (r'interval="profile"', "--profile"),
    (r'use interval="wald", or fit\.robust\("model"\) first', "leave one of the two out"),
    (r'fit\.robust\("(HC\d)"\)(?:(?:, |，)--robust HC\d)?', r"--robust \1"),
    (r'\blink="(\w+)"', r"--link \1"),
    (r'kind="(HC\d)"', r"--robust \1"),
    (r'use "HC1", "linearised", "HC0" or a bootstrap', "use --robust HC1 or HC0"),
    (r'; use "HC1"', "; use --robust HC1"),
    (r'kind="linearised"', "no --robust"),
    (r"Jeffreys\(\), which is Firth's, or L2", "--firth, or L2 with --C 1"),
    (r"Jeffreys\(\)，即 Firth 惩罚；或 L2", "--firth；或 L2 惩罚：--C 1"),
    (r"\b(?:penalty=)?(?:torchlogit\.)?Jeffreys(?:\(\)|(?=[)）]))", "--firth"),
    (r"\btorchlogit\.L2\b", "--C 1"),
    (r'Jeffreys\((intercept="\w+")\)', r"in Python, Jeffreys(\1)"),
    (r'leave solver at "auto"', "leave --solver out"),
    (r"\b(LBFGS|Proximal|Newton|SGD)\(\)", lambda found: f"--solver {found[1].lower()}"),
    (r"(raise|加大) max_iter\b", r"\1 --max-iter"),
    (r"(loosen|放宽) tol\b", r"\1 --tol"),
    (r"^(?:max_iter|tol|l1_ratio)(?= must)", lambda found: f"--{found[0].replace('_', '-')}"),
    (r"with base=", "with --base CLASS"),
    (r"\bfit\.effects\(\)", "torchlogit effects"),
    (r"\bprofile\(\) tells more", "--profile tells more"),
    (r"which limits\(\) gives", "which the fit's limits() gives in Python"),
)


def as_options(sentence: str) -> str:
    """A sentence with the options of the command in place of Python's arguments.

    >>> as_options('say weights_are="sampling" or "importance"')
    'say --weights-are sampling or "importance"'
    >>> as_options("add a penalty (Jeffreys(), which is Firth's, or L2) for finite ones")
    'add a penalty (--firth, or L2 with --C 1) for finite ones'
    >>> as_options("raise max_iter, or loosen tol")
    'raise --max-iter, or loosen --tol'
    """
    return reworded(sentence, OPTIONS)


def as_text(document: Document) -> str:
    """What is shown, as text, its facts and notes in the words of the command."""
    facts = tuple((name, as_options(value)) for name, value in document.facts)
    return text(document._replace(facts=facts, notes=tuple(map(as_options, document.notes))))
