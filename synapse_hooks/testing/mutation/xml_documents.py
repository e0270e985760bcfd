"""Mutations of XML: elements removed, repeated, renamed, nested or with another text; entities, encodings."""

from __future__ import annotations

import re
from random import Random
from xml.etree import ElementTree as ET

from synapse_hooks.testing.mutation.invalid_values import DEPTH, NUMBERS, Raw, odd_text

_MARK = 'synapse-hooks-raw'
_RAW = (
    '<a>' * DEPTH + '</a>' * DEPTH, '<a>' * DEPTH, '<![CDATA[x]]>', '<![CDATA[x', '<!-- x -->', '<?x y?>', '&nobody;',
    '&#0;', '&#x1b;', '&#xd800;', '&#99999999999;', '<a', '</a>', '\x01', '<a b="1" b="2"/>', '<x:a/>',
    '<a xmlns="urn:x"/>', '&', '\ufffe', '<a>' + 'x' * 100_000 + '</a>', '<a/>' * 20_000,
    '<a ' + ' '.join(f'b{n}="1"' for n in range(2000)) + '/>',
)  # fmt: skip

_ENCODINGS = (
    'UTF-16', 'utf-16-le', 'latin-1', 'ascii', 'utf-7', 'cp037', 'x-unknown', 'utf-32', 'shift_jis', 'idna', 'hex',
    'base64', 'rot13', 'unicode_escape', 'undefined', '', 'x' * 100,
)  # fmt: skip


def change_markup(content: bytes, random: Random) -> tuple[bytes, str]:
    """Change an XML document."""
    if random.randrange(4) == 3:
        return _whole(content, random)
    try:
        root = ET.fromstring(content)
    except (ET.ParseError, LookupError, RecursionError, ValueError) as error:
        raise ValueError('it is not XML') from error
    parents = [element for element in root.iter() if len(element)]
    if not parents:
        return _whole(content, random)
    parent = random.choice(parents)
    place = random.randrange(len(parent))
    child = parent[place]
    path, raw = f'{parent.tag}/{child.tag} {place}'[:80], ''
    match random.randrange(8):
        case 0:
            parent.remove(child)
            how = 'is missing'
        case 1:
            child.text = text = odd_text(random)
            how = f'is {text[:40]!r}'
        case 2:
            number = random.choice(NUMBERS)
            child.text = text = number.text if isinstance(number, Raw) else str(number)
            how = f'is {text[:40]}'
        case 3:
            parent.insert(place, child)
            how = 'is there twice'
        case 4:
            child.tag = random.choice(('x', parent.tag, child.tag.upper(), random.choice(list(root.iter())).tag))
            how = f'is called {child.tag[:40]}'
        case 5:
            child.text, raw = _MARK, random.choice(_RAW)
            how = f'holds {raw[:40]}'
        case 6:
            other = random.choice(list(root.iter()))
            if child not in other.iter() and other not in child.iter():
                other.append(child)
            how = f'is in {other.tag[:40]} too'
        case _:
            name = random.choice([*child.attrib, 'x'])
            child.attrib.pop(name, None)
            if random.randrange(3):
                child.set(name, odd_text(random))
            how = f'has another {name}'
    text = ET.tostring(root, encoding='unicode').replace(_MARK, raw)
    return text.encode('utf-8', 'surrogateescape'), f'{path} {how}'


def _whole(content: bytes, random: Random) -> tuple[bytes, str]:
    body = re.sub(rb'^<\?xml.*?\?>\s*', b'', content)
    encoding = random.choice(_ENCODINGS)
    match random.randrange(6):
        case 0:
            return f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + body, f'is said to be {encoding[:20]!r}'
        case 1:
            name = random.choice(('utf-16', 'utf-16-le', 'utf-32', 'latin-1', 'cp037', 'utf-8-sig', 'utf-7'))
            text = f'<?xml version="1.0" encoding="{name}"?>{body.decode(errors="replace")}'
            return text.encode(name, 'replace'), f'is {name}'
        case 2:
            levels = ''.join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
            entities = random.choice(
                (
                    '<!ENTITY e "x">',
                    '<!ENTITY e SYSTEM "file:///etc/passwd">',
                    '<!ENTITY % e SYSTEM "http://127.0.0.1:9/"> %e;',
                    f'<!ENTITY e0 "x">{levels}<!ENTITY e "&e9;">',
                    f'<!ENTITY e "{"x" * 100_000}">',
                )
            )
            used = re.sub(rb'>([^<>]+)<', b'>&e;<', body, count=random.choice((1, 1000)))
            return b'<!DOCTYPE x [%s]>' % entities.encode() + used, f'has {entities[:60]}'
        case 3:
            return b'<a>' * DEPTH + body + b'</a>' * DEPTH, 'is nested deeply'
        case 4:
            return b'<?xml version="9.9"?>' + body, 'is XML 9.9'
        case _:
            return content + body, 'is there twice'
