"""The joints of each category: which there are, in which order, and which are connected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from synapse_hooks.data import DatasetInfo, Keypoints, LossReport
from synapse_hooks.data.skeletons import arrange, made_of

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

    Args:
        joints: Their names in order, by class.
        info: Of the dataset, which may declare how joints are connected.
        report: Records joints that a class does not have.
    """

    def __init__(self, joints: Mapping[str, Sequence[str]], info: DatasetInfo, report: LossReport) -> None:
        self._joints = joints
        self._declared: Mapping[str, Schema] = info.extra.get('coco', {}).get('skeletons', {})
        self._report = report

    def arranged(self, skeleton: Keypoints, file: str) -> list[float]:
        """A skeleton's joints as `x, y, visibility` one after the other, in the order of its class."""
        # A class may turn out to have joints after all: then everything is written again.
        joints = arrange(skeleton, self._joints.get(skeleton.label, skeleton.names))
        lost = sum(joint.visibility > 0 for joint in skeleton.points) - sum(joint.visibility > 0 for joint in joints)
        if lost > 0 and 'keypoint' in made_of(skeleton):
            self._report.dropped('keypoint', 'its class has no such joint', file, skeleton.id, lost)
        elif lost > 0:
            self._report.converted('keypoints', 'its class has fewer joints: others are left out', file, skeleton.id)
        return [number for joint in joints for number in joint]

    def of_class(self, name: str) -> Schema:
        """What a category of the file says of its joints; nothing where its objects have none."""
        joints = self._joints.get(name)
        if not joints:
            return {}
        lines = self._declared.get(name, {}).get('skeleton')
        return {'keypoints': list(joints), **({'skeleton': lines} if lines else {})}
