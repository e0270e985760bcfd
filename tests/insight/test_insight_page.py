"""The page: whole, safe, the same each time, and not too large."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    Mask,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
)
from synapse_hooks.insight import Inspection, page
from synapse_hooks.insight.drawing import Drawing
from synapse_hooks.insight.page import PICTURES
from synapse_hooks.pages.pictures import SIDE, data_uri
from tests.insight.insight_kit import inspect, sample
from tests.support.html_page import Page

HOSTILE = '</title><script>alert(1)</script>"\'><img src=x onerror=alert(1)>\x00\ud800'
KINDS: list[AnyAnnotation] = [
    Box(10, 10, 30, 30, id='b', label='cat'),
    RotatedBox(50, 20, 30, 10, 0.5, label='cat'),
    Polygon([[[(10, 10), (60, 10), (60, 60)], [(20, 12), (30, 12), (30, 20)]]], label='dog'),
    Polyline([(1, 1), (50, 70)], label='lane'),
    Keypoint(5, 5, label='nose', id='k', visibility=1),
    Keypoints([Joint(10, 10), Joint(20, 20, 1), Joint(0, 0, 0)], label='cat', box=(5, 5, 30, 30)),
    Mask([(805, 10), (905, 10)], label='dog'),
    Classification(label='sunny'),
    Relation(source='b', target='b', label='rides'),
    Group(members=['b']),
    Box(float('nan'), 0, 1, 1, label='cat'),
]


@pytest.fixture
def found(tmp_path: Path) -> Inspection:
    """Every kind of annotation, in two splits."""
    pairs = [('a', 'train'), ('b', 'valid')]
    return inspect(tmp_path, *(sample(tmp_path, name, *KINDS, split=split) for name, split in pairs), shown=PICTURES)


def test_a_page_is_well_formed_and_needs_nothing_else(found: Inspection) -> None:
    text = page(found)
    read = Page(text)
    assert [link for name in ('script', 'link', 'iframe', 'img') for link in read.of(name)] == []
    assert all(re.match('data:image/jpeg;base64,', image['href'] or '') for image in read.of('image'))
    assert 'http://' not in text
    assert 'https://' not in text
    assert read.of('html')[0]['lang'] == 'en'
    assert page(found) == text


def test_every_picture_and_plot_has_words_for_those_who_do_not_see_it(found: Inspection) -> None:
    read = Page(page(found))
    pictures = [svg for svg in read.of('svg') if svg.get('aria-hidden') != 'true']
    assert len(pictures) >= 7
    assert all(svg['role'] == 'img' and svg['aria-label'] for svg in pictures)
    assert any('a.png: 4 cat' in (svg['aria-label'] or '') for svg in pictures)


def test_names_that_are_html_stay_text(tmp_path: Path) -> None:
    shape = Box(1, 1, 1, 9, label=HOSTILE, id=HOSTILE, attributes={HOSTILE: HOSTILE})
    item = sample(tmp_path, 'a', shape, Classification(label=HOSTILE), split=None)
    item.split = HOSTILE
    read = Page(page(inspect(tmp_path, item, shown=PICTURES)))
    assert read.of('script') == read.of('img') == []
    assert not any(name.startswith('on') for _, attributes in read.elements for name in attributes)
    assert any('<script>alert(1)</script>' in text for text in read.text)


def test_each_kind_is_drawn_or_reported_as_not_drawn(found: Inspection) -> None:
    (shown, *_) = found.with_problems
    drawing = Drawing(shown.sample, {'cat': '#ff0000'})
    read = Page(str(drawing.svg(None, 'alt')))
    classes = [attributes.get('class') for _, attributes in read.elements]
    assert classes.count('area') == 3
    assert {'area dashed', 'mask', 'line', 'line dashed', 'joint', 'ring'} <= set(classes)
    assert sorted(drawing.not_drawn) == ['box', 'classification', 'group']
    assert any(
        path.get('fill-rule') == 'evenodd' and path['d'].count('Z') == 2 for path in read.of('path') if path['d']
    )
    # Missing joints are not there.
    assert len(read.of('circle')) == 3
    assert 'not drawn: 1 group' in ''.join(Page(page(found)).text)


def test_too_many_annotations_are_not_drawn_and_reported(tmp_path: Path) -> None:
    ring = [(number % 90 + 0.5, number * 7 % 70 + 0.5) for number in range(400)]
    shapes = [Polygon.simple([*ring, (shift, 0.0)], label='x') for shift in range(60)]
    found = inspect(tmp_path, sample(tmp_path, 'a', *shapes), shown=PICTURES)
    text = page(found)
    assert len(text) < 100_000
    assert 'not drawn: there are too many' in text


def test_the_choice_is_the_same_in_any_order_and_has_every_split_and_class(tmp_path: Path) -> None:
    samples = [
        sample(tmp_path, f'{split}{number}', Box(9, 9, 9, 9, label='rare' if number == 7 else 'cat'), split=split)
        for split, count in (('train', 60), ('valid', 9), ('test', 9))
        for number in range(count)
    ]
    chosen = [
        [shown.file for shown in inspect(tmp_path, *ordered, shown=12).others] for ordered in (samples, samples[::-1])
    ]
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 12
    for name in ('train7', 'valid7', 'test7'):
        assert any(name in file for file in chosen[0])


def test_a_dataset_without_annotations_or_sizes_has_a_page_too(tmp_path: Path) -> None:
    item = sample(tmp_path, 'a', split=None)
    odd = sample(tmp_path, 'b', Mask([(0, 9)], label='x'), split=None)
    odd.width = odd.height = 0
    for samples in ([item], [odd], [item, odd]):
        assert Page(page(inspect(tmp_path, *samples, shown=PICTURES)))


def test_samples_with_problems_come_first(tmp_path: Path) -> None:
    good = [sample(tmp_path, f'good{number}', Box(9, 9, 9, 9, label='x')) for number in range(20)]
    bad = sample(tmp_path, 'bad', Box(500, 9, 9, 9, label='x'))
    found = inspect(tmp_path, *good, bad, shown=6)
    assert [(shown.file, shown.problems) for shown in found.with_problems] == [('train/bad.png', ('outside',))]
    assert len(found.others) == 5


def test_a_picture_is_small_and_the_right_way_up(tmp_path: Path) -> None:
    pil = pytest.importorskip('PIL.Image')
    import base64
    from io import BytesIO

    exif = pil.Exif()
    exif[274] = 6
    pil.new('RGB', (800, 400), (200, 30, 30)).save(tmp_path / 'a.jpg', exif=exif)
    pil.new('I;16', (50, 40), 30_000).save(tmp_path / 'deep.png')
    pil.new('RGBA', (50, 40), (255, 0, 0, 0)).save(tmp_path / 'clear.png')
    (tmp_path / 'torn.jpg').write_bytes((tmp_path / 'a.jpg').read_bytes()[:600])
    sizes = {}
    for name in ('a.jpg', 'deep.png', 'clear.png'):
        uri = data_uri(tmp_path / name)
        assert uri is not None
        sizes[name] = pil.open(BytesIO(base64.b64decode(uri.partition(',')[2]))).size
    assert sizes == {'a.jpg': (SIDE // 2, SIDE), 'deep.png': (50, 40), 'clear.png': (50, 40)}
    assert data_uri(tmp_path / 'torn.jpg') is None


def test_without_pillow_the_page_says_what_to_install(found: Inspection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('synapse_hooks.insight.gallery.can_draw', lambda: False)
    read = Page(page(found))
    assert read.of('image') == []
    assert "pip install 'synapse-hooks[inspect]'" in read.text
