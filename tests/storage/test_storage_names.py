"""Text of a server never becomes a path."""

import random
import unicodedata

import pytest

from synapse_hooks.storage import FreeNames, folded, safe_name

HOSTILE = [
    '', '.', '..', '../../x', '/tmp/x', 'C:x', 'C:\\x', '\\\\host\\share', 'a\0b', 'a/b', 'a\\b', 'CON', 'con.txt',
    'name.', 'name ', ' name', 'a' * 300, 'ж' * 300, '😀' * 100, '\ud800', '-rf', '.hidden', 'a\nb', '‮gpj.exe',
    'x.' + 'y' * 300, 'x-0123456789', 'x-0123456789.jpg',
]  # fmt: skip


@pytest.mark.parametrize('text', HOSTILE)
def test_a_name_is_one_harmless_component(text: str) -> None:
    name = safe_name(text)
    assert name == safe_name(text)
    assert name
    assert len(name.encode()) <= 200
    assert name.isprintable()
    assert not set(name) & set('/\\:\0 ')
    assert name[0] != '.'
    assert name[-1] not in '. '
    assert name.partition('.')[0].lower() not in ('con', 'nul', 'aux', 'prn')


def test_harmless_names_stay() -> None:
    for text in ('street_01.jpg', 'a', '도로-1.png', 'model.v2'):
        assert safe_name(text) == text


def test_different_texts_never_meet_not_even_where_case_is_ignored() -> None:
    texts = {*HOSTILE, 'A.jpg', 'a.jpg', 'Å.jpg', unicodedata.normalize('NFD', 'Å.jpg'), 'a_b', 'a:b', 'a?b', 'straße'}
    texts |= {safe_name(text) for text in texts}
    chance = random.Random(3)
    texts |= {''.join(chance.choices('aA./\\:_- éÉ', k=chance.randint(0, 6))) for _ in range(3000)}
    plain = {text: folded(safe_name(text)) for text in texts}
    assert len(set(plain.values())) == len(plain)


def test_equal_names_are_numbered_one_after_the_other() -> None:
    tried: list[int] = []

    def numbered(name: str, number: int) -> str:
        tried.append(number)
        return f'{name}~{number}'

    names = FreeNames(['a~3'])
    found = [names.take('a', numbered) for _ in range(5_000)]
    assert found[:4] == ['a', 'a~2', 'a~4', 'a~5']
    assert len(set(found)) == 5_000
    # Not every name from the beginning for each: that would be 12 million.
    assert len(tried) < 15_000
