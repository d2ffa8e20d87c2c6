"""Rows of a table as a linear map. Only this file knows dense from sparse, centring, scaling and the intercept.

Shapes: n rows, d features, p = d + 1 with an intercept (row 0 of theta), k columns of eta, ``*B`` any leading batch
dimensions (folds, bootstraps, strengths, steps of a line search).
"""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.arithmetic import all_threads
from torchlogit.kernels.passes import (
    column_moments,
    gram_pass,
    hessian_pass,
    logistic_pass,
    softmax_hessian_pass,
    softmax_pass,
    sparse_moments,
)
from torchlogit.linalg import adjoint_product, exact_product, weighted_gram

if TYPE_CHECKING:
    from scipy.sparse import csr_array


CHUNK = 2**21  # entries of the weighted copies of a block that are made at a time
NARROW = 512  # columns up to which many Gram matrices of a sparse block are cheaper from its dense form
PACKED = 1024  # columns up to which the compiled Gram matrix keeps up with a GEMM
PANEL = 2**17  # numbers that are made at a time beside many others: the system takes back what is over a few MB


class Coordinates(NamedTuple):
    """The basis in which a problem is solved: ``z = ((x - centre) / scale) @ basis - shift``: theta moves, not the data.

    ``centre`` (d,); ``scale`` (d,) powers of two, hence exact; ``basis`` (d, r) upper triangular, None for the identity;
    ``shift`` (r,) beside it. ``explicit``: form z block by block (where folding it into theta would cancel digits).
    """

    centre: Tensor
    scale: Tensor
    basis: Tensor | None = None
    shift: Tensor | None = None
    explicit: bool = False

    def slopes(self, gamma: Tensor) -> Tensor:
        """Slopes per unit of x, (*B, d, k), from slopes per unit of z, (*B, r, k)."""
        gamma = gamma if self.basis is None else self.basis @ gamma
        return gamma / self.scale[:, None]

    def adjoint(self, t: Tensor) -> Tensor:
        """The transpose of `slopes`: (*B, r, k) from (*B, d, k)."""
        t = t / self.scale[:, None]
        return t if self.basis is None else self.basis.mT @ t

    def gamma(self, theta: Tensor, intercept: bool) -> Tensor:
        """The inverse of `theta` (with a basis of r < d columns: the least-squares one)."""
        lead = int(intercept)
        slopes = theta[lead:] * self.scale[:, None]
        if self.basis is not None:
            slopes = torch.linalg.lstsq(self.basis, slopes).solution
        bias = theta[:lead] if self.shift is None or not lead else theta[:1] + (self.shift @ slopes)[None]
        return torch.cat([bias, slopes])

    def seen(self, theta: Tensor, about: Tensor | float, intercept: bool) -> Tensor:
        """`gamma` of a theta (p, k) about another centre, (d,) or 0 for x = 0."""
        theta = theta.to(self.centre).clone()
        if intercept:
            theta[0] += (self.centre - about) @ theta[1:]
        return self.gamma(theta, intercept)

    def theta(self, gamma: Tensor, intercept: bool) -> Tensor:
        """Theta in units of ``x - centre`` (row 0 the intercept there), (d + 1, k) or (d, k), from that in units of z."""
        lead = int(intercept)
        bias, slopes = gamma[:lead], gamma[lead:]
        if self.shift is not None and lead:
            bias = bias - (self.shift @ slopes)[None]
        return torch.cat([bias, self.slopes(slopes)])

    def transform(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Z (n, r) of one dense block, in float64 until the differences are taken."""
        z = (x.double() - self.centre).div_(self.scale)
        if self.basis is not None:
            z = exact_product(z, self.basis)
        return (z if self.shift is None else z - self.shift).to(dtype)

    def select(self, index: Tensor) -> Coordinates:
        """Those of some columns only; where a basis mixes them there can be none."""
        if self.basis is not None and len(index):
            raise ValueError("columns of a basis are mixtures: they cannot be selected")
        return Coordinates(self.centre[index], self.scale[index], explicit=self.explicit)

    def to(self, dtype: torch.dtype | None = None, device: torch.device | None = None) -> Coordinates:
        """The same with all numbers in ``dtype``, on a device."""
        basis, shift = (None if t is None else t.to(device, dtype) for t in (self.basis, self.shift))
        return Coordinates(self.centre.to(device, dtype), self.scale.to(device, dtype), basis, shift, self.explicit)

    @property
    def rank(self) -> int:
        """Number of columns of z."""
        return len(self.scale) if self.basis is None else self.basis.shape[1]


PASSES = {"logistic": logistic_pass, "softmax": softmax_pass}


class Design:
    """The linear map of one block of rows, shape (n, p).

    ``x`` is a dense tensor (n, d) of any real dtype or a SciPy CSR array; ``dtype`` is the working precision. With
    ``coordinates`` the map is that of the centred and scaled columns; the data are never touched and, unless the
    coordinates are explicit, never copied. A basis fills in the zeros of sparse rows, so there a block becomes dense.

    >>> import torch
    >>> design = Design(torch.tensor([[1.0], [3.0]]), dtype=torch.float64)
    >>> design.matmul(torch.tensor([[0.5], [2.0]], dtype=torch.float64))
    tensor([[2.5000],
            [6.5000]], dtype=torch.float64)
    """

    def __init__(
        self,
        x: Tensor | csr_array,
        intercept: bool = True,
        dtype: torch.dtype = torch.float64,
        coordinates: Coordinates | None = None,
    ) -> None:
        self.intercept, self.dtype = intercept, dtype
        self.x: Any = x if isinstance(x, Tensor) else x.astype(str(dtype).removeprefix("torch."), copy=False)
        self.coordinates: Coordinates | None = None
        if coordinates is not None and coordinates.explicit and (self.dense or coordinates.basis is not None):
            self.x = coordinates.transform(x if isinstance(x, Tensor) else _torch(x.toarray()), dtype)
        elif coordinates is not None:
            self.coordinates = self._fold(coordinates)
        width = self.x.shape[1] if self.coordinates is None else self.coordinates.rank
        self.shape = (self.x.shape[0], width + intercept)

    def _fold(self, coordinates: Coordinates) -> Coordinates:
        """Coordinates to be applied to theta; sparse rows keep their zeros, so only an extreme scale is applied to them."""
        if not coordinates.explicit:
            return coordinates
        self.x = self.x.multiply(1 / coordinates.scale.cpu().numpy()[None, :]).tocsr()
        scale = torch.ones_like(coordinates.scale)
        return coordinates._replace(centre=coordinates.centre / coordinates.scale, scale=scale)

    @cached_property
    def folded(self) -> Coordinates | None:
        """The coordinates that are applied to theta, in the working precision; ``coordinates`` are the same in float64."""
        return None if self.coordinates is None else self.coordinates.to(self.dtype)

    @property
    def dense(self) -> bool:
        return isinstance(self.x, Tensor)

    def moved(self, coordinates: Coordinates | None, dtype: torch.dtype) -> Design:
        """The same rows seen in other coordinates and working precision."""
        return Design(self.x, self.intercept, dtype, coordinates)

    def matmul(self, theta: Tensor) -> Tensor:
        """Eta, (*B, n, k), from theta (*B, p, k)."""
        w, bias = self._on_x(theta, self.folded)
        if w.ndim == 2 and self.dense:
            return torch.addmm(bias, self.x.to(self.dtype), w)
        return _unflat(self._product(_flat(w)), w) + bias

    def _on_x(self, theta: Tensor, folded: Coordinates | None) -> tuple[Tensor, Tensor]:
        """Slopes (*B, d, k) and intercept (*B, 1, k) for x as it is stored."""
        w = theta[..., 1:, :] if self.intercept else theta
        bias = theta[..., :1, :] if self.intercept else torch.zeros_like(theta[..., :1, :])
        if folded is not None:
            if folded.shift is not None:
                bias = bias - (folded.shift @ w).unsqueeze(-2)
            w = folded.slopes(w)
            bias = bias - (folded.centre @ w).unsqueeze(-2)
        return w, bias

    def rmatmul(self, r: Tensor) -> Tensor:
        """The adjoint: (*B, p, k) from row values r (*B, n, k)."""
        return self._from_x(_unflat(self._adjoint(_flat(r)), r), r.sum(-2, keepdim=True), self.folded)

    def _from_x(self, out: Tensor, sums: Tensor, folded: Coordinates | None) -> Tensor:
        """The adjoint of `_on_x`: from ``xᵀr`` (*B, d, k) and Σ r (*B, 1, k)."""
        if folded is not None:
            out = folded.adjoint(out - folded.centre[:, None] * sums)
            if folded.shift is not None:
                out = out - folded.shift[:, None] * sums
        return torch.cat([sums, out], -2) if self.intercept else out

    def fused(
        self, loss: str, theta: Tensor, block: Any, curvature: Tensor | None = None, order: int = 1
    ) -> tuple[Tensor, Tensor] | None:
        """Σ s ℓ and its gradient (p, k) of a loss by name, in one read of x; None where there is no kernel for it.

        ``theta`` (p, k) and the block's weights and offsets are float64. ``curvature`` receives what `curved` needs: s ℓ″
        (n,) of the logistic loss, probabilities (n, k) of the softmax.
        """
        (w, bias), call = self._on_x(theta, self.coordinates), PASSES.get(loss)
        if call is None or (loss == "logistic" and theta.shape[-1] > 1):
            return None
        rows = block.y, block.weight, block.offset
        out = call(self.x, w, bias[0], *rows, order=order, dtype=self.dtype, curvature=curvature)
        return None if out is None else (out[0], self._summed(out, w))

    def curved(self, v: Tensor, weight: Tensor, curvature: Tensor) -> Tensor | None:
        """The Hessian's product with v (p, k), from what `fused` kept, in one read of x; None where there is no kernel."""
        w, bias = self._on_x(v, self.coordinates)
        if curvature.ndim == 1:
            out = hessian_pass(self.x, w, bias[0], curvature, self.dtype)
        else:
            out = softmax_hessian_pass(self.x, w, bias[0], weight, curvature, self.dtype)
        return None if out is None else self._summed(out, w)

    def _summed(self, out: Tensor, w: Tensor) -> Tensor:
        """The gradient (p, k) in these coordinates from a pass's sums over x."""
        k = w.shape[1]
        return self._from_x(out[1 + k :].reshape(w.shape), out[None, 1 : 1 + k], self.coordinates)

    def gram(self, h: Tensor) -> Tensor:
        """The weighted Gram matrix, (*B, p, k, p, k), from symmetric row weights h (*B, n, k, k)."""
        *batch, _, k, _ = h.shape
        p = self.shape[1]
        first, second = torch.tril_indices(k, k, device=h.device)
        pairs = h[..., first, second].movedim(-1, -2)  # (*B, k(k+1)/2, n): each pair of classes once
        parts = self._weighted(pairs.reshape(-1, pairs.shape[-1])).reshape(*batch, -1, p, p)
        if k == 1:
            return parts.reshape(*batch, p, 1, p, 1)
        out = parts.new_empty(*batch, k, k, p, p)
        out[..., first, second, :, :] = parts
        out[..., second, first, :, :] = parts
        return out.movedim((-4, -3, -2, -1), (-3, -1, -4, -2))

    def cross(self, h: Tensor, index: Tensor) -> Tensor:
        """Columns of the weighted Gram matrix, (p, k, m, k), from row weights h (n, k, k), for some rows of theta."""
        k, m = h.shape[-1], len(index)
        weighted = (h[..., None] * self._columns(index)[:, None, None, :]).flatten(1)
        with all_threads(self.x.shape[1] * weighted.numel()):
            out = self.rmatmul(weighted)
        return out.reshape(-1, k, k, m).movedim(-1, -2)

    def _columns(self, index: Tensor) -> Tensor:
        """Z's columns (n, m) beside some rows of theta."""
        lead = int(self.intercept)
        if self.dense and self.coordinates is None and bool((index >= lead).all()):
            return self.x[:, index - lead].to(self.dtype)
        some = torch.zeros(self.shape[1], len(index), dtype=self.dtype, device=index.device)
        some[index, torch.arange(len(index), device=index.device)] = 1.0
        return self.matmul(some)

    def outer(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """``Σⱼ weightⱼ zⱼ zⱼᵀ`` (n, n) float64 over the columns of dense rows, weight (d, 1) ≥ 0.

        A panel of columns at a time, each multiplied in ``dtype``.
        """
        total = torch.zeros(self.shape[0], self.shape[0], dtype=torch.float64, device=self.x.device)
        unit = weight[:, 0].sqrt()
        centre = torch.zeros_like(unit) if self.coordinates is None else self.coordinates.centre
        unit = unit if self.coordinates is None else unit / self.coordinates.scale
        width = max(64, PANEL // max(1, self.shape[0]))
        for panel, c, u in zip(*(t.split(width, -1) for t in (self.x, centre, unit)), strict=True):
            z = panel.double().sub(c).mul_(u).to(dtype)
            total += z @ z.mT  # a triangle by BLAS's dsyrk takes as long
        return total

    def diagonal(self, h: Tensor) -> Tensor:
        """Diagonal of the Gram matrix, (*B, p, k), from weights h (*B, n, k); folded centring and basis are left out."""
        zeros = torch.zeros(self.x.shape[1], dtype=torch.float64)
        found = self.moments(h[:, 0].double(), zeros, zeros + 1) if h.ndim == 2 and h.shape[1] == 1 else None
        out = _unflat(self._adjoint(_flat(h), squared=True), h) if found is None else found[2][:, None].to(h.dtype)
        if self.folded is not None:
            out = out / self.folded.scale[:, None].square()
        return torch.cat([h.sum(-2, keepdim=True), out], -2) if self.intercept else out

    def moments(self, weight: Tensor, pivot: Tensor, unit: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """``Σ s t``, ``Σ s |t|``, ``Σ s t²`` (d,) with ``t = (x − pivot) / unit`` in one read; None without a kernel for it.

        Sparse rows take a pivot of 0 and a unit of 1.
        """
        if self.dense:
            found = column_moments(self.x, weight, pivot, unit)
        else:
            found = sparse_moments(self.x, weight)
        return None if found is None else (found[0], found[1], found[2])

    def to_dense(self) -> Tensor:
        """All p columns (n, p) in these coordinates as one tensor: for small problems and for tests."""
        device = self.x.device if self.dense else torch.device("cpu")
        return self.matmul(torch.eye(self.shape[1], dtype=self.dtype, device=device))

    def picked(self, rows: Tensor) -> Design:
        """The same map of some rows."""
        out = copy(self)
        out.x = self.x[rows] if self.dense else self.x[rows.numpy()]
        out.shape = (len(rows), self.shape[1])
        return out

    def reach(self) -> Tensor:
        """No row has a larger entry in these coordinates, (n,), up to rounding; sparse rows are not filled in."""
        here, lead = self.coordinates, float(self.intercept)
        if self.dense:
            parts = self.x.split(max(1, PANEL // max(1, self.x.shape[1])))
            rows = (part.double() if here is None else here.transform(part, torch.float64) for part in parts)
            return torch.cat([part.abs().amax(1).clamp_min(lead) for part in rows])
        x, most = abs(self.x), 0.0
        if here is not None:
            x, most = x.multiply(1 / here.scale.numpy()[None, :]), float((here.centre / here.scale).abs().max())
        return _torch(x.max(axis=1).toarray().ravel()).double().add(most).clamp_min(lead)

    def _product(self, w: Tensor) -> Tensor:
        return self.x.to(self.dtype) @ w if self.dense else _torch(self.x @ w.numpy())

    def _adjoint(self, r: Tensor, squared: bool = False) -> Tensor:
        if self.dense:
            x = self.x.to(self.dtype)
            return adjoint_product(x.square() if squared else x, r)
        x = self.x.power(2) if squared else self.x
        return _torch(x.T @ r.numpy())

    def _weighted(self, h: Tensor) -> Tensor:
        """``zᵀ diag(h) z`` (c, p, p) for each of c vectors of weights h (c, n)."""
        gram = self._raw_gram(h)
        if self.folded is not None:
            gram = moved_gram(gram, self.folded if gram.dtype == self.dtype else self.coordinates)
        return gram if self.intercept else gram[:, 1:, 1:]

    def _raw_gram(self, h: Tensor) -> Tensor:
        """``Σ h (1, x)(1, x)ᵀ`` (c, d + 1, d + 1), before any coordinates."""
        packed = (gram_pass(self.x, part, self.dtype) for part in h) if self._packed(h) else ()
        compiled = [part for part in packed if part is not None]
        if compiled:
            return torch.stack(compiled)
        sums, inner = self._adjoint(h.mT).mT, self._inner(h)
        top = torch.cat([h.sum(-1)[:, None], sums], -1)[:, None]
        return torch.cat([top, torch.cat([sums[..., None], inner], -1)], -2)

    def _packed(self, h: Tensor) -> bool:
        """Whether the compiled Gram matrix keeps up: for few columns, and few vectors of weights or many rows."""
        return self.x.shape[1] <= PACKED and (len(h) == 1 or (self.dense and self.x.shape[0] > PACKED))

    def _inner(self, h: Tensor) -> Tensor:
        """``xᵀ diag(h) x`` (c, d, d)."""
        if self.dense or (len(h) > 1 and self.x.shape[1] <= NARROW):
            x = (self.x if self.dense else _torch(self.x.toarray())).to(self.dtype)
            chunks = h.split(max(1, CHUNK // max(1, x.numel())))
            with all_threads(x.shape[1] * x.numel()):
                return torch.cat([weighted_gram(x, part) for part in chunks])
        weighted = (self.x.multiply(part.numpy()[:, None]).tocsr().T @ self.x for part in h)
        return torch.stack([_torch(part.toarray()) for part in weighted])


def moved_gram(gram: Tensor, to: Any) -> Tensor:
    """The Gram matrix of (1, z) (c, r + 1, r + 1) from that of (1, x), in place where z is only moved and scaled."""
    _shift(gram, to.centre)
    gram[:, 1:] /= to.scale[:, None]
    gram[:, :, 1:] /= to.scale
    if to.basis is None:
        return gram
    whole = torch.block_diag(to.basis.new_ones(1, 1), to.basis)
    gram = whole.mT @ gram @ whole
    if to.shift is not None:
        _shift(gram, to.shift)
    return gram


def _shift(gram: Tensor, by: Tensor) -> None:
    """Move the columns beside the 1 by ``by``, in place."""
    gram[:, 1:] -= by[:, None] * gram[:, :1]
    gram[:, :, 1:] -= gram[:, :, :1] * by


def _torch(array: Any) -> Tensor:
    import numpy as np

    return torch.from_numpy(np.ascontiguousarray(np.asarray(array)))


def _flat(t: Tensor) -> Tensor:
    """(*B, m, k) → (m, B·k): every batch member is a column of one product."""
    return t if t.ndim == 2 else t.flatten(0, -3).movedim(0, 1).flatten(1)


def _unflat(flat: Tensor, like: Tensor) -> Tensor:
    """(m, B·k) → (*B, m, k), the inverse of `_flat`."""
    if like.ndim == 2:
        return flat
    *batch, _, k = like.shape
    return flat.unflatten(1, (-1, k)).movedim(1, 0).unflatten(0, batch)
