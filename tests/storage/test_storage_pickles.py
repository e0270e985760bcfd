"""Checkpoints that are pickles: what real ones need passes, and whatever runs code is refused by its name."""

from __future__ import annotations

import builtins
import collections
import copyreg
import datetime
import functools
import io
import os
import pathlib
import pickle
import random
import runpy
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synapse_hooks.errors import PickleRefused
from synapse_hooks.storage import check_pickles
from synapse_hooks.storage.pickle_allowlist import CHECKED, allowed_use
from synapse_hooks.storage.pickle_machine import Machine, Unsafe
from synapse_hooks.storage.pickle_opcodes import run_pickle


class Calls:
    """Pickled, it is a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.made = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.made


def file_of(folder: Path, data: bytes, name: str = 'best.pt') -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def zip_of(folder: Path, data: bytes, member: str = 'best/data.pkl', **options: Any) -> Path:
    file = folder / 'best.pt'
    with zipfile.ZipFile(file, 'w', **options) as archive:
        archive.writestr(member, data)
        archive.writestr('best/data/0', bytes(16))
    return file


def refused(file: Path, allowed: tuple[str, ...] = ()) -> PickleRefused:
    with pytest.raises(PickleRefused) as caught:
        check_pickles(file, allowed)
    assert caught.value.path == str(file)
    return caught.value


HARMLESS = {
    'numbers': {'epoch': 3, 'lr': 0.1, 'big': 1 << 80, 'none': None, 'yes': True, 'bytes': b'\xff', 'long': 'x' * 5000},
    'collections': [collections.OrderedDict(a=1), collections.defaultdict(list), collections.Counter('ab'), {1}],
    'builtins': [slice(1), range(3), 1j, bytearray(b'x'), frozenset('a'), (1, 2, 3, 4, 5)],
    'paths': [pathlib.PurePosixPath('a'), pathlib.PureWindowsPath('b'), Path('c')],
    'times': [datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), datetime.timedelta(1)],
    'numpy': [np.zeros((2, 3)), np.float64(1), np.int32(2), np.dtype('f4'), np.array(['a', None], dtype=object)],
}


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('name', HARMLESS)
def test_what_checkpoints_hold_passes_in_every_protocol(name: str, protocol: int, tmp_path: Path) -> None:
    data = pickle.dumps(HARMLESS[name], protocol)
    assert check_pickles(file_of(tmp_path, data)) == [tmp_path / 'best.pt']
    assert check_pickles(zip_of(tmp_path, data)) == [tmp_path / 'best.pt']


RUNS = {
    'posix.system': (os.system, 'touch ran'),
    'builtins.eval': (eval, '1'),
    'builtins.exec': (exec, '1'),
    'builtins.__import__': (builtins.__import__, 'os'),
    'builtins.open': (open, 'ran', 'w'),
    'builtins.map': (map, int, (1,)),
    'io.open_code': (io.open_code, 'ran'),
    'runpy._run_code': (runpy._run_code, '1', {}),
    'subprocess.Popen': (subprocess.Popen, 'ls'),
    'functools.partial': (functools.partial, int),
    'pickle.loads': (pickle._loads, b'.'),
    'shutil.rmtree': (__import__('shutil').rmtree, 'x'),
    'copyreg.add_extension': (copyreg.add_extension, 'os', 'system', 1),
}


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('name', RUNS)
def test_what_runs_code_is_refused_by_its_name(name: str, protocol: int, tmp_path: Path) -> None:
    data = pickle.dumps({'weights': [Calls(*RUNS[name])]}, protocol)
    for file in (file_of(tmp_path, data), zip_of(tmp_path, data)):
        (found,) = refused(file).names
        assert found.rpartition('.')[2].lstrip('_') == name.rpartition('.')[2].lstrip('_')
        assert f'--allow-pickle {found}' in refused(file).hint
        assert check_pickles(file, [found]) == [file]
        assert check_pickles(file, ['all']) == []
    assert not (tmp_path / 'ran').exists()


def text(*parts: str) -> bytes:
    """A pickle in the oldest notation."""
    return '\n'.join(parts).encode() + b'\n'


def short(value: str) -> bytes:
    return b'\x8c' + bytes([len(value)]) + value.encode()


def stack_global(module: str, name: str) -> bytes:
    return short(module) + short(name) + b'\x93'


TRICKS = {
    'the name of Python 2': (b'c__builtin__\neval\n(S"1"\ntR.', 'builtins.eval'),
    'a module of Python 2': (b'ccommands\ngetoutput\n(S"1"\ntR.', 'subprocess.getoutput'),
    'INST': (b'(S"true"\nios\nsystem\n.', 'os.system'),
    'OBJ': (b'(cos\nsystem\nS"true"\no.', 'os.system'),
    'a name that is on the stack': (
        b'\x80\x04' + stack_global('os', 'system') + short('true') + b'\x85R.',
        'os.system',
    ),
    'a name out of the memo': (
        b'\x80\x04' + short('os') + b'\x940' + short('system') + b'\x940h\x00h\x01\x93' + short('true') + b'\x85R.',
        'os.system',
    ),
    'a memo written twice': (
        b'\x80\x04' + short('collections') + b'q\x000' + short('os') + b'q\x00' + short('system') + b'\x93' + b')R.',
        'os.system',
    ),
    'a name with escapes': (b'\x80\x04Vo\\u0073\n' + short('system') + b'\x93)R.', 'os.system'),
    'a quoted name with escapes': (b'\x80\x04S"o\\x73"\n' + short('system') + b'\x93)R.', 'os.system'),
    'a dotted name': (
        b'\x80\x04' + stack_global('collections', 'abc.sys.modules') + b'.',
        'collections.abc.sys.modules',
    ),
    'a dotted name of a layer': (
        b'\x80\x04' + stack_global('torch.nn.modules.module', 'Module.os.System') + b'.',
        'torch.nn.modules.module.Module.os.System',
    ),
    'after another pickle': (pickle.dumps(1) + pickle.dumps(Calls(os.system, 'true')), 'posix.system'),
    'something thrown away': (b'cos\nsystem\n0N.', 'os.system'),
    'calling a model': (b'cultralytics.nn.tasks\nDetectionModel\n((dtR.', 'ultralytics.nn.tasks.DetectionModel'),
    'making a model with arguments': (
        b'\x80\x02cultralytics.nn.tasks\nDetectionModel\n(d\x85\x81.',
        'ultralytics.nn.tasks.DetectionModel',
    ),
    'a base that is called': (
        b'ccopyreg\n_reconstructor\n(cultralytics.nn.tasks\nDetectionModel\ncultralytics.nn.tasks\nDetectionModel\n(dtR.',
        'copyreg._reconstructor',
    ),
    'changing a class': (b'ctorch.nn.modules.conv\nConv2d\n(dS"forward"\nNsb.', 'torch.nn.modules.conv.Conv2d'),
    'writing into what is imported': (b'ctorch.nn.modules.module\nX\nS"a"\nNs.', 'torch.nn.modules.module.X'),
    'another attribute': (b'c__builtin__\ngetattr\n(cpathlib\nPath\nS"unlink"\ntR.', 'builtins.getattr'),
    'an attribute of computed name': (b'c__builtin__\ngetattr\n(NNtR.', 'builtins.getattr'),
    'getattr kept for later': (b'(lc__builtin__\ngetattr\na.', 'builtins.getattr'),
    'getattr as an argument': (b'ccollections\ndefaultdict\n(c__builtin__\ngetattr\ntR.', 'builtins.getattr'),
    'calling what a call gave': (b'c__builtin__\ngetattr\n(NS"forward"\ntR)R.', '(a computed value)'),
    'changing an attribute': (b'c__builtin__\ngetattr\n(NS"forward"\ntRNb.', 'builtins.getattr'),
    'another codec': (b'c_codecs\nencode\n(S"x"\nS"rot13"\ntR.', '_codecs.encode'),
    'a pickle in a pickle': (b'ctorch.storage\n_load_from_bytes\n(C\x01.tR.', 'torch.storage._load_from_bytes'),
    'torch.hub': (b'ctorch.hub\nload\n(S"x"\ntR.', 'torch.hub.load'),
    'torch.load': (b'ctorch\nload\n(S"x"\ntR.', 'torch.load'),
    'a function that calls': (
        b'ctorch._tensor\n_rebuild_from_type_v2\n(NNNNtR.',
        'torch._tensor._rebuild_from_type_v2',
    ),
    'compiled code': (b'ctorch.jit\nload\n(S"x"\ntR.', 'torch.jit.load'),
    'a module of graphs': (
        b'ctorch.fx.graph_module\nreduce_graph_module\n((dNtR.',
        'torch.fx.graph_module.reduce_graph_module',
    ),
    'a function among layers': (b'ctorch.nn.modules.module\nregister_module_forward_hook\n.', None),
    'a module of the project': (b'ctrain\nBlock\n.', 'train.Block'),
}


@pytest.mark.parametrize('trick', TRICKS)
def test_no_notation_hides_a_name(trick: str, tmp_path: Path) -> None:
    data, name = TRICKS[trick]
    found = refused(file_of(tmp_path, data)).names
    assert name is None or name in found


@pytest.mark.parametrize(
    ('data', 'why'),
    [
        (b'\x80\x04\x82\x01.', 'extension registry'),
        (b'\x80\x04NN\x93.', 'whose name cannot be known'),
        (b'\x80\x04\x8c\x09os', 'is cut off'),
        (b'\x80\x04cos\nsystem', 'without an end'),
        (b'\x80\x04B\xff\xff\xff\x7fabc', 'is cut off'),
        (b'\x80\x04N' + b'r\xff\xff\xff\x7f.', 'memo is numbered absurdly'),
        (b'Np1x\n.', 'is not a number'),
        (b'T\xff\xff\xff\xff.', 'below zero'),
        (b'\x1f\x8b' + bytes(30), 'is compressed'),
        (b'\x80\x04S"\\x"\n.', 'cannot be read'),
    ],
)
def test_what_cannot_be_followed_is_refused(data: bytes, why: str, tmp_path: Path) -> None:
    error = refused(file_of(tmp_path, data))
    assert why in error.problem
    assert '--allow-pickle all' in error.hint
    assert check_pickles(tmp_path / 'best.pt', ['all']) == []


@pytest.mark.parametrize('data', [b'', b'best weights', b'some weights', b'old', b'\x00\x01', b'{}', b'.'])
def test_what_no_unpickler_would_run_passes(data: bytes, tmp_path: Path) -> None:
    check_pickles(file_of(tmp_path, data))


def test_a_name_that_is_an_attack_on_a_shell_is_not_a_line_to_paste(tmp_path: Path) -> None:
    error = refused(file_of(tmp_path, b'cos\nsystem;rm -rf\n.'))
    assert 'rm -rf' not in error.hint


BAD = pickle.dumps(Calls(os.system, 'true'), 2)


def test_a_zip_must_read_the_same_for_everybody(tmp_path: Path) -> None:
    good = pickle.dumps({})
    file = zip_of(tmp_path, good)
    sound = file.read_bytes()
    assert check_pickles(file) == [file]
    file.write_bytes(sound + b'more')
    assert 'follows the zip' in refused(file).problem
    other = zip_of(tmp_path, BAD).read_bytes()
    file.write_bytes(sound + other)
    assert refused(file).path == str(file)
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('best/data.pkl', good)
        archive.writestr('BEST/DATA.PKL', good)
    assert 'more than one way' in refused(file).problem
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('best/data.pkl', good)
        archive.comment = b'comment'
    assert 'follows the zip' in refused(file).problem
    file.write_bytes(sound[: len(sound) // 2])
    refused(file)
    zip_of(tmp_path, bytes(70 << 20), compression=zipfile.ZIP_DEFLATED)
    assert 'absurdly' in refused(file).problem


def test_a_pickle_of_any_case_in_a_zip_is_looked_into(tmp_path: Path) -> None:
    assert refused(zip_of(tmp_path, BAD, 'best/DATA.PKL')).names == ['posix.system']
    assert refused(zip_of(tmp_path, BAD, 'best/constants.pkl', compression=zipfile.ZIP_DEFLATED)).names


def test_a_tar_is_refused_as_torch_would_unpack_it(tmp_path: Path) -> None:
    file = tmp_path / 'best.pt'
    with tarfile.open(file, 'w') as archive:
        info = tarfile.TarInfo('pickle')
        info.size = len(BAD)
        archive.addfile(info, io.BytesIO(BAD))
    assert 'is a tar' in refused(file).problem


def test_a_folder_is_looked_into_to_the_bottom_and_through_links(tmp_path: Path) -> None:
    inner = tmp_path / 'model' / 'a' / 'b'
    inner.mkdir(parents=True)
    (tmp_path / 'model' / 'classes.txt').write_text('cat\ndog\n')
    (tmp_path / 'model' / 'model.safetensors').write_bytes(bytes(8))
    assert check_pickles(tmp_path / 'model') == []
    (inner / 'unnamed').write_bytes(BAD)
    assert refused(inner / 'unnamed').names == ['posix.system']
    with pytest.raises(PickleRefused):
        check_pickles(tmp_path / 'model')
    (inner / 'unnamed').rename(tmp_path / 'elsewhere.pt')
    (inner / 'last.pt').symlink_to(tmp_path / 'elsewhere.pt')
    with pytest.raises(PickleRefused, match=r'last\.pt'):
        check_pickles(tmp_path / 'model')


def test_a_pickle_of_endless_operations_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('synapse_hooks.storage.pickle_machine.MAX_STEPS', 1000)
    assert 'more than 1,000 operations' in refused(file_of(tmp_path, b'N0' * 600 + b'N.')).problem


def test_tuples_that_are_nested_without_end_do_no_harm(tmp_path: Path) -> None:
    deep = b')' + b'\x85' * 300_000
    file = file_of(tmp_path, b'c__builtin__\ngetattr\n(N' + deep + b'tR.')
    assert refused(file).names == ['builtins.getattr']


def test_values_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('synapse_hooks.storage.pickle_machine.MAX_VALUES', 1000)
    assert 'more than 1,000 values' in refused(file_of(tmp_path, b'(' + b'N' * 2000 + b't.')).problem
    many = b''.join(b'\x8c\x04%04d\x940' % number for number in range(2000))
    assert 'more than 1,000 values' in refused(file_of(tmp_path, b'\x80\x04' + many + b'N.')).problem


# Without those whose argument is a length or a number of the memo: the real unpickler would ask for gigabytes.
OPCODES = [bytes([code]) for code in b'(.0123NPQRabcdehiloqstu}]\x80\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94']
PIECES = [
    *OPCODES, b'os\n', b'system\n', b'cos\nsystem\n', b'ios\nsystem\n', b'ccollections\nOrderedDict\n', b'\x8c\x02os',
    b'\x8c\x06system', b'\x93', b'\x94', b'q\x00', b'h\x00', b'p0\n', b'g0\n', b'X\x02\x00\x00\x00os', b'S"os"\n',
    b'Vsystem\n', b'(', b't', b'\x85', b'\x86', b'R', b'\x81', b'N', b')', b'}', b'b', b'o', b'U\x02os', b'\x80\x02',
]  # fmt: skip


class _Stop(Exception):
    pass


def imported(data: bytes) -> set[str]:
    """What the real unpickler imports of it; nothing of that is run."""
    names: set[str] = set()

    class Real(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            names.add(f'{module}.{name}')
            return collections.OrderedDict

        def persistent_load(self, key: Any) -> Any:
            return None

    stream = io.BytesIO(data)
    try:
        while stream.tell() < len(data):
            Real(stream).load()
    except Exception:  # whatever it says of a broken pickle
        pass
    return names


def test_what_the_real_unpickler_imports_never_escapes() -> None:
    seed = random.Random(20260101)
    seen = 0
    for _ in range(20_000):
        data = b''.join(seed.choices(PIECES, k=seed.randrange(2, 14))) + b'.'
        wanted = {name for name in imported(data) if allowed_use(name) is None}
        if not wanted:
            continue
        seen += 1
        machine = Machine(io.BytesIO(data))
        try:
            while run_pickle(machine):
                pass
        except Unsafe:
            continue
        assert wanted <= set(machine.refused), data
    assert seen > 300


def test_what_may_be_called_is_plain() -> None:
    assert all(allowed_use(name) == 'call' for name in CHECKED)
    for name in ('torch.nn.modules.conv.os', 'torch.nn.modules', 'ultralytics.nn.tasks.torch_safe_load', 'torch.load'):
        assert allowed_use(name) is None
