"""The option `crowds`: crowd regions that are objects."""

from __future__ import annotations

from synapse_hooks.data import AnyAnnotation, LossReport, Sample

AS_OBJECT = 'it is a crowd region (iscrowd), and read as an object because of the option `crowds`'


def clear_crowd_flag(annotation: AnyAnnotation, sample: Sample, report: LossReport) -> None:
    """Remove `iscrowd` from a crowd region, so that it is an object, and report it.

    Example:
        >>> from synapse_hooks.data import Box
        >>> box = Box(1, 2, 3, 4, attributes={'iscrowd': True})
        >>> clear_crowd_flag(box, Sample('a'), LossReport())
        >>> box.attributes
        {}
    """
    if annotation.attributes.get('iscrowd'):
        annotation.attributes = {name: value for name, value in annotation.attributes.items() if name != 'iscrowd'}
        report.repaired(annotation.kind, AS_OBJECT, sample.id, annotation.id)
