"""The datasets that conversions are measured on: the same parameters give the same bytes.

DM v2 with splits, as an export leaves it on disk, and instances with the proportions of COCO 2017. Numbers are drawn by
NumPy for many images at once and the documents encoded by orjson, so that 100,000 images take some seconds.

python benchmarks/sources.py dm|coco FOLDER IMAGES
"""

from __future__ import annotations

import argparse
import io
import os
import string
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from PIL import Image

SEED = 3
BATCH = 2000
"""Images whose numbers are drawn at once."""

DM_SPLITS = {'train': 0.8, 'valid': 0.1, 'test': 0.1}
DM_SIZES = ((640, 480), (480, 640), (512, 512), (800, 600))
DM_PICTURES, DM_FILES = 64, 64_000
"""How many pictures differ; how many images are files of their own. Later images are hard links to earlier ones."""
DM_CLASSES = (
    *('car', 'truck', 'bus', 'bicycle', 'person', 'dog', 'bird', 'tree', 'building', 'road', 'crosswalk', '자전거'),
    *('traffic light', 'traffic sign', 'boat', 'chair', 'bottle', 'cone', 'helmet', 'safety vest'),
)
DM_ANNOTATIONS, DM_POLYGONS = 7, 0.3
"""The mean of a Poisson distribution; the share that are polygons, of 6 to 24 points. The others are boxes."""
DM_TOOLS = ('bounding_box', 'polygon', 'polyline', 'keypoint', 'relation', 'group')

COCO_SPLITS = {'train': 0.9, 'val': 0.1}
COCO_SIZES = ((640, 480), (640, 427), (480, 640), (640, 360))
COCO_FILES = 16
COCO_UNUSED = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
"""Of the ids 1 to 90, those that COCO's 80 categories leave out."""
COCO_ANNOTATIONS, COCO_MOST, COCO_TWO_PARTS = 7.3, 60, 0.08
"""The mean of a negative binomial distribution, which is cut off at 60; the share of polygons in two parts."""

Numbers = NDArray[Any]


def dm(root: Path, images: int, picture_sizes: Sequence[tuple[int, int]] = DM_SIZES) -> None:
    """Write `<split>/json/<stem>.json` and `<split>/original_files/<stem>.jpg`."""
    chance = np.random.default_rng(SEED)
    pictures = [smooth(chance, picture_sizes[number % len(picture_sizes)]) for number in range(DM_PICTURES)]
    files: list[Path] = []
    for split, numbers in divided(images, DM_SPLITS):
        documents, originals = root / split / 'json', root / split / 'original_files'
        documents.mkdir(parents=True)
        originals.mkdir()
        for batch in batches(numbers):
            sizes = np.array([picture_sizes[number % len(picture_sizes)] for number in batch])
            for number, document in zip(batch, dm_documents(chance, sizes), strict=True):
                stem = f'item_{number:07}'
                text = orjson.dumps(document, option=orjson.OPT_INDENT_2)
                (documents / f'{stem}.json').write_bytes(text)
                picture = commented(pictures[number % DM_PICTURES], stem)
                place(originals / f'{stem}.jpg', number, picture, files, DM_FILES)


def dm_documents(chance: np.random.Generator, sizes: Numbers) -> Iterator[dict[str, Any]]:
    """The documents of images of these widths and heights."""
    counts = chance.poisson(DM_ANNOTATIONS, len(sizes))
    total = int(counts.sum())
    size = np.repeat(sizes, counts, axis=0)
    is_polygon = chance.random(total) < DM_POLYGONS
    extent = chance.uniform(0.03, 0.4, (total, 2)) * size
    corner = chance.random((total, 2)) * (size - extent - 1)
    boxes = np.round(np.hstack([corner, extent]), 2).tolist()
    polygons = iter(dm_polygons(chance, size[is_polygon]))
    letters = np.array(list(string.ascii_letters + string.digits))
    ids = chance.choice(letters, (total, 10)).view('U10').ravel().tolist()
    classes = chance.integers(0, len(DM_CLASSES), total).tolist()
    attributes = [
        [{'name': 'occluded', 'value': occluded}, {'name': 'color', 'value': ('red', 'blue')[color]}]
        if has_attributes
        else []
        for has_attributes, occluded, color in zip(
            (chance.random(total) < 0.3).tolist(),
            (chance.random(total) < 0.5).tolist(),
            chance.integers(0, 2, total).tolist(),
            strict=True,
        )
    ]
    for first, last in pairwise(ends(counts)):
        rows: dict[str, list[dict[str, Any]]] = {tool: [] for tool in DM_TOOLS}
        for at in range(first, last):
            tool, data = ('polygon', next(polygons)) if is_polygon[at] else ('bounding_box', boxes[at])
            row = {'id': ids[at], 'classification': DM_CLASSES[classes[at]], 'attrs': attributes[at], 'data': data}
            rows[tool].append(row)
        used = {tool: sorted({row['classification'] for row in found}) for tool, found in rows.items() if found}
        yield {'classification': used, 'images': [rows]}


def dm_polygons(chance: np.random.Generator, size: Numbers) -> list[list[list[float]]]:
    """One ring for each row of widths and heights."""
    corners = chance.integers(6, 25, len(size))
    radius = chance.uniform(0.04, 0.2, len(size)) * size.min(axis=1)
    centre = (radius + 1)[:, None] + chance.random(size.shape) * (size - 2 * (radius + 1)[:, None])
    limits = ends(corners)
    ring = np.repeat(np.arange(len(size)), corners)
    angle = 2 * np.pi * (np.arange(limits[-1]) - np.repeat(limits[:-1], corners)) / corners[ring]
    reach = radius[ring, None] * chance.uniform(0.6, 1, (len(ring), 2))
    points = np.round(centre[ring] + reach * np.stack([np.cos(angle), np.sin(angle)], 1), 2).tolist()
    return [points[first:last] for first, last in pairwise(limits)]


def coco(root: Path, images: int) -> None:
    """Write `annotations/instances_<split>.json` and `images/<split>/<id>.jpg`."""
    chance = np.random.default_rng(SEED)
    pictures = [noisy(chance, COCO_SIZES[number % len(COCO_SIZES)]) for number in range(COCO_FILES)]
    ids = np.array([number for number in range(1, 91) if number not in COCO_UNUSED])
    categories = [{'id': number, 'name': f'category {number}', 'supercategory': 'any'} for number in ids.tolist()]
    (root / 'annotations').mkdir(parents=True)
    files: list[Path] = []
    written = 0
    for split, numbers in divided(images, COCO_SPLITS):
        folder = root / 'images' / split
        folder.mkdir(parents=True)
        rows = []
        for number in numbers:
            name = f'{number + 1:012}.jpg'
            place(folder / name, number, pictures[number % COCO_FILES], files, COCO_FILES)
            width, height = COCO_SIZES[number % len(COCO_SIZES)]
            rows.append({'license': 1, 'file_name': name, 'coco_url': f'http://localhost/{split}/{name}'})
            rows[-1] |= {'height': height, 'width': width, 'date_captured': '2013-11-14 17:02:52', 'id': number + 1}
        with open(root / 'annotations' / f'instances_{split}.json', 'wb') as file:
            licenses = [{'id': 1, 'name': 'none', 'url': ''}]
            head = {'info': {'description': 'made'}, 'licenses': licenses, 'images': rows, 'annotations': []}
            file.write(orjson.dumps(head).removesuffix(b']}'))
            separator = b''
            for batch in batches(numbers):
                annotations = list(coco_annotations(chance, np.array(batch), ids, written + 1))
                if annotations:
                    written += len(annotations)
                    file.write(separator + orjson.dumps(annotations)[1:-1])
                    separator = b','
            file.write(b'],"categories":' + orjson.dumps(categories) + b'}')


def coco_annotations(
    chance: np.random.Generator, numbers: Numbers, categories: Numbers, first_id: int
) -> Iterator[dict[str, Any]]:
    """The annotations of these images, one after the other."""
    counts = np.minimum(chance.negative_binomial(2, 2 / (2 + COCO_ANNOTATIONS), len(numbers)), COCO_MOST)
    total = int(counts.sum())
    if not total:
        return
    image = np.repeat(numbers, counts)
    size = np.array(COCO_SIZES)[image % len(COCO_SIZES)]
    extent = 20 + chance.random((total, 2)) * (size / 2 - 20)
    centre = extent / 2 + 1 + chance.random((total, 2)) * (size - extent - 2)
    # A polygon of two parts has one in the left and one in the right half of its box.
    parts = 1 + (chance.random(total) < COCO_TWO_PARTS)
    part_ends = ends(parts)
    owner = np.repeat(np.arange(total), parts)
    side = np.where(parts[owner] == 1, 0.0, np.where(np.arange(len(owner)) == part_ends[:-1][owner], -0.25, 0.25))
    part_centre = centre[owner] + np.stack([side * extent[owner, 0], np.zeros(len(owner))], 1)
    part_extent = extent[owner] / np.stack([parts[owner], np.ones(len(owner))], 1)

    corners = chance.integers(14, 27, len(owner))
    limits = ends(corners)
    part = np.repeat(np.arange(len(owner)), corners)
    angle = chance.uniform(0, 2 * np.pi, len(part))
    angle = angle[np.lexsort((angle, part))]
    reach = part_extent[part] / 2 * chance.uniform(0.55, 1, (len(part), 1))
    points = np.round(part_centre[part] + reach * np.stack([np.cos(angle), np.sin(angle)], 1), 2)

    after = np.arange(1, len(part) + 1)
    after[limits[1:] - 1] = limits[:-1]
    (x, y), (next_x, next_y) = points.T, points[after].T
    areas = np.abs(np.add.reduceat(x * next_y - next_x * y, limits[:-1])) / 2
    areas = np.round(np.add.reduceat(areas, part_ends[:-1]), 4).tolist()
    starts = limits[part_ends[:-1]]
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    boxes = np.round(np.hstack([low, high - low]), 2).tolist()
    flat = points.ravel().tolist()
    segments = [flat[2 * first : 2 * last] for first, last in pairwise(limits.tolist())]
    common_first = np.minimum(chance.exponential(14, total).astype(int), len(categories) - 1)
    chosen = categories[common_first].tolist()
    for at, (first, last) in enumerate(pairwise(part_ends.tolist())):
        yield {
            'segmentation': segments[first:last],
            'area': areas[at],
            'iscrowd': 0,
            'image_id': int(image[at]) + 1,
            'bbox': boxes[at],
            'category_id': chosen[at],
            'id': first_id + at,
        }


def ends(counts: Numbers) -> Numbers:
    """Where things of these counts begin and end, laid one behind the other: one number more than there are things."""
    return np.concatenate([[0], np.cumsum(counts)])


def divided(images: int, shares: dict[str, float]) -> Iterator[tuple[str, range]]:
    """The splits, each with the numbers of its images."""
    limits = np.round(ends(np.array(list(shares.values()))) * images).astype(int).tolist()
    for split, (first, last) in zip(shares, pairwise(limits), strict=True):
        yield split, range(first, last)


def batches(numbers: range) -> Iterator[range]:
    """The numbers, some thousand at a time."""
    for first in range(0, len(numbers), BATCH):
        yield numbers[first : first + BATCH]


def place(path: Path, number: int, picture: bytes, files: list[Path], distinct: int) -> None:
    """Write an image, or link it to one of the first `distinct` ones, which are `files`."""
    if number < distinct:
        path.write_bytes(picture)
        files.append(path)
    else:
        os.link(files[number % distinct], path)


def smooth(chance: np.random.Generator, size: tuple[int, int]) -> bytes:
    """A JPEG of some kilobytes."""
    small = Image.fromarray(chance.integers(0, 255, (12, 16, 3), dtype=np.uint8))
    return jpeg(small.resize(size, Image.Resampling.BICUBIC), 60)


def noisy(chance: np.random.Generator, size: tuple[int, int]) -> bytes:
    """A JPEG as large as a photograph of this size."""
    small = Image.fromarray(chance.integers(0, 255, (size[1] // 10, size[0] // 10, 3), dtype=np.uint8))
    pixels = np.asarray(small.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    pixels += chance.integers(-9, 9, pixels.shape, dtype=np.int16)
    return jpeg(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), 85)


def jpeg(image: Image.Image, quality: int) -> bytes:
    """The bytes of the image's file."""
    file = io.BytesIO()
    image.save(file, 'JPEG', quality=quality)
    return file.getvalue()


def commented(picture: bytes, comment: str) -> bytes:
    """The same JPEG with a comment behind its first marker, so that no two files have the same content."""
    segment = b'\xff\xfe' + (len(comment) + 2).to_bytes(2, 'big') + comment.encode('ascii')
    return picture[:2] + segment + picture[2:]


def main() -> int:
    """Write one dataset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('kind', choices=KINDS)
    parser.add_argument('folder', type=Path)
    parser.add_argument('images', type=int)
    options = parser.parse_args()
    KINDS[options.kind](options.folder, options.images)
    return 0


KINDS = {'dm': dm, 'coco': coco}

if __name__ == '__main__':
    sys.exit(main())
