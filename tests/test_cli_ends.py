"""How the command ends: exit codes, mistakes, streams, signals; never a traceback, never something overwritten."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from command import STUDENTS, write
from forked import Python
from rich.console import Console

from torchlogit import cli, datasets
from torchlogit.cli import ends, fitting, main, streams
from torchlogit.cli.files import check_output
from torchlogit.errors import DataError, FileError, TorchlogitError
from torchlogit.solvers import Record

HEAVY = ("torch", "numpy", "sklearn", "pyarrow", "matplotlib", "scipy", "pandas")
COMMAND = [sys.executable, "-m", "torchlogit"]


def process(*argv, env=None, **more):
    """The command in a process of its own."""
    given = {"capture_output": True, "text": True, "timeout": 120} | more
    return subprocess.run([*COMMAND, *map(str, argv)], env={**os.environ, **(env or {})}, **given)


# help


def test_help_is_light():
    """What makes it quick: nothing heavy is imported (measured: 0.2 s; a time of day's load is no test)."""
    script = (
        "import sys\nfrom torchlogit.cli import main\ncode = main(['--help'])\nassert code == 0\n"
        f"assert not set({HEAVY!r}) & set(sys.modules), set({HEAVY!r}) & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["fit", "-h"], ["predict", "--help"], ["inspect", "-h"], ["demo", "-h"]]
)
def test_help(run, words):
    result = run(*words)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: torchlogit")


def test_help_names_the_exit_codes(run):
    text = " ".join(run("--help").out.split())
    for code in ("0 ok", "1 unexpected", "2 usage", "3 bad data", "4 not certified", "5 file", "6 distributed", "130"):
        assert code in text


def test_version(run):
    from torchlogit import __version__

    assert run("--version") == (0, f"torchlogit {__version__}\n", "")


# exit codes


def test_exit_2_usage(run):
    for words in (
        ["fit"],
        ["fit", STUDENTS],
        ["fit", STUDENTS, "--target"],
        ["fit", STUDENTS, "--target", "passed", "--C", "many"],
        ["fit", STUDENTS, "--target", "passed", "--C", "0"],
        ["fit", STUDENTS, "--target", "passed", "--C", "nan"],
        ["fit", STUDENTS, "--target", "passed", "--C", "1", "--l1-ratio", "2"],
        ["fit", STUDENTS, "--target", "passed", "--l1-ratio", "0.5"],
        ["fit", STUDENTS, "--target", "passed", "--solver", "newtn"],
        ["fit", STUDENTS, "--target", "passed", "--missing", "keep"],
        ["fit", STUDENTS, "--target", "passed", "--max-iter", "-1"],
        ["fit", STUDENTS, "--target", "passed", "--delimiter", "::"],
        ["fit", STUDENTS, "--target", "passed", "--encoding", "klingon"],
        ["fit", STUDENTS, "--target", "passed", "-o", ""],
        ["fit", STUDENTS, "--target", "passed", "--solver", "newton", "--C", "1", "--l1-ratio", "1"],
        ["predict", "m", "d", "--uncertain", "0.6", "0.4"],
        ["predict", "m", "d", "-o", "answers.xlsx"],
        ["nonsense"],
        ["fit", STUDENTS, "--target", "passed", "surplus"],
    ):
        result = run(*words)
        assert (result.code, result.out) == (2, ""), words
        assert result.err.startswith("error: ")
        assert len(result.err.splitlines()) <= 2


def test_exit_3_bad_data(run):
    assert run("fit", "-", "--target", "y", stdin=b"x,y\n1,2,3\n").code == 3
    assert run("fit", "-", "--target", "y", stdin=b"").code == 3


def test_exit_5_files(run, tmp_path):
    assert run("fit", tmp_path / "none.csv", "--target", "y").code == 5
    assert run("fit", tmp_path, "--target", "y").code == 5
    assert run("predict", tmp_path / "none.safetensors", STUDENTS).code == 5
    assert run("fit", STUDENTS, "--target", "passed", "-o", tmp_path / "no" / "m.safetensors").code == 5


def test_exit_1_is_one_line_unless_debug(run, monkeypatch):
    def broken(options):
        raise RuntimeError("the unexpected\nhappened")

    monkeypatch.setattr(fitting, "run", broken)
    result = run("fit", STUDENTS, "--target", "passed")
    assert result.code == 1
    assert result.err.splitlines()[0] == "error: unexpected failure: RuntimeError: the unexpected happened"
    assert "Traceback" not in result.err
    for words in (["--debug", "fit"], ["fit", "--debug"]):
        assert "Traceback" in run(*words, STUDENTS, "--target", "passed").err
    monkeypatch.setenv("TORCHLOGIT_DEBUG", "1")
    assert "Traceback" in run("fit", STUDENTS, "--target", "passed").err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (ends.Ended(signal.SIGTERM), 143, "ended by SIGTERM"),
        (MemoryError(), 1, "out of memory"),
        (ImportError("plots need matplotlib"), 1, "plots need matplotlib"),
        (OSError(28, "No space left on device", "m.safetensors"), 5, "No space left"),
        (TorchlogitError("odd"), 1, "odd"),
        (DataError("x" * 5000), 3, "xxx…"),
    ],
)
def test_every_exception_has_a_line_and_a_code(run, monkeypatch, error, code, words):
    def broken(options):
        raise error

    monkeypatch.setattr(fitting, "run", broken)
    result = run("fit", STUDENTS, "--target", "passed")
    assert result.code == code
    assert words in result.err
    assert len(result.err.splitlines()) == 1


# mistakes


def test_bad_040_a_target_that_is_not_there(run):
    result = run("fit", STUDENTS, "--target", "pased")
    assert result.code == 3
    assert "`pased` is missing from the table. Did you mean `passed`?" in result.err
    result = run("fit", STUDENTS, "--target", "zzz")
    assert "There are `hours`, `passed`." in result.err


def test_mistyped_words(run):
    assert "Did you mean 'predict'" in run("predct").err
    assert "Did you mean --target?" in run("fit", STUDENTS, "--tagret", "passed").err
    assert "Did you mean newton?" in run("fit", STUDENTS, "--target", "passed", "--solver", "newtn").err
    assert "Did you mean `hours`?" in run("fit", STUDENTS, "--target", "passed", "--features", "hour").err


COUNTS = b"x,y\n" + b"".join(b"%d,%d\n" % (i % 7, i % 3) for i in range(60))


def test_bad_046_counts_where_two_classes_are_needed(run):
    result = run("fit", "-", "--target", "y", "--binary", stdin=COUNTS)
    assert result.code == 3
    assert "0 (20 rows), 1 (20 rows), 2 (20 rows)" in result.err


def test_bad_047_three_classes_where_two_are_needed(run):
    text = COUNTS.replace(b",0\n", b",red\n").replace(b",1\n", b",green\n").replace(b",2\n", b",blue\n")
    result = run("fit", "-", "--target", "y", "--binary", stdin=text)
    assert result.code == 3
    assert "3 classes: 'blue' (20 rows), 'green' (20 rows), 'red' (20 rows)" in result.err
    assert "multinomial" in result.err
    assert run("fit", "-", "--target", "y", stdin=text).code == 0
    assert run("fit", STUDENTS, "--target", "passed", "--binary").code == 0
    assert run("fit", STUDENTS, "--target", "pssed", "--binary").code == 3


def test_bad_048_an_identifier_as_target(run):
    result = run("fit", "-", "--target", "id", stdin=b"x,id\n" + b"".join(b"%d,%d\n" % (i % 5, i) for i in range(50)))
    assert result.code == 3
    assert "looks like an identifier" in result.err


@pytest.mark.parametrize(
    ("number", "content", "words"),
    [
        (141, b"", "no data rows in"),
        (141, b"hours,passed\n", "no data rows in"),
        (143, "höurs,passed\n1,0\n".encode("latin-1"), "--encoding latin-1"),
        (147, b"hours;passed\n1;0\n", "looks like ';': say --delimiter"),
        (149, b"hours,passed\n1,0\n2,0,9\n", ":3: expected 2 cells, saw 3"),
        (152, b"hours,passed\n1,0\ninf,1\n", ":3:hours: 'inf'"),
        (154, b"hours,passed\n1,0\n0x1A,1\n", ":3:hours: '0x1A'"),
    ],
)
def test_bad_141_to_154_text_files(run, tmp_path, number, content, words):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    result = run("fit", path, "--target", "passed")
    assert result.code == 3
    assert words in result.err
    assert len(result.err.splitlines()) == 1


def test_bad_160_files_that_are_not_there(run, tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "gone.csv")
    for path in (tmp_path / "none.csv", tmp_path, link):
        result = run("fit", path, "--target", "y")
        assert result.code == 5
        assert path.name in result.err


# what is written


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_bad_203_a_directory_that_may_not_be_written(run, tmp_path):
    tmp_path.chmod(0o500)
    result = run("fit", STUDENTS, "--target", "passed", "-o", tmp_path / "m.safetensors")
    tmp_path.chmod(0o700)
    assert result.code == 5
    assert "m.safetensors" in result.err


@pytest.mark.parametrize(
    "name", ["a\nb.safetensors", "模型.safetensors", "n" * 300 + ".safetensors", "\x1b[31m.safetensors"]
)
def test_bad_203_odd_names(run, tmp_path, name):
    result = run("fit", STUDENTS, "--target", "passed", "-o", tmp_path / name)
    assert result.code == (5 if len(name) > 255 else 0)
    assert all(c.isprintable() or c == "\n" for c in result.err)
    assert len(result.err.splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ([] if result.code else [name])


def test_bad_220_nothing_is_replaced_without_force(run, model, tmp_path):
    data = write(tmp_path / "data.csv", STUDENTS.read_text())
    link = tmp_path / "link.csv"
    link.symlink_to(data)
    before = {path: path.read_bytes() for path in (data, model)}
    for words in (
        ["fit", data, "--target", "passed", "-o", data],
        ["fit", data, "--target", "passed", "-o", model],
        ["predict", model, data, "-o", data],
        ["predict", model, data, "-o", link],
    ):
        result = run(*words)
        assert result.code == 5, words
        assert "--force" in result.err
    assert "is the input itself" in run("predict", model, data, "-o", link).err
    assert before == {path: path.read_bytes() for path in before}
    picture = write(tmp_path / "p.png", "mine")
    assert run("fit", data, "--target", "passed", "--plot", picture).code == 5
    assert run("fit", data, "--target", "passed", "--plot", picture, "-o", model, "--force").code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_bad_220_a_mistake_is_told_before_the_data_are_read(run, model):
    assert "exists already" in run("fit", "no such file", "--target", "y", "-o", model).err


def test_two_outputs_in_one_file(run, tmp_path):
    assert run("fit", STUDENTS, "--target", "passed", "-o", tmp_path / "a.png", "--plot", tmp_path / "a.png").code == 2


# streams


def test_warnings_are_lines_said_once(run, tmp_path):
    rows = "".join(f"{i % 7},{2 * (i % 7)},{(i * i) % 3 % 2}\n" for i in range(40))
    result = run("fit", write(tmp_path / "a.csv", "x,z,y\n" + rows), "--target", "y", "--plot", tmp_path / "a.png")
    assert result.err.count("warning: aliased: `z` = 2 `x`") == 1
    assert ".py" not in result.err
    assert "Warning" not in result.err


def test_warnings_of_others_are_not_shown(capsys):
    with streams.streams():
        warnings.warn("deprecated somewhere", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().err == ""


def test_bad_219_head_closes_the_pipe():
    command = subprocess.Popen(
        [*COMMAND, "fit", str(STUDENTS), "--target", "passed"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    command.stdout.close()
    error = command.stderr.read().decode()
    command.stderr.close()
    assert command.wait(timeout=60) == 0
    assert error == "`passed`: 1 counts as 1, 0 as 0\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_bad_219_a_full_disk_and_a_closed_stdout(model):
    with open("/dev/full", "w") as full:
        done = process("inspect", model, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 5
    assert done.stderr == "error: cannot write: No space left on device\n"
    closed = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m torchlogit inspect "{model}" >&-'],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert closed.returncode == 5
    assert closed.stderr.startswith("error: the standard output is closed")
    silent = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m torchlogit inspect nothing 2>&-'],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (silent.returncode, silent.stdout) == (5, "")


def test_bad_219_ascii_where_the_locale_knows_no_more(tmp_path):
    rows = "".join(f"{i % 7},{'jä' if (i * i) % 3 else 'nö'}\n" for i in range(40))
    path = write(tmp_path / "ü.csv", "größe…,y\n" + rows)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    model = tmp_path / "m.safetensors"
    done = process("fit", path, "--target", "y", "-o", model, env=ascii_only)
    assert (done.returncode, done.stdout.isascii(), done.stderr.isascii()) == (0, True, True)
    assert r"gr\xf6\xdfe~" in done.stdout
    answers = process("predict", model, path, env=ascii_only, text=False)
    assert answers.returncode == 0
    assert answers.stdout.decode("utf-8").startswith("p_jä,p_nö,class\n")  # data are UTF-8 whatever the locale


@pytest.mark.parametrize("env", [{"COLUMNS": "20"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}, {"LANG": "C", "LC_ALL": "C"}])
def test_bad_219_narrow_and_dumb_terminals(env):
    done = process("--help", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "predict" in done.stdout


def on_terminal(**settings):
    return Console(file=io.StringIO(), force_terminal=True, width=60, **settings)


def test_colour_only_on_terminals(monkeypatch, capsys):
    streams.out("Certified: yes")
    assert capsys.readouterr().out == "Certified: yes\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    streams.out("Certified: yes")
    assert capsys.readouterr().out.startswith("\x1b[1;32mCertified")
    monkeypatch.setenv("NO_COLOR", "1")
    streams.out("Certified: yes")
    assert "32m" not in capsys.readouterr().out


def test_long_lines_are_neither_wrapped_nor_cut(capsys):
    streams.say("word " * 100, "note")
    assert capsys.readouterr().err == "note: " + "word " * 100 + "\n"


def test_progress_shows_on_a_terminal_when_it_takes_its_time(monkeypatch):
    monkeypatch.setattr(streams, "PATIENCE", 0)
    screen = on_terminal()
    with streams.progress(lambda record: 0.5, screen) as watch:
        watch(Record(7, 12.5, 0.1, 1e-3))
        time.sleep(0.15)
    assert "iteration 7, F = 12.5" in screen.file.getvalue()


def test_progress_is_silent_when_quick_and_off_terminals():
    screen = on_terminal()
    with streams.progress(lambda record: 0.5, screen) as watch:
        watch(Record(7, 12.5, 0.1, 1e-3))
    assert "iteration" not in screen.file.getvalue()
    with streams.progress(lambda record: 0.5, Console(file=io.StringIO())) as watch:
        assert watch is None


def test_stages_of_a_work_are_named_on_a_terminal_only():
    screen = on_terminal()
    with streams.stages(2, screen) as watch:
        watch("the checks")
    assert "the checks" in screen.file.getvalue()
    with streams.stages(2, Console(file=io.StringIO())) as watch:
        assert watch is None


def test_share_of_the_work():
    class Options:
        solver, max_iter, tol = "auto", 50, 1e-10

    assert fitting.share(Record(1, 1.0, 1.0, 1e-5), Options) == pytest.approx(0.5)
    assert fitting.share(Record(1, 1.0, 1.0, 1e-30), Options) == 1
    assert fitting.share(Record(1, 1.0, 1.0, 5.0), Options) == 0
    Options.solver = "sgd"
    assert fitting.share(Record(25, 1.0, 1.0, 5.0), Options) == 0.5


def test_the_solvers_are_those_there_are():
    from torchlogit.choice import SOLVERS

    assert {"auto", *SOLVERS} == set(fitting.SOLVERS)


# signals


def slow(tmp_path):
    """A fit that takes minutes."""
    rows = "".join(f"{i % 7},{(i * i) % 3 % 2}\n" for i in range(3000))
    path = write(tmp_path / "slow.csv", "x,y\n" + rows)
    words = ["fit", str(path), "--target", "y", "--solver", "sgd", "--max-iter", "1000000", "-o", str(tmp_path / "m")]
    script = (
        "import sys, torchlogit.cli as c, torchlogit.cli.fitting as f; solver = f.solver\n"
        "f.solver = lambda options: print('ready', flush=True) or solver(options)\nsys.exit(c.main(sys.argv[1:]))"
    )
    return Python("-c", script, *words)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_bad_208_signals_end_a_fit(tmp_path, number, code):
    command = slow(tmp_path)
    assert command.stdout.readline() == b"ready\n"
    time.sleep(0.3)
    assert command.running
    command.signal(number)  # where whoever runs the tests has it ignored (nohup), so does the command
    ended, out, error = command.ended(20)
    assert (ended, out) == (code, "")
    assert error.splitlines()[-1] in ("error: interrupted", f"error: ended by {number.name}")
    assert "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["slow.csv"]


def test_bad_209_a_second_signal_ends_at_once():
    before = signal.getsignal(signal.SIGINT)
    with ends.signals():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        with pytest.raises(ends.Ended):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


def test_bad_209_nohup_stays_in_force():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends.signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_command_works_outside_the_main_thread(tmp_path):
    from threading import Thread

    codes = []
    thread = Thread(target=lambda: codes.append(main(["inspect", str(tmp_path / "none")])))
    thread.start()
    thread.join()
    assert codes == [5]


def test_errors_of_the_package_are_still_errors_in_python():
    with pytest.raises(FileError):
        check_output(str(STUDENTS), [], False)
    assert cli.main is main


# demo


def test_demo(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("demo")
    assert (result.code, result.err) == (0, "")
    for part in (
        "epoch    1 ", "epoch  100 ", "epoch 1000 ", "perfectly separated", "no finite maximum-likelihood estimate exists",
        "-2.151", "0.702", "0.658", "-4.0777", "1.5046", "1.7610", "0.6287", "demo.png", "uncertain",
    ):  # fmt: skip
        assert part in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    assert len([line for line in result.out.splitlines() if line.startswith("epoch ")]) == 11
    first = (tmp_path / "demo.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    again = run("demo")  # replaces its own picture, and says the same
    assert again.out == result.out
    assert (tmp_path / "demo.png").read_bytes() == first


def test_demo_replaces_no_picture_of_another(run, tmp_path):
    photo = write(tmp_path / "photo.png", "a photo")
    result = run("demo", "-o", photo)
    assert (result.code, result.out) == (5, "")
    assert photo.read_text() == "a photo"
    assert run("demo", "-o", tmp_path / "photo.jpeg").code == 2


def test_the_demo_trains_as_the_lesson_does():
    from torchlogit.cli.training import train

    losses = []
    found = train(datasets.lesson(), watch=lambda epoch, loss: losses.append(loss))
    assert 1.06 <= found.w <= 1.38
    assert -3.32 <= found.b <= -2.58
    assert 0.84 <= found.probability(4) <= 0.90
    assert len(losses) == 1000
    assert losses == sorted(losses, reverse=True)


def test_json_of_the_lesson_through_the_command(run):
    result = run("fit", datasets.path("lesson"), "--target", "passed", "--C", "1", "--json")
    found = [term["estimate"] for term in json.loads(result.out)["terms"]]
    assert found == pytest.approx([-2.151, 0.702], abs=1e-3)
