"""`report`: what it prints, where it writes the page, and how it ends."""

from __future__ import annotations

from pathlib import Path

from tests.report.report_kit import make_run, metrics, step
from tests.support.environments import Environment

EPOCHS = [step('execute', 'running'), *(metrics(epoch, loss=1 / epoch) for epoch in (1, 2))]


def test_a_run_as_text_and_as_json(bare: Environment, tmp_path: Path) -> None:
    run = make_run(tmp_path / 'runs' / 'first', EPOCHS, status='succeeded', note='a \x1b[2J note')
    out = bare.hooks('report', run).out
    assert 'first: succeeded, train' in out
    assert '\x1b' not in out
    assert 'loss   train       2      1     0.5        1   0.5\n' in out
    found = bare.hooks('report', '--workspace', tmp_path, '--json').json
    assert bare.hooks('report', 'last', '--workspace', tmp_path, '--json').json == found
    assert found['runs'][0]['name'] == 'first'
    assert found['curves'][0]['last'] == [2, 0.5]


def test_the_page_of_a_run_goes_into_the_working_directory_or_where_it_should(
    bare: Environment, project: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / 'first', EPOCHS)
    assert bare.hooks('report', run, '--html').out == 'report-first.html\n'
    assert bare.hooks('report', run, run, '--html', 'out/both.html').out == 'out/both.html\n'
    for page in ('report-first.html', 'out/both.html'):
        assert (project / page).read_text(encoding='utf-8').endswith('</html>\n')


def test_a_run_is_not_taken_for_the_name_of_the_page(bare: Environment, tmp_path: Path) -> None:
    run = make_run(tmp_path / 'first', EPOCHS)
    error = bare.hooks('report', '--html', run, run, code=2).err
    assert 'must be a file that ends in .html' in error
    assert 'is a folder' in bare.hooks('report', run, '--html', make_run(tmp_path / 'a.html', EPOCHS), code=2).err


def test_a_run_that_is_not_there_is_named(bare: Environment, tmp_path: Path) -> None:
    assert "there is no run 'frist'" in bare.hooks('report', 'frist', '--workspace', tmp_path, code=1).err


def test_numbers_that_are_not_finite_are_null_in_json(bare: Environment, tmp_path: Path) -> None:
    run = make_run(tmp_path / 'first', [metrics(1, loss=float('nan')), metrics(2, loss=float('inf'))])
    found = bare.hooks('report', run, '--json')
    assert 'NaN' not in found.out
    assert 'Infinity' not in found.out
    assert found.json['runs'][0]['metrics'] == {'loss': None}
