"""The look at the packaging of a distribution: each fault is found, with what to type."""

from __future__ import annotations

from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from synapse_hooks.checking.metadata import Finding, look, top_level
from synapse_hooks.checking.report_card import ReportCard

README = 'What it does, how to install it, and an example of how it is used by people.\n' * 4
GOOD = {
    'Metadata-Version': '2.4',
    'Name': 'acme-voc',
    'Version': '1.2',
    'Summary': 'Datasets of Acme.',
    'Requires-Python': '>=3.11',
    'Requires-Dist': 'synapse-hooks>=0.1',
    'License-Expression': 'Apache-2.0',
    'License-File': 'LICENSE',
    'Classifier': 'Programming Language :: Python :: 3',
    'Description-Content-Type': 'text/markdown',
}
ENTRY_POINTS = '[synapse_hooks.formats]\nvoc = acme_voc:Format\n'
FILES = ('acme_voc/__init__.py', 'acme_voc/py.typed')


def distribution(
    folder: Path,
    *,
    readme: str = README,
    entry_points: str = ENTRY_POINTS,
    files: tuple[str, ...] = FILES,
    name: str = 'acme-voc',
    **changed: str | None,
) -> Distribution:
    """An installed distribution; fields of its metadata are changed, or left out where they are None."""
    fields = {**GOOD, 'Name': name, **{key.replace('_', '-'): value for key, value in changed.items()}}
    info = folder / f'{name.replace("-", "_")}-1.2.dist-info'
    info.mkdir(parents=True)
    lines = [f'{key}: {value}' for key, value in fields.items() if value is not None]
    (info / 'METADATA').write_text('\n'.join(lines) + f'\n\n{readme}')
    (info / 'entry_points.txt').write_text(entry_points)
    (info / 'RECORD').write_text(''.join(f'{file},,\n' for file in files))
    return PathDistribution(info)


def findings(made: Distribution, *others: Distribution) -> dict[str, Finding]:
    return {finding.name: finding for finding in look(made, others)}


def test_a_good_distribution_has_no_faults(tmp_path: Path) -> None:
    found = findings(distribution(tmp_path))
    assert {finding.status for finding in found.values()} == {'ok'}
    assert len(found) == 11


@pytest.mark.parametrize(
    ('changed', 'name', 'status', 'detail'),
    [
        ({'Version': 'one'}, 'version', 'failed', "'one' is not a version"),
        ({'Version': '1.0+mine'}, 'version', 'failed', 'is local: PyPI refuses it'),
        ({'Version': '0.0.0'}, 'version', 'failed', '0.0.0'),
        ({'Summary': None}, 'summary', 'failed', 'there is none'),
        ({'Requires_Python': None}, 'Requires-Python', 'failed', 'there is none'),
        ({'Requires_Python': '3.11 or so'}, 'Requires-Python', 'failed', 'is not valid'),
        ({'Requires_Python': '>=3.8'}, 'Requires-Python', 'warning', 'allows versions that synapse-hooks does not'),
        ({'Requires_Python': '>=3.11,<4'}, 'Requires-Python', 'warning', 'has an upper bound'),
        ({'Requires_Dist': None}, 'Requires-Dist synapse-hooks', 'failed', 'pip would not install it'),
        ({'Requires_Dist': 'synapse-hooks'}, 'Requires-Dist synapse-hooks', 'failed', 'it has no lower bound'),
        ({'Requires_Dist': 'synapse-hooks==0.1.0'}, 'Requires-Dist synapse-hooks', 'failed', 'pins one version'),
        ({'Requires_Dist': 'Synapse_Hooks>=99'}, 'Requires-Dist synapse-hooks', 'failed', '>=99 does not contain'),
        ({'Requires_Dist': '(broken'}, 'other requirements', 'failed', "'(broken' is not a requirement"),
        ({'Requires_Dist': 'a @ https://example.org/a.whl'}, 'other requirements', 'failed', 'is required by a URL'),
        (
            {'Requires_Dist': 'no-such-thing>=3'},
            'other requirements',
            'not run',
            'not installed here: no-such-thing>=3',
        ),
        ({'entry_points': '[synapse_hooks.format]\na = b\n'}, 'groups of entry points', 'failed', 'there is no group'),
        ({'entry_points': '[console_scripts]\na = b:c\n'}, 'groups of entry points', 'failed', 'it has no plugins'),
        ({'readme': ''}, 'README', 'failed', 'there is none'),
        ({'readme': 'soon'}, 'README', 'failed', 'it has 4 characters'),
        ({'readme': f'{README}\n```python\nx\n'}, 'README', 'failed', 'a block of code is not closed'),
        ({'readme': f'{README} [docs](docs/a.md)'}, 'README', 'warning', "'docs/a.md' is broken on PyPI"),
        ({'Description_Content_Type': 'text/html'}, 'README', 'failed', "does not render 'text/html'"),
        ({'License_Expression': None}, 'licence', 'failed', 'there is none'),
        ({'License_File': None}, 'licence', 'warning', 'its text is not in the wheel'),
        ({'Classifier': None}, 'classifiers', 'warning', 'none names Python'),
        ({'files': ('acme_voc/__init__.py',)}, 'py.typed', 'warning', 'acme_voc has none'),
        ({'files': ('acme_voc.py',)}, 'py.typed', 'warning', 'acme_voc is a single module'),
        ({'files': (*FILES, 'tests/test_a.py')}, 'top-level names', 'failed', "it installs 'tests' for all programs"),
        ({'files': (*FILES, 'json/__init__.py')}, 'top-level names', 'failed', "'json' hides a module of Python"),
        ({'files': ()}, 'top-level names', 'warning', 'it is an editable installation'),
    ],
)
def test_a_fault_is_found(changed: dict[str, str], name: str, status: str, detail: str, tmp_path: Path) -> None:
    found = findings(distribution(tmp_path, **changed))[name]  # type: ignore[arg-type]
    assert (found.status, detail in found.detail) == (status, True), found
    assert found.hint


def test_import_names_need_no_entry_points(tmp_path: Path) -> None:
    made = distribution(tmp_path, entry_points='', files=(*FILES, 'acme_voc.pth'))
    found = findings(made)['groups of entry points']
    assert (found.status, found.detail) == ('ok', 'none, but acme_voc.pth')


def test_a_classifier_that_does_not_exist_is_found(tmp_path: Path) -> None:
    pytest.importorskip('trove_classifiers')
    found = findings(distribution(tmp_path, Classifier='Programming Language :: Snake'))['classifiers']
    assert found.status == 'failed'
    assert 'PyPI refuses others' in found.hint


def test_a_name_that_another_distribution_has_is_found(tmp_path: Path) -> None:
    other = distribution(tmp_path / 'other', name='other-voc')
    found = findings(distribution(tmp_path / 'own'), other)['top-level names']
    assert (found.status, found.detail) == ('failed', "other-voc has 'acme_voc' too")


def test_scripts_and_metadata_are_not_names(tmp_path: Path) -> None:
    files = '../../bin/acme', 'acme_voc-1.2.dist-info/METADATA', '__pycache__/a.pyc', 'acme.pth', *FILES
    assert [*top_level(distribution(tmp_path, files=files))] == ['acme_voc']


def test_the_grade_is_that_of_the_worst_check() -> None:
    card = ReportCard('acme', '1.0')
    grades = []
    for status in ('ok', 'warning', 'not run', 'failed'):
        card.add('packaging', 'one', status)  # type: ignore[arg-type]
        grades.append((card.grade, card.passed))
    assert grades == [('A', True), ('B', True), ('C', True), ('F', False)]
    assert card.summary == '4 checks: 1 failed, 1 not run, 1 warning'
    assert card.badge() == {
        'schemaVersion': 1,
        'label': 'synapse-hooks check',
        'message': 'F (1.0)',
        'color': 'red',
    }
