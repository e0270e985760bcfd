"""What flows: samples and their annotations, what is known of a dataset, splits, and the loss report."""

from synapse_hooks.data.annotation import Annotation, Area, Shape
from synapse_hooks.data.annotations import (
    AnyAnnotation,
    Classification,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    Other,
    Polyline,
    Relation,
)
from synapse_hooks.data.areas import Box, Mask, Polygon, RotatedBox
from synapse_hooks.data.dataset import OBJECT_KINDS, DatasetCounts, DatasetInfo, dataset, survey
from synapse_hooks.data.geometry import Part, Ring
from synapse_hooks.data.groups import BY_FOLDER, group_key
from synapse_hooks.data.images import (
    DEFAULT_SUFFIXES,
    MEASURED,
    SUFFIXES,
    ImageHeader,
    image_size,
    is_image_name,
    probe,
    probe_many,
    read_header,
)
from synapse_hooks.data.integrity import ImageCheck, examine
from synapse_hooks.data.losses import Loss, LossReport
from synapse_hooks.data.media import MEDIA, Medium
from synapse_hooks.data.sample import Sample
from synapse_hooks.data.splits import SPLITS, assign, fractions, split_name
from synapse_hooks.data.strata import labels_of, stratified, stratify, stratum
from synapse_hooks.data.unreadable import DEFAULT_TOLERANCE, Tolerance, Unreadable

__all__ = [
    'BY_FOLDER',
    'DEFAULT_SUFFIXES',
    'DEFAULT_TOLERANCE',
    'MEASURED',
    'MEDIA',
    'OBJECT_KINDS',
    'SPLITS',
    'SUFFIXES',
    'Annotation',
    'AnyAnnotation',
    'Area',
    'Box',
    'Classification',
    'DatasetCounts',
    'DatasetInfo',
    'Group',
    'ImageCheck',
    'ImageHeader',
    'Joint',
    'Keypoint',
    'Keypoints',
    'Loss',
    'LossReport',
    'Mask',
    'Medium',
    'Other',
    'Part',
    'Polygon',
    'Polyline',
    'Relation',
    'Ring',
    'RotatedBox',
    'Sample',
    'Shape',
    'Tolerance',
    'Unreadable',
    'assign',
    'dataset',
    'examine',
    'fractions',
    'group_key',
    'image_size',
    'is_image_name',
    'labels_of',
    'probe',
    'probe_many',
    'read_header',
    'split_name',
    'stratified',
    'stratify',
    'stratum',
    'survey',
]
