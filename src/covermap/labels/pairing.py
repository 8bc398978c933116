"""Which mask belongs to which image, by their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from covermap.core.names import composed

# Words that say what a file is rather than which place it shows.
IMAGE_WORDS = frozenset({
    "sat", "satellite", "image", "images", "img", "imgs", "input", "inputs", "photo", "picture",
    "rgb", "ortho", "patchn",
})  # fmt: skip
MASK_WORDS = frozenset({
    "mask", "masks", "m", "label", "labels", "lbl", "lbls", "gt", "groundtruth", "truth",
    "target", "targets", "annotation", "annotations", "seg", "segmentation",
})  # fmt: skip
_ROLES = IMAGE_WORDS | MASK_WORDS
_SEPARATORS = re.compile(r"[_\-. ]+")
_GLUED = re.compile(r"([a-z]+)(\d+)")
# Folders above a file that may tell files of one name apart.
_DEEPEST = 3


@dataclass(frozen=True)
class Pairing:
    """Images with their masks, and what is left over on both sides; all in the order given."""

    pairs: tuple[tuple[Path, Path], ...]
    images: tuple[Path, ...]
    masks: tuple[Path, ...]


def pair_files(
    images: Sequence[Path], masks: Sequence[Path], tokens: Iterable[str] = ()
) -> Pairing:
    """Pair images and masks whose names agree.

    Names agree when their stems are equal, or equal without the words that say what a file is
    (`_sat` and `_mask`, `_m` at the end, `_patchN_` against `_mask_`, `image_` against `label_`).
    Where several files have one name, the folders above them must agree too. Of these rules the
    first one that pairs most files holds for all.

    Parameters
    ----------
    images, masks : sequence of Path
    tokens : iterable of str
        More words that say nothing about the place.
    """
    more = frozenset(composed(token).casefold() for token in tokens)
    best: list[tuple[Path, Path]] = []
    for depth in range(_DEEPEST + 1):
        for stem_key in (_whole, partial(_core, more=more)):
            found = _paired(images, masks, partial(_key, stem_key=stem_key, depth=depth))
            if len(found) > len(best):
                best = found
    taken = {path for pair in best for path in pair}
    return Pairing(
        tuple(best),
        tuple(path for path in images if path not in taken),
        tuple(path for path in masks if path not in taken),
    )


def namesakes(
    images: Sequence[Path], masks: Sequence[Path], tokens: Iterable[str] = ()
) -> Iterator[tuple[Path, list[Path]]]:
    """Each image with the masks that are called like it but for words that say what a file is."""
    more = frozenset(composed(token).casefold() for token in tokens)
    called: dict[tuple[str, ...], list[Path]] = {}
    for path in masks:
        called.setdefault(_core(path.stem, more), []).append(path)
    for image in images:
        yield image, called.get(_core(image.stem, more), [])


def telling_apart(images: Sequence[Path], masks: Sequence[Path]) -> list[str]:
    """Words that all images have and no mask, or all masks and no image: they tell no place.

    Plain numbers are kept out, for they tell places (`_10_12`).

    Examples
    --------
    >>> telling_apart(
    ...     [Path("lc8_2015_10_12.tif"), Path("lc8_2015_10_27.tif")],
    ...     [Path("cdl_2015_10_12.tif"), Path("cdl_2015_10_27.tif")],
    ... )
    ['lc8', 'cdl']
    """
    found: list[str] = []
    for own, other in ((images, masks), (masks, images)):
        elsewhere = {word for path in other for word in _words(path.stem)} | _ROLES
        counts = Counter(word for path in own for word in set(_words(path.stem)))
        found += [
            word
            for word in dict.fromkeys(_words(own[0].stem) if own else ())
            if counts[word] == len(own) and word not in elsewhere and not word.isdigit()
        ]
    return found


def looks_like_mask(path: Path, root: Path) -> bool:
    """Whether a file's name, or a folder between it and `root`, says that it is a mask."""
    folders = path.relative_to(root).parent.parts
    return any(word in MASK_WORDS for folder in folders for word in _words(folder)) or any(
        word in MASK_WORDS for word in _words(path.stem)
    )


def role_words(text: str) -> list[str]:
    """Words of a name that say what a file is (`images`, `mask`)."""
    return [word for word in _words(text) if word in _ROLES]


def _paired(
    images: Sequence[Path], masks: Sequence[Path], key: Callable[[Path], tuple[str, ...]]
) -> list[tuple[Path, Path]]:
    by_key = _unique(masks, key)
    return [(image, by_key[name]) for name, image in _unique(images, key).items() if name in by_key]


def _unique(
    paths: Sequence[Path], key: Callable[[Path], tuple[str, ...]]
) -> dict[tuple[str, ...], Path]:
    """Files by key; keys that several files share, or that are empty, say nothing."""
    keys = [key(path) for path in paths]
    counts = Counter(keys)
    return {
        name: path
        for name, path in zip(keys, paths, strict=True)
        if counts[name] == 1 and any(name)
    }


def _key(path: Path, stem_key: Callable[[str], tuple[str, ...]], depth: int) -> tuple[str, ...]:
    folders = [name for name in path.parent.parts if not role_words(name)]
    # Of files that are all called `labels.tif` the folder tells the place.
    stem = stem_key(path.stem) or stem_key(path.parent.name)
    return (*stem, "/", *folders[len(folders) - depth :])


def _whole(stem: str) -> tuple[str, ...]:
    return (composed(stem).casefold(),)


def _core(stem: str, more: frozenset[str]) -> tuple[str, ...]:
    words = _words(stem)
    last = len(words) - 1
    return tuple(
        word
        for place, word in enumerate(words)
        # A lone letter inside a name is no role: `site_m_03`.
        if word not in more and (word not in _ROLES or (word == "m" and place != last))
    )


def _words(text: str) -> list[str]:
    words: list[str] = []
    for word in _SEPARATORS.split(composed(text).casefold()):
        glued = _GLUED.fullmatch(word)
        if glued and glued.group(1) in _ROLES:
            words += glued.groups()
        elif word:
            words.append(word)
    return words
