"""Fits annotations into a target that holds skeletons with their boxes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from synapse_hooks.data import Area, Box, Joint, Keypoints, Sample, Shape
from synapse_hooks.data.geometry import Bounds, bounds, clip_bounds, overhang
from synapse_hooks.data.skeletons import made_of
from synapse_hooks.geometry.extents import (
    EXACT,
    TOLERANCE,
    Fit,
    NotExpressible,
    cut,
    enclosing_box,
    same_object,
)


def fit_skeleton(skeleton: Keypoints, sample: Sample, target: str) -> Fit[Keypoints | None]:
    """A skeleton whose box and joints lie in the image. A missing joint is `Joint(0, 0, 0)`.

    Raises:
        NotExpressible: It has no box in the image.
    """
    if reason := skeleton.number_fault():
        raise NotExpressible(reason)
    points, outside = [], 0
    for joint in skeleton.points:
        place = _in_image(joint, sample) if joint.visibility else None
        outside += place is None and joint.visibility > 0
        points.append(place or Joint(0, 0, 0))
    around, drawn = _box(skeleton, points, sample)
    left, top, right, bottom = _inside(around, sample)
    fitted = msgspec.structs.replace(skeleton, points=points, box=(left, top, right - left, bottom - top))
    single = 'keypoint' in made_of(skeleton)
    costs = [
        'its joints outside the image are missing' if outside and not single else '',
        f'{target} needs boxes: its box is drawn around its joints' if drawn else '',
        # A box that is an annotation of its own answers for itself.
        '' if drawn or has_shape(skeleton, sample) else cut(around, sample),
    ]
    return Fit(fitted, '; '.join(filter(None, costs)), outside if single else 0)


def fit_object(shape: Shape, sample: Sample, target: str) -> Fit[Keypoints | None]:
    """The shape of an object that has a skeleton: the skeleton's box stands for it, so there is nothing to write.

    Raises:
        NotExpressible: It has no skeleton, or its skeleton is lost, or has another box.
    """
    skeleton = next(
        (other for other in sample.annotations if isinstance(other, Keypoints) and same_object(shape, other)), None
    )
    if skeleton is None:
        raise NotExpressible(f'{target} has no place for it')
    try:
        fit_skeleton(skeleton, sample, target)
    except NotExpressible as lost:
        raise NotExpressible(f'its skeleton is dropped: {lost}') from lost
    around, _ = _box(skeleton, skeleton.points, sample)
    own = enclosing_box(shape, sample)
    if own is None or own[2] <= own[0] or own[3] <= own[1]:
        raise NotExpressible('it has no area')
    apart = max(abs(one - other) for one, other in zip(own, around, strict=True))
    if apart <= (EXACT if isinstance(shape, Box) else TOLERANCE):
        return Fit(None, cut(own, sample) if isinstance(shape, Box) else f'{target} holds boxes: its enclosing box')
    beyond = overhang((own[0] - around[0], own[1] - around[1], own[2] - around[0], own[3] - around[1]), *_size(around))
    if beyond > TOLERANCE:
        raise NotExpressible('its skeleton has another box')
    return Fit(None, f'{target} holds one box an object: the one around it')


def _in_image(joint: Joint, sample: Sample) -> Joint | None:
    """The joint, or None where it lies outside; up to `TOLERANCE` pixels it is moved to the edge."""
    if overhang((joint.x, joint.y, joint.x, joint.y), sample.width, sample.height) > TOLERANCE:
        return None
    return Joint(min(max(joint.x, 0), sample.width), min(max(joint.y, 0), sample.height), joint.visibility)


def _box(skeleton: Keypoints, points: list[Joint], sample: Sample) -> tuple[Bounds, bool]:
    """The box of a skeleton: its own, else around the object's boxes, else around its other shapes, else its joints.

    Also returns whether the box was computed from the joints.
    """
    if own := enclosing_box(skeleton, sample):
        return own, False
    shapes = [shape for shape in _shapes(skeleton, sample) if not shape.number_fault()]
    boxes = [shape for shape in shapes if isinstance(shape, Box)]
    for group in (boxes, shapes):
        extents = [extent for shape in group if (extent := enclosing_box(shape, sample)) is not None]
        if extents:
            return bounds(point for box in extents for point in (box[:2], box[2:])), False
    visible = [(x, y) for x, y, visibility in points if visibility]
    if not visible:
        raise NotExpressible('it has neither a box nor a joint in the image')
    return bounds(visible), True


def _inside(box: Bounds, sample: Sample) -> Bounds:
    if box[2] <= box[0] or box[3] <= box[1]:
        raise NotExpressible('it has no area')
    clipped = clip_bounds(box, sample.width, sample.height)
    if clipped is None:
        raise NotExpressible('it lies outside the image')
    return clipped


def _size(box: Bounds) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def has_shape(skeleton: Keypoints, sample: Sample) -> bool:
    """Whether the object of a skeleton is there as a shape of its own."""
    return any(_shapes(skeleton, sample))


def _shapes(skeleton: Keypoints, sample: Sample) -> Iterator[Area]:
    for other in sample.annotations if skeleton.group is not None else ():
        if isinstance(other, Area) and same_object(skeleton, other):
            yield other
