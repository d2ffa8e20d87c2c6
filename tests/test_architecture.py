"""The shape of the package, read from its source with ``ast``: layers, homes of the heavy libraries, sizes."""

import ast
import importlib
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "torchlogit"

# From low to high. A module imports its own layer and lower ones; a folder's name stands for all that is in it.
LAYERS = [
    {"errors", "arguments", "arithmetic", "strict_json"},
    {"tables", "design", "linalg", "sigmoids", "losses", "information", "penalties", "kernels"},
    {"sources", "moments", "datasets"},
    {
        "objective",
        "cone",
        "separation",
        "rank",
        "solvers",
        "choice",
        "estimate",
        "surfaces",
        "folds",
        "foldpaths",
        "crossvalidate",
        "span",
        "quick",
        "jeffreys",
        "scoring",
        "firth",
        "implicit",
        "online",
    },
    {
        "fit",
        "fitted",
        "model",
        "path",
        "rows",
        "groups",
        "many",
        "bootstrap",
        "told",
        "intake",
        "digest",
        "encoder",
        "checkpoint",
        "streamed",
        "nn",
        "store",
        "persist",
        "calibrated",
        "estimators",
    },
    {"inference", "metrics", "calibration", "decision", "summary", "render"},
    {"plots", "report", "cli", "serve", "learn", "spark", "__main__"},
]

# Who may import upward, what, and why.
UPWARD = {
    ("fitted", "inference"): "methods of Fit hand on to the functions that read a fit, lazily",
    ("fitted", "summary"): "likewise",
    ("fitted", "report"): "likewise: the page about a fit",
    ("fitted", "decision"): "likewise",
    ("fitted", "metrics"): "likewise",
    ("estimators", "decision"): "SelectiveClassifier chooses its band by it, lazily",
    ("estimators", "metrics"): "likewise: what it chooses from",
    ("fitted", "calibration"): "likewise",
    ("calibrated", "decision"): "decide chooses its band by it, lazily",
    ("fitted", "plots"): "likewise: the pictures of a fit",
    ("many", "inference"): "likewise, methods of ManyFits",
}

# Who may import a library. Everywhere else it would be loaded without need or tie the mathematics to it.
HOMES = {
    "torch.distributed": {"sources.ranks", "sources.joining"},
    "matplotlib": {"plots"},
    "sklearn": {"estimators"},
    "pyspark": {"spark"},
    "pyarrow": {"tables", "sources"},
    "formulaic": {"tables.formula"},
    "typer": {"cli"},
    "rich": {"cli", "render", "datasets"},
    "jinja2": {"learn", "report"},
    "markdown_it": {"learn"},
    "pygments": {"learn"},
}

SHAPELESS = {"utils", "util", "helpers", "helper", "common", "misc"}
HEAVY = {"torch", "sklearn", "matplotlib", "pandas", "pyarrow"}


def modules(folder=SOURCE):
    """Every module of the package: its dotted name without the package's (``""`` for the package itself) → tree."""
    found = {}
    for path in sorted(set(folder.rglob("*.py")) - set(folder.glob("learn/code/*"))):  # those are text of the pages
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def is_package(name, folder=SOURCE):
    return (folder / Path(*name.split(".")) / "__init__.py").exists()


def lazy(tree):
    """All nodes that run only when something is called or never: inside functions and under ``TYPE_CHECKING``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            yield from ast.walk(node)


def imports(name, tree, *, package):
    """What a module imports, as (absolute dotted name, is it at top level); ``from a import b`` gives ``a.b``."""
    inside = {id(node) for node in lazy(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            targets = [f"{absolute(name, node, package=package)}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
            targets = [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.distributed":
            targets = ["torch.distributed"]
        else:
            continue
        yield from ((target, id(node) not in inside) for target in targets)


def absolute(name, node, *, package):
    """Resolve the module of a relative import: one dot is the module's own package, each further one its parent's."""
    if not node.level:
        return node.module
    parts = ["torchlogit", *filter(None, name.split("."))]
    up = node.level - package
    return ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])


def own_imports(found, *, packages):
    """Edges within the package: (from, to, at top level); ``to`` is the longest known module of the imported name."""
    for name, tree in found.items():
        for target, top in imports(name, tree, package=name in packages):
            if target.split(".")[0] == "torchlogit":
                parts = target.split(".")[1:]
                while ".".join(parts) not in found:
                    parts.pop()
                if parts or target != "torchlogit.__version__":
                    yield name, ".".join(parts), top


def home(name):
    return name.split(".")[0]


def layer(name):
    """Return the number of a module's layer; the package itself, which names everything lazily, is above all."""
    places = [number for number, names in enumerate(LAYERS) if home(name) in names]
    return places[0] if places else len(LAYERS)


def upward(edges):
    return [
        f"{source} (layer {layer(source)}) imports {target or 'torchlogit itself'} (layer {layer(target)})"
        for source, target, _ in edges
        if layer(target) > layer(source) and (home(source), home(target)) not in UPWARD
    ]


def circle(edges):
    """A circle of top-level imports as a list of modules, or an empty list."""
    graph = {}
    for source, target, top in edges:
        if top and source != target:
            graph.setdefault(source, set()).add(target)
    done = set()

    def walk(name, path):
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            for target in sorted(graph.get(name, ())):
                if found := walk(target, [*path, name]):
                    return found
            done.add(name)
        return []

    return next(filter(None, (walk(name, []) for name in sorted(graph))), [])


def strangers(found, packages):
    """Libraries imported outside their home."""
    for name, tree in found.items():
        for target, _ in imports(name, tree, package=name in packages):
            for library, homes in HOMES.items():
                inside = any(f"{name}.".startswith(f"{place}.") for place in homes)
                if f"{target}.".startswith(f"{library}.") and not inside:
                    yield f"{name or '__init__'} imports {target}; {library} belongs in {', '.join(sorted(homes))}"


def not_a_solvers(found, packages):
    """What a solver imports beside other solvers, ``errors``, ``linalg``, ``kernels``, torch and the standard library."""
    allowed = {"torchlogit.solvers", "torchlogit.errors", "torchlogit.linalg", "torchlogit.kernels", "torch"}
    for name in sorted(found):
        if name.startswith("solvers.") and name != "solvers.base":
            for target, _ in imports(name, found[name], package=name in packages):
                prefixes = {".".join(target.split(".")[:length]) for length in range(1, 4)}
                if not prefixes & (allowed | sys.stdlib_module_names):
                    yield f"{name} imports {target}"


def length(function):
    """Lines of a function without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


FOUND = modules()
PACKAGES = {name for name in FOUND if name == "" or is_package(name)}
EDGES = list(own_imports(FOUND, packages=PACKAGES))


def test_every_module_has_a_layer():
    assert [name for name in FOUND if name and layer(name) == len(LAYERS)] == [], "give it a place in LAYERS, above"


def test_imports_go_downward():
    assert upward(EDGES) == []


def test_no_circle_of_imports():
    assert circle(EDGES) == []


def test_heavy_libraries_stay_at_home():
    assert list(strangers(FOUND, PACKAGES)) == []


def test_a_solver_knows_only_functions():
    assert list(not_a_solvers(FOUND, PACKAGES)) == []


def test_every_module_has_a_shape():
    assert [name for name in FOUND if SHAPELESS & set(name.split("."))] == []


def test_functions_are_short():
    lengths = [
        length(node)
        for tree in FOUND.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert statistics.median(lengths or [0]) < 10


def test_files_can_be_read_in_one_sitting():
    sizes = {path.relative_to(SOURCE): path.read_text(encoding="utf-8").count("\n") for path in SOURCE.rglob("*.py")}
    assert {str(path): lines for path, lines in sizes.items() if lines > 400} == {}


def test_importing_the_package_is_light():
    script = f"import sys, torchlogit; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_resolves():
    package = importlib.import_module("torchlogit")
    names = getattr(package, "__all__", [])
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(package, name)] == []


# The checks themselves: each must find what it is for.


def edges_of(**sources):
    """Edges of modules given as source text, ``__`` in a name standing for a dot."""
    found = {"": ast.parse("")} | {name.replace("__", "."): ast.parse(text) for name, text in sources.items()}
    packages = {name for name in found if any(other.startswith(f"{name}.") for other in found)} | {""}
    return found, packages, list(own_imports(found, packages=packages))


@pytest.mark.parametrize(
    "text",
    [
        "import torchlogit.fit",
        "from torchlogit.fit import Fit",
        "from torchlogit import fit",
        "from torchlogit import Fit",
        "from . import fit",
        "from .fit import Fit",
        "def f():\n    from torchlogit.fit import Fit",
        "if TYPE_CHECKING:\n    from torchlogit.fit import Fit",
        "import_module('torchlogit.fit')",
    ],
)
def test_an_upward_import_is_found(text):
    assert upward(edges_of(design=text, fit="")[2])


def test_the_version_may_be_imported_anywhere():
    assert upward(edges_of(errors="from torchlogit import __version__")[2]) == []


def test_relative_imports_in_folders():
    found = edges_of(solvers="from . import newton", solvers__newton="from .base import x\nfrom ..fit import y")
    assert [edge[:2] for edge in found[2]] == [
        ("solvers", "solvers.newton"),
        ("solvers.newton", "solvers"),
        ("solvers.newton", ""),
    ]
    found = edges_of(
        solvers__newton="from .base import x\nfrom ..errors import y", solvers__base="", solvers="", errors=""
    )
    assert [edge[1] for edge in found[2]] == ["solvers.base", "errors"]
    assert list(not_a_solvers(*found[:2])) == []


def test_a_circle_is_found_and_a_lazy_one_is_none():
    top, inside = "from torchlogit import {}", "def f():\n    from torchlogit import {}"
    assert circle(edges_of(design=top.format("losses"), losses=top.format("design"))[2]) == [
        "design",
        "losses",
        "design",
    ]
    assert circle(edges_of(design=top.format("losses"), losses=inside.format("design"))[2]) == []


@pytest.mark.parametrize(
    "text",
    ["import torch.distributed as d", "from torch import distributed", "import torch\ntorch.distributed.barrier()"],
)
def test_torch_distributed_is_found(text):
    assert len(list(strangers(*edges_of(sources__base=text)[:2]))) == 1
    assert list(strangers(*edges_of(sources__ranks=text)[:2])) == []
    assert list(strangers(*edges_of(design="from torch.distributions import Normal")[:2])) == []


@pytest.mark.parametrize(
    "text", ["from torchlogit.losses import x", "from torchlogit import objective", "import numpy"]
)
def test_a_solver_that_knows_more_is_found(text):
    assert len(list(not_a_solvers(*edges_of(solvers__newton=text)[:2]))) == 1
    assert (
        list(not_a_solvers(*edges_of(solvers__newton="import math\nfrom torch import Tensor\nimport torch.linalg")[:2]))
        == []
    )
