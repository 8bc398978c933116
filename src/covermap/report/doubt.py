"""When an interval can be shown, and what is to be said where it says less than it seems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from covermap.report.units import Unit

# Resampling so few groups misses what the next one would bring.
FEW_GROUPS = 10
# Narrower than what a page prints: such an interval has no width to a reader.
_NO_WIDTH = 5e-4
_PERFECT = 1 - _NO_WIDTH


def has_width(low: float | None, high: float | None, share: bool = True) -> bool:
    """Whether an interval says anything: some resamples must differ.

    Parameters
    ----------
    low, high : float or None
    share : bool
        Whether it is of a share 0..1, which pages print to a tenth of a per cent.
    """
    return low is not None and high is not None and high - low > (_NO_WIDTH if share else 0.0)


def interval_warnings(
    test: Mapping[str, Any],
    unit: Unit,
    titles: Mapping[str, str],
    shares: bool = True,
    few: bool = True,
) -> list[str]:
    """Lines for the head of a page about intervals without width, and of few groups.

    Parameters
    ----------
    test : mapping
        Scores with `_low` and `_high` beside them, and `groups`.
    unit : Unit
        What groups are.
    titles : mapping of str to str
        The scores that are looked at, and what a page calls them.
    shares : bool
        Whether they are shares 0..1 of which 1 is perfect.
    few : bool
        Whether few groups are worth a line of their own.
    """
    groups, lines = int(test.get("groups", 0)), []
    flat = [
        key
        for key in titles
        if test.get(f"{key}_low") is not None
        and not has_width(test[f"{key}_low"], test[f"{key}_high"], shares)
    ]
    if flat:
        perfect = shares and any(test[key] is not None and test[key] >= _PERFECT for key in flat)
        lines.append(_flat([titles[key] for key in flat], unit, groups, perfect))
    if few and 2 <= groups < FEW_GROUPS:
        lines.append(
            f"Only {unit.counted(groups)} were tested: intervals "
            "drawn from so few are rough, and too narrow more often than they say."
        )
    return lines


def _flat(titles: Sequence[str], unit: Unit, groups: int, perfect: bool) -> str:
    line = (
        f"No interval is shown for {' and '.join(titles)}: however the {unit.counted(groups)} are "
        "drawn, the score is the same. That is no certainty"
    )
    if perfect and groups:
        # The rule of three (Hanley and Lippman-Hand 1983, JAMA 249(13), 1743-1745).
        share = min(1.0, 3 / groups)
        return f"{line}: as many without a mistake still allow mistakes in {share:.0%} of others."
    return f"{line}; test more of them, in other places."
