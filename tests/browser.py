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
from contextlib import ExitStack, contextmanager

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
        pytest.skip("tests of the pages in Chromium take minutes more: CI=1 make test runs them")
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


class Tab:
    """A page that shows one address after another: to make it takes as long as to load a page of the lesson."""

    def __init__(self, browser, **kind):
        context = browser.new_context(**kind)
        context.set_default_timeout(10_000)
        self.page, self.problems = context.new_page(), []
        self.devtools = context.new_cdp_session(self.page)
        listen(self.page, self.problems)

    def show(self, address, width=WIDTHS["desktop"], scheme="light", motion=True):
        """As in a browser just opened: nothing to go back to."""
        self.page.set_viewport_size({"width": width, "height": 844 if width < 600 else 900})
        self.page.emulate_media(
            media="screen", color_scheme=scheme, reduced_motion="no-preference" if motion else "reduce"
        )
        self.page.goto(address)
        self.devtools.send("Page.resetNavigationHistory")
        return self.page

    def leave(self):
        """Go away from the address: what its page did that it should not."""
        self.page.mouse.move(0, 0)
        self.page.goto("about:blank")
        found, self.problems[:] = list(self.problems), []
        return found


class Tabs:
    """The tabs of a Chromium, those of a phone and those of a desktop."""

    def __init__(self, browser):
        self.browser, self.free = browser, {}

    @contextmanager
    def lend(self):
        """``take(width, script)``, a tab; at the end all taken are free again, and none had a problem."""
        taken = []

        def take(width, script=True):
            kind = {"has_touch": width < 600, "java_script_enabled": script}
            free = self.free.setdefault(tuple(kind.values()), [])
            taken.append((free.pop() if free else Tab(self.browser, **kind), free))
            return taken[-1][0]

        yield take
        problems = [problem for tab, _ in taken for problem in tab.leave()]
        for tab, free in taken:
            free.append(tab)
        assert problems == []


@pytest.fixture(scope="session")
def tabs(chromium):
    return Tabs(chromium)


def opener(take, learn_site):
    """A function that opens a page in a tab of its own and finds no problem by then."""

    def call(name, language="en", width=WIDTHS["desktop"], script=True, hash="", **look):
        tab = take(width, script)
        page = tab.show(learn_site.path(name, language).as_uri() + (f"#{hash}" if hash else ""), width, **look)
        if script and not tab.problems:
            ready(page)
        assert tab.problems == []
        return page

    return call


@pytest.fixture
def open_page(tabs, learn_site):
    """Call it with a page's name, and language, width, scheme, motion, script, hash; fails the test on any problem."""
    with tabs.lend() as take:
        yield opener(take, learn_site)


@pytest.fixture(scope="module")
def read_page(tabs, learn_site):
    """The same for tests that leave a page as it was: those who ask for the page of the test before get that one."""
    with ExitStack() as stack:
        kept = {}

        def call(name, language="en", width=WIDTHS["desktop"], **more):
            if not any(name == each[0] for each in kept):
                kept.clear()
                stack.close()
            key = (name, language, width, *more.items())
            if key not in kept:
                kept[key] = opener(stack.enter_context(tabs.lend()), learn_site)(name, language, width, **more)
            return kept[key]

        yield call
