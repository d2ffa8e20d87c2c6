"""What tests of the lesson's panels and programs share: reading a panel, its state in the URL, a program's output."""

import runpy
from contextlib import redirect_stdout
from io import StringIO
from urllib.parse import parse_qs

import torch

from torchlogit.learn import site


def numbers(texts):
    """Numbers as a page writes them."""
    return [float(text.replace("−", "-").replace(",", "")) if isinstance(text, str) else text for text in texts]


def told(page, panel):
    """The sentence that a panel says."""
    return page.locator(f'[data-panel="{panel}"] .told').inner_text()


def state(page, key):
    """A value of the URL, once it has settled there; None if it is the default."""
    page.wait_for_timeout(350)
    return parse_qs(page.evaluate("location.hash.slice(1)")).get(key, [None])[0]


FOLLOW = """(hash) => new Promise((done) => {
  addEventListener("hashchange", done, {once: true});
  location.hash = hash;
})"""


def follow(page, hash):
    """Go to the same page with another hash, as by a link."""
    page.evaluate(FOLLOW, hash)


def check_program(page, name):
    """The program runs without a warning and prints the block of text that follows it on both pages."""
    printed = StringIO()
    with redirect_stdout(printed), torch.random.fork_rng():
        runpy.run_path(str(site.HERE / "code" / f"{name}.py"), run_name="__main__")
    for language in site.LANGUAGES:
        body = site.read_page(page, language).body
        assert f'{{{{ code("{name}") }}}}\n\n```text\n{printed.getvalue()}```' in body, (language, printed.getvalue())
