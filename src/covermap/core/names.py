"""Names as they are compared, and as a figure or a message has room for them."""

from __future__ import annotations

import unicodedata


def composed(name: str) -> str:
    """A name whose accents are part of their letters (Unicode NFC), as most programs write it.

    macOS takes them apart in names of files, and what is copied from there looks the same.

    Examples
    --------
    >>> composed("fore\u0302t") == "for\u00eat"
    True
    """
    return unicodedata.normalize("NFC", name)


def composed_keys(value: object) -> object:
    """A mapping by names, with its keys as text as `composed` gives it; anything else as it is.

    YAML reads the name of a class that is a number as one.

    Examples
    --------
    >>> composed_keys({10: 0.5, "water": 1})
    {'10': 0.5, 'water': 1}
    """
    if isinstance(value, dict):
        return {composed(str(key)): item for key, item in value.items()}
    return value


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
