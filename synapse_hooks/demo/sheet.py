"""A picture of the predictions of a model: scenes with their labels, beside the same scenes with its predictions."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synapse_hooks.data import Sample
from synapse_hooks.demo.evaluation import Corners, Detection, ground_truth, iou, match_predictions, predict
from synapse_hooks.demo.scenes import require_extra
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.storage import write_atomic

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

TILE: Final = 288
"""Width and height of one picture on the sheet, in pixels."""
COLUMNS: Final = 3
HEADER, CAPTION, GAP, MARGIN = 92, 38, 4, 24
INK, MUTED, PAPER, CARD, BAD = '#1b1f2a', '#6b7280', '#ece9e2', '#ffffff', '#d62828'


def contact_sheet(weights: Path, samples: Iterable[Sample], out: Path, *, limit: int = 9, title: str = '') -> Path:
    """Draw labels beside predictions, for the first `limit` samples that have an image.

    Predictions that are wrong, and labels that were missed, are red.

    Args:
        weights: A detector's weights file, or a folder with `best.pt`.
        samples: Labelled images, such as the reader that `open_dataset` returns.
        out: The PNG to write.
        limit: At most so many scenes.
        title: The headline; empty for a default one.

    Returns:
        `out`.

    Raises:
        ConfigError: ultralytics or Pillow is not installed.
        DatasetInvalid: No sample has an image.
    """
    require_extra('ultralytics', 'PIL')
    pictured = ((sample.image, ground_truth(sample)) for sample in samples if sample.image is not None)
    scenes = list(islice(pictured, limit))
    if not scenes:
        raise DatasetInvalid('nothing to draw: no sample has an image')
    predictions = predict(weights, [image for image, _ in scenes])
    sheet = draw_sheet([(*scene, seen) for scene, seen in zip(scenes, predictions, strict=True)], title)
    data = BytesIO()
    sheet.save(data, 'PNG')
    write_atomic(out, data.getvalue())
    return out


def draw_sheet(scenes: Sequence[tuple[Path, Sequence[Detection], Sequence[Detection]]], title: str = '') -> Image:
    """The sheet as an image, for scenes of `(image file, labels, predictions)`."""
    from PIL import Image, ImageDraw

    labels = sorted({detection.label for _, known, seen in scenes for detection in (*known, *seen)})
    colours = {label: _colour(number, len(labels)) for number, label in enumerate(labels)}
    columns = min(COLUMNS, len(scenes))
    card_width, card_height = 2 * TILE + GAP, TILE + CAPTION
    width = MARGIN + columns * (card_width + MARGIN)
    height = HEADER + -(-len(scenes) // columns) * (card_height + MARGIN)
    sheet = Image.new('RGB', (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    results = [match_predictions(known, seen) for _, known, seen in scenes]
    total, right = sum(len(known) for _, known, _ in scenes), sum(len(result.true_positives) for result in results)
    draw.text((MARGIN, 20), title or 'Scenes that the model was not trained on', INK, _font(27))
    draw.text(
        (MARGIN, 56), f'left: labels    right: predictions    {right} of {total} found    red: wrong or missed',
        MUTED, _font(17),
    )  # fmt: skip
    for number, ((path, known, _), result) in enumerate(zip(scenes, results, strict=True)):
        left = MARGIN + number % columns * (card_width + MARGIN)
        top = HEADER + number // columns * (card_height + MARGIN)
        draw.rectangle((left, top, left + card_width - 1, top + card_height - 1), CARD)
        truth = _tile(path, [(detection, colours[detection.label], detection.label) for detection in known])
        shown = [(detection, BAD, 'missed') for detection in result.false_negatives]
        shown += [
            (detection, BAD, f'{detection.label} {detection.confidence:.2f}') for detection in result.false_positives
        ]
        shown += [
            (detection, colours[detection.label], f'{detection.label} {detection.confidence:.2f}')
            for detection in result.true_positives
        ]
        sheet.paste(truth, (left, top))
        sheet.paste(_tile(path, shown), (left + TILE + GAP, top))
        note = f'{len(result.true_positives)} of {len(known)} found'
        note += f', {len(result.false_positives)} wrong' if result.false_positives else ''
        flawless = not result.false_positives and not result.false_negatives
        draw.text((left + 10, top + TILE + 9), path.stem, MUTED, _font(16))
        draw.text((left + TILE + GAP + 10, top + TILE + 9), note, INK if flawless else BAD, _font(16))
    return sheet


def _tile(path: Path, detections: Iterable[tuple[Detection, str, str]]) -> Image:
    """One picture, enlarged to a square, with a frame and a tag for each of the things `(thing, colour, text)`."""
    from PIL import Image, ImageDraw, ImageOps

    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file).convert('RGB')
    scale = TILE / max(picture.size)
    large = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    tile = Image.new('RGB', (TILE, TILE), CARD)
    tile.paste(large, (0, 0))
    draw = ImageDraw.Draw(tile)
    tags: list[Corners] = []
    scaled = []
    for detection, colour, text in detections:
        left, top, right, bottom = (side * scale for side in detection.box)
        if detection.ring:
            outline = [(x * scale, y * scale) for x, y in detection.ring]
            draw.line([*outline, *outline[:2]], colour, 3, joint='curve')
        else:
            draw.rectangle((left, top, right, bottom), outline=colour, width=3)
        scaled.append(((left, top, bottom), colour, text))
    # Tags are drawn last, above all frames.
    for (left, top, bottom), colour, text in scaled:
        width = draw.textlength(text, _font(14)) + 8
        x = max(0.0, min(left - 1, TILE - width))
        spots: list[Corners] = [(x, y, x + width, y + 18) for y in (max(0.0, top - 17), min(bottom - 1, TILE - 18.0))]
        tag = next((spot for spot in spots if not any(iou(spot, other) for other in tags)), spots[0])
        tags.append(tag)
        draw.rectangle(tag, colour)
        draw.text((tag[0] + 4, tag[1] + 1), text, _contrast(colour), _font(14))
    return tile


def _colour(number: int, count: int) -> str:
    """Colours of different hues, none of them red: that marks errors."""
    hue = 0.07 + 0.86 * number / max(count, 1)
    red, green, blue = colorsys.hls_to_rgb(hue, 0.52 if number % 2 else 0.44, 0.85)
    return f'#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}'


def _contrast(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else '#ffffff'


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
