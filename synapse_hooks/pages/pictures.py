"""Thumbnails of images for the page, made by Pillow if it is installed."""

from __future__ import annotations

import base64
import warnings
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synapse_hooks.storage import open_regular

if TYPE_CHECKING:
    import PIL.Image

SIDE: Final = 320
"""The longer side of a picture, in pixels, unless it is given."""
_QUALITY: Final = 70
_MAX_PIXELS: Final = 1 << 25
"""The largest image that is decoded, with 4 bytes for a pixel. A large JPEG is decoded in a smaller size."""
_REDUCIBLE: Final = ('L', 'RGB', 'RGBA', 'CMYK', 'YCbCr')


def can_draw() -> bool:
    """Whether Pillow is installed."""
    return find_spec('PIL') is not None


def data_uri(path: Path, *, side: int = SIDE) -> str | None:
    """An image as a small JPEG in a `data:` URI, turned as its EXIF orientation says; None if it cannot be decoded, or
    decoding it would take more than a few hundred megabytes. It is at most `side` pixels wide and high.
    """
    import PIL.Image
    import PIL.ImageOps

    data = BytesIO()
    try:
        with warnings.catch_warnings():
            # Pillow warns of images that take long to decode.
            warnings.simplefilter('ignore')
            with open(open_regular(path), 'rb') as opened, PIL.Image.open(opened) as image:
                image.draft('RGB', (side, side))
                if image.width * image.height > _MAX_PIXELS:
                    return None
                small = PIL.ImageOps.exif_transpose(_coloured(image, side))
        small.thumbnail((side, side))
        small.save(data, 'JPEG', quality=_QUALITY, optimize=True)
    except Exception:  # a decoder may raise anything for a damaged image: only this thumbnail is missing
        return None
    return f'data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}'


def _coloured(image: PIL.Image.Image, side: int) -> PIL.Image.Image:
    """An image of any mode as RGB with 8 bits."""
    import PIL.Image

    orientation = image.getexif()
    factor = max(1, max(image.size) // (2 * side))
    if factor > 1 and image.mode in _REDUCIBLE:
        # Reduced before the conversion of its mode, which would copy the whole image.
        info, image = image.info, image.reduce(factor)
        image.info = info
    if image.mode.startswith(('I', 'F')):
        # 16-bit greys (thermal images) are scaled to their range; otherwise they would be all white or all black.
        grey = image.convert('I') if image.mode.startswith('I') else image
        low, high = (float(str(end)) for end in grey.getextrema())
        scale = 255 / max(high - low, 1e-9)
        made = grey.point(lambda value: value * scale - low * scale).convert('L').convert('RGB')
    elif 'transparency' in image.info or 'A' in image.mode:
        ground = PIL.Image.new('RGBA', image.size, (128, 128, 128, 255))
        made = PIL.Image.alpha_composite(ground, image.convert('RGBA')).convert('RGB')
    else:
        return image.convert('RGB')
    made.info['exif'] = orientation.tobytes()
    return made
