"""What a dataset holds and what is wrong with it: counted in one pass over its samples, told as JSON values or as a
page of HTML.
"""

from synapse_hooks.insight.inspection import Inspection, inspect_dataset
from synapse_hooks.insight.page import page
from synapse_hooks.insight.problems import KINDS, Example, Problem, Problems
from synapse_hooks.insight.statistics import Label, Statistics

__all__ = ['KINDS', 'Example', 'Inspection', 'Label', 'Problem', 'Problems', 'Statistics', 'inspect_dataset', 'page']
