"""The tests of `FormatConformance`, by theme."""

from synapse_hooks.testing.format_checks.case import FormatCase, tree
from synapse_hooks.testing.format_checks.declaring import Declaring
from synapse_hooks.testing.format_checks.edge_cases import EdgeCases
from synapse_hooks.testing.format_checks.hostile import HostileInput
from synapse_hooks.testing.format_checks.kinds import Kinds
from synapse_hooks.testing.format_checks.names import Names
from synapse_hooks.testing.format_checks.outputs import Outputs
from synapse_hooks.testing.format_checks.reading import Reading
from synapse_hooks.testing.format_checks.resources import Resources
from synapse_hooks.testing.format_checks.round_trips import RoundTrips
from synapse_hooks.testing.format_checks.surroundings import Surroundings

__all__ = [
    'Declaring',
    'EdgeCases',
    'FormatCase',
    'HostileInput',
    'Kinds',
    'Names',
    'Outputs',
    'Reading',
    'Resources',
    'RoundTrips',
    'Surroundings',
    'tree',
]
