"""What an installed distribution requires, and this environment does not have: pip was run without dependencies, or
something was uninstalled since.
"""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement


def unmet_requirements(distribution: str) -> dict[str, str]:
    """The requirements of a distribution that are not met, and what there is instead.

    Extras, requirements for other systems, and those that cannot be read are left out.

    Args:
        distribution: The name of an installed distribution.

    Returns:
        `not installed`, or the version that is installed, by requirement.

    Example:
        >>> unmet_requirements('synapse-hooks')
        {}
    """
    try:
        lines = metadata.requires(distribution) or ()
    except metadata.PackageNotFoundError:
        return {}
    return {line.partition(';')[0].strip(): found for line in lines if (found := _instead(line))}


def _instead(line: str) -> str:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return ''
    if requirement.marker is not None and not requirement.marker.evaluate({'extra': ''}):
        return ''
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return 'not installed'
    return '' if requirement.specifier.contains(version, prereleases=True) else version
