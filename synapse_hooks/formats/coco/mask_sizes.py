"""The size of the image for which masks were made, which may differ from the one that the file declares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw, Struct

from synapse_hooks.data import LossReport, Sample
from synapse_hooks.formats.coco.typed_entries import TypedEntry
from synapse_hooks.geometry.sizes import Size

MASKS = 'its masks have the size of the image, and not the one declared for it: the size is corrected'


def correct_size_by_masks(groups: Iterable[Iterable[Any]], sample: Sample, own: Size, report: LossReport) -> None:
    """Correct the size of a sample whose masks have the size of the image, and not the one that the file declares.

    Args:
        groups: Its entries: typed, as text, or as dicts.
        sample: Of the size that the file declares.
        own: The image's size as it is displayed.
        report: Where the repair is reported.
    """
    sizes = {size for entries in groups for entry in entries if (size := _mask_size(entry)) is not None}
    if own in sizes and (sample.width, sample.height) not in sizes:
        sample.width, sample.height = own
        report.repaired('image', MASKS, sample.id)


class _Sized(Struct):
    size: tuple[int, int]


class _Masked(Struct):
    segmentation: _Sized


def _mask_size(entry: Any) -> Size | None:
    """Width and height of an entry's mask, where it is one."""
    try:
        if isinstance(entry, TypedEntry):
            height, width = msgspec.json.decode(entry.segmentation, type=_Sized).size
        elif isinstance(entry, Raw):
            height, width = msgspec.json.decode(entry, type=_Masked).segmentation.size
        else:
            height, width = msgspec.convert(entry, _Masked).segmentation.size
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return width, height
