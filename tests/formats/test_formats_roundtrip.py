"""Property tests: what a format can express comes back from it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

hypothesis = pytest.importorskip('hypothesis')

from hypothesis import HealthCheck, example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from synapse_hooks.data import AnyAnnotation, Box, Polygon, Sample  # noqa: E402
from tests.formats.format_kit import Converter, png, write_dm  # noqa: E402

NAMES = st.text(st.characters(exclude_categories=('Cs', 'Cc')), min_size=1, max_size=8).filter(str.strip)
SIZE = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
UNIT = st.floats(0, 1, allow_nan=False)


@st.composite
def items(draw: st.DrawFn) -> list[tuple[tuple[int, int], list[AnyAnnotation]]]:
    made = []
    for _ in range(draw(st.integers(2, 4))):
        width, height = draw(SIZE)
        shapes: list[AnyAnnotation] = []
        for number in range(draw(st.integers(0, 4))):
            label = draw(NAMES)
            left, right = sorted(draw(st.tuples(UNIT, UNIT)))
            top, bottom = sorted(draw(st.tuples(UNIT, UNIT)))
            if right - left < 0.01 or bottom - top < 0.01:
                continue
            x, y, w, h = left * width, top * height, (right - left) * width, (bottom - top) * height
            if draw(st.booleans()):
                shapes.append(Box(x, y, w, h, label=label, id=f'a{number}'))
            else:
                ring = [(x, y), (x + w, y), (x + w, y + h), (x, y + h / 2)]
                shapes.append(Polygon.simple(ring, label=label, id=f'a{number}'))
        made.append(((width, height), shapes))
    return made


def put(root: Path, made: list[tuple[tuple[int, int], list[AnyAnnotation]]]) -> None:
    samples = []
    for number, (size, shapes) in enumerate(made):
        image = root / f'{number}.png'
        image.write_bytes(png(*size))
        split = 'train' if number % 2 else 'valid'
        samples.append(Sample(f'{number}', image=image, split=split, annotations=shapes))
    write_dm(samples, root / 'dm')


def shapes_of(root: Path, format: str) -> dict[str, tuple[tuple[int, int], list[AnyAnnotation]]]:
    reader = Converter(root).manager.hook.open_dataset(dataset={'path': root, 'format': format})
    return {sample.id: ((sample.width, sample.height), sample.annotations) for sample in reader}


def numbers(shape: AnyAnnotation) -> list[float]:
    if isinstance(shape, Box):
        return [shape.x, shape.y, shape.w, shape.h]
    assert isinstance(shape, Polygon)
    return [number for point in shape.rings[0] for number in point]


def same(before: Any, after: Any) -> None:
    assert before.keys() == after.keys()
    for id, (size, shapes) in before.items():
        other_size, others = after[id]
        assert size == other_size
        assert len(shapes) == len(others)
        # A DM document has the boxes in one list and the polygons in another.
        for shape, other in zip(*(sorted(some, key=lambda one: one.kind) for some in (shapes, others)), strict=True):
            assert (shape.kind, shape.label) == (other.kind, other.label)
            tolerance = 1.01e-6 * max(size)
            assert numbers(other) == pytest.approx(numbers(shape), abs=tolerance)


COMPUTED = [((1, 451), [Polygon.simple([(0, 50), (1, 50), (1, 451.00000000000006), (0, 250)], id='a', label='0')])]
"""It misses the edge of its image because it was computed."""


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@example(made=COMPUTED, target='coco')
@given(made=items(), target=st.sampled_from(['coco', 'yolo detect', 'yolo segment']))
def test_there_and_back(made: list[tuple[tuple[int, int], list[AnyAnnotation]]], target: str) -> None:
    name, _, task = target.partition(' ')
    kept = {'detect': Box, 'segment': Polygon}.get(task)
    made = [(size, [shape for shape in shapes if kept is None or isinstance(shape, kept)]) for size, shapes in made]
    if not any(shapes for _, shapes in made):
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        put(root, made)
        converter = Converter(root)
        there = converter(root / 'dm', 'dm', name, **({'target_task': task} if task else {}))
        assert not converter.losses['dropped']
        assert not converter.losses['converted']
        back = converter(there['path'], name, 'dm')
        same(shapes_of(root / 'dm', 'dm'), shapes_of(back['path'], 'dm'))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
rows = st.dictionaries(
    st.sampled_from(['id', 'classification', 'attrs', 'data', 'visibility', 'group_id', 'x']), json_values
)
tools = st.sampled_from(
    ['bounding_box', 'polygon', 'polyline', 'keypoint', 'segmentation', 'relation', 'group', 'classification', 'new']
)
entries = st.dictionaries(tools, st.lists(rows | json_values, max_size=3) | st.none(), max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    images=st.lists(entries, max_size=2),
    media=st.dictionaries(st.sampled_from(['pcds', 'videos']), st.lists(entries, max_size=2)),
)
def test_any_dm_document_comes_back_as_it_was(images: list[Any], media: dict[str, Any]) -> None:
    from synapse_hooks.data import LossReport
    from synapse_hooks.formats.dm.document import read_document, write_document

    document = json.loads(json.dumps({'images': images, **media}))
    sample = Sample('x', width=10, height=10)
    read_document(document, sample)
    written = write_document(sample, LossReport())
    assert json.loads(json.dumps(written)) == document
