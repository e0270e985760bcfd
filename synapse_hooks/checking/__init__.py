"""Whether a distribution of plugins is ready for others: its packaging, its tests, and the contracts of its plugins."""

from __future__ import annotations

from synapse_hooks.checking.check import check
from synapse_hooks.checking.report_card import Check, ReportCard

__all__ = ['Check', 'ReportCard', 'check']
