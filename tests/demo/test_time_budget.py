from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from synapse_hooks.demo.time_budget import TimeBudget


def train(durations: list[float], *, seconds: float, epochs: int) -> tuple[int, list[int], list[str]]:
    """Play a training with epochs of these durations; returns epochs trained, the plan after each, and messages."""
    now = 0.0
    said: list[str] = []
    budget = TimeBudget(seconds, said.append, clock=lambda: now)
    callbacks: dict[str, Any] = {}
    budget.attach(SimpleNamespace(add_callback=callbacks.__setitem__))
    trainer = SimpleNamespace(epochs=epochs, epoch=0, stop=False, args=SimpleNamespace(epochs=epochs))
    plans = []
    callbacks['on_train_start'](trainer)
    while True:
        callbacks['on_train_epoch_start'](trainer)
        for _ in range(4):
            now += durations[min(trainer.epoch, len(durations) - 1)] / 4
            callbacks['on_train_batch_end'](trainer)
            if trainer.stop:
                break
        trainer.stop |= trainer.epoch + 1 >= trainer.epochs
        callbacks['on_fit_epoch_end'](trainer)
        plans.append(trainer.epochs)
        if trainer.stop:
            break
        trainer.epoch += 1
    trainer.epoch += 1
    callbacks['on_fit_epoch_end'](trainer)
    assert trainer.epochs == plans[-1], 'the evaluation of the best weights is not an epoch'
    assert trainer.args.epochs == trainer.epochs
    return len(plans), plans, said


def test_a_fast_machine_trains_as_asked() -> None:
    assert train([4.0], seconds=100, epochs=12) == (12, [12] * 12, [])


def test_a_slow_machine_trains_fewer_epochs_and_reports_it_once() -> None:
    done, plans, said = train([20.0], seconds=150, epochs=16)
    assert done == 7
    assert plans == [7] * 7
    assert said == ['20 s an epoch: training about 7 epochs instead of 16']


def test_a_slow_first_epoch_is_forgiven() -> None:
    done, plans, _ = train([30.0, 5.0], seconds=100, epochs=12)
    assert plans[0] == 3
    assert done == 12


def test_a_machine_that_becomes_slow_stops_in_time() -> None:
    durations = [5.0, 5.0, 5.0, 30.0]
    done, _, _ = train(durations, seconds=100, epochs=20)
    assert done == 6


def test_there_is_always_one_epoch_if_only_a_part_of_it() -> None:
    assert train([500.0], seconds=0.5, epochs=9)[0] == 1
