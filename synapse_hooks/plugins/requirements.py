"""What an installed distribution requires, and this environment does not have: pip was run without dependencies, or
something was uninstalled since.
"""

from __future__ import annotations

import re
from importlib import metadata
from typing import Final

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

_LOGIN: Final = re.compile(r'(?<=//)[^/?#\s]*@')


def unmet_requirements(distribution: str) -> dict[str, str]:
    """The requirements of a distribution that are not met, and what there is instead.

    Requirements that only an extra has, those for other systems, and those that cannot be read are left out; of
    `name[extra]`, only `name` is looked for. A requirement with an address is met by any version, and is shown without
    the login of the address.

    Args:
        distribution: The name of an installed distribution.

    Returns:
        `not installed`, `without a version`, or the version that is installed, by requirement.

    Example:
        >>> unmet_requirements('synapse-hooks')
        {}
    """
    try:
        lines = metadata.requires(distribution) or ()
    except metadata.PackageNotFoundError:
        return {}
    unmet = {}
    for line in lines:
        requirement = requirement_here(line)
        if requirement is not None and (found := _instead(requirement)):
            unmet[_shown(line, requirement)] = found
    return unmet


def requirement_here(line: str) -> Requirement | None:
    """The requirement of a line of metadata; None where it is not for this system, of an extra only, or cannot be read.

    Args:
        line: A value of `Requires-Dist`.

    Example:
        >>> requirement_here('ray>=2; python_version > "3"'), requirement_here('ray; extra == "more"')
        (<Requirement('ray>=2; python_version > "3"')>, None)
    """
    try:
        requirement = Requirement(line)
        wanted = requirement.marker is None or requirement.marker.evaluate({'extra': ''})
    except (InvalidRequirement, InvalidVersion, UndefinedComparison, UndefinedEnvironmentName):
        return None
    return requirement if wanted else None


def _shown(line: str, requirement: Requirement) -> str:
    """A requirement as pip takes it, without its marker and the login of its address."""
    if requirement.url is None:
        return line.partition(';')[0].strip()
    requirement.marker = None
    requirement.url = _LOGIN.sub('', requirement.url)
    return str(requirement)


def _instead(requirement: Requirement) -> str:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return 'not installed'
    except (KeyError, OSError, ValueError):
        # Later Pythons raise these where metadata are incomplete; earlier ones return None.
        version = ''
    if not requirement.specifier:
        return ''
    if not version:
        return 'without a version'
    try:
        return '' if requirement.specifier.contains(version, prereleases=True) else version
    except InvalidVersion:
        return version
