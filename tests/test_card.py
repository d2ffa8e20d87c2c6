"""What a card would refuse, on machines without one: the tests of `on_card`, in a process that believes that it has a card."""

import os
import subprocess
import sys
from pathlib import Path


def test_fits_with_their_rows_on_a_card():
    options = ["-q", "--tb=short", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib --strict-markers"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", Path(__file__).with_name("on_card.py"), *options],
        capture_output=True, text=True, timeout=600, env=plain, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
