"""Whatever happens in whatever order: what looks complete is, and every export is the same dataset."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from synapse_hooks.backends.synapse import Cache
from synapse_hooks.backends.synapse.verifying import verify_export
from synapse_hooks.errors import BackendError
from synapse_hooks.storage import tree_digest
from tests.faults.backend import Backend
from tests.faults.conftest import Children
from tests.faults.world import World, world
from tests.support.raw_server import DROP, Reply

WORK: list[Children] = []
"""The children of the run at hand: a state machine gets no fixtures."""
_FAULTS = (DROP, Reply(500), Reply(403), Reply(body=b'xx', cut=1), Reply(body=b'xx', chunked=True, cut=1))


class Exports(RuleBasedStateMachine):
    """One dataset, one cache, and a machine on which things happen."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.world: World = self.stack.enter_context(world(folder / 'world', Backend(3, large=17 << 16)))
        self.clean = self.world.clean_digest()
        self.number = 0
        self.touched: set[Path] = set()
        self.converted: set[str] = set()

    def teardown(self) -> None:
        """Without faults, it is the same dataset still (I2)."""
        self.world.backend.clear_faults()
        assert self.world.export('last')['digest'] == self.clean
        assert verify_export(self.world.out('last'), deep=True)[1] == []
        self.world.check_leftovers()
        self.world.check_secrets()
        self.stack.close()

    def _new(self) -> Path:
        self.number += 1
        return self.world.out(f'x{self.number}')

    def _whole(self) -> list[Path]:
        found = [folder for folder in (self.world.folder / 'out').glob('x*') if (folder / 'items.jsonl').exists()]
        return sorted(set(found) - self.touched)

    @rule()
    def export(self) -> None:
        """It succeeds."""
        self.world.backend.clear_faults()
        assert self.world.export(self._new().name)['digest'] == self.clean

    @rule(at=st.integers(5, 70))
    def kill(self, at: int) -> None:
        """An export dies, or succeeds before."""
        self.world.backend.clear_faults()
        out = self._new()
        WORK[0]('export', kill_at=at, host=self.world.api.host, folder=self.world.folder, out=out)

    @rule(fault=st.sampled_from(_FAULTS), file=st.integers(0, 2))
    def fail(self, fault: Reply, file: int) -> None:
        """An export fails, if the cache does not have that file."""
        self.world.backend.counts.clear()
        self.world.backend.answer_with(f'/f/{file}.png', fault, forever=True)
        out = self._new()
        try:
            assert self.world.export(out.name)['digest'] == self.clean
        except BackendError:
            assert not out.exists()
        self.world.backend.clear_faults()

    @rule(which=st.integers(0, 10), how=st.sampled_from(['append', 'delete', 'index', 'edit']))
    def corrupt(self, which: int, how: str) -> None:
        """Somebody writes into the cache, or into a dataset that is linked to it."""
        blobs = sorted((self.world.folder / 'cache' / 'blobs').glob('*/[0-9a-f]*'))
        index = self.world.folder / 'cache' / 'index.sqlite'
        if how == 'index':
            if index.exists():
                index.write_bytes(b'SQLite format 3\0' + bytes(which * 100))
            return
        if not blobs:
            return
        victim = blobs[which % len(blobs)]
        if how == 'delete':
            victim.unlink()
            return
        inode = victim.stat().st_ino
        with victim.open('ab' if how == 'append' else 'r+b') as file:
            file.write(b'!')
        for folder in self._whole():
            if any(file.stat().st_ino == inode for file in folder.rglob('*') if file.is_file()):
                self.touched.add(folder)

    @rule(all=st.booleans())
    def evict(self, all: bool) -> None:
        """`cache prune`, with or without the datasets that used the cache."""
        if all:
            for folder in self._whole():
                shutil.rmtree(folder)
        Cache(self.world.folder / 'cache').prune()

    @precondition(lambda self: self._whole())
    @rule()
    def convert(self) -> None:
        """Equal datasets convert to equal ones."""
        source = self._whole()[0]
        out = self.world.folder / 'converted' / str(self.number)
        self.number += 1
        (ended,) = WORK[0]('converted', source=source, out=out)
        assert ended['error'] is None, ended
        self.converted.add(tree_digest(out))
        assert len(self.converted) == 1

    @rule(deep=st.booleans())
    def verify(self, deep: bool) -> None:
        """`cache verify`; what it removed is fetched again."""
        cache = Cache(self.world.folder / 'cache')
        cache.verify(deep=deep)
        assert cache.verify(deep=True) == [] or not deep

    @invariant()
    def complete_is_complete(self) -> None:
        """I1; what somebody has written into is found."""
        for folder in self._whole():
            assert verify_export(folder, deep=True)[1] == []
        for folder in self.touched:
            assert not folder.exists() or verify_export(folder, deep=True)[1]


@pytest.mark.timeout(240)
def test_no_order_of_events_breaks_a_promise(work: Children) -> None:
    WORK[:] = [work]
    chosen = settings(
        phases=[Phase.generate],
        max_examples=12,
        stateful_step_count=12,
        deadline=None,
        # Shrinking would take minutes; what is printed is short enough.
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Exports, settings=chosen)
