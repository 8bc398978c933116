"""Names as a figure or a message has room for them."""

from __future__ import annotations


def shortened(name: str, letters: int = 22) -> str:
    """A name of at most so many letters; of a longer one its beginning and its end.

    Examples
    --------
    >>> shortened("broad-leaved forest on wet ground", 20)
    'broad-leaved…ground'
    """
    if len(name) <= letters:
        return name
    begin = (letters - 1) * 2 // 3
    return f"{name[:begin].rstrip()}…{name[begin + 1 - letters :].lstrip()}"
