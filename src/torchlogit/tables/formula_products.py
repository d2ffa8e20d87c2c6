"""The terms of a formula as products of columns, so coded that no column follows from those before it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from itertools import product

from torchlogit.tables.formula_expression import column_of, parse

Scoped = tuple[tuple[str, bool], ...]  # the factors of a product, and whether each is reduced


def label_of(term: Sequence[str]) -> str:
    """A term's name: its factors' texts, columns as they are called.

    >>> label_of(("hours", "`my school`")), label_of(())
    ('hours:my school', '(Intercept)')
    """
    nodes = ((parse(text), text) for text in term)
    names = (str(column_of(node)) if isinstance(node, ast.Name) else text for node, text in nodes)
    return ":".join(names) or "(Intercept)"


def scoped_terms(terms: Sequence[Sequence[str]], spans: Callable[[str], bool]) -> Iterator[tuple[Scoped, ...]]:
    """Of every term the products that add to what the terms before it span.

    A factor whose columns sum to a constant (``spans``) is reduced where that sum is there already. Source: Chambers and
    Hastie (1992), Statistical Models in S, §2.4.1; as in R, patsy and formulaic.

    >>> list(scoped_terms([(), ("a",), ("a", "b")], lambda text: True))
    [((),), ((('a', True),),), ((('a', False), ('b', True)),)]
    """
    spanned: set[frozenset[tuple[str, bool]]] = set()
    for term in terms:
        parts: list[tuple[Scoped, ...]] = [
            (((text, True),), ()) if spans(text) else (((text, False),),) for text in term
        ]
        scopes = [tuple(one for piece in pieces for one in piece) for pieces in product(*parts)]
        new = [scope for scope in scopes if frozenset(scope) not in spanned]
        spanned.update(map(frozenset, new))
        yield _joined(new)


def _joined(scopes: Sequence[Scoped]) -> tuple[Scoped, ...]:
    """The same span in fewer products: a + a:b⁻ is a:b."""
    kept: list[Scoped] = []
    for scope in sorted(scopes, key=len):
        _join(kept, scope)
    return tuple(kept)


def _join(kept: list[Scoped], scope: Scoped) -> None:
    """Add a product, the longest so far, or what it becomes with one of those there."""
    other = next((other for other in kept if _extends(scope, other)), None)
    if other is None:
        kept.append(scope)
        return
    kept.remove(other)
    extra = next(one for one in scope if one not in other)
    _join(kept, tuple((one[0], False) if one == extra else one for one in scope))


def _extends(scope: Scoped, other: Scoped) -> bool:
    """Whether ``scope`` is ``other`` with one reduced factor more."""
    if len(scope) != len(other) + 1:
        return False
    extra = set(scope) - set(other)
    return len(extra) == 1 and next(iter(extra))[1]
