"""``torchlogit learn``: the pages of the lesson, served on the loopback address or written to a folder."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from torchlogit.arguments import LANGUAGES
from torchlogit.cli.files import check_choice, check_output
from torchlogit.cli.streams import say
from torchlogit.errors import FileError, ParameterError
from torchlogit.tables.names import show


def run(out: str | None, language: str | None, port: int, browser: bool, force: bool) -> None:
    """Write the pages to ``out``, or serve them until interrupted, which is how it is meant to end: exit code 0."""
    if language is not None:
        check_choice(language, LANGUAGES, "--language")
    if not 0 <= port <= 65535:
        raise ParameterError(f"--port {port} is none; ports are 1 to 65535, and 0 takes any free one")
    if out is None:
        serve(language, port, browser)
    else:
        write(out, language, force)


def write(out: str, language: str | None, force: bool) -> None:
    """Write the site to the folder ``out``; of what is there only files of the same names are replaced."""
    from torchlogit.learn import build

    check_output(out, [], force=True)
    folder = Path(out)
    check_folder(folder, force)
    folder.mkdir(exist_ok=True)
    say(f"the lesson is written: open {show(build(folder, language), 300)}")


def check_folder(folder: Path, force: bool) -> None:
    """Refuse (`FileError`) a folder with files that are not this command's, unless ``force``."""
    from torchlogit.learn import ours

    shown = repr(show(folder, 300))
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{shown} is a file; name a folder for the pages")
    if not force and folder.is_dir() and any(folder.iterdir()) and not ours(folder):
        raise FileError(f"{shown} has files of somebody else; give another folder, or --force to write among them")


def serve(language: str | None, port: int, browser: bool) -> None:
    """Build the site in a temporary folder and serve it; say where on stderr, and open the browser there."""
    from torchlogit.learn import Server, build

    with TemporaryDirectory(prefix="torchlogit-learn-") as folder, Server(Path(folder), port) as server:
        build(Path(folder), language)
        say(f"the lesson is at {server.url} (Ctrl-C ends it)")
        if browser:
            Thread(target=open_browser, args=[server.url], daemon=True).start()  # some browsers return when they close
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended")


def open_browser(url: str) -> None:
    """Open ``url``; where no browser can be opened, the address that was said is enough."""
    import webbrowser

    webbrowser.open(url)
