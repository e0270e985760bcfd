"""The joints of each category: which there are, in which order, and which are connected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synapse_hooks.data import DatasetInfo, Keypoints, LossReport
from synapse_hooks.data.skeletons import arrange, joint_order, made_of

Schema = Mapping[str, Any]
"""`keypoints`, the names, and perhaps `skeleton`, pairs of places that count from 1: as a category has them."""

_SAID = ('keypoints', 'skeleton')


def declared(categories: Iterable[Mapping[str, Any]]) -> dict[str, Schema]:
    """What categories say of their joints, by name: for `DatasetInfo.extra`.

    Example:
        >>> declared([{'id': 1, 'name': 'ant', 'keypoints': ['head', 'tail'], 'skeleton': [[1, 2]]}, {'name': 'car'}])
        {'ant': {'keypoints': ['head', 'tail'], 'skeleton': [[1, 2]]}}
    """
    return {
        str(category['name']): {key: category[key] for key in _SAID if category.get(key)}
        for category in categories
        if category.get('keypoints')
    }


class Schemas:
    """The joints of each class in a file to be written.

    A class has the joints that its dataset declares, in that order. Else it has all that occur in the dataset, in an
    order that does not depend on where; else those of its first skeleton.

    Args:
        info: Of the dataset.
        report: Told of joints that a class does not have.
    """

    def __init__(self, info: DatasetInfo, report: LossReport) -> None:
        self._declared: Mapping[str, Schema] = info.extra.get('coco', {}).get('skeletons', {})
        self._occurring = joint_order((info.labels or {}).get('keypoint', ()))
        self._used: dict[str, Schema] = dict(self._declared)
        self._report = report

    def arranged(self, skeleton: Keypoints, file: str) -> list[float]:
        """A skeleton's joints as `x, y, visibility` one after the other, in the order of its class."""
        names = [str(name) for name in self._of(skeleton)['keypoints']]
        joints = arrange(skeleton, names)
        lost = sum(joint.visibility > 0 for joint in skeleton.points) - sum(joint.visibility > 0 for joint in joints)
        if lost > 0 and 'keypoint' in made_of(skeleton):
            self._report.dropped('keypoint', 'its class has no such joint', file, skeleton.id, lost)
        elif lost > 0:
            self._report.converted('keypoints', 'its class has fewer joints: others are left out', file, skeleton.id)
        return [number for joint in joints for number in joint]

    def _of(self, skeleton: Keypoints) -> Schema:
        if skeleton.label not in self._used:
            names = skeleton.names or [f'{number}' for number in range(1, len(skeleton.points) + 1)]
            occurring = self._occurring if set(names) <= set(self._occurring) else ()
            self._used[skeleton.label] = {'keypoints': [*(occurring or names)]}
        return self._used[skeleton.label]

    def of_class(self, name: str) -> Schema:
        """What a category of the file says of its joints; nothing where its objects have none."""
        return self._used.get(name, {})
