"""What replaces functions of a framework, and restores them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from synapse_hooks.autologgers.attaching import Attached


class Base:
    def fit(self) -> str:
        return 'fitted'


class Model(Base):
    pass


@pytest.fixture(autouse=True)
def _unchanged() -> Iterator[None]:
    yield
    if 'fit' in vars(Model):
        del Model.fit


@pytest.fixture
def attached() -> Attached[str]:
    return Attached()


def naming(attached: Attached[str]) -> Callable[..., Callable[..., str]]:
    return lambda original: lambda model: f'{original(model)} by {attached.current()}'


def add(attached: Attached[str], member: str) -> None:
    attached.add(member, lambda: attached.replace(Model, 'fit', naming(attached)))


def test_the_last_session_restores_what_the_first_replaced(attached: Attached[str]) -> None:
    add(attached, 'first')
    add(attached, 'second')
    assert Model().fit() == 'fitted by second'
    attached.remove('first')
    assert Model().fit() == 'fitted by second'
    attached.remove('second')
    assert Model().fit() == 'fitted'
    assert 'fit' not in vars(Model), 'an inherited function is inherited again'


def test_a_thread_has_the_session_that_it_attached_itself(attached: Attached[str]) -> None:
    add(attached, 'main')
    found: list[Any] = []

    def other() -> None:
        found.append(attached.current())
        add(attached, 'own')
        found.append(attached.current())

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert found == ['main', 'own']
    assert attached.current() == 'main'
    attached.remove('main')
    assert attached.current() == 'own'
    attached.remove('own')
    assert attached.current() is None


def test_what_another_program_put_around_stays(attached: Attached[str]) -> None:
    add(attached, 'run')
    ours = Model.fit
    theirs = lambda model: f'wrapped: {ours(model)}'  # noqa: E731
    Model.fit = theirs  # type: ignore[method-assign]
    attached.remove('run')
    assert Model.fit is theirs


def test_a_failure_while_replacing_leaves_nothing(attached: Attached[str]) -> None:
    def failing() -> None:
        attached.replace(Model, 'fit', naming(attached))
        raise ImportError('no such module')

    with pytest.raises(ImportError, match='no such module'):
        attached.add('run', failing)
    assert Model().fit() == 'fitted'
    assert attached.current() is None


def test_what_is_not_there_is_not_replaced(attached: Attached[str]) -> None:
    assert not attached.replace(Model, 'predict', naming(attached))
    assert not attached.has_replaced(Model, 'predict')
