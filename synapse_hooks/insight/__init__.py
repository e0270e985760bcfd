"""What a dataset holds and what is wrong with it, counted in one pass; as JSON values or an HTML page."""

from synapse_hooks.insight.inspection import Inspection, inspect_dataset
from synapse_hooks.insight.page import page
from synapse_hooks.insight.problems import KINDS, Example, Problem, Problems
from synapse_hooks.insight.statistics import Label, Statistics

__all__ = ['KINDS', 'Example', 'Inspection', 'Label', 'Problem', 'Problems', 'Statistics', 'inspect_dataset', 'page']
