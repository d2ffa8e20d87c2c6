"""The meat of a sandwich: sums over the rows of products of scores, in the coordinates of the objective, (q·k, q·k)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.clusters import Way, row_of_counts
from torchlogit.inference.influence import eta_covariance, inverse_information
from torchlogit.inference.observed import Observed
from torchlogit.inference.parts import Tables
from torchlogit.objective import Objective
from torchlogit.rows import Rows
from torchlogit.sources.base import Block, accumulate
from torchlogit.sources.stream import KEPT

NUMBERS = 2**21  # scores or signs that are held at a time
ALONE = 1e-10  # 1 − leverage at which a row is alone in determining its η


def by_row(beside: Observed, exponent: float = 0.0) -> Tensor:
    """``Σ u uᵀ`` over rows, ``u = x ⊗ (I − W A)^−exponent r`` as `covariance.robust` has it, in one pass (two with an exponent).

    A frequency weight stands for repeated rows, of which each has its own score and leverage; others multiply the score.
    """
    repeated = beside.fit.weights_are != "sampling"
    inverse = inverse_information(beside) if exponent else None

    def of_block(block: Block) -> tuple[Tensor, ...]:
        block = beside.objective.view(block)
        eta, s = beside.objective.eta(block, beside.gamma), block.weight[:, None, None]
        residual = beside.objective.loss.taylor(eta, block.y, 1)[1][..., None]
        if inverse is not None:
            own = beside.objective.loss.information(eta) * (1.0 if repeated else s)
            hat = own @ eta_covariance(block.design.to_dense(), inverse)
            residual = _released(hat, residual, exponent, block.start)
        return (block.design.gram((s if repeated else s * s) * (residual @ residual.mT)),)

    (total,) = accumulate(beside.objective.source, of_block)
    return total.reshape(beside.objective.p * beside.objective.k, -1)


def by_cluster(beside: Observed, way: Way) -> Tensor:
    """``Σ u uᵀ`` over clusters, u the sum of the weighted scores of a cluster's rows; some whole clusters at a time."""
    if way.codes is None:
        return _in_parts(beside, way)
    objective, codes, size = beside.objective, way.codes, way.size
    wide = objective.p * objective.k
    order, ends = codes.argsort(stable=True), torch.bincount(codes, minlength=size).cumsum(0)
    total, most = torch.zeros(wide, wide, dtype=torch.float64), max(1, NUMBERS // wide)
    for first, last in _batches(ends.tolist(), most):
        begin = int(ends[first - 1]) if first else 0
        sums = torch.zeros(last - first, wide, dtype=torch.float64)
        for rows in order[begin : int(ends[last - 1])].split(most):
            sums.index_add_(0, codes[rows] - first, _scores(beside, rows))
        total += sums.mT @ sums
    return total


def _in_parts(beside: Observed, way: Way) -> Tensor:
    """`by_cluster` of rows that are read in parts: the sums of all clusters at once, or of counts row by row."""
    objective, tables = beside.objective, Tables(beside.rows) if way.facts is None else way.facts.tables
    wide = objective.p * objective.k
    stream: Any = beside.rows
    room = stream.memory // KEPT // 32  # bytes of a number, its correction, and what is added to both
    if way.facts is not None and way.size * wide > room:
        raise ParameterError(
            f"{way.size} clusters of {wide} coefficients each are more than a quarter of the memory holds; give a larger memory="
        )

    def of_part(rows: Rows) -> tuple[Tensor, ...]:
        part = replace(objective, source=rows.source(beside.fit.intercept, None))
        codes = np.unique(row_of_counts(rows), return_inverse=True)[1] if way.facts is None else way.facts.places(rows)
        size = (int(codes.max()) + 1 if len(codes) else 0) if way.facts is None else way.size
        sums = torch.zeros(size, wide, dtype=torch.float64)
        for block in part.blocks():
            sums.index_add_(
                0, torch.from_numpy(codes[block.start :][: len(block.y)]), _scores_of(part, block, beside.gamma)
            )
        return (sums.mT @ sums if way.facts is None else sums,)

    source, of_block = cast(Any, tables), cast(Any, of_part)
    (sums,) = accumulate(source, of_block)
    return sums if way.facts is None else sums.mT @ sums


def by_signs(beside: Observed, way: Any, draws: int, seed: int) -> Tensor:
    """The mean over draws of ``u uᵀ``, ``u = Σ ± g`` with random signs (Rademacher's) of rows or of whole clusters.

    A row of frequency weight w is w rows with signs of their own: together 2 B − w, B binomial.
    """
    objective, rng = beside.objective, torch.Generator().manual_seed(seed)
    weight = beside.weight.double().cpu()
    parts = []
    for count in _batches(list(range(1, draws + 1)), max(1, NUMBERS // len(weight))):
        shape = (count[1] - count[0], len(weight) if way is None else way.size)
        if way is None and beside.fit.weights_are != "sampling":
            half = torch.full(shape, 0.5, dtype=torch.float64)
            signs = 2 * torch.binomial(weight.expand(shape).contiguous(), half, generator=rng) - weight
        else:
            signs = 2.0 * torch.randint(0, 2, shape, generator=rng) - 1
            signs = weight * (signs if way is None else signs[:, way.codes])
        parts.append(_signed(beside, signs.double()))
    sums = torch.cat(parts).reshape(draws, objective.p * objective.k)
    return sums.mT @ sums / draws


def _signed(beside: Observed, signs: Tensor) -> Tensor:
    """Σ of the unweighted scores times the signs (B, n), (B, q, k)."""

    def of_block(block: Block) -> tuple[Tensor, ...]:
        block = beside.objective.view(block)
        score = beside.objective.loss.taylor(beside.objective.eta(block, beside.gamma), block.y, 1)[1]
        return (block.design.rmatmul(signs[:, block.start :][:, : len(score), None] * score),)

    return accumulate(beside.objective.source, of_block)[0]


def _batches(ends: list[int], most: int) -> Iterator[tuple[int, int]]:
    """Consecutive stretches [first, last) of things that end at ``ends``, each of at most ``most`` rows or of one thing."""
    first, begin = 0, 0
    for last in range(1, len(ends) + 1):
        if last == len(ends) or ends[last] - begin > most:
            yield first, last
            first, begin = last, ends[last - 1]


def _scores(beside: Observed, rows: Tensor) -> Tensor:
    """The weighted scores of some rows, (m, q·k)."""
    source: Any = beside.objective.source
    part = replace(beside.objective, source=source.pick(rows))
    return torch.cat([_scores_of(part, block, beside.gamma) for block in part.blocks()])


def _scores_of(objective: Objective, block: Block, gamma: Tensor) -> Tensor:
    """The weighted scores of a block's rows, (m, q·k)."""
    score = block.weight[:, None] * objective.loss.taylor(objective.eta(block, gamma), block.y, 1)[1]
    return (block.design.to_dense()[:, :, None] * score[:, None, :]).flatten(1)


def _released(hat: Tensor, residual: Tensor, exponent: float, start: int) -> Tensor:
    """``(I − hat)^−exponent residual`` for hat (n, k, k); NotCertifiedError for a row with leverage 1."""
    rest = torch.eye(hat.shape[-1], dtype=hat.dtype, device=hat.device) - hat
    alone = (torch.linalg.det(rest) < ALONE).nonzero()[:, 0].tolist()
    if alone:
        raise NotCertifiedError(
            f"row {start + alone[0] + 1} of those used has leverage 1: it alone determines a coefficient, and HC2 and HC3 do "
            "not exist; use HC0 or HC1"
        )
    return torch.linalg.solve(rest if exponent == 1 else _root(rest), residual)


def _root(matrix: Tensor) -> Tensor:
    """The principal square root of matrices (n, k, k) whose eigenvalues are positive.

    Source: Denman and Beavers (1976), The matrix sign function and computations in systems, §4.
    """
    out, other = matrix, torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device).expand(matrix.shape)
    for _ in range(40):
        new = (out + torch.linalg.inv(other)) / 2
        change, other = float((new - out).abs().max()), (other + torch.linalg.inv(out)) / 2
        out = new
        if change < 1e-15:
            break
    return out
