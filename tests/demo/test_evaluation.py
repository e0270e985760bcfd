from __future__ import annotations

from pathlib import Path

from PIL import Image

from synapse_hooks.data import Box, Polygon, Sample
from synapse_hooks.demo.evaluation import Detection, ground_truth, iou, match_predictions
from synapse_hooks.demo.sheet import BAD, CAPTION, GAP, HEADER, MARGIN, TILE, draw_sheet


def test_overlap_of_boxes_apart_is_nothing() -> None:
    assert iou((0, 0, 1, 1), (2, 2, 3, 3)) == 0
    assert iou((0, 0, 1, 1), (0, 0, 1, 1)) == 1


def test_a_label_is_found_once_by_the_surest_prediction() -> None:
    label = Detection('one', (0, 0, 10, 10))
    unsure, sure = Detection('one', (0, 0, 10, 10), confidence=0.4), Detection('one', (1, 0, 10, 10), confidence=0.9)
    result = match_predictions([label], [unsure, sure])
    assert (result.true_positives, result.false_positives, result.false_negatives) == ([sure], [unsure], [])


def test_the_right_place_with_the_wrong_name_is_wrong() -> None:
    label = Detection('one', (0, 0, 10, 10))
    result = match_predictions([label], [Detection('two', (0, 0, 10, 10))])
    assert result.true_positives == []
    assert result.false_negatives == [label]


def test_boxes_and_polygons_of_a_sample_are_labels() -> None:
    sample = Sample(
        'a',
        annotations=[
            Box(x=1, y=2, w=3, h=4, label='one'),
            Polygon.simple([(5, 5), (9, 5), (9, 8)], label='star'),
        ],
    )
    box, polygon = ground_truth(sample)
    assert (box.label, box.box, box.ring) == ('one', (1, 2, 4, 6), None)
    assert (polygon.label, polygon.box) == ('star', (5, 5, 9, 8))


def test_a_sheet_shows_a_miss_in_red(tmp_path: Path) -> None:
    path = tmp_path / 'grey.png'
    Image.new('RGB', (96, 96), '#808080').save(path)
    label = Detection('one', (24, 24, 72, 72))
    sheets = [draw_sheet([(path, [label], seen)]) for seen in ([label], [])]
    red = tuple(int(BAD[at : at + 2], 16) for at in (1, 3, 5))
    edge = (MARGIN + TILE + GAP + TILE // 4 + 1, HEADER + TILE // 2)
    assert [sheet.getpixel(edge) == red for sheet in sheets] == [False, True]
    assert sheets[0].size == (2 * MARGIN + 2 * TILE + GAP, HEADER + TILE + CAPTION + MARGIN)


def test_a_sheet_of_other_shapes_and_many_scenes(tmp_path: Path) -> None:
    path = tmp_path / 'wide.png'
    Image.new('RGB', (200, 50)).save(path)
    sheet = draw_sheet([(path, [], [])] * 4, 'Four')
    assert sheet.height == HEADER + 2 * (TILE + CAPTION + MARGIN)
