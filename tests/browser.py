"""The lesson's pages in a real Chromium: fixtures for tests, taken up by conftest.py.

    def test_something(open_page):
        page = open_page("loss", language="zh", width=390, scheme="dark", hash="loss.y=1")
        assert page.evaluate("torchlogit.model.…") == …

`open_page` gives a playwright page, loaded from file:// with its panels drawn. At the end of the test it fails if a page
said anything on the console, threw an error, or asked for anything that is not a file. Where playwright or Chromium is
absent the tests skip and say so.
"""

import os
import shutil

import pytest

from torchlogit.learn import site

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDTHS = {"phone": 390, "desktop": 1280}
LOCAL = ("file:", "data:", "blob:")


def chromium_path():
    """Chromium as the system has it, or CHROMIUM names it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def chromium():
    """One Chromium for all tests of a process. They take minutes: with a Chromium at hand, ask for them by CI=1."""
    if not os.environ.get("CI"):
        pytest.skip("tests of the pages in Chromium take seven minutes more: CI=1 make test runs them")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install '.[browser]'"
    )
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on this machine: install chromium, or name one in CHROMIUM")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser
        browser.close()


class Site:
    """The built pages; each is made when it is first opened, so a page that is broken breaks its own tests only."""

    def __init__(self, folder):
        self.folder = folder
        site.write_static(folder)
        site.write_start(folder)

    def path(self, name, language):
        path = self.folder / language / f"{name}.html"
        return path if path.exists() else site.write_page(self.folder, name, language)


@pytest.fixture(scope="session")
def learn_site(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("learn"))


def listen(page, problems):
    """Collect in ``problems`` whatever a page should not do."""
    page.on("console", lambda message: problems.append(f"console: {message.type}: {message.text}"))
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("requestfailed", lambda request: aborted(request) or problems.append(f"failed: {request.url}"))
    page.on("request", lambda request: request.url.startswith(LOCAL) or problems.append(f"asked for: {request.url}"))


def aborted(request):
    """Whether the page itself gave up the request, because it was left for another one."""
    return request.failure == "net::ERR_ABORTED"


def ready(page):
    """Wait until every panel is drawn and the fonts are there."""
    page.wait_for_function("document.querySelectorAll('[data-panel]:not([data-ready])').length === 0", timeout=5000)
    page.evaluate("document.fonts.ready.then(() => 0)")


@pytest.fixture
def open_page(chromium, learn_site):
    """Call it with a page's name, and language, width, scheme, motion, script, hash; fails the test on any problem."""
    contexts, problems = [], []

    def call(name, language="en", width=WIDTHS["desktop"], scheme="light", motion=True, script=True, hash=""):
        context = chromium.new_context(
            viewport={"width": width, "height": 844 if width < 600 else 900},
            color_scheme=scheme,
            reduced_motion="no-preference" if motion else "reduce",
            java_script_enabled=script,
            has_touch=width < 600,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        listen(page, problems)
        page.goto(learn_site.path(name, language).as_uri() + (f"#{hash}" if hash else ""))
        if script and not problems:
            ready(page)
        return page

    yield call
    for context in contexts:
        context.close()
    assert problems == []
