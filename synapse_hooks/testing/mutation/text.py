"""Mutations of text, by lines and words, and of any content, by bytes."""

from __future__ import annotations

from random import Random

from synapse_hooks.testing.mutation.invalid_values import NUMBERS, Raw, odd_text

_BYTES = (
    b'',
    b'\0',
    b'\xff',
    b'\n',
    b'\r\n',
    b'\xef\xbb\xbf',
    b'\xff\xfe',
    b'\xed\xa0\x80',
    b'\x1b[2J',
    b'\x00' * 1000,
    b'"',
    b'{',
    b'<',
    b',',
    b' ',
)


def change_lines(content: bytes, random: Random) -> tuple[bytes, str]:
    """Change a text file: a list, labels, a table."""
    text = content.decode('utf-8', 'surrogateescape')
    lines = text.split('\n')
    place = random.randrange(len(lines))
    line = lines[place]
    separator = ',' if ',' in line else ' '
    words = line.split(separator)
    word = random.randrange(len(words))
    match random.randrange(11):
        case 0:
            del lines[place]
            how = 'is missing'
        case 1:
            words[word] = new = odd_text(random)
            how = f'has {new[:40]!r}'
        case 2:
            number = random.choice(NUMBERS)
            words[word] = new = number.text if isinstance(number, Raw) else str(number)
            how = f'has {new[:40]}'
        case 3:
            del words[word]
            how = 'has a word less'
        case 4:
            words[word:word] = [words[word]] * random.choice((1, 1, 2, 50, 100_000))
            how = 'has a word again'
        case 5:
            times = random.choice((1, 1, 2, 1000))
            lines[place:place] = [line] * times
            how = f'is there {times + 1} times'
        case 6:
            other = random.choice(lines).split(separator)
            words[word] = random.choice(other)
            how = f'has {words[word][:40]!r}'
        case 7:
            words = (
                ['nan', '-inf', '1e400', '-1', '5e-324', '1', '0', '2', '٣']
                if random.randrange(2)
                else [*reversed(words)]
            )
            how = 'has other words'
        case 8:
            random.shuffle(lines)
            return '\n'.join(lines).encode('utf-8', 'surrogateescape'), 'has another order'
        case 9:
            encoding = random.choice(('utf-16', 'utf-8-sig', 'utf-16-be', 'latin-1', 'utf-32'))
            return text.encode(encoding, 'replace'), f'is {encoding}'
        case _:
            end = random.choice(('\r\n', '\r', '\n\n', '\x85', '\u2028', ';', ''))
            return text.replace('\n', end).encode('utf-8', 'surrogateescape'), f'has lines that end with {end!r}'
    # Only these changes are in the words of the line.
    if how.startswith('has'):
        lines[place] = separator.join(words)
    return '\n'.join(lines).encode('utf-8', 'surrogateescape'), f'line {place + 1} {how}'


def change_bytes(content: bytes, random: Random) -> tuple[bytes, str]:
    """Change any content."""
    at = random.randrange(len(content) + 1)
    match random.randrange(6):
        case 0:
            return content[:at], f'ends after {at} bytes'
        case 1:
            added = random.choice(_BYTES)
            return content[:at] + added + content[at:], f'has {added[:20]!r} at byte {at}'
        case 2:
            length = random.choice((1, 1, 2, 16))
            return content[:at] + content[at + length :], f'has {length} bytes less at byte {at}'
        case 3:
            new = bytes([random.randrange(256)])
            return content[:at] + new + content[at + 1 :], f'has {new!r} at byte {at}'
        case 4:
            return random.choice(
                (
                    (b'', 'is empty'),
                    (b'\0' * 4096, 'is NUL bytes'),
                    (b'\n' * 100_000, 'is empty lines'),
                    (b' ', 'is a space'),
                )
            )
        case _:
            return content + random.choice((content, b'\0', b'x' * 1_000_000, b'\xff' * 10)), 'has more at its end'
