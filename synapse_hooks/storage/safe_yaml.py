"""Untrusted YAML: read with bounds, and every fault of it is a `ValueError` with the place.

PyYAML takes seconds for a megabyte, and for ever where aliases or brackets are nested to do harm.

YAML 1.1 takes `no` for false, `null` for nothing, `007` for 7 and `12:30` for 750. Where names are expected, they can
be read as the text in the file instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.safe_text import summary
from synapse_hooks.storage.safe_open import read_file

if TYPE_CHECKING:
    from yaml import Node

YAML_LIMIT: Final = 1 << 20
"""Bytes of a document: names of some ten thousand classes."""
_MAX_VALUES: Final = 250_000
_MAX_DIGITS: Final = 100
_MAX_DEPTH: Final = 100
_BRACKETS: Final = re.compile(r'[\[\]{}]')
_INT: Final = 'tag:yaml.org,2002:int'
_TEXT, _NULL, _MERGE = 'tag:yaml.org,2002:str', 'tag:yaml.org,2002:null', 'tag:yaml.org,2002:merge'
_RAISED_FOR_SCALARS: Final = (AttributeError, IndexError, KeyError, TypeError, OverflowError)


def read_yaml(file: Path, texts: Collection[str] = ()) -> Any:
    """What a YAML file holds.

    Args:
        file: A regular file of at most `YAML_LIMIT` bytes, in UTF-8.
        texts: As in `parse_yaml`.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not YAML; the message has the place.
    """
    return parse_yaml(read_file(file, limit=YAML_LIMIT), texts)


def parse_yaml(document: str | bytes, texts: Collection[str] = ()) -> Any:
    """What a YAML document holds.

    Args:
        document: The document; bytes are UTF-8.
        texts: Keys of the outermost mapping. Below them every scalar, also one that is a key, is its text. A key
            without a value, or with `null`, has None.

    Raises:
        ValueError: It is not YAML, it exceeds a bound, or one of these keys has a mapping with two equal keys; the
            message has the place.

    Example:
        >>> parse_yaml('names: [no, 007]', texts=('names',)), parse_yaml('names: [no, 007]')
        ({'names': ['no', '007']}, {'names': [False, 7]})
        >>> parse_yaml('[1')
        Traceback (most recent call last):
            ...
        ValueError: line 1, column 3: expected ',' or ']', but got '<stream end>'
    """
    # Every format tries to recognise a folder, and most folders have no YAML.
    import yaml

    if len(document) > YAML_LIMIT:
        raise ValueError(f'it has more than {YAML_LIMIT:,} bytes')
    text = document if isinstance(document, str) else document.decode()
    _bound_brackets(text)
    with _yaml_errors():
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
            if root is not None:
                _bound(root, {})
            if isinstance(root, yaml.MappingNode):
                for key, value in root.value:
                    if isinstance(key, yaml.ScalarNode) and key.value in texts and value.tag != _NULL:
                        _take_as_text(value, set())
            return None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()


@contextmanager
def _yaml_errors() -> Iterator[None]:
    """Within the block, what PyYAML cannot read is a `ValueError` whose message has the place, in one line."""
    import yaml

    try:
        yield
    except RecursionError as error:
        raise ValueError('it is nested too deep') from error
    except _RAISED_FOR_SCALARS as error:
        # PyYAML raises these for a scalar that does not fit its tag: `!!bool x`, `!!int ""`.
        raise ValueError(summary(error)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None)
        where = '' if mark is None else f'line {mark.line + 1}, column {mark.column + 1}: '
        text = str(error) if mark is None else str(getattr(error, 'problem', None) or error)
        raise ValueError(where + ' '.join(text.split())) from error


def _bound_brackets(text: str) -> None:
    """PyYAML's time grows with the product of letters and open brackets: a second for some kilobytes.

    Raises:
        ValueError: There are more open brackets than any document needs.
    """
    opened = 0
    for bracket in _BRACKETS.finditer(text):
        opened = opened + 1 if bracket[0] in '[{' else max(0, opened - 1)
        if opened > _MAX_DEPTH:
            raise ValueError('it is nested too deep')


def _bound(node: Node, sizes: dict[int, int]) -> int:
    """How many nodes a node holds when every alias is written out; most aliases of aliases are made to do harm.

    Raises:
        ValueError: There are too many, or there is a number of too many digits, or an alias contains itself.
    """
    import yaml

    if id(node) in sizes:
        if not sizes[id(node)]:
            raise ValueError(f'line {node.start_mark.line + 1}: an alias is a part of itself')
        return sizes[id(node)]
    sizes[id(node)] = 0
    size = 1
    if isinstance(node, yaml.SequenceNode):
        size += sum(_bound(item, sizes) for item in node.value)
    elif isinstance(node, yaml.MappingNode):
        size += sum(_bound(one, sizes) for item in node.value for one in item)
    elif node.tag == _INT and len(node.value) > _MAX_DIGITS:
        raise ValueError(f'line {node.start_mark.line + 1}: a number of {len(node.value):,} digits')
    if size > _MAX_VALUES:
        raise ValueError(f'with its aliases written out it has more than {_MAX_VALUES:,} values')
    sizes[id(node)] = size
    return size


def _take_as_text(node: Node, seen: set[int]) -> None:
    import yaml

    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        node.tag = _TEXT
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _take_as_text(item, seen)
    elif isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            # `<<: *other` is a mapping that is taken over; anywhere else it is a text.
            if key.tag != _MERGE:
                _take_as_text(key, seen)
            _take_as_text(value, seen)
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                raise ValueError(f'line {key.start_mark.line + 1}: the key {key.value!r} is there twice')
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
