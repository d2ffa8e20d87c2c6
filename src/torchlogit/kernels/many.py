"""Many small logistic fits at once by Newton's method: compiled, and plain as a batch of padded groups.

Both do the ordinary work only. What they do not end with a certificate, far from anything singular or separated, they
leave to whoever fits singly: ``done`` says which is which.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.kernels.library import library, threads_for
from torchlogit.losses import Logistic

FACTS = 7
SHAKY = 1e-5  # squared pivot of the scaled Hessian below which columns resemble each other too much
ENOUGH = 1e-25  # relative distance from which no further step is taken
STEP = 0.005  # change of a row's η by a Newton step at the end, from which separation is suspected
PROOF = 0.7  # F below this share of the least weight: no row loses as much as log 2
SHORTEST = 0.5**30  # of a step
BATCH = 2**20  # entries of a plain batch of padded groups
MOST_LANES = 512
NARROW = 128  # coefficients up to which a fit is small
LARGEST = 100_000_000  # multiplications of a Hessian up to which it is


class Groups(NamedTuple):
    """Rows in groups: those of group g are ``order[start[g] : start[g + 1]]`` (without ``order``: these places themselves)."""

    x: Tensor  # (n, d)
    start: Tensor  # (G + 1,) int64
    order: Tensor | None  # (m,) int64
    codes: Tensor  # (n,) int64: 0 and 1
    weight: Tensor | None  # (n,) float64
    offset: Tensor | None  # (n,) float64
    strength: Tensor  # (d,) float64, of L2 in units of x
    intercept: bool
    counts: Tensor | None = None  # (m,) float64: how often each place of order counts
    begin: Tensor | None = None  # (p,) float64: where all fits begin, about x = 0

    @property
    def p(self) -> int:
        """Coefficients of one fit."""
        return self.x.shape[1] + self.intercept


class Ended(NamedTuple):
    """What became of the groups. Where ``done`` is false the other entries mean nothing."""

    theta: Tensor  # (G, p), about x = 0
    error: Tensor  # (G, p): square roots of the diagonal of H⁻¹
    value: Tensor  # (G,): F
    log_likelihood: Tensor
    null_log_likelihood: Tensor
    distance: Tensor  # relative: half the Newton decrement over F
    slope: Tensor  # the gradient's largest entry, columns scaled
    steps: Tensor
    done: Tensor  # bool

    @classmethod
    def of(cls, theta: Tensor, error: Tensor, facts: Tensor) -> Ended:
        """From the facts (G, 7) of a kernel."""
        value, log_likelihood, null, distance, slope, steps, done = facts.unbind(1)
        return cls(theta, error, value, log_likelihood, null, distance, slope, steps.long(), done > 0)

    @classmethod
    def open(cls, size: int, p: int, device: torch.device | str = "cpu") -> Ended:
        """Nothing done yet."""
        theta = torch.full((size, p), torch.nan, dtype=torch.float64, device=device)
        return cls.of(theta, theta.clone(), theta.new_zeros(size, FACTS))


class _Many(ctypes.Structure):
    """The arguments as many.h has them."""

    _fields_ = (
        ("x", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("single", "row", "column", "d")),
        ("order", ctypes.c_void_p),
        ("start", ctypes.c_void_p),
        ("groups", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("codes", "weight", "offset", "counts", "strength", "begin")),
        ("intercept", ctypes.c_int64),
        ("most", ctypes.c_int64),
        ("longest", ctypes.c_int64),
        ("tol", ctypes.c_double),
        *((name, ctypes.c_void_p) for name in ("theta", "error", "facts")),
        ("lanes", ctypes.c_int64),
    )


def newton(groups: Groups, most: int, tol: float) -> Ended:
    """The unpenalised or L2-penalised fit of every group, up to ``most`` steps and a relative distance of ``tol``."""
    kernel = getattr(library(), "many_logistic", None)
    suits = groups.x.device.type == "cpu" and groups.x.dtype in (torch.float64, torch.float32)
    return plain(groups, most, tol) if kernel is None or not suits else compiled(kernel, groups, most, tol)


def compiled(kernel: Any, groups: Groups, most: int, tol: float) -> Ended:
    """`newton` by the kernel: threads take groups as they come free."""
    size, p, x = len(groups.start) - 1, groups.p, groups.x
    theta, error = (torch.empty(size, p, dtype=torch.float64) for _ in range(2))
    facts = torch.empty(size, FACTS, dtype=torch.float64)
    row, column = x.stride()
    task = _Many(
        _at(x), x.dtype == torch.float32, row, column, x.shape[1], _at(groups.order), _at(groups.start), size,
        *(_at(t) for t in (groups.codes, groups.weight, groups.offset, groups.counts, groups.strength, groups.begin)),
        groups.intercept, most, LARGEST // p // p, tol, _at(theta), _at(error), _at(facts), min(size, MOST_LANES),
    )  # fmt: skip
    kernel(ctypes.byref(task), threads_for(int(groups.start[-1]) * p))
    return Ended.of(theta, error, facts)


def _at(t: Tensor | None) -> int | None:
    return None if t is None else t.data_ptr()


def plain(groups: Groups, most: int, tol: float) -> Ended:
    """`newton` in torch, in batches of groups of about one size: the twin that the kernel is tested against."""
    sizes = groups.start.diff()
    out = Ended.open(len(sizes), groups.p, groups.x.device)
    for batch in _batches(sizes, groups.p):
        for whole, part in zip(out, _fit(groups, batch, most, tol), strict=True):
            whole[batch] = part
    return out


def _batches(sizes: Tensor, p: int) -> Iterator[Tensor]:
    """Numbers of groups of about one size, so many that padded they have ``BATCH`` entries."""
    by_size = sizes.argsort()
    by_size = by_size[(sizes * p * p)[by_size] <= LARGEST]
    at, lengths = 0, sizes[by_size].tolist()
    while at < len(lengths):
        least, many = lengths[at], 1
        while at + many < len(lengths) and lengths[at + many] <= 1.25 * least + 8:
            many += 1
        many = min(many, max(1, BATCH // (p * lengths[at + many - 1])))
        yield by_size[at : at + many]
        at += many


class _Batch(NamedTuple):
    """Padded groups in coordinates of their own: z (B, m, p), of weight 0 beyond the last row; the rest (B, m), l2 (B, p)."""

    z: Tensor
    y: Tensor
    weight: Tensor
    offset: Tensor
    l2: Tensor


class _Point(NamedTuple):
    """Where each member stands: gamma, step (B, p), grad; value, distance (B,); the Hessian is (root rootᵀ) / unit²."""

    gamma: Tensor
    value: Tensor
    grad: Tensor
    root: Tensor
    unit: Tensor
    step: Tensor
    distance: Tensor
    sound: Tensor  # bool: finite, and far from singular


def _fit(groups: Groups, batch: Tensor, most: int, tol: float) -> Ended:
    """The fits of some groups, by number."""
    rows, counts = _rows(groups, batch)
    weight = counts if groups.weight is None else counts * groups.weight[rows]
    offset = torch.zeros_like(weight) if groups.offset is None else groups.offset[rows]
    z, centre, scale, fine = _standardised(groups.x[rows].double(), weight, groups.intercept)
    lead = int(groups.intercept)
    l2 = torch.cat([scale.new_zeros(len(batch), lead), groups.strength / scale / scale], 1)
    all_of = _Batch(z, groups.codes[rows].double(), weight, offset, l2)
    null, odds, known = _null(all_of, groups.offset is not None, groups.intercept, most, tol)
    point, steps, done = _newton(all_of, _begin(groups, centre, scale, odds), most, tol)
    if not bool((groups.strength > 0).any()):
        least = torch.where(weight > 0, weight, torch.inf).amin(1)
        moved = torch.where(counts > 0, _product(z, point.step).abs(), 0.0).amax(1)
        done = done & (point.value >= PROOF * least) & (moved <= STEP)
    slopes = point.gamma[:, lead:] / scale
    bias = point.gamma[:, :lead] - (slopes * centre).sum(1, keepdim=True)[:, :lead]
    return Ended(
        theta=torch.cat([bias, slopes], 1),
        error=_errors(point, centre, scale, lead),
        value=point.value,
        log_likelihood=(l2 * point.gamma.square()).sum(1) / 2 - point.value,
        null_log_likelihood=null,
        distance=point.distance / point.value,
        slope=point.grad.abs().amax(1),
        steps=steps,
        done=done & fine & known,
    )


def _rows(groups: Groups, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Row numbers of padded groups, (B, m), and how often each counts: 0 beyond the last."""
    sizes = groups.start.diff()[batch]
    place = torch.arange(int(sizes.max()), device=batch.device)
    inside = place < sizes[:, None]
    places = torch.where(inside, groups.start[batch][:, None] + place, groups.start[batch][:, None])
    counts = inside.double() if groups.counts is None else inside * groups.counts[places]
    return (places if groups.order is None else groups.order[places]), counts


def _standardised(x: Tensor, weight: Tensor, intercept: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Z (B, m, p), centre and scale (B, d), and whether both classes of numbers are usable (B,)."""
    total = weight.sum(1)[:, None]
    first = x[:, :1] if intercept else torch.zeros_like(x[:, :1])
    x = x - first
    mean = (weight[:, None] @ x)[:, 0] / total if intercept else torch.zeros_like(x[:, 0])
    square = (weight[:, None] @ x.square())[:, 0] / total
    spread = square - mean.square()
    fine = ((spread > 1e-6 * square) & (spread > 1e-200) & (spread < 1e200)).all(1)
    scale = torch.where(spread > 1e-200, spread, 1.0).sqrt()
    z = (x - mean[:, None]) / scale[:, None]
    z = torch.where(weight[..., None] > 0, z, 0.0)
    ones = z.new_ones(*z.shape[:2], int(intercept))
    return torch.cat([ones, z], -1), first[:, 0] + mean, scale, fine


def _begin(groups: Groups, centre: Tensor, scale: Tensor, odds: Tensor) -> Tensor:
    """The first gamma: the null model, or ``begin`` in each group's coordinates."""
    lead = int(groups.intercept)
    if groups.begin is None:
        return torch.cat([odds, torch.zeros_like(scale)], 1)
    bias = groups.begin[:lead] + (centre @ groups.begin[lead:])[:, None]
    return torch.cat([bias[:, :lead], groups.begin[lead:] * scale], 1)


def _null(batch: _Batch, shifted: bool, intercept: bool, most: int, tol: float) -> tuple[Tensor, Tensor, Tensor]:
    """Log-likelihood of the null model, its intercept (B, 1) (B, 0 without one), and whether both exist."""
    ones, zeros = (batch.weight * batch.y).sum(1), (batch.weight * (1 - batch.y)).sum(1)
    two = (ones > 0) & (zeros > 0)
    nothing = batch.l2.new_zeros(len(ones), int(intercept))
    if not intercept:
        rows = Logistic().taylor(batch.offset[..., None], batch.y, 0)[0]
        return -(batch.weight * rows).sum(1), nothing, two
    if shifted:
        only = batch._replace(z=batch.z[..., :1], l2=batch.l2[:, :1])
        point, _, done = _newton(only, nothing, most, tol)
        return -point.value, point.gamma, done & two
    share = ones / (ones + zeros)
    null = torch.special.xlogy(ones, share) + torch.special.xlogy(zeros, 1 - share)
    return null, torch.where(two, torch.logit(share), 0.0)[:, None], two


def _newton(batch: _Batch, gamma: Tensor, most: int, tol: float) -> tuple[_Point, Tensor, Tensor]:
    """Damped Newton steps for all members; those that have ended stand still and are dropped when they are the half."""
    size = len(gamma)
    index, steps = torch.arange(size, device=gamma.device), gamma.new_zeros(size, dtype=torch.long)
    point, length = _point(batch, gamma), gamma.new_ones(size)
    last = point.distance <= tol * point.value  # one more step squares what is left
    done = point.sound & last & (point.distance <= ENOUGH * point.value)
    over = done | ~point.sound
    whole = (point, steps, done)
    while not bool(over.all()):
        if int(over.sum()) * 2 >= len(over):
            keep = ~over
            whole = _written(whole, index, (point, steps, done))
            batch, point = _Batch(*(t[keep] for t in batch)), _Point(*(t[keep] for t in point))
            index, steps, length, last, done, over = (t[keep] for t in (index, steps, length, last, done, over))
        new = _point(batch, point.gamma + length[:, None] * point.step)
        enough = new.value <= point.value * (1 + 1e-14) - 2e-4 * length * point.distance
        done = done | (~over & last & enough)
        take = ~over & enough & (~last | (new.sound & (new.distance <= point.distance)))
        steps = steps + (take & ~last)
        point = _Point(*(_where(take, a, b) for a, b in zip(new, point, strict=True)))
        length = torch.where(enough, 1.0, length / 2)
        last = last | (take & (point.distance <= tol * point.value))
        done = done | (take & last & (point.distance <= ENOUGH * point.value))
        over = over | done | ~point.sound | (length < SHORTEST) | (~last & (steps >= most))
    return _written(whole, index, (point, steps, done))


def _where(take: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(take.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def _written(whole: tuple[_Point, Tensor, Tensor], index: Tensor, part: tuple[_Point, Tensor, Tensor]) -> Any:
    """The whole with the members ``index`` as they are in ``part``."""
    point = _Point(*(a.index_copy(0, index, b) for a, b in zip(whole[0], part[0], strict=True)))
    return point, *(a.index_copy(0, index, b) for a, b in zip(whole[1:], part[1:], strict=True))


def _point(batch: _Batch, gamma: Tensor) -> _Point:
    """F with its derivatives at gamma, and where Newton's next step goes from there."""
    value, slope, bend = Logistic().taylor((_product(batch.z, gamma) + batch.offset)[..., None], batch.y, 2)
    value = (batch.weight * value).sum(1) + (batch.l2 * gamma.square()).sum(1) / 2
    grad = _product(batch.z.mT, batch.weight * slope[..., 0]) + batch.l2 * gamma
    hess = (batch.z * (batch.weight * bend[..., 0, 0])[..., None]).mT @ batch.z + torch.diag_embed(batch.l2)
    size = hess.diagonal(dim1=1, dim2=2)
    sound = value.isfinite() & hess.isfinite().all(2).all(1) & (size > 0).all(1)
    unit = torch.where(sound[:, None], size, 1.0).rsqrt()
    scaled = torch.where(
        sound[:, None, None], hess * unit[..., None] * unit[:, None], torch.eye(size.shape[1]).to(hess)
    )
    root, info = torch.linalg.cholesky_ex(scaled)
    sound = sound & (info == 0) & (root.diagonal(dim1=1, dim2=2).square().amin(1) >= SHAKY)
    root = torch.where(sound[:, None, None], root, torch.eye(size.shape[1]).to(root))
    half = torch.linalg.solve_triangular(root, (grad * unit)[..., None], upper=False)
    step = -torch.linalg.solve_triangular(root.mT, half, upper=True)[..., 0] * unit
    return _Point(gamma, value, grad, root, unit, step, half[..., 0].square().sum(1) / 2, sound)


def _product(z: Tensor, v: Tensor) -> Tensor:
    return (z @ v[..., None])[..., 0]


def _errors(point: _Point, centre: Tensor, scale: Tensor, lead: int) -> Tensor:
    """Lengths of the columns of root⁻¹ C, C from theta about x = 0 to the scaled gamma."""
    eye = torch.eye(point.root.shape[1]).to(point.root).expand_as(point.root)
    inverse = torch.linalg.solve_triangular(point.root, eye, upper=False) * point.unit[:, None]
    slopes = inverse[..., lead:] / scale[:, None]
    bias = inverse[..., :lead] - (slopes * centre[:, None]).sum(2, keepdim=True)[..., :lead]
    return torch.linalg.vector_norm(torch.cat([bias, slopes], 2), dim=1)
