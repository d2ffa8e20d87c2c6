"""The site of the lesson as files: whole, valid, the same in both languages; the server; the command."""

import hashlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markup import Document
from test_repository import run_blocks

from torchlogit.errors import FileError
from torchlogit.learn import Server, build, ours, site
from torchlogit.learn.markdown import parser

ROOT = Path(__file__).resolve().parents[1]
VENDOR = site.HERE / "static" / "vendor"
PAGES = [(name, language) for name in site.names() for language in site.LANGUAGES]
each_page = pytest.mark.parametrize(("name", "language"), PAGES)
each_name = pytest.mark.parametrize("name", site.names())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


def read(built, name, language):
    return (built / language / f"{name}.html").read_text(encoding="utf-8")


def test_the_lesson_is_whole():
    """Every page of the order of reading exists, in both languages, and no page is left out of it."""
    assert site.names() == list(site.PAGES)
    files = {path.stem for path in (site.HERE / "pages").rglob("*.md")}
    assert files == set(site.PAGES)


@each_page
def test_a_page_is_valid(built, name, language):
    page = Document(read(built, name, language))
    assert page.faults == []
    assert len(page.ids()) == len(set(page.ids()))
    assert [tag for tag, _ in page.elements].count("h1") == 1
    assert page.all("html", "lang") == [site.LANGUAGES[language]]
    assert [tag for tag, _ in page.elements].count("title") == 1
    assert len(list(filter(None, page.all("img", "alt")))) == len(page.all("img", "src"))


@each_page
def test_a_page_says_something_without_scripts(built, name, language):
    page = Document(read(built, name, language))
    panels = [attributes for _, attributes in page.elements if "data-panel" in attributes]
    assert [tag for tag, _ in page.elements].count("noscript") == len(panels)
    assert len(page.of_class("lead")) == 1


@each_page
def test_links_lead_somewhere(built, name, language):
    page = Document(read(built, name, language))
    here = built / language
    links = [
        url
        for tag, key in (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src"))
        for url in page.all(tag, key)
    ]
    for url in links:
        parts = urlsplit(url)
        if parts.scheme:
            assert parts.scheme == "https", url  # a source that a reader may follow
            assert url in page.all("a", "href"), f"{url} would be fetched"
            continue
        target = here / unquote(parts.path) if parts.path else here / f"{name}.html"
        assert target.is_file(), url
        if parts.fragment and "=" not in parts.fragment:
            assert parts.fragment in Document(target.read_text(encoding="utf-8")).ids(), url


def shape(text):
    """What the two languages of a page must share."""
    page = Document(text)
    formulas = re.findall(r'<(?:span|div) class="math">(.*?)</(?:span|div)>', text, re.DOTALL)
    return {
        "panels": [attributes["data-panel"] for _, attributes in page.elements if "data-panel" in attributes],
        "figures": [re.sub(r"\.(en|zh)\.", ".", Path(src).name) for src in page.all("img", "src")],
        "programs": len(page.of_class("code")),
        "formulas": {re.sub(r"\\text\{[^}]*\}|\s", "", formula) for formula in formulas},
        "headings": [tag for tag, _ in page.elements if re.fullmatch("h[2-6]", tag)],
        "tables": [tag for tag, _ in page.elements if tag in ("table", "tr")],
    }


@each_name
def test_both_languages_show_the_same(built, name):
    assert shape(read(built, name, "en")) == shape(read(built, name, "zh"))


@each_name
def test_both_languages_are_themselves(built, name):
    english, chinese = ("".join(Document(read(built, name, language)).text) for language in ("en", "zh"))
    assert len(re.findall(r"[\u4e00-\u9fff]", chinese)) > 100
    assert len(re.findall(r"[\u4e00-\u9fff]", english)) < 30  # the name of the language, and quotations


@each_page
def test_programs_in_the_text_run(name, language, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    run_blocks(site.page_file(name, language).read_text(encoding="utf-8"), site.page_file(name, language))


def test_nothing_is_fetched_from_elsewhere():
    """Outside of what is vendored no script, style or picture names an address, but in comments and namespaces."""
    for path in (site.HERE / "static").rglob("*"):
        if path.is_file() and VENDOR not in path.parents and path.suffix in {".js", ".css", ".svg"}:
            text = re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
            addresses = [url for url in re.findall(r"https?://[^\s\"'<>)]+", text) if not NAMESPACE.match(url)]
            assert addresses == [], path.name
            assert not re.search(r"url\(\s*['\"]?//|@import", text), path.name


NAMESPACE = re.compile(r"https?://(www\.w3\.org/|creativecommons\.org/ns#|purl\.org/)")


def test_vendored_files_are_those_that_the_readme_names():
    text = (VENDOR / "README.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", text, re.MULTILINE))
    files = {path.relative_to(VENDOR).as_posix(): path for path in VENDOR.rglob("*") if path.is_file()}
    del files["README.md"]
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == named


def test_git_leaves_out_no_file_that_the_pages_need():
    """The wheel holds what git tracks or would track."""
    listed = ["git", "-C", ROOT, "ls-files", "--others", "--ignored", "--exclude-standard", "src/torchlogit/learn"]
    try:
        found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    assert [path for path in found if "__pycache__" not in path] == []


# The making of pages.


@pytest.fixture
def own_pages(tmp_path, monkeypatch):
    """A site of one page, given as text: ``own_pages(text)`` → its HTML."""

    def call(text, name="index"):
        for language in site.LANGUAGES:
            path = tmp_path / "pages" / language / f"{name}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"---\ntitle: T\nlead: A $x$.\n---\n{text}", encoding="utf-8")
        monkeypatch.setattr(site, "page_file", lambda name, language: tmp_path / "pages" / language / f"{name}.md")
        site.read_page.cache_clear()
        return site.html_of(site.read_page(name, "en"))

    yield call
    site.read_page.cache_clear()


def test_formulas_reach_the_browser_as_they_were_written(own_pages):
    html = own_pages("So $a_1 < b_2 \\\\ c*d*e$ and $$d_1 e_2$$ `$no$`\n\n$$\n- x\n= y\n$$\n")
    assert '<span class="math">$a_1 &lt; b_2 \\\\ c*d*e$</span>' in html
    assert '<div class="math">$$\n- x\n= y\n$$</div>' in html
    assert '<span class="math">$$d_1 e_2$$</span> <code>$no$</code>' in html
    assert '<p class="lead">A <span class="math">$x$</span>.</p>' in html


def test_programs_are_copied_as_they_were_written(own_pages):
    source = 'def f(x):\n    """a < b & "c" — “d”"""\n\n    return f"{x}"  # 中\n'
    html = own_pages(f"```python\n{source}```\n")
    assert "".join(Document(re.search(r"<code.*?</code>", html, re.DOTALL)[0]).text) == source


def test_calls_hold_other_calls(own_pages, tmp_path, monkeypatch):
    monkeypatch.setattr(site, "HERE", tmp_path)
    (tmp_path / "code").mkdir()
    for name in "ab":
        (tmp_path / "code" / f"{name}.py").write_text(f"{name} = 1\n\n{name} = '<b>'\n")
    made = site._html_environment()  # its templates stay where they are
    monkeypatch.setattr(site, "_html_environment", lambda: made)
    page = Document(own_pages('Text.\n{{ columns(code("a"), code("b", "named")) }}\nMore.\n'))
    assert page.faults == []
    assert [len(page.of_class(name)) for name in ("columns", "code")] == [1, 2]
    told = "".join(page.text)
    assert [word for word in ("a.py", "named", "b = '<b>'", "held") if word in told] == ["a.py", "named", "b = '<b>'"]


def test_a_panel_brings_its_script(own_pages):
    html = own_pages('{{ panel("curve", "See $x$.") }}\n')
    assert '<script src="../static/js/panels/curve.js"></script>' in html
    assert '<figcaption>See <span class="math">$x$</span>.</figcaption>' in html


def test_a_caption_may_have_formulas(own_pages):
    html = own_pages(r"""{{ panel("curve", "$\theta \frac12$") }}{{ panel("curve", "$\\theta \\frac12$") }}""")
    assert html.count(r'<figcaption><span class="math">$\theta \frac12$</span></figcaption>') == 2


def test_a_page_without_a_lead_is_refused(tmp_path, monkeypatch):
    (tmp_path / "x.md").write_text("---\ntitle: T\n---\n")
    monkeypatch.setattr(site, "page_file", lambda name, language: tmp_path / "x.md")
    with pytest.raises(FileError, match="title and a lead"):
        site.read_page("only-title", "en")


def test_a_page_in_one_language_is_not_there_yet(own_pages, tmp_path):
    own_pages("")
    (tmp_path / "pages" / "en" / "loss.md").write_text("---\ntitle: T\nlead: L\n---\n")
    assert site.names() == ["index"]


# The server.


@pytest.fixture
def served(built):
    """Ask the server: ``served(path, method, host)`` → (status, headers, body)."""
    with Server(built) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()

        def ask(path, method="GET", host=None):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
            connection.putrequest(method, path, skip_host=host is not None)
            if host:
                connection.putheader("Host", host)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer.status, answer.headers, body

        yield ask
        server.shutdown()
        thread.join()


def test_the_server_gives_the_files(served, built):
    status, headers, body = served("/zh/index.html")
    assert (status, body) == (200, (built / "zh" / "index.html").read_bytes())
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert served("/")[2] == (built / "index.html").read_bytes()
    assert served("/static/js/page.js", "HEAD")[1]["Content-Type"] == "text/javascript; charset=utf-8"
    assert served("/static/vendor/katex/fonts/KaTeX_Main-Regular.woff2")[1]["Content-Type"] == "font/woff2"


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/en/../../secret.txt",
     "/secret.txt", "/link/secret.txt", "/static/", "/static", "/en/%00.html", "/en/index.html/"],
)  # fmt: skip
def test_the_server_gives_nothing_else(served, built, path):
    (built.parent / "secret.txt").write_text("secret")
    if not (built / "link").exists():
        (built / "link").symlink_to(built.parent)
    status, _, body = served(path)
    assert status in (301, 404)
    assert b"secret" not in body
    assert b"root:" not in body


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "localhost:1"])
def test_the_server_answers_to_its_own_name_only(served, host):
    assert served("/en/index.html", host=host)[0] == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_the_server_only_reads(served, method):
    assert served("/en/index.html", method)[0] == 501


def test_the_server_listens_on_this_machine_only(built):
    with Server(built) as server:
        assert server.socket.getsockname()[0] == "127.0.0.1"
        with pytest.raises(FileError, match=f"port {server.server_port}.*0 for any"):
            Server(built, server.server_port)


# The command.


def test_learn_writes_the_pages(run, tmp_path):
    result = run("learn", "--out", tmp_path / "site", "--language", "zh")
    assert result.code == 0
    assert result.out == ""
    assert "index.html" in result.err
    assert (tmp_path / "site" / "en" / "index.html").is_file()
    assert 'data-language="zh"' in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_learn_writes_again_over_its_own_pages_and_leaves_the_rest(run, tmp_path):
    build(tmp_path)
    (tmp_path / "en" / "index.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    assert run("learn", "--out", tmp_path).code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "en" / "index.html").read_text(encoding="utf-8") != "old"


def test_learn_spares_a_folder_of_somebody_else(run, tmp_path):
    (tmp_path / "index.html").write_text("mine")
    result = run("learn", "--out", tmp_path)
    assert result.code == 5
    assert "--force" in result.err
    assert (tmp_path / "index.html").read_text() == "mine"
    assert not ours(tmp_path)
    assert run("learn", "--out", tmp_path, "--force").code == 0
    assert ours(tmp_path)


def test_learn_takes_an_empty_folder(run, tmp_path):
    assert run("learn", "--out", tmp_path).code == 0


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--language", "de"], 2, "--language 'de' is unknown"),
        (["--port", "70000"], 2, "--port 70000"),
        (["--out", "no/such/folder"], 5, "there is no directory"),
        (["--out", ""], 2, "empty"),
        (["--out", "file.txt"], 5, "is a file"),
        (["--out", "file.txt", "--force"], 5, "is a file"),
    ],
)
def test_learn_refuses(run, tmp_path, monkeypatch, options, code, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("x")
    result = run("learn", *options)
    assert result.code == code
    assert told in result.err


def test_learn_says_that_a_port_is_taken(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("learn", "--no-browser", "--port", taken.getsockname()[1])
    assert result.code == 5
    assert "cannot listen" in result.err


def test_learn_opens_the_browser_where_it_serves(run, monkeypatch):
    urls, opened = [], threading.Event()
    monkeypatch.setattr("webbrowser.open", lambda url: (urls.append(url), opened.set()))

    def interrupted(self):
        assert opened.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", interrupted)
    result = run("learn")
    assert (result.code, result.out) == (0, "")
    assert len(urls) == 1
    assert f"the lesson is at {urls[0]} " in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for another process there")
def test_learn_serves_until_interrupted(tmp_path):
    command = [sys.executable, "-m", "torchlogit", "learn", "--no-browser"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as process:
        url = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stderr.readline())
        connection = http.client.HTTPConnection("127.0.0.1", int(url[1]), timeout=10)
        connection.request("GET", "/en/index.html")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "ended\n")
    assert list(tmp_path.iterdir()) == []  # the temporary folder has gone


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("10 000 of 60 000", "10\u202f000 of 60\u202f000"),
        ("87 %; 2.71 h", "87\u00a0%; 2.71\u00a0h"),
        ("4 hours\nof 1000", "4 hours\nof 1000"),
        ("把它\n变成概率", "把它变成概率"),
        ("把它。\nlogit", "把它。logit"),
        ("a < b & c", "a &lt; b &amp; c"),
    ],
)
def test_text_breaks_where_it_may(markdown, shown):
    """Numbers hold together; a line's end in the file is no space between Chinese characters."""
    assert parser().render(markdown) == f"<p>{shown}</p>\n"
