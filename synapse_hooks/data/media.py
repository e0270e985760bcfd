"""What an item of a dataset can be: an image, a video, a point cloud, ..."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Medium = Literal['image', 'video', 'point_cloud', 'audio', 'text', 'prompt', 'data']
"""What the file of an item is. `prompt` is a dialogue with a language model, `data` a series of values over time."""

MEDIA: Final[Mapping[Medium, str]] = {
    'image': 'an image',
    'video': 'a video',
    'point_cloud': 'a point cloud',
    'audio': 'a sound recording',
    'text': 'a text',
    'prompt': 'a prompt',
    'data': 'a series of data',
}
"""Every medium, as messages name it."""
