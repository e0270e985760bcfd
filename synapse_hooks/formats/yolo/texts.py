"""YAML in which names are the text that stands in the file.

YAML 1.1 takes `no` for false, `null` for nothing, `007` for 7 and `12:30` for 750. A class may be called so: what is
below the keys that hold names is read as text, and everything else as YAML has it.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yaml import Node

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

    try:
        loader = yaml.SafeLoader(file.read_text(encoding='utf-8'))
        try:
            root = loader.get_single_node()
            if isinstance(root, yaml.MappingNode):
                for key, value in root.value:
                    if isinstance(key, yaml.ScalarNode) and key.value in texts and value.tag != _NULL:
                        _take_as_text(value, set())
            return None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _take_as_text(node: Node, seen: set[int]) -> None:
    import yaml

    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        if node.tag != _MERGE:
            node.tag = _TEXT
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _take_as_text(item, seen)
    elif isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            _take_as_text(key, seen)
            _take_as_text(value, seen)
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                raise ValueError(f'line {key.start_mark.line + 1}: the key {key.value!r} is there twice')
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
