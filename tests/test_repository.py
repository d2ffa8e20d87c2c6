"""The repository around the package: README examples run, versions agree, nothing names the machine it was made on."""

import doctest
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import torchlogit

ROOT = Path(__file__).resolve().parents[1]
READMES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")])
# Written in pieces, so that this file does not find itself.
MACHINE = [f"/{folder}/".encode() for folder in ("work", "root")] + [b"/tmp" + b"/venv"]


def blocks(text):
    """Python code of every fenced block that is not marked ``no-run``, each at its own line of the file."""
    for match in re.finditer(r"^```python(.*)\n((?:.*\n)*?)```\s*$", text, re.MULTILINE):
        if "no-run" not in match[1]:
            yield "\n" * (text[: match.start(2)].count("\n")) + match[2]


def run_block(code, names, path):
    if code.lstrip().startswith(">>>"):
        case = doctest.DocTestParser().get_doctest(code, names, path.name, str(path), 0)
        results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(
            case, clear_globs=False
        )
        assert results.failed == 0, f"{path.name}: an example gives something else; see the output"
        names.update(case.globs)
    else:
        exec(compile(code, str(path), "exec"), names)


def run_blocks(text, path):
    """Run the blocks one after the other as one session, in the current folder."""
    names = {"__name__": "readme"}
    for code in blocks(text):
        run_block(code, names, path)
    return names


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_readme_examples_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    run_blocks(path.read_text(encoding="utf-8"), path)


def test_blocks_run_in_order_share_names_and_fail_loudly():
    text = "a\n```python\nx = 1\n```\nb\n```python no-run\nx = 2\n```\n```python\n>>> x + 1\n2\n```\n```bash\nx\n```\n"
    assert run_blocks(text, Path("r.md"))["x"] == 1
    with pytest.raises(ZeroDivisionError) as caught:
        run_blocks("one\n\n```python\n1 / 0\n```\n", Path("r.md"))
    assert caught.traceback[-1].lineno == 3  # counted from 0: the fourth line of the file
    with pytest.raises(AssertionError, match="something else"):
        run_blocks("```python\n>>> 1 + 1\n3\n```\n", Path("r.md"))


def tracked():
    """Every file that git tracks and that is there."""
    try:
        done = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in done.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_path_of_the_machine_it_was_made_on():
    found = [
        f"{path.relative_to(ROOT)}: {word.decode()}"
        for path in tracked()
        for word in MACHINE
        if word in path.read_bytes()
    ]
    assert found == []


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == torchlogit.__version__
    for name in ("CHANGELOG.md", "CITATION.cff"):
        assert re.search(rf"\b{re.escape(torchlogit.__version__)}\b", (ROOT / name).read_text(encoding="utf-8")), name


def test_constraints_pin_everything_the_tests_need():
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split("\n") if "==" in line)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["plot"], *extras["io"], *extras["test"]]
    names = {re.split(r"[\[<>=~!;\s]", requirement)[0] for requirement in wanted} - {"torchlogit"}
    assert names - pins.keys() == set()
