"""Model files: what is written comes back bit for bit, and whatever is not a sound model file is refused.

The numbers in the names are those of the list of bad inputs, part H.
"""

import gzip
import json
import os
import pickle
import re
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from forked import Python
from hypothesis import given
from hypothesis import strategies as st

from torchlogit import store
from torchlogit.errors import FileError, ModelFileError, ParameterError

HEADER = {"columns": ["age", "größe"], "classes": [0, 1], "C": 0.1, "note": None, "nested": {"a": [True, -0.0]}}
TENSORS = {"theta": torch.tensor([[0.1], [-2.5], [3.0]], dtype=torch.float64), "counts": torch.tensor([7, 9])}
EXTREMES = [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072009e-308, 1.7976931348623157e308, -1.7976931348623157e308, 1 / 3]
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    store.save(path, HEADER, TENSORS)
    return path


def same_bits(left, right):
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert left[name].shape == right[name].shape
        assert left[name].contiguous().numpy().tobytes() == right[name].contiguous().numpy().tobytes()


def refused(path, data, text=".", error=ModelFileError):
    """Both readers refuse ``data`` with a message that names the path and contains ``text``."""
    path.write_bytes(data)
    for read in (store.load, store.inspect):
        with pytest.raises(error, match=text) as caught:
            read(path)
        assert repr(str(path)) in str(caught.value)
        assert caught.value.exit_code == 5


def forge(outer, rest=b"", *, length=None):
    """Make a file with a right checksum from the text of its header and the bytes of its tensors."""
    outer = outer if isinstance(outer, bytes) else outer.encode()
    data = bytearray((len(outer) if length is None else length).to_bytes(8, "little") + outer + rest)
    if len(data) >= store._PLACE.stop:
        data[store._PLACE] = store._digest(data)
    return bytes(data)


def outer_header(inner="", tensors='"t":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}', **fields):
    """Text of a file's header whose own fields are ``fields`` (JSON values) and the raw JSON text ``inner``."""
    fields = {"sha256": "0" * 64, "format": "torchlogit", "version": 1, "needs": "0.1.0"} | fields
    text = json.dumps(fields, separators=(",", ":"))[:-1] + ("," + inner if inner else "") + "}"
    return '{"__metadata__":{"torchlogit":' + json.dumps(text) + "}," + tensors + "}"


def run(script, *arguments, environment=None):
    """Run a script in a fresh interpreter; its output."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def forked(script, *arguments):
    """The same where it does not matter what is imported."""
    code, out, err = Python("-c", script, *arguments).ended(60)
    assert code == 0, err
    return out


# What a user relies on


def test_what_was_saved_comes_back(model):
    header, tensors = store.load(model)
    assert header == HEADER
    assert list(header) == list(HEADER)
    same_bits(tensors, TENSORS)


def test_forged_file_is_accepted_so_the_refusals_below_are_for_their_own_reason(tmp_path):
    (tmp_path / "m").write_bytes(forge(outer_header('"a":1'), b"\0" * 8))
    header, tensors = store.load(tmp_path / "m")
    assert header == {"a": 1}
    assert tensors["t"].tolist() == [0.0]


def test_saving_the_same_model_twice_writes_the_same_bytes(tmp_path, model):
    store.save(tmp_path / "again", HEADER, dict(reversed(TENSORS.items())))
    assert (tmp_path / "again").read_bytes() == model.read_bytes()


def test_inspect_gives_fields_and_shapes(model):
    fields = store.inspect(model)
    assert {name: fields[name] for name in HEADER} == HEADER
    assert (fields["format"], fields["version"], fields["needs"]) == ("torchlogit", 1, store.NEEDS)
    assert fields["tensors"]["theta"] == {"dtype": "float64", "shape": [3, 1]}


def test_inspect_does_not_import_torch(model):
    script = "import sys, torchlogit.store as s; s.inspect(sys.argv[1]); print('torch' in sys.modules)"
    assert run(script, model) == "False\n"


def test_any_safetensors_reader_can_read_it(model):
    same_bits(safetensors.torch.load_file(model), TENSORS)


def test_views_strides_gradients_and_shared_memory(tmp_path):
    base = torch.arange(12.0, dtype=torch.float64).reshape(3, 4).requires_grad_()
    tensors = {"transposed": base.T, "column": base[:, 1], "scalar": base[0, 0], "same": base.T}
    store.save(tmp_path / "m", {}, tensors)
    same_bits(store.load(tmp_path / "m")[1], {name: tensor.detach() for name, tensor in tensors.items()})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.floats(allow_nan=False).filter(np.isfinite),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text().filter(lambda name: name not in store.RESERVED), json_values, max_size=5))
def test_every_json_header_survives(header):
    data = store._pack(header, TENSORS, store.NEEDS)
    verified = store._verify(data)
    assert repr({name: verified[name] for name in header}) == repr(header)


@pytest.mark.parametrize(
    ("header", "tensors", "text"),
    [
        ({"sha256": "x"}, {}, "'sha256' is the file's own"),
        ({"tensors": {}}, {}, "'tensors' is the file's own"),
        ({"a": (1, 2)}, {}, "'a' is not plain JSON"),
        ({1: 2}, {}, "1 is not plain JSON"),
        ({"a": float("nan")}, {}, "not JSON compliant"),
        ({"a": {3}}, {}, "set is not JSON"),
        ({"a": 2**63}, {}, "does not fit in 64 bits"),
        ({"a": "\ud800"}, {}, "surrogate"),
        ({}, {"t": torch.tensor([1.0, float("nan")])}, "'t' has 1 numbers that are NaN"),
        ({}, {"t": torch.empty(0)}, "no empty tensor"),
        ({}, {"t": torch.tensor([1j])}, "dtype C64"),
        ({}, {"t": torch.eye(2).to_sparse()}, "'t' is torch.sparse_coo; give a dense tensor"),
        ({}, {"t": [1.0]}, "'t' is list; give a dense tensor"),
        ({}, {"__metadata__": torch.ones(1)}, "occurs twice"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, model, header, tensors, text):
    before = model.read_bytes()
    with pytest.raises(ParameterError, match=text) as caught:
        store.save(model, header, tensors)
    assert "model.safetensors" in str(caught.value)
    assert model.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.safetensors"]


# 185 to 196: reading


def test_bad_185_truncated_at_every_byte(tmp_path, model):
    data = model.read_bytes()
    for end in range(len(data)):
        refused(tmp_path / "cut", data[:end])


def test_bad_186_every_single_bit_flip(model):
    data = bytearray(model.read_bytes())
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelFileError):
            store._verify(bytes(data))
        data[bit // 8] ^= 1 << bit % 8
    store._verify(bytes(data))


def test_bad_186_damage_is_named_for_what_it_is(tmp_path, model):
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    refused(tmp_path / "m", data, "checksum does not match: the file is damaged.*save the model again")


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (Path(self.path), "executed")


def strangers(canary):
    yield "a pickle", pickle.dumps(Canary(canary))
    yield "a pickle of an old protocol", pickle.dumps(Canary(canary), protocol=0)
    yield "a pickle of an old protocol", b"(" + pickle.dumps(Canary(canary), protocol=1)
    yield "a compressed file", gzip.compress(pickle.dumps(Canary(canary)))
    yield "an HTML", b"<!DOCTYPE html><title>404</title>"
    yield "an HTML", b"\n  <html>"
    yield "a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"
    yield "a JSON text", b'{"coef": [1, 2]}'
    yield "an HDF5", b"\x89HDF\r\n\x1a\n" + bytes(100)
    yield "a Parquet", b"PAR1" + bytes(100)
    yield "without torchlogit's header", safetensors.torch.save({"theta": torch.ones(2)})
    yield "without torchlogit's header", safetensors.torch.save({"theta": torch.ones(2)}, {"format": "pt"})
    yield "empty", b""
    yield "truncated", b"ELF"
    yield "not a torchlogit model file", b"\x7fELF" + bytes(1000)


def test_bad_187_strangers_are_named_and_nothing_is_unpickled(tmp_path):
    canary = tmp_path / "canary"
    for text, data in strangers(canary):
        refused(tmp_path / "m", data, text)
    assert not canary.exists()
    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists()  # so the canary does sing


def test_bad_187_zip_pt_and_npz(tmp_path):
    path, canary = tmp_path / "m", tmp_path / "canary"
    torch.save({"theta": Canary(canary)}, path)
    refused(path, path.read_bytes(), "a zip archive")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Canary(canary)))
    refused(path, path.read_bytes(), "a zip archive")
    with open(path, "wb") as file:
        np.savez(file, theta=np.ones(2))
    refused(path, path.read_bytes(), "a zip archive")
    np.save(tmp_path / "m.npy", np.array([Canary(canary)]), allow_pickle=True)
    refused(path, (tmp_path / "m.npy").read_bytes(), "a NumPy array")
    assert not canary.exists()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"version": 2, "needs": "7.3.1"}, r"needs torchlogit >= 7\.3\.1, this is .*pip install --upgrade torchlogit"),
        ({"version": 2}, "needs torchlogit.*file format 2, known up to 1"),
        ({"needs": "0.10"}, r"needs torchlogit >= 0\.10, this is 0\.1\.0"),
        ({"needs": "999999.1"}, "needs torchlogit"),
        ({"needs": "latest; rm -rf"}, "is no version number"),
        ({"needs": "1" * 5000}, "is no version number"),
        ({"needs": None}, "lacks"),
        ({"version": 0}, "lacks"),
        ({"version": True}, "lacks"),
        ({"version": 1.0}, "lacks"),
        ({"format": "other"}, "lacks"),
    ],
)
def test_bad_188_newer_version(tmp_path, fields, text):
    refused(tmp_path / "m", forge(outer_header(**fields), bytes(8)), text)


def test_bad_188_a_field_that_must_not_be_overlooked_raises_needs(tmp_path):
    with pytest.raises(ParameterError, match="needs torchlogit >= 9"):
        store.save(tmp_path / "m", {}, {}, needs="9.0")
    store.save(tmp_path / "m", {}, {}, needs="0.1.0.0")
    assert store.load(tmp_path / "m") == ({}, {})


def test_bad_189_golden_files_of_every_version_load_bitwise():
    goldens = sorted(GOLDEN.glob("store-v*.safetensors"))
    assert len(goldens) == store.FORMAT_VERSION
    for golden in goldens:
        header, tensors = store.load(golden)
        assert header == json.loads(golden.with_suffix(".json").read_text(encoding="utf-8"))
        assert list(tensors) == list(store.inspect(golden)["tensors"]) == ["counts", "small", "theta"]
        assert tensors["theta"].tolist() == [[value] for value in EXTREMES]
        assert [str(value) for value in tensors["theta"][:2, 0].tolist()] == ["0.0", "-0.0"]


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, store.MAX_HEADER + 1, 10_000])
def test_bad_190_impossible_header_length(tmp_path, length):
    refused(tmp_path / "m", forge(outer_header(), bytes(8), length=length), f"header of {length} bytes")


def test_bad_190_header_one_byte_longer_than_the_file(tmp_path):
    outer = outer_header()
    refused(tmp_path / "m", forge(outer, bytes(8), length=len(outer) + 9), "truncated: its header of")


@pytest.mark.parametrize(("length", "size"), [(None, store.MAX_FILE + 1), (store.MAX_HEADER + 1, 2 * store.MAX_HEADER)])
def test_bad_190_nothing_is_allocated_for_a_huge_file(tmp_path, length, size):
    path = tmp_path / "m"
    path.write_bytes(forge(outer_header(), bytes(8), length=length))
    os.truncate(path, size)  # sparse: it takes no room on the disk
    script = (
        "import resource, sys, tracemalloc, torchlogit.store as s\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))\n"
        "tracemalloc.start()\n"
        "try: s.inspect(sys.argv[1])\n"
        "except s.ModelFileError as error: print(error)\n"
        "print(tracemalloc.get_traced_memory()[1])"
    )
    message, peak = run(script, path).splitlines()
    assert "models have at most" in message
    assert int(peak) < 1_000_000


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ('"a":' + "[" * 100_000 + "]" * 100_000, "nested too deep"),
        ('"a":' + '{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deep"),
        ('"a":' + "[" * store.MAX_DEPTH + "]" * store.MAX_DEPTH, "nested too deep"),
        ('"a":1,"a":2', "'a' occurs twice"),
        ('"b":{"a":1,"a":1}', "'a' occurs twice"),
        ('"version":1', "'version' occurs twice"),
        ('"a":NaN', "not a finite number"),
        ('"a":-Infinity', "not a finite number"),
        ('"a":1e999', "not a finite number"),
        ('"a":' + "9" * 5000, "integer of 5000 digits"),
        ('"a":9223372036854775808', "does not fit in 64 bits"),
        ('"a":"\\ud800"', "surrogate"),
        ('"\\udfff":1', "surrogate"),
        ('"a":', "Expecting value"),
        ('"a":1}x', "Extra data"),
    ],
)
def test_bad_191_json_header(tmp_path, inner, text):
    refused(tmp_path / "m", forge(outer_header(inner), bytes(8)), f"not sound JSON.*{text}")


def test_bad_191_outer_header(tmp_path):
    tensor = '"t":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}'
    for tensors, text in [
        (f"{tensor},{tensor}", "'t' occurs twice"),
        (f'{tensor},"__metadata__":{{}}', "'__metadata__' occurs twice"),
        ('"\\ud800":{}', "surrogate"),
        ('"t":' + "[" * 100_000 + "]" * 100_000, "nested too deep"),
    ]:
        refused(tmp_path / "m", forge(outer_header(tensors=tensors), bytes(8)), text)
    refused(tmp_path / "m", forge(outer_header().encode() + b"\xff", bytes(8)), "utf-8")


@pytest.mark.parametrize(
    ("tensors", "rest"),
    [
        ('"t":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}', 16),  # trailing bytes: a polyglot
        ('"t":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}', 7),
        ('"t":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}', 16),  # a gap
        ('"t":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}', 8),
        ('"t":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}', 8),
        ('"t":{"dtype":"F64","shape":[1],"data_offsets":[8,0]}', 8),
        ('"t":{"dtype":"F64","shape":[1],"data_offsets":[-8,8]}', 8),
        ('"t":{"dtype":"F64","shape":[4294967296,4294967296,1],"data_offsets":[0,8]}', 8),  # 2**64 wraps to 0
        ('"t":{"dtype":"F64","shape":[0,9007199254740992,9007199254740992],"data_offsets":[0,0]}', 0),
        ('"t":{"dtype":"F64","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,8]}', 8),
        ('"t":{"dtype":"F65","shape":[1],"data_offsets":[0,8]}', 8),
        ('"t":{"dtype":"BOOL","shape":[8],"data_offsets":[0,8]}', 8),
        ('"t":{"dtype":"F64","shape":[1]}', 8),
        ('"t":7', 8),
        (
            '"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}',
            8,  # two tensors in one place
        ),
        (
            '"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"b":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}',
            16,
        ),
    ],
)
def test_bad_192_shapes_and_offsets(tmp_path, tensors, rest):
    refused(tmp_path / "m", forge(outer_header(tensors=tensors), bytes(rest)), "tensor")


def test_bad_192_appended_bytes(tmp_path, model):
    refused(tmp_path / "m", model.read_bytes() + b"PK\x05\x06" + bytes(18), "checksum does not match")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_bad_193_coefficients_that_are_not_finite(tmp_path, value):
    path = tmp_path / "m"
    path.write_bytes(forge(outer_header(), np.float64(value).tobytes()))
    with pytest.raises(ModelFileError, match="'t' has 1 numbers that are NaN or infinite"):
        store.load(path)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_bad_194_floats_bitwise(values):
    tensors = {"theta": torch.tensor(values + EXTREMES, dtype=torch.float64)}
    data = store._pack({"values": values + EXTREMES}, tensors, store.NEEDS)
    same_bits(store._tensors(data), tensors)
    assert np.array(store._verify(data)["values"]).tobytes() == np.array(values + EXTREMES).tobytes()


def test_bad_194_float32_and_int64_extremes(tmp_path):
    tensors = {
        "f": torch.tensor([-0.0, 1e-45, 3.4028234663852886e38], dtype=torch.float32),
        "i": torch.tensor([-(2**63), 2**63 - 1]),
    }
    store.save(tmp_path / "m", {}, tensors)
    same_bits(store.load(tmp_path / "m")[1], tensors)


def test_bad_195_locale(tmp_path, model, monkeypatch):
    script = (
        "import locale, sys, torchlogit.store as s\n"
        "for name in sys.argv[2:]:\n"
        "    try: locale.setlocale(locale.LC_ALL, name)\n"
        "    except locale.Error: pass\n"
        "    s.save(name, *s.load(sys.argv[1]))"
    )
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    locales = ("C", "de_DE.UTF-8", "tr_TR.UTF-8")
    monkeypatch.chdir(tmp_path)
    run(script, model, *locales, environment=environment)
    assert all((tmp_path / name).read_bytes() == model.read_bytes() for name in locales)


def test_bad_195_numbers_are_little_endian_whatever_the_host(model):
    data = model.read_bytes()
    assert data.endswith(np.array([0.1, -2.5, 3.0], "<f8").tobytes())
    assert np.array([7, 9], "<i8").tobytes() in data


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bad_196_saved_from_a_gpu_loads_without(tmp_path, model):
    store.save(tmp_path / "m", HEADER, {name: tensor.cuda() for name, tensor in TENSORS.items()})
    assert (tmp_path / "m").read_bytes() == model.read_bytes()


def test_bad_196_loaded_tensors_are_on_the_cpu_whatever_the_default_device(model):
    with torch.device("meta"):
        same_bits(store.load(model)[1], TENSORS)


# 197 to 203: writing


def fails(path, before, error=FileError):
    with pytest.raises(error) as caught:
        store.save(path, HEADER, {"theta": torch.zeros(100_000)})
    assert caught.value.exit_code == 5
    assert path.name in str(caught.value)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_bad_197_file_size_limit(model):
    script = (
        "import os, resource, sys, torch, torchlogit.store as s\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: s.save(sys.argv[1], {}, {'theta': torch.zeros(100_000)})\n"
        "except s.FileError as error: print(error.exit_code, error)"
    )
    before = model.read_bytes()
    assert re.match("5 cannot write .*model.safetensors.*File too large", forked(script, model))
    assert model.read_bytes() == before
    assert os.listdir(model.parent) == [model.name]


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_bad_197_disk_full(model, monkeypatch, call):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    before = model.read_bytes()
    monkeypatch.setattr(os, call, full)
    fails(model, before)


def test_bad_198_error_only_at_close(model, monkeypatch):
    """The bytes stay in the buffer until flush and fsync: an error there still comes before the rename."""
    full = os.open("/dev/full", os.O_WRONLY)
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, *rest: (real(path, flags, *rest), os.dup(full))[1])
    before = model.read_bytes()
    with pytest.raises(FileError, match="No space left"):
        store.save(model, HEADER, TENSORS)
    assert model.read_bytes() == before
    assert os.listdir(model.parent) == [model.name]


KILLED_AT_EVERY_STEP = """
import os, signal, sys, torch
from torchlogit import store
path = sys.argv[1]
old, new = (store._pack({"name": name}, {"theta": torch.ones(2000)}, store.NEEDS) for name in ("old", "new"))
open(path, "wb").write(old)
store._pack = lambda *arguments: new
step, seen, status = 0, [], -1
while status != 0:
    step += 1
    child = os.fork()
    if child == 0:
        left = step
        def count(frame, event, argument):
            global left
            left -= event == "c_call"
            if left == 0: os.kill(os.getpid(), signal.SIGKILL)
        sys.setprofile(count)
        store.save(path, {}, {})
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    seen.append({old: "old", new: "new"}[open(path, "rb").read()])
print(step, *sorted(set(seen)))
"""


def test_bad_199_killed_at_every_step(tmp_path):
    """A child is killed at its first call, its second, ...: the file is always the old one or the new one."""
    steps, *seen = forked(KILLED_AT_EVERY_STEP, tmp_path / "m").split()
    assert int(steps) > 20
    assert seen == ["new", "old"]


def test_bad_200_file_and_directory_are_synced_around_the_rename(model, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(stat.S_ISDIR(os.fstat(fd).st_mode)), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("rename"), replace(*names)))
    store.save(model, HEADER, TENSORS)
    assert events == [False, "rename", True]


def test_bad_201_two_writers_at_once(tmp_path):
    path = tmp_path / "m"
    models = [{"theta": torch.full((50_000,), float(number))} for number in range(2)]
    store.save(path, {"writer": 0}, models[0])

    def write(number):
        for _ in range(20):
            store.save(path, {"writer": number}, models[number])

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        header, tensors = store.load(path)
        same_bits(tensors, models[header["writer"]])
    for writer in writers:
        writer.join()
    assert os.listdir(tmp_path) == ["m"]


def test_bad_202_links_are_replaced_not_written_through(tmp_path, model):
    before = model.read_bytes()
    (tmp_path / "soft").symlink_to(model)
    (tmp_path / "hard").hardlink_to(model)
    assert store.load(tmp_path / "soft")[0] == HEADER
    for name in ("soft", "hard"):
        store.save(tmp_path / name, {"new": name}, {})
        assert not (tmp_path / name).is_symlink()
        assert store.load(tmp_path / name)[0] == {"new": name}
    assert model.read_bytes() == before


def test_bad_202_fifo_device_directory(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "fifo", Path("/dev/null"), Path("/dev/full"), tmp_path / "folder"):
        for act in (lambda p: store.save(p, {}, {}), store.load, store.inspect):
            with pytest.raises(FileError, match=r"device|[Dd]irectory") as caught:
                act(path)
            assert repr(str(path)) in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["fifo", "folder"]
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


@pytest.mark.parametrize("name", ["x" * 300, "é" * 130, "a\0b", "missing/m", "file/m"])
def test_bad_203_names_that_cannot_be(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    for act in (lambda p: store.save(p, {}, {}), store.load, store.inspect):
        with pytest.raises(FileError, match="cannot") as caught:
            act(tmp_path / name)
        assert "\0" not in str(caught.value)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["two\nlines", "größe \U0001f600", "-", " ", "x" * 255])
def test_bad_203_names_that_are_odd_but_fine(tmp_path, name):
    store.save(tmp_path / name, HEADER, TENSORS)
    assert store.load(tmp_path / name)[0] == HEADER
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModelFileError) as caught:
        store.load(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_bad_203_no_permission(tmp_path, model):
    model.chmod(0)
    if os.access(model, os.R_OK):
        pytest.skip("this user may read everything, whatever the permissions")
    with pytest.raises(FileError, match="Permission denied"):
        store.load(model)
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match="Permission denied"):
        store.save(model, HEADER, TENSORS)
    tmp_path.chmod(0o700)


# 204 to 207


def test_bad_204_only_what_was_given_is_in_the_file(tmp_path):
    """A tensor that is a view of the training rows is stored without the rows around it."""
    secret = 1234567.890625
    rows = torch.full((1000,), secret, dtype=torch.float64)
    rows[500] = 0.25
    store.save(tmp_path / "m", {"a": 1}, {"theta": rows[500:501]})
    data = (tmp_path / "m").read_bytes()
    assert np.float64(secret).tobytes() not in data
    assert np.float64(0.25).tobytes() in data
    assert str(tmp_path).encode() not in data
    assert len(data) < 400


def test_bad_205_what_is_loaded_holds_no_file_and_can_be_pickled(model):
    descriptors = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None
    header, tensors = store.load(model)
    if descriptors is not None:
        assert len(os.listdir("/proc/self/fd")) == descriptors
    model.write_bytes(bytes(model.stat().st_size))
    same_bits(pickle.loads(pickle.dumps((header, tensors)))[1], TENSORS)


def test_bad_207_the_documentation_says_what_a_checksum_is_not(tmp_path):
    assert "A checksum is not authenticity" in store.__doc__
    (tmp_path / "m").write_bytes(forge(outer_header(), np.float64(42).tobytes()))
    assert store.load(tmp_path / "m")[1]["t"].item() == 42.0
