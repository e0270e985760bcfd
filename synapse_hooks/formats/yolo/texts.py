"""YAML in which names are the text that stands in the file.

YAML 1.1 takes `no` for false, `null` for nothing, `007` for 7 and `12:30` for 750. A class may be called so: what is
below the keys that hold names is read as text, and everything else as YAML has it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.storage import read_file, yaml_errors

if TYPE_CHECKING:
    from yaml import Node

_LARGEST = 1 << 20
"""Bytes: names of some ten thousand classes. PyYAML reads a megabyte in several seconds."""
_MOST = 250_000
_DIGITS = 100
_DEEPEST = 100
_BRACKETS = re.compile(r'[\[\]{}]')
_INT = 'tag:yaml.org,2002:int'
_TEXT, _NULL, _MERGE = 'tag:yaml.org,2002:str', 'tag:yaml.org,2002:null', 'tag:yaml.org,2002:merge'


def read_yaml(file: Path, texts: Collection[str]) -> Any:
    """What a YAML file holds.

    Args:
        file: The file, in UTF-8.
        texts: Keys of the outermost mapping. Below them every scalar, also one that is a key, is its text. A key
            without a value, or with `null`, has None.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not YAML, or one of these keys has a mapping with two equal keys; the message says where.
    """
    # Every format is asked whether it recognises a folder, and most folders have no YAML.
    import yaml

    text = read_file(file, limit=_LARGEST).decode()
    _bound_brackets(text)
    with yaml_errors():
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


def _bound_brackets(text: str) -> None:
    """PyYAML's time grows with the product of letters and open brackets: a second for some kilobytes.

    Raises:
        ValueError: There are more open brackets than any dataset has.
    """
    opened = 0
    for bracket in _BRACKETS.finditer(text):
        opened = opened + 1 if bracket[0] in '[{' else max(0, opened - 1)
        if opened > _DEEPEST:
            raise ValueError('it is nested too deep')


def _bound(node: Node, sizes: dict[int, int]) -> int:
    """How many nodes a node holds when every alias is written out; most aliases of aliases are made to do harm.

    Raises:
        ValueError: There are too many, or there is a number of too many digits, or an alias stands for itself.
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
    elif node.tag == _INT and len(node.value) > _DIGITS:
        raise ValueError(f'line {node.start_mark.line + 1}: a number of {len(node.value):,} digits')
    if size > _MOST:
        raise ValueError(f'with its aliases written out it has more than {_MOST:,} values')
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
