"""Errors and results arrive whole in another process, whatever they are made of."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import synapse_hooks
from synapse_hooks.conversion.contract import WriteResult, Written
from synapse_hooks.data import Box, DatasetInfo, LossReport, Sample
from synapse_hooks.data.batch import Batch, gather
from synapse_hooks.errors import PluginBroken, StepFailed, SynapseHooksError, UnreadableItem, WrongAnswer
from synapse_hooks.launches import RunOutcome, RunPlan, resources_of
from synapse_hooks.plugins.blame import blame, culprit
from synapse_hooks.plugins.records import Plugin
from synapse_hooks.portable import PortableException, RemoteError, is_portable, portable
from synapse_hooks.searches import Search, SearchConfig, SearchOutcome, SearchParam, Trial
from synapse_hooks.types import StepResult
from tests.data_room.test_data_annotations import ALL as ANNOTATIONS

CONTRIB = Path(__file__).parents[1] / 'contrib'
THERE_AND_BACK: dict[str, Callable[[Any], Any]] = {
    'pickle': lambda value: pickle.loads(pickle.dumps(value)),
    'oldest pickle': lambda value: pickle.loads(pickle.dumps(value, protocol=0)),
    'copy': copy.copy,
    'deepcopy': copy.deepcopy,
}
ARGUMENTS = {'str': 'a text', 'int': 2, 'float': 1.5, 'bool': True, 'float | None': 2.5}


def subclasses(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def exceptions() -> list[type[BaseException]]:
    """Every class of an exception that this package and the contributed distributions define."""
    packages = [synapse_hooks.__name__]
    for package in CONTRIB.glob('*/synapse_hooks_*'):
        sys.path.append(str(package.parent))
        packages.append(package.name)
    try:
        for name in packages:
            for module in pkgutil.walk_packages(import_module(name).__path__, f'{name}.'):
                if module.name.endswith('__main__'):
                    continue
                try:
                    import_module(module.name)
                except ModuleNotFoundError as error:
                    # What a distribution adapts to, such as Ray, need not be installed.
                    if str(error.name).partition('.')[0] in packages:
                        raise
    finally:
        del sys.path[len(sys.path) - len(packages) + 1 :]
    found = {kind for kind in subclasses(BaseException) if kind.__module__.partition('.')[0] in packages}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


def made(kind: type[BaseException]) -> BaseException:
    """One of the class, with a value for every argument."""
    if issubclass(kind, SynapseHooksError):
        facts: dict[str, Any] = {'path': Path('b.json'), 'faults': [{'field': 'a'}], 'nothing': None, 'step': 3}
        return kind('b.json is broken', hint='fix it', **facts)
    if issubclass(kind, OSError):
        return kind(5, 'it is a pipe', 'a.json')
    if kind.__init__ is Exception.__init__ or kind.__init__ is BaseException.__init__:
        return kind('a text', 2)
    positional, named = [], {}
    for argument in list(inspect.signature(kind.__init__).parameters.values())[1:]:
        value = ARGUMENTS.get(str(argument.annotation), ValueError('an inner error'))
        if argument.kind is inspect.Parameter.KEYWORD_ONLY:
            named[argument.name] = value
        elif argument.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            positional.append(value)
    return kind(*positional, **named)


def content(error: BaseException) -> tuple[Any, ...]:
    """What must be the same of an exception and its copy; inner errors by their text, as they have no equality."""
    return type(error), str(error), repr(error.args), {name: repr(value) for name, value in vars(error).items()}


@pytest.fixture(scope='module')
def kinds() -> list[type[BaseException]]:
    """See `exceptions`."""
    return exceptions()


def test_every_class_is_found(kinds: list[type[BaseException]]) -> None:
    names = {kind.__name__ for kind in kinds}
    assert {'StepFailed', 'Failure', 'InvalidField', 'UnsafeFile', 'NotBegun', 'JournalWarning', 'Overdue'} <= names
    assert len(kinds) > 50


@pytest.mark.parametrize('way', THERE_AND_BACK)
def test_every_exception_arrives_as_it_was(way: str, kinds: list[type[BaseException]]) -> None:
    for kind in kinds:
        error = made(kind)
        error.add_note("raised by acme-voc 0.4 (plugin 'voc') in hook 'convert'")
        arrived = THERE_AND_BACK[way](error)
        assert content(arrived) == content(error), kind
        assert arrived is not error


@pytest.mark.parametrize('way', THERE_AND_BACK)
def test_causes_arrive_with_their_types_notes_and_causes(way: str) -> None:
    def failing() -> None:
        try:
            try:
                raise KeyError('label')
            except KeyError as error:
                error.add_note('of a.json')
                raise UnreadableItem('a.json has no label', hint='add it', path='a.json') from error
        except UnreadableItem as error:
            raise StepFailed('convert failed', step='convert', attempt=2) from error

    with pytest.raises(StepFailed) as caught:
        failing()
    arrived = THERE_AND_BACK[way](caught.value)
    assert [type(error) for error in chain(arrived)] == [StepFailed, UnreadableItem, KeyError]
    assert [content(error) for error in chain(arrived)] == [content(error) for error in chain(caught.value)]


def chain(error: BaseException | None) -> list[BaseException]:
    errors = []
    while error is not None:
        errors.append(error)
        error = error.__cause__
    return errors


class Unpicklable(Exception):
    """Holds something of this process."""

    def __init__(self, device: str) -> None:
        super().__init__(f'{device} is lost', threading.Lock())


class Forgetful(Exception):
    """It can be pickled, and not unpickled."""

    def __init__(self, *, device: str) -> None:
        super().__init__(f'{device} is lost')


@pytest.mark.parametrize('cause', [Unpicklable('gpu 0'), Forgetful(device='gpu 0')])
def test_a_cause_that_cannot_be_pickled_arrives_as_text(cause: Exception) -> None:
    cause.add_note('while epoch 3 was running')
    failed = StepFailed('execute failed', step='execute')
    failed.__cause__ = cause
    arrived = pickle.loads(pickle.dumps(failed))
    assert (str(arrived), arrived.step, arrived.exit_code) == ('execute failed', 'execute', 1)
    assert type(arrived.__cause__) is RemoteError
    assert str(arrived.__cause__).startswith(type(cause).__name__)
    assert 'gpu 0 is lost' in str(arrived.__cause__)
    assert arrived.__cause__.__notes__ == ['while epoch 3 was running']
    assert type(portable(cause)) is RemoteError


def test_facts_that_cannot_be_pickled_arrive_as_text() -> None:
    lock = threading.Lock()
    arrived = pickle.loads(pickle.dumps(PluginBroken('it is broken', name='voc', lock=lock, path=Path('a.py'))))
    assert (arrived.name, arrived.lock, arrived.path) == ('voc', repr(lock), Path('a.py'))


def test_a_group_of_errors_arrives() -> None:
    failed = SynapseHooksError('cleanup was not complete')
    failed.__cause__ = ExceptionGroup('two', [OSError(2, 'no such file'), WrongAnswer('wrong', hook='cleanup')])
    arrived = pickle.loads(pickle.dumps(failed)).__cause__
    assert [str(error) for error in arrived.exceptions] == ['[Errno 2] no such file', 'wrong']
    failed.__cause__ = ExceptionGroup('two', [OSError(2, 'no such file'), Unpicklable('gpu 0')])
    text = str(pickle.loads(pickle.dumps(failed)).__cause__)
    assert 'no such file' in text
    assert 'gpu 0 is lost' in text


def test_chains_in_a_circle_and_facts_that_hold_their_error_end() -> None:
    first, second = WrongAnswer('first'), WrongAnswer('second')
    first.__cause__, second.__cause__ = second, first
    assert [str(error) for error in chain(pickle.loads(pickle.dumps(first)))] == ['first', 'second']
    error = WrongAnswer('holds itself')
    error.facts['error'] = error
    assert str(pickle.loads(pickle.dumps(error))) == 'holds itself'


class Elsewhere(UnreadableItem):
    """Of a plugin that the other process does not have."""


class Here(Exception):
    """The same."""


def test_classes_that_the_other_process_does_not_have_are_replaced() -> None:
    error = Elsewhere('a.json is broken', hint='fix it', path='a.json', here=Here('x'))
    error.add_note("raised by acme-voc 0.4 (plugin 'voc') in hook 'convert'")
    error.__cause__ = Here('a bad byte')
    code = (
        'import json, pickle, sys; sys.modules["tests"] = None; '
        'error = pickle.load(sys.stdin.buffer); cause = error.__cause__; '
        'print(json.dumps([type(error).__name__, str(error), error.path, error.here, error.__notes__, '
        'type(cause).__name__, str(cause)]))'
    )
    command = [sys.executable, '-P', '-c', code]
    done = subprocess.run(command, input=pickle.dumps(error), stdout=subprocess.PIPE, check=True, cwd='/')
    assert json.loads(done.stdout) == [
        'UnreadableItem',
        'a.json is broken\n  → fix it',
        'a.json',
        "Here('x')",
        error.__notes__,
        'RemoteError',
        'Here: a bad byte',
    ]


def test_a_local_class_arrives_as_its_base() -> None:
    class Local(UnreadableItem):
        pass

    arrived = pickle.loads(pickle.dumps(Local('a.json is broken', path='a.json')))
    assert (type(arrived), arrived.path) == (UnreadableItem, 'a.json')


@pytest.mark.parametrize('error', [UnreadableItem('a.json is broken'), ValueError('bad')])
def test_whom_to_blame_arrives(error: Exception) -> None:
    plugin = Plugin('voc', 'format', 'installed', 'acme_voc:Voc', 'acme-voc', '0.4')
    plugin.loaded = json
    plugin.error = Unpicklable('gpu 0')
    blame(error, plugin, 'convert')
    arrived = pickle.loads(pickle.dumps(error))
    found = culprit(arrived)
    assert found is not None
    assert (found.who, found.loaded) == ("acme-voc 0.4 (plugin 'voc')", None)
    assert arrived.__notes__ == ["raised by acme-voc 0.4 (plugin 'voc') in hook 'convert'"]


def failing(text: str) -> None:
    raise WrongAnswer(text, hint='fix it', hook='convert')


def test_a_pool_of_processes_passes_errors_on() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool, pytest.raises(WrongAnswer) as caught:
        pool.submit(failing, 'x' * 20_000).result()
    assert caught.value.problem == WrongAnswer('x' * 20_000).problem
    assert (caught.value.hint, caught.value.hook) == ('fix it', 'convert')


TEXTS = st.text(st.characters(), max_size=30) | st.text(st.sampled_from('\ud800\0\x1b[é→'), max_size=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.binary(max_size=9)
FACTS = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=5
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    problem=TEXTS | st.just('x' * 30_000),
    hint=TEXTS,
    facts=st.dictionaries(TEXTS.filter(lambda name: name not in ('self', 'problem', 'hint')), FACTS, max_size=4),
    notes=st.lists(TEXTS, max_size=3),
)
def test_any_text_and_any_facts_arrive(problem: str, hint: str, facts: dict[str, Any], notes: list[str]) -> None:
    error = StepFailed(problem, hint=hint, **facts)
    for note in notes:
        error.add_note(note)
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is StepFailed
    assert str(arrived) == str(error)
    assert arrived.args == error.args
    assert vars(arrived) == vars(error)


def report() -> LossReport:
    counted = LossReport()
    counted.written('box', 3)
    counted.dropped('mask', 'a detect label holds boxes', 'a', 'm1')
    counted.unreadable('b.json', 'it is empty')
    return counted


SAMPLE = Sample('a', Path('a.jpg'), 40, 20, 'train', ANNOTATIONS)
RESULTS = [
    StepResult(success=False, data={'dataset': {'path': Path('a'), 'format': 'yolo'}}, error='no disk'),
    WriteResult({'train': 1}, state=[1, 2]),
    Written(Path('dataset.yaml'), 'yolo'),
    DatasetInfo(classes=('car',)),
    RunPlan('train:Train', '/runs/a', {'epochs': 3}, {'workspace': '/w'}, deadlines={'execute': 60.0}, block=('voc',)),
    resources_of(['num_gpus=0.5', 'a100=1'], env=['LOG=debug']),
    RunOutcome('failed', '/runs/a', {'images': 3}, metrics={'loss': 0.5}, error={'type': 'ValueError'}),
    Search((SearchParam('lr0', 'uniform', min=0.0, max=1.0),), SearchConfig('mAP50', 'max')),
    SearchOutcome('succeeded', (Trial('0001', {'lr0': 0.1}, 'succeeded', {'mAP50': 0.8}),)),
    *ANNOTATIONS,
]


@pytest.mark.parametrize('result', RESULTS, ids=lambda result: type(result).__name__)
def test_results_arrive(result: object) -> None:
    assert THERE_AND_BACK['pickle'](result) == result


def test_samples_batches_and_loss_reports_arrive() -> None:
    for sample in (
        THERE_AND_BACK['pickle'](SAMPLE),
        THERE_AND_BACK['pickle'](Batch.of_samples([SAMPLE])).samples[0],
        copy.deepcopy(SAMPLE),
    ):
        for name in Sample.__slots__:
            assert getattr(sample, name) == getattr(SAMPLE, name)
    gathered = gather([Sample('a', annotations=[Box(1, 2, 3, 4, label='car', id='b1')])])
    assert THERE_AND_BACK['pickle'](gathered).boxes.corners.tolist() == [[1, 2, 4, 6]]
    assert THERE_AND_BACK['pickle'](report()).to_dict() == report().to_dict()


def test_a_broken_plugin_is_reported_without_the_error_of_pluggy() -> None:
    import pluggy

    plugin: Any = object()
    error = pluggy.PluginValidationError(plugin, 'unknown hook')
    assert not is_portable(error)
    failed = PluginBroken('acme is broken', name='acme')
    failed.__cause__ = error
    arrived = pickle.loads(pickle.dumps(failed))
    assert isinstance(arrived.__cause__, PortableException)
    assert str(arrived.__cause__) == 'PluginValidationError: unknown hook'
