"""The command before anything long starts: usage, one line for each error, shapes, encodings."""

from __future__ import annotations

import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from shapesafe_tuner.cli import main
from shapesafe_tuner.cli.output import write
from shapesafe_tuner.cli.shapes import shape_of

SOURCE = """
import keras
from keras import layers

def build_model(hp):
    model = keras.Sequential([keras.Input((8, 8, 1))])
    model.add(layers.Conv2D(2, hp.Int("kernel", 3, 9), name="größe"))
    return model

def raises(hp):
    hp.Int("units", 1, 3)
    raise RuntimeError("boom")

def forgets(hp):
    keras.Sequential([keras.Input((4,)), layers.Dense(hp.Int("units", 1, 3))])

def misspells(hp):
    return keras.Sequential([keras.Input((4,)), layrs.Dense(1)])

def takes_nothing():
    return keras.Sequential([keras.Input((4,)), layers.Dense(1)])

def exits(hp):
    raise SystemExit(0)

def some(hp):
    if hp.Int("a", 1, 4) == 4:
        raise KeyError("a")
    return keras.Sequential([keras.Input((4,)), layers.Dense(1)])

def interrupted(hp):
    if hp.Int("a", 1, 4) > 2:
        raise KeyboardInterrupt
    return keras.Sequential([keras.Input((4,)), layers.Dense(1)])

class Plain:
    pass

WIDTH = 8
print("printed when it is imported")
"""

CODE = "from shapesafe_tuner.cli import main; main()"
LARGE = """
import pathlib
import keras
from keras import layers

runs = 0

def build(hp):
    global runs
    runs += 1
    if runs == 300:
        pathlib.Path("started").touch()
    model = keras.Sequential([keras.Input((400, 1))])
    for number in range(hp.Int("blocks", 1, 9)):
        model.add(layers.Conv1D(1, hp.Int(f"kernel_{number}", 1, 99)))
        if hp.Boolean(f"pool_{number}"):
            model.add(layers.MaxPooling1D(hp.Int(f"window_{number}", 1, 7)))
    return model
"""

SOURCES = {
    "spaces.py": SOURCE,
    "syntax.py": "def build_model(hp:\n",
    "lacks.py": "import keras\nimport no_such_module_here\ndef build_model(hp): ...\n",
    "lacks_late.py": "import sys\nimport no_such_module_here\ndef build_model(hp): ...\n",
    "divides.py": "def build_model(hp): ...\n1 / 0\n",
    "quits.py": "import sys\ndef build_model(hp): ...\nsys.exit(0)\n",
    "empty.py": "",
}


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    for name, source in SOURCES.items():
        (tmp_path / name).write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


EARLY = [
    (["chek", "spaces.py:build_model"], "There is no command chek; did you mean check?"),
    (["check"], "Missing argument 'TARGET'."),
    (["check", "spaces.py"], "spaces.py: name a function of it, as in spaces.py:build_model."),
    (["check", "nowhere.py:build_model"], "nowhere.py: there is no such file."),
    (["check", "no.such.module:build"], "no.such.module: there is no such module."),
    (["check", "models/cnn:build"], "this is neither a file nor a module"),
    (["check", "spaces.py:build_modle"], "spaces.py has no build_modle; did you mean build_model?"),
    (["check", "spaces.py:__class__"], "spaces.py has no __class__."),
    (["check", "empty.py:build_model"], "empty.py has no build_model."),
    (["check", "syntax.py:build_model"], "syntax.py, line 1: "),
    (["check", "lacks.py:build_model"], "lacks.py, line 2: there is no module no_such_module_here"),
    (["check", "spaces.py:build_model", "--stt", "kernel=3"], "No such option '--stt'"),
    (["check", "spaces.py:build_model", "--x", "6,,1"], '--x "6,,1": expected sizes'),
    (["check", "spaces.py:build_model", "--x", "8,8", "--x", "a=8"], "give every shape a name"),
    (["check", "spaces.py:build_model", "--x", "a=8", "--x", "a=8"], "this name is given twice"),
    (["check", "spaces.py:build_model", "--y", ""], "--y needs --x"),
    (["check", "spaces.py:build_model", "--set", "a=1", "--set", "a=2"], "a has a value already"),
    (["check", "spaces.py:build_model", "--set", "a=1", "--values", '{"a": 2}'], "a has a value"),
    (["check", "spaces.py:build_model", "--values", '{"a": 2, "a": 3}'], "a is given twice"),
    (["check", "spaces.py:build_model", "--batch-size", "4", "--batch-size", "8"], "2 times"),
    (["explain", "spaces.py:build_model", "--html", "no/x.html"], "No such file or directory."),
    (["explain", "spaces.py:build_model", "--html", "."], "Is a directory."),
    (["report", ".", "--html", "a.html", "--html", "b.html"], "--html is given 2 times."),
    (["report", ".", "--every", "1", "--every", "2"], "--every is given 2 times."),
    (["report", "."], ". is not the folder of a KerasTuner project"),
    (["validate", "spaces.py:build_model", "--max-infeasible", "nan"], "'nan' is not a share"),
    (["validate", "spaces.py:build_model", "--max-infeasible", "1.5"], "'1.5' is not a share"),
    (["validate", "spaces.py:build_model", "--max-undecided", "-0.1"], "'-0.1' is not a share"),
]


@pytest.mark.parametrize(("given", "said"), EARLY, ids=lambda value: " ".join(value)[-40:])
def test_mistakes_are_one_line_before_a_backend_starts(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, given: list[str], said: str
) -> None:
    def start() -> None:
        raise AssertionError("a backend was started")

    monkeypatch.setattr("shapesafe_tuner.cli.target._start_backend", start)
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 2
    (line,) = result.output.splitlines()
    assert line.startswith("Error: ")
    assert said in line


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("lacks_late.py:build_model", "No module named 'no_such_module_here' (lacks_late.py, line"),
        ("divides.py:build_model", "ZeroDivisionError: division by zero (divides.py, line 2)."),
        ("quits.py:build_model", "it ends the program (quits.py, line 3)"),
        ("spaces.py:WIDTH", "spaces.py:WIDTH is of type int, not a function build(hp)"),
        ("spaces.py:Plain", "spaces.py:Plain is the class Plain, not a function build(hp)"),
        ("spaces.py:keras", "spaces.py:keras is of type module"),
        (
            "spaces.py:build_model --set kernal=3",
            "Error: build reads no hyperparameter kernal; did",
        ),
    ],
)
def test_mistakes_that_only_an_import_shows(folder: pathlib.Path, target: str, said: str) -> None:
    result = CliRunner().invoke(main, ["check", *target.split()])
    assert result.exit_code == 2
    (line,) = result.output.splitlines()
    assert line.startswith("Error: ")
    assert said in line
    traced = CliRunner().invoke(main, ["check", *target.split(), "--traceback"])
    assert traced.output.splitlines()[-1] == line
    assert ("Traceback" in traced.output) == ("is of type" not in said and "is the" not in said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", "RuntimeError: boom (spaces.py, line 12)."),
        ("forgets", "build returned None, not a keras.Model (spaces.py, line 14)."),
        ("misspells", "NameError: name 'layrs' is not defined (spaces.py, line 18)."),
        ("takes_nothing", "takes 0 positional arguments but 1 was given (spaces.py, line 20)."),
        ("exits", "SystemExit: 0 (spaces.py, line 24)."),
    ],
)
def test_a_build_that_never_ends_well_is_undecided(
    folder: pathlib.Path, name: str, said: str
) -> None:
    result = CliRunner().invoke(main, ["check", f"spaces.py:{name}"])
    assert result.exit_code == 3
    assert result.output.splitlines()[0].startswith("undecided: ")
    assert said in result.output.splitlines()[0]
    result = CliRunner().invoke(main, ["explain", f"spaces.py:{name}"])
    assert result.exit_code == 3
    assert said in " ".join(result.output.split())
    result = CliRunner().invoke(main, ["validate", f"spaces.py:{name}"])
    assert result.exit_code == 3
    first, second = result.output.splitlines()[:2]
    assert first.startswith("Every configuration is undecided: ")
    assert said in first
    assert "0% feasible, 0% infeasible, 100% undecided" in second
    given = ["validate", f"spaces.py:{name}", "--max-undecided", "100%"]
    assert CliRunner().invoke(main, given).exit_code == 0


def test_a_part_that_is_undecided(folder: pathlib.Path) -> None:
    result = CliRunner().invoke(main, ["validate", "spaces.py:some"])
    assert result.exit_code == 3
    assert "75.00% feasible, 0% infeasible, 25.00% undecided" in result.output.splitlines()[0]
    assert "Undecided, 25.00%: KeyError: 'a' (spaces.py, line 28)." in result.output
    given = ["validate", "spaces.py:some", "--max-undecided", "0.25"]
    assert CliRunner().invoke(main, given).exit_code == 0


def test_an_interruption_gives_the_report_so_far(folder: pathlib.Path) -> None:
    result = CliRunner().invoke(main, ["validate", "spaces.py:interrupted"])
    assert result.exit_code == 130
    assert "at least 50.00% feasible, the rest was not looked at" in result.output.splitlines()[0]
    result = CliRunner().invoke(main, ["check", "spaces.py:interrupted", "--set", "a=3"])
    assert (result.exit_code, result.output) == (130, "Interrupted.\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a process")
def test_ctrl_c_ends_a_real_process_with_the_report_so_far(folder: pathlib.Path) -> None:
    (folder / "large.py").write_text(LARGE)
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "validate", "large.py:build"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        while process.poll() is None and not (folder / "started").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, errors) == (130, "Interrupted.\n")
    assert "feasible" in output.splitlines()[0]
    assert output.splitlines()[0].startswith("Search space: ")
    assert "the rest was not looked at; build ran" in output.splitlines()[0]
    assert output.splitlines()[1] == "This is not exact, because it was interrupted."


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("28,28,1", (28, 28, 1)),
        ("(28, 28, 1)", (28, 28, 1)),
        ("[28, 28, 1]", (28, 28, 1)),
        ("28x28x1", (28, 28, 1)),
        ("(28x28x1)", (28, 28, 1)),
        ("(8,)", (8,)),
        ("8", (8,)),
        ("", ()),
        ("()", ()),
        ("None,3", (None, 3)),
        ("?, 3", (None, 3)),
        ("image = (8, 8, 1):uint8", (8, 8, 1)),
    ],
)
def test_shapes(text: str, sizes: tuple[int | None, ...]) -> None:
    shape = shape_of("--x", text)
    assert shape.sizes == sizes
    assert (shape.name, shape.dtype) == (("image", "uint8") if "=" in text else (None, "float32"))


@pytest.mark.parametrize(
    "text", ["6,,1", ",6", "6,", "6x", "8;8", "(8,8", "8,8)", "(8,8]", "8.5", "-1", "0", "a", "8:",
             "8:flot", "=8", "8,8:float32:int", "(,)", "8 8", "1_0", "٣"]
)  # fmt: skip
def test_malformed_shapes(text: str) -> None:
    with pytest.raises(Exception, match="expected sizes such as 28,28,1"):
        shape_of("--x", text)


@pytest.mark.parametrize("given", [["-h"], ["check", "-h"], ["validate", "--help"]])
def test_help(given: list[str]) -> None:
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 0
    assert "Usage: shapesafe" in result.output
    if len(given) == 1:
        assert "Exit status:" in result.output
        assert "shapesafe validate models.py:build_model --x 28,28,1" in result.output


def test_nothing_asked_for_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert result.output.startswith("Usage: shapesafe")


WITHOUT_KERAS = [
    ["--help"], ["--version"], [], ["chekc"], ["check"], ["validate", "--help"],
    ["validate", "spaces.py:build_model", "--x", "6,,1"],
    ["check", "spaces.py:build_model", "--set", "kernel"],
    ["check", "none.py:build_model"], ["check", "spaces.py"], ["report", "none"],
]  # fmt: skip


def test_what_needs_no_keras_starts_none(folder: pathlib.Path) -> None:
    code = (
        "import json, sys\n"
        "from shapesafe_tuner.cli import main\n"
        "for given in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        main(given)\n"
        "    except SystemExit as ended:\n"
        "        print('ended', ended.code)\n"
        "print(sorted({'keras', 'keras_tuner', 'numpy', 'tensorflow'} & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(WITHOUT_KERAS)],
        capture_output=True,
        check=True,
        text=True,
    )
    lines = result.stdout.splitlines()
    codes = [line for line in lines if line.startswith("ended")]
    assert codes == ["ended 0", "ended 0", *["ended 2"] * 3, "ended 0", *["ended 2"] * 5]
    assert lines[-1] == "[]"
    errors = result.stderr.splitlines()
    assert len(errors) == 7
    assert all(line.startswith("Error: ") for line in errors)


def test_real_processes_in_any_encoding(folder: pathlib.Path) -> None:
    """The pipe of a CI step: what its encoding lacks is spelt, and TensorFlow says nothing."""
    code = "import sys; from shapesafe_tuner.cli import main; main(sys.argv[1:])"
    for encoding, name in (("ascii", r"gr\xf6\xdfe"), ("cp1252", "größe")):
        result = subprocess.run(
            [sys.executable, "-c", code, "explain", "spaces.py:build_model", "--set", "kernel=9"],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": encoding, "TF_CPP_MIN_LOG_LEVEL": "0"},
        )
        output = result.stdout.decode(encoding)
        assert result.returncode == 1
        assert output.startswith("Infeasible: it cannot be built.")
        assert name in output
        assert "\x1b" not in output
        assert result.stderr == b""


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("ascii", rb"gr\xf6\xdfe"), ("latin-1", b"gr\xf6\xdfe"), ("utf-8", "größe".encode())],
)
@pytest.mark.parametrize("command", [["validate"], ["check", "--set", "kernel=9"]])
def test_what_is_written_is_of_the_encoding_of_the_stream(
    folder: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    encoding: str,
    name: bytes,
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    with pytest.raises(SystemExit) as ended:
        main([command[0], "spaces.py:build_model", *command[1:]])
    sys.stdout.flush()
    assert ended.value.code == 1
    assert b"Conv2D '" + name + b"' slides a 9 x 9 kernel" in raw.getvalue()
    raw.getvalue().decode(encoding)


def test_a_reader_that_leaves_early_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    for print_to in (write, console_print):
        monkeypatch.setattr(sys, "stdout", Closed())
        print_to("a line\n")
        sys.stdout.close()


def console_print(text: str) -> None:
    with write.console() as console:
        console.print(text)
