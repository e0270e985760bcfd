"""The names of a project: made of one word, corrected where that needs no guess, refused with a name that works."""

from __future__ import annotations

import keyword
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name, is_normalized_name

from synapse_hooks.errors import ConfigError
from synapse_hooks.formats import BUILTIN as FORMATS
from synapse_hooks.scaffold import KINDS, ProjectKind, ProjectNames, project_kind
from synapse_hooks.scaffold.project import TEMPLATES


def names(name: str, kind: str = 'format', distribution: str | None = None) -> ProjectNames:
    return ProjectNames.of(KINDS[kind], name, distribution)


def test_all_names_come_from_one_word() -> None:
    assert names('voc') == ProjectNames('voc', 'synapse-hooks-voc', 'synapse_hooks_voc', 'VocFormat')
    assert names('street-signs', 'action').distribution == 'street-signs'
    assert names('hugging-face', 'autologger').name == 'hugging_face'


@pytest.mark.parametrize(
    ('given', 'name', 'class_name'),
    [
        ('VOC', 'voc', 'VOCFormat'),
        ('Acme VOC', 'acme-voc', 'AcmeVOCFormat'),
        ('acme_voc', 'acme-voc', 'AcmeVocFormat'),
        ('acme.voc', 'acme-voc', 'AcmeVocFormat'),
        (' voc ', 'voc', 'VocFormat'),
        ('synapse-hooks-voc', 'voc', 'VocFormat'),
        ('Synapse_Hooks_voc', 'voc', 'VocFormat'),
        ('voc--2', 'voc-2', 'Voc2Format'),
        ('acme-format', 'acme-format', 'AcmeFormat'),
        ('class', 'class', 'ClassFormat'),
    ],
)
def test_near_misses_are_corrected(given: str, name: str, class_name: str) -> None:
    made = names(given)
    assert (made.name, made.class_name) == (name, class_name)


@pytest.mark.parametrize('kind', [kind for kind in KINDS.values() if kind.base])
def test_a_class_never_has_the_name_of_the_one_that_it_extends(kind: ProjectKind) -> None:
    words = re.sub('(?<!^)(?=[A-Z])', '-', kind.base).lower()
    for word in (kind.base, words, words.removesuffix(f'-{kind.suffix.lower()}'), kind.name):
        made = ProjectNames.of(kind, word)
        assert made.class_name != kind.base
        assert made.class_name.endswith(kind.suffix)


def test_every_class_that_a_template_extends_is_known() -> None:
    for kind in KINDS.values():
        texts = [file.read_text(encoding='utf-8') for file in (TEMPLATES / kind.name).rglob('*.jinja')]
        extended = {name for text in texts for name in re.findall(r'class \{\{ class_name \}\}\((\w+)', text)}
        assert extended == ({kind.base} if kind.base else set())


@pytest.mark.parametrize(
    ('kind', 'given', 'typed'),
    [
        ('format', 'größe', 'grosse'),
        ('format', '3d-boxes', 'boxes-3d'),
        ('format', '3d', 'format-3d'),
        ('format', 'a/b', 'a-b'),
        ('format', '../voc', 'voc'),
        ('format', 'voc; rm -rf ~', 'voc-rm-rf'),
        ('format', '', 'my-format'),
        ('format', '数据', 'my-format'),
        ('format', 'synapse-hooks', None),
        ('format', 'a' * 31, 'a' * 30),
        ('format', 'yolo', 'my-yolo'),
        ('autologger', 'ultralytics', 'my-ultralytics'),
        ('launcher', 'local', 'my-local'),
        ('autologger', 'json', 'my-json'),
        ('autologger', 'class', 'my-class'),
        ('autologger', 'numpy', 'my-numpy'),
        ('action', 'test', 'my-test'),
        ('action', 'conftest', 'my-conftest'),
        ('action', 'import', 'my-import'),
        ('action', 'synapse_hooks', None),
        ('action', 'hypothesis', 'my-hypothesis'),
        ('action', 'xgboost', 'my-xgboost'),
    ],
)
def test_others_are_refused_with_a_name_that_works(kind: str, given: str, typed: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        names(given, kind)
    found = re.search(r'`synapse-hooks new (\S+) ([^`]+)`', caught.value.hint or '')
    assert found
    proposed = shlex.split(found[2])[0]
    assert typed is None or proposed == typed
    assert names(proposed, kind).name == proposed.replace('-', '_' if kind == 'autologger' else '-')


@pytest.mark.parametrize('distribution', ['acme-voc', 'Acme.VOC', 'acme_voc2'])
def test_a_distribution_may_have_another_name(distribution: str) -> None:
    made = names('voc', distribution=distribution)
    assert made.distribution == distribution
    assert made.package == canonicalize_name(distribution).replace('-', '_')
    assert (made.name, made.class_name) == ('voc', 'VocFormat')


@pytest.mark.parametrize('distribution', ['-voc', 'voc-', 'a b', '', '2voc', 'größe', 'a' * 61, 'json', '../x', 'a\n'])
def test_a_distribution_that_pypi_or_python_refuses_is_refused(distribution: str) -> None:
    with pytest.raises(ConfigError):
        names('voc', distribution=distribution)


@given(st.text(max_size=40), st.sampled_from(sorted(KINDS)))
def test_a_name_is_valid_everywhere_or_refused(text: str, kind: str) -> None:
    try:
        made = names(text, kind)
    except ConfigError:
        return
    assert is_normalized_name(made.distribution)
    assert made.package.isidentifier()
    assert made.package.isascii()
    assert made.class_name.isidentifier()
    assert made.variable.isidentifier()
    assert not keyword.iskeyword(made.package)
    assert re.fullmatch(r'[a-z][a-z0-9_-]*', made.name)


def test_built_in_names_are_known() -> None:
    for name in FORMATS:
        with pytest.raises(ConfigError, match='is built in'):
            names(name)


@pytest.mark.parametrize(
    ('typed', 'meant'), [('formt', 'format'), ('Format', 'format'), ('tracker', 'sink'), ('hook', 'plugin')]
)
def test_a_kind_that_does_not_exist_is_refused_with_a_near_one(typed: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f'did you mean {meant!r}'):
        project_kind(typed)
