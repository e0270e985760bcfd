"""Which split an item belongs to."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any

from synapse_hooks.errors import ParamsError, suggest

SPLITS = ('train', 'valid', 'test')
"""The names of splits, in their order."""

_ALIASES = {'val': 'valid', 'validation': 'valid', 'training': 'train', 'testing': 'test'}


def split_name(text: str) -> str:
    """Our name for a split: `val`, `validation` and `valid` are one thing.

    Args:
        text: What others call it. A name that is not known comes back as it is.

    Example:
        >>> split_name('val')
        'valid'
    """
    return _ALIASES.get(text.lower(), text)


def fractions(splits: Any) -> dict[str, float] | None:
    """The `splits` parameter as fractions, or None where it is something else (nothing, or filters of a backend).

    Raises:
        ParamsError: They are fractions, but of other splits, negative, or do not add up to 1.

    Example:
        >>> fractions({'train': 0.8, 'valid': 0.2})
        {'train': 0.8, 'valid': 0.2}
        >>> fractions({'train': {'reviewed': True}}) is None
        True
    """
    if not isinstance(splits, Mapping) or not splits:
        return None
    if any(isinstance(share, bool) or not isinstance(share, int | float) for share in splits.values()):
        return None
    shares = {split_name(str(name)): float(share) for name, share in splits.items()}
    # Every comparison with NaN is false.
    if not (min(shares.values()) >= 0 and abs(sum(shares.values()) - 1) <= 1e-6):
        raise ParamsError(
            f'splits: {dict(splits)} are not fractions: each at least 0, and together 1',
            hint="for example splits={'train': 0.8, 'valid': 0.1, 'test': 0.1}, or `--split 0.8,0.1,0.1`",
            field='splits',
        )
    for name in shares:
        if name not in SPLITS:
            raise ParamsError(
                f'splits: {name!r} is not a split, and no format could find it again',
                hint=suggest(name, SPLITS) or f'splits are {", ".join(SPLITS)}',
                field='splits',
            )
    return {name: shares[name] for name in SPLITS if name in shares}


def assign(identity: str, shares: Mapping[str, float]) -> str:
    """The split of an item, from a hash of its identity: adding items to a dataset moves none.

    Args:
        identity: `Sample.id`; or what several items have in common that must stay together, see `group_key`.
        shares: Fractions that add up to 1, as `fractions` returns them.

    Example:
        >>> assign('street/0001', {'train': 0.5, 'valid': 0.5}) == assign('street/0001', {'train': 0.5, 'valid': 0.5})
        True
    """
    place = (stable_hash(identity) >> 11) / 2**53
    last = ''
    for name, share in shares.items():
        place -= share
        if place < 0:
            return name
        last = name if share else last
    return last


def stable_hash(identity: str) -> int:
    """64 bits that are the same for a text everywhere and always, however its accents are composed.

    Example:
        >>> stable_hash('caf\u00e9') == stable_hash('cafe\u0301')
        True
    """
    text = identity if identity.isascii() else unicodedata.normalize('NFC', identity)
    return int.from_bytes(hashlib.sha256(text.encode(errors='surrogatepass')).digest()[:8], 'big')
