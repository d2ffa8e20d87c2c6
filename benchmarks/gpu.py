"""The GPU mode: fits on ``device="cuda"``, and the share of the memory bandwidth that one pass over X reaches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

FITS = ("S1", "S4", "S9")
SHAPES = ((84_000_000, 16), (10_500_000, 128), (2_600_000, 512))  # float32, 5.4 GB each
FILE = "gpu.json"


def main(quick: bool = False) -> None:
    """Measure and keep the results; where there is no CUDA device, say so."""
    import torch

    from benchmarks.runner import RESULTS

    if not torch.cuda.is_available():
        print("no CUDA device here: the GPU mode is skipped")
        return
    found = measure("cuda", [(n // 100, d) for n, d in SHAPES] if quick else list(SHAPES), quick)
    RESULTS.mkdir(parents=True, exist_ok=True)
    if not quick:
        (RESULTS / FILE).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(told(found))


def measure(device: str, shapes: list[tuple[int, int]], quick: bool) -> dict[str, Any]:
    """Everything, ready for JSON."""
    import torch

    from benchmarks.machine import described

    card = torch.cuda.get_device_name() if device == "cuda" else device
    passes = [one_pass(n, d, device) for n, d in shapes]
    return {"card": card, "machine": described(), "passes": passes, "fits": fits(device, quick)}


def timed(work: Callable[[], Any], device: str, rounds: int = 5) -> float:
    """Seconds, the median of some, after one that is not counted."""
    import torch

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    runs = []
    for _ in range(rounds + 1):
        wait()
        begin = perf_counter()
        work()
        wait()
        runs.append(perf_counter() - begin)
    return median(runs[1:])


def one_pass(n: int, d: int, device: str) -> dict[str, Any]:
    """Value and gradient over made float32 data, beside one plain read (a sum) of the same X; then the whole fit."""
    import torch

    from torchlogit import LogisticRegression

    generator = torch.Generator(device).manual_seed(0)
    x = torch.randn(n, d, generator=generator, device=device)
    y = (torch.rand(n, generator=generator, device=device) < torch.sigmoid(x[:, 0] - 1)).long()
    objective = objective_of(x, y)
    theta = objective.zeros()
    seconds = timed(lambda: objective.taylor(theta, 1), device)
    read = timed(lambda: x.sum(), device)
    fit = timed(lambda: LogisticRegression().fit(x, y), device, 3)
    size = x.numel() * x.element_size()
    return {
        "rows": n, "columns": d, "pass": seconds, "read": read, "fit": fit, "gigabytes_a_second": size / seconds / 1e9,
        "of_the_card": _of_the_card(size / seconds, device), "trips": _round_trip(objective, theta, device),
    }  # fmt: skip


def objective_of(x: Any, y: Any) -> Any:
    """F of these rows with L2 of strength 1, as a fit makes it."""
    from torchlogit import L2
    from torchlogit.losses import loss_for
    from torchlogit.moments import moments
    from torchlogit.objective import Objective
    from torchlogit.rank import independent
    from torchlogit.sources.memory import MemorySource

    source = MemorySource(x, y, None, None, intercept=True)
    coordinates = independent(source, moments(source)).coordinates
    k, loss = loss_for("auto", 2)
    columns = tuple(f"x{j}" for j in range(x.shape[1]))
    penalty = L2(1.0).strengths(columns, coordinates, source.intercept)
    return Objective(source, loss, penalty, k, coordinates)


def _of_the_card(rate: float, device: str) -> float | None:
    """Share of the bandwidth that the card's data sheet promises."""
    import torch

    if device != "cuda":
        return None
    card = torch.cuda.get_device_properties(0)
    clock, width = getattr(card, "memory_clock_rate", 0), getattr(card, "memory_bus_width", 0)  # kHz, bits
    return rate / (2 * clock * 1e3 * width / 8) if clock and width else None


def _round_trip(objective: Any, theta: Any, device: str) -> str:
    """Whether a pass makes the host wait for the card; the first place where it does."""
    import torch

    if device != "cuda":
        return ""
    torch.cuda.set_sync_debug_mode("error")
    try:
        objective.taylor(theta, 1)
    except RuntimeError as error:
        return str(error).splitlines()[0]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return ""


def fits(device: str, quick: bool) -> list[dict[str, Any]]:
    """S1, S4 and S9 with their data on the card."""
    import numpy as np
    import torch

    from benchmarks.generators import Absent
    from benchmarks.problems import problems
    from benchmarks.rivals.ours import Estimator, Many
    from benchmarks.runner import RESULTS, judged, reference

    found = []
    for name in FITS:
        try:
            problem = problems()[name](quick)
        except Absent as absent:
            found.append({"name": name, "skipped": str(absent)})
            continue
        door = Many() if problem.kind == "many" else Estimator()
        if why := door.unfit(problem):
            found.append({"name": name, "skipped": why})
            continue
        data = [torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in door.prepare(problem)]
        model = door.fit(problem, data, door.default)
        answer = _on_host(door, problem, model)
        judgement = judged(problem, reference(problem, RESULTS / "optima")[0], answer)
        found.append({"name": name, "title": problem.title, **judgement, "seconds": timed(
            lambda door=door, problem=problem, data=data: door.fit(problem, data, door.default), device, 3)})  # fmt: skip
    return found


def _on_host(door: Any, problem: Any, model: Any) -> Any:
    """The answer, from tensors on the card."""
    import torch

    parts = model if isinstance(model, tuple) else None
    if parts is not None:
        return door.answer(problem, tuple(part.cpu() for part in parts))
    model.coef_, model.intercept_ = torch.as_tensor(model.coef_).cpu(), torch.as_tensor(model.intercept_).cpu()
    return door.answer(problem, model)


def told(found: dict[str, Any]) -> str:
    """The tables, in Markdown."""
    from benchmarks.verdict import gap, seconds

    lines = [
        f"## On a GPU: {found['card']}",
        "",
        "`python -m benchmarks --gpu`; float32; a pass is value and gradient.",
        "",
    ]
    lines += ["| shape | one pass | GB/s | of the card | times a plain read | host waits | whole fit |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for p in found["passes"]:
        share = "—" if p["of_the_card"] is None else f"{p['of_the_card']:.0%}"
        cells = [
            f"{p['rows']:,} × {p['columns']}".replace(",", " "),
            seconds(p["pass"]),
            f"{p['gigabytes_a_second']:.0f}",
        ]
        cells += [share, f"{p['pass'] / p['read']:.2f}", p["trips"] or "no", seconds(p["fit"])]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| # | workload | fit | F |", "|---|---|---|---|"]
    for fit in found["fits"]:
        tail = (
            [fit["skipped"], "", ""] if "skipped" in fit else [fit["title"], seconds(fit["seconds"]), gap(fit["gap"])]
        )
        lines.append(f"| {fit['name']} | {' | '.join(tail)} |")
    return "\n".join(lines) + "\n"


def section(folder: Path) -> str:
    """What the page says of a GPU, if one was measured."""
    file = folder / FILE
    return "\n" + told(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else ""
