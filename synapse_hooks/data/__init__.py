"""What flows: samples and their annotations, what is known of a dataset, splits, and the loss report."""

from synapse_hooks.data.dataset import OBJECT_KINDS, DatasetInfo, Tally, dataset, survey
from synapse_hooks.data.groups import BY_FOLDER, group_key
from synapse_hooks.data.images import MEASURED, SUFFIXES, ImageHeader, image_size, probe, read_header
from synapse_hooks.data.losses import Loss, LossReport
from synapse_hooks.data.sample import (
    Annotation,
    AnyAnnotation,
    Box,
    Classification,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    Mask,
    Other,
    Part,
    Polygon,
    Polyline,
    Relation,
    Ring,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.splits import SPLITS, assign, fractions, split_name
from synapse_hooks.data.strata import labels_of, stratified, stratify, stratum
from synapse_hooks.data.unreadable import DEFAULT_TOLERANCE, Tolerance, Unreadable

__all__ = [
    'BY_FOLDER',
    'DEFAULT_TOLERANCE',
    'MEASURED',
    'OBJECT_KINDS',
    'SPLITS',
    'SUFFIXES',
    'Annotation',
    'AnyAnnotation',
    'Box',
    'Classification',
    'DatasetInfo',
    'Group',
    'ImageHeader',
    'Joint',
    'Keypoint',
    'Keypoints',
    'Loss',
    'LossReport',
    'Mask',
    'Other',
    'Part',
    'Polygon',
    'Polyline',
    'Relation',
    'Ring',
    'RotatedBox',
    'Sample',
    'Tally',
    'Tolerance',
    'Unreadable',
    'assign',
    'dataset',
    'fractions',
    'group_key',
    'image_size',
    'labels_of',
    'probe',
    'read_header',
    'split_name',
    'stratified',
    'stratify',
    'stratum',
    'survey',
]
