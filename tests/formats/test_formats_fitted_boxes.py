"""Boxes of a whole batch: the same, and the same report, as those of its annotations one by one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import AnyAnnotation, Box, Keypoint, LossReport, Mask, Polygon, Polyline, RotatedBox, Sample
from synapse_hooks.data.batch import gather
from synapse_hooks.data.outline import Outline
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.formats import Batch, BatchBuilder, Fitter, fit_boxes

NUMBERS = st.one_of(
    st.floats(-30, 130, width=32),
    st.sampled_from([0.0, 0.25, 0.5, 1.5, 99.5, 100.0, float('nan'), float('inf'), 1e200]),
)
SIZES = st.one_of(st.floats(0, 140, width=32), st.sampled_from([0.0, 0.3, 0.5, 1.0, 100.0]))
FIELDS = st.fixed_dictionaries(
    {
        'id': st.sampled_from(['1', '2']),
        'label': st.sampled_from(['car', 'dog', '']),
        'attributes': st.sampled_from([{}, {'colour': 'red'}, {'iscrowd': True}, {'kept': 1, 'colour': 'red'}]),
    }
)
RINGS = st.lists(st.tuples(st.floats(-30, 130, width=32), st.floats(-30, 130, width=32)), min_size=3, max_size=5)
SHAPES = st.one_of(
    st.builds(lambda numbers, fields: Box(*numbers, **fields), st.tuples(NUMBERS, NUMBERS, SIZES, SIZES), FIELDS),
    st.builds(lambda ring, fields: Polygon.simple(ring, **fields), RINGS, FIELDS),
    st.builds(lambda ring, fields: Polyline(ring, **fields), RINGS, FIELDS),
    st.builds(lambda fields: RotatedBox(20, 20, 30, 10, 0.5, **fields), FIELDS),
    st.builds(lambda fields: Mask([(5, 20), (105, 20)], **fields), FIELDS),
    st.builds(lambda fields: Keypoint(5, 6, **fields), FIELDS),
)
SAMPLES = st.lists(st.lists(SHAPES, max_size=6), min_size=1, max_size=3)


def samples_of(shapes: Sequence[Sequence[AnyAnnotation]]) -> list[Sample]:
    return [
        Sample(f's{number}', f'{number}.png', width=100, height=80, annotations=list(some))
        for number, some in enumerate(shapes)
    ]


def counts(report: LossReport) -> Any:
    """The report but for its examples, which are noted in another order."""
    return {key: loss.count for key, loss in report.losses.items()}, report.attributes


@pytest.mark.parametrize(
    'options',
    [{}, {'crowds': True, 'keeps': ('kept',)}, {'whole': True, 'keeps': None}],
    ids=['plain', 'kept', 'whole'],
)
@given(shapes=SAMPLES)
def test_a_batch_and_its_annotations_give_the_same_boxes(
    options: dict[str, Any], shapes: list[list[AnyAnnotation]]
) -> None:
    one_by_one = []
    expected = LossReport()
    fitter = Fitter(expected, 'it', **options)
    for item, sample in enumerate(samples_of(copy.deepcopy(shapes))):
        for annotation in sample.annotations:
            opened = fitter.opened(annotation, sample)
            if opened is not None and (box := fitter.box(opened, sample)) is not None:
                one_by_one.append((item, annotation.label, [*map(float, box)], annotation.attributes or None))
    report = LossReport()
    boxes = fit_boxes(gather(samples_of(shapes)), Fitter(report, 'it', **options))
    made = [*zip(boxes.items, boxes.labels, boxes.corners.tolist(), boxes.attributes, strict=True)]
    assert made == one_by_one
    assert counts(report) == counts(expected)


def test_samples_as_they_are_give_the_same_boxes() -> None:
    shapes: list[list[AnyAnnotation]] = [
        [Box(1, 2, 3, 4, label='a')],
        [Polygon.simple([(0, 0), (8, 0), (8, 6)], label='b')],
    ]
    columns = fit_boxes(gather(samples_of(shapes)), Fitter(LossReport(), 'it'))
    rows = fit_boxes(Batch.of_samples(samples_of(shapes)), Fitter(LossReport(), 'it'))
    assert columns.corners.tolist() == rows.corners.tolist() == [[1, 2, 4, 6], [0, 0, 8, 6]]
    assert columns.labels == rows.labels == ['a', 'b']


def test_a_batch_without_annotations_has_no_boxes() -> None:
    boxes = fit_boxes(gather(samples_of([[], []])), Fitter(LossReport(), 'it'))
    assert boxes.corners.shape == (0, 4)
    assert (boxes.corners / np.ones(4)).shape == (0, 4)
    assert boxes.items == []


def test_an_outline_with_a_box_is_not_parsed() -> None:
    """In columns its text is never looked at; beside them it is not either."""
    for text in (b'[[0,0,8,0,8,6]]', b'broken'):
        outline = Outline(text, label='a', box=(90, 1, 20, 3))
        boxes = fit_boxes(gather(samples_of([[outline]])), Fitter(LossReport(), 'it'))  # type: ignore[list-item]
        assert boxes.corners.tolist() == [[90, 1, 100, 4]]


def test_samples_that_cannot_be_written_are_left_out_with_their_annotations(tmp_path: Path) -> None:
    builder = BatchBuilder()
    for sample in (
        Sample('a', 'a.png'),
        Sample('v', file='v.mp4', medium='video'),
        Sample('empty'),
        Sample('b', 'b.png'),
    ):
        item = builder.add_sample(sample)
        builder.add_boxes([item], ['car'], [[1, 2, 3, 4]], attributes=[{'place': sample.id}])
    context = WriteContext(tmp_path, Options())
    batch = context.leave_out(builder.build(measured=True))
    assert [sample.id for sample in batch.samples] == ['a', 'b']
    assert (batch.boxes.items, batch.boxes.attributes) == ([0, 1], [{'place': 'a'}, {'place': 'b'}])
    assert batch.measured
    dropped = {(loss.kind, loss.reason): loss.count for loss in context.report.losses.values()}
    video, none = 'the item is a video, not an image', 'there is no image'
    # An item that is to be an image, and has none, consists of its annotations.
    assert dropped == {('video', video): 1, ('box', video): 1, ('box', none): 1}
    rest = context.leave_out(batch, {0: 'it is too dark'})
    assert [sample.id for sample in rest.samples] == ['b']
    assert context.report.losses['dropped', 'image', 'it is too dark'].examples == [{'file': 'a', 'id': ''}]


def test_images_of_a_batch_are_linked_and_equal_ids_are_named(tmp_path: Path) -> None:
    image = tmp_path / 'image.png'
    image.write_bytes(b'pixels')
    samples = [Sample('street/a', image), Sample('b', image)]
    targets = [f'{tmp_path}/out/train/{sample.file_name}' for sample in samples]
    context = WriteContext(tmp_path / 'out', Options())
    context.link_images(samples, targets)
    assert all(Path(target).samefile(image) for target in targets)
    with pytest.raises(WrongAnswer, match=r"two samples have the id 'b', .*b\.png exists"):
        context.link_images(samples[1:], targets[1:])
    with pytest.raises(WrongAnswer, match="two samples have the id 'b'"):
        context.link_image(samples[1], targets[1])
    with pytest.raises(FileExistsError):
        context.link_images([Sample('c', image)], targets[1:])


def test_nothing_is_copied_where_all_samples_can_be_written(tmp_path: Path) -> None:
    batch = gather([Sample('a', 'a.png', annotations=[Box(1, 2, 3, 4, label='a')])])
    assert WriteContext(tmp_path, Options()).leave_out(batch) is batch
