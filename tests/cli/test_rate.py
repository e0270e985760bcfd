"""The pace of a stage, and what remains of it."""

from __future__ import annotations

from synapse_hooks.cli.rate import Rate


def test_the_first_look_knows_no_pace() -> None:
    assert Rate('items').update(5.0, 0, 3000) == '0 of 3,000 items'
    assert Rate('items').update(5.0, 7, None) == '7 items'


def test_count_rate_bytes_and_what_remains() -> None:
    rate = Rate('items')
    rate.update(0.0, 0, 40_000, 0)
    assert rate.update(2.0, 500, 40_000, 25_000_000) == '500 of 40,000 items, 250/s, 12.5 MB/s, 2:38 left'
    assert rate.update(4.0, 501, 40_000_000, 25_000_000).endswith('left')


def test_hours_remain() -> None:
    rate = Rate('items')
    rate.update(0.0, 0, 7201)
    assert rate.update(1.0, 1, 7201) == '1 of 7,201 items, 1.0/s, 2:00:00 left'


def test_what_is_here_already_has_no_rate_of_bytes() -> None:
    rate = Rate('items')
    rate.update(0.0, 0, 100, 0)
    assert rate.update(1.0, 100, 100, 0) == '100 of 100 items, 100/s'


def test_only_the_last_seconds_count() -> None:
    rate = Rate('items')
    rate.update(0.0, 0, 10_000)
    for second in range(1, 30):
        rate.update(float(second), 1000 + second, 10_000)
    assert rate.update(30.0, 1030, 10_000).startswith('1,030 of 10,000 items, 1.0/s')


def test_a_silence_is_part_of_the_pace() -> None:
    rate = Rate('items')
    rate.update(0.0, 0, 1000)
    assert rate.update(100.0, 10, 1000).startswith('10 of 1,000 items, 0.1/s')


def test_a_second_attempt_starts_at_zero() -> None:
    rate = Rate('items')
    rate.update(0.0, 900, 1000)
    assert rate.update(1.0, 0, 1000) == '0 of 1,000 items'
    assert rate.update(2.0, 50, 1000) == '50 of 1,000 items, 50/s, 0:19 left'
