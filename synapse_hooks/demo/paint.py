"""Backgrounds, handwritten digits and shapes of the demo, as pixels.

Colours are floats from 0 to 1, a canvas is `(side, side, 3)`, a mask says from 0 to 1 how much of a pixel is covered.
Masks are drawn `SUPERSAMPLING` times too large and scaled down, for anti-aliasing. The result depends on `rng` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, cos, pi, sin
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Pixels = NDArray[np.floating[Any]]
Point = tuple[float, float]

SUPERSAMPLING = 4


class Palette(NamedTuple):
    """Two background colours that blend into each other, and inks with contrast to both. Hexadecimal RGB."""

    grounds: tuple[str, str]
    inks: tuple[str, ...]


PALETTES = (
    Palette(('#14213d', '#274c77'), ('#fca311', '#f1faee', '#90e0ef', '#ffafcc')),  # night
    Palette(('#fff3d6', '#f6dfb3'), ('#bc3908', '#1d3557', '#386641', '#6a4c93')),  # cream
    Palette(('#12372a', '#2f6f4f'), ('#fefae0', '#ffd166', '#f4a3b4', '#a7e8bd')),  # blackboard
    Palette(('#ffc9b5', '#f7a9a8'), ('#2b2d42', '#5f0f40', '#0f4c5c', '#7a1f1f')),  # coral
    Palette(('#dff3f5', '#a9d6e5'), ('#01497c', '#9d0208', '#5a189a', '#2d6a4f')),  # ice
    Palette(('#3c1642', '#6d2e6d'), ('#ffd166', '#b8f2e6', '#ffffff', '#ff9f9f')),  # plum
    Palette(('#e9edc9', '#ccd5ae'), ('#582f0e', '#1b4332', '#9b2226', '#3d348b')),  # sage
    Palette(('#2b2d42', '#4a4e69'), ('#ef8354', '#ffffff', '#8ecae6', '#e9ff70')),  # slate
)


def background(side: int, palette: Palette, rng: np.random.Generator) -> Pixels:
    """An empty canvas: clouds, squared paper, points of light or terrazzo, in the grounds of a palette."""
    first, second = (_rgb(colour) for colour in palette.grounds)
    ground = _mix(first, second, _gradient(side, rng))
    pattern = (_clouds, _squared_paper, _lights, _terrazzo)[rng.integers(4)]
    grain = rng.normal(0, 0.018, (side, side, 1))
    canvas: Pixels = np.clip(pattern(ground, palette, rng) + grain, 0, 1)
    return canvas


def digit(grey: NDArray[Any], height: float, angle: float) -> tuple[Pixels, float, float]:
    """A scanned 8 x 8 digit (greys 0 to 16), enlarged to about `height` pixels and rotated by `angle` degrees.

    Enlarging blurs the strokes; a threshold near half of the maximum makes their edges sharp again.

    Returns:
        The mask, and the width and height of the digit in pixels, from its left-top corner.
    """
    side = round(height * SUPERSAMPLING * 12 / 8)
    small = Image.fromarray((np.pad(grey, 2) * 255 / 16).round().astype(np.uint8))
    large = small.resize((side, side), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(side / 42))
    turned = np.asarray(large.rotate(angle, Image.Resampling.BICUBIC), np.float32) / 255
    strokes = np.clip((turned - 0.36) / 0.12, 0, 1)
    rows, columns = np.flatnonzero(strokes.max(1) > 0.5), np.flatnonzero(strokes.max(0) > 0.5)
    strokes = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _scale_down(strokes), strokes.shape[1] / SUPERSAMPLING, strokes.shape[0] / SUPERSAMPLING


def star(radius: float, angle: float, waist: float) -> list[Point]:
    """The ten corners of a star, moved so that its box starts at the origin; `waist` is inner by outer radius."""
    turns = [(angle / 180 + step / 5) * pi for step in range(10)]
    reach = [radius if step % 2 == 0 else radius * waist for step in range(10)]
    corners = [(far * sin(turn), -far * cos(turn)) for far, turn in zip(reach, turns, strict=True)]
    left, top = (min(corner[axis] for corner in corners) for axis in (0, 1))
    return [(x - left, y - top) for x, y in corners]


def polygon(corners: Sequence[Point]) -> Pixels:
    """The mask of a polygon whose box starts at the origin."""
    width, height = (ceil(max(corner[axis] for corner in corners)) * SUPERSAMPLING for axis in (0, 1))
    fine = Image.new('L', (width, height))
    ImageDraw.Draw(fine).polygon([(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in corners], fill=255)
    return _scale_down(np.asarray(fine, np.float32) / 255)


def stamp(canvas: Pixels, mask: Pixels, left: int, top: int, colour: str) -> None:
    """Paint a mask on the canvas, with its left-top corner at a pixel, above a soft shadow."""
    side = len(canvas)
    layer = Image.new('L', (side, side))
    layer.paste(Image.fromarray((mask * 255).round().astype(np.uint8)), (left, top))
    cover = np.asarray(layer, np.float32) / 255
    soft = np.asarray(layer.filter(ImageFilter.GaussianBlur(1.5)), np.float32) / 255
    shadow = np.roll(soft, (2, 1), (0, 1))[..., None] * 0.35
    canvas[:] = _mix(canvas * (1 - shadow), _rgb(colour), cover)


def to_image(canvas: Pixels) -> Image.Image:
    """The canvas as an image."""
    return Image.fromarray((np.clip(canvas, 0, 1) * 255).round().astype(np.uint8))


def _clouds(ground: Pixels, palette: Palette, rng: np.random.Generator) -> Pixels:
    return ground + (_noise(len(ground), 5, rng) * 0.13 + _noise(len(ground), 14, rng) * 0.05)[..., None]


def _squared_paper(ground: Pixels, palette: Palette, rng: np.random.Generator) -> Pixels:
    step = int(rng.integers(9, 15))
    row, column = (((np.arange(len(ground)) + start) % step == 0) for start in rng.integers(0, step, 2))
    lines = (row[:, None] | column[None, :]).astype(np.float32)
    return _mix(ground, _rgb(palette.inks[1]), lines * 0.16) + (_noise(len(ground), 4, rng) * 0.05)[..., None]


def _lights(ground: Pixels, palette: Palette, rng: np.random.Generator) -> Pixels:
    side = len(ground)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    for _ in range(int(rng.integers(5, 10))):
        (left, top), radius = rng.uniform(0, side, 2), rng.uniform(0.05, 0.17) * side
        far = np.hypot(x - left, y - top) / radius
        disc = np.clip((1 - far) * radius, 0, 1) * (0.08 + 0.10 * np.clip(far, 0, 1) ** 4)
        ground = _mix(ground, _rgb(palette.inks[rng.integers(len(palette.inks))]), disc)
    return ground


def _terrazzo(ground: Pixels, palette: Palette, rng: np.random.Generator) -> Pixels:
    side = len(ground)
    chips = to_image(ground).resize((side * SUPERSAMPLING, side * SUPERSAMPLING), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(chips)
    for _ in range(int(rng.integers(26, 44))):
        (x, y), radius = rng.uniform(0, side * SUPERSAMPLING, 2), rng.uniform(0.006, 0.022) * side * SUPERSAMPLING
        turns = np.sort(rng.uniform(0, 2 * pi, int(rng.integers(4, 7))))
        colour = palette.inks[rng.integers(len(palette.inks))]
        draw.polygon([(x + radius * cos(turn), y + radius * sin(turn)) for turn in turns], fill=colour)
    laid = np.asarray(chips.reduce(SUPERSAMPLING), np.float32) / 255
    return _mix(ground, laid, np.full(ground.shape[:2], 0.5, np.float32))


def _gradient(side: int, rng: np.random.Generator) -> Pixels:
    turn = rng.uniform(0, 2 * pi)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    slope: Pixels = np.clip(0.5 + x * cos(turn) + y * sin(turn), 0, 1)
    return slope


def _noise(side: int, cells: int, rng: np.random.Generator) -> Pixels:
    coarse = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))


def _scale_down(fine: Pixels) -> Pixels:
    height, width = (ceil(length / SUPERSAMPLING) * SUPERSAMPLING for length in fine.shape)
    whole = np.zeros((height, width), np.float32)
    whole[: fine.shape[0], : fine.shape[1]] = fine
    coarse: Pixels = whole.reshape(height // SUPERSAMPLING, SUPERSAMPLING, width // SUPERSAMPLING, SUPERSAMPLING).mean(
        (1, 3), dtype=np.float32
    )
    return coarse


def _mix(below: Pixels, above: Pixels, weight: Pixels) -> Pixels:
    part = weight[..., None]
    mixed: Pixels = below * (1 - part) + above * part
    return mixed


def _rgb(colour: str) -> Pixels:
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], np.float32) / 255
