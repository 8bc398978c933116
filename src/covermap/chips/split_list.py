"""Ground held out by whole scenes that somebody named: published lists of train, val and test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import numpy as np

from covermap.chips.assign import assign
from covermap.chips.ground import NO_PART
from covermap.chips.parts import (
    HOLDOUT_PARTS,
    Split,
    SplitCase,
    assessed_by_holdout,
    holdout_training,
    told_parts,
)
from covermap.chips.settings import SplitSettings
from covermap.chips.split_scenes import counts_by_group, ground_of_scenes
from covermap.core.errors import SplitError, listed, nearest
from covermap.imagery.headers import SUFFIXES
from covermap.imagery.raster import Scene
from covermap.labels.mask_finding import image_path
from covermap.labels.pairing import role_words

_LIST_SUFFIXES = (".txt", ".csv", ".lst")
# Folders above a picture that may stand before its name in a list.
_DEEPEST = 4
_NAMED = 3
# With fewer training scenes than so many each is worth more as a teacher than as a judge.
_LEAST_TO_SPARE = 5


@dataclass(frozen=True)
class Entry:
    """A name or glob of a list, where it stands, and whether the list is a file."""

    text: str
    place: str
    from_file: bool


def split_by_list(case: SplitCase) -> Split:
    """The scenes of each part as the project names them.

    Raises
    ------
    SplitError
        A list cannot be read, names no scene, an unknown one, or one that is in another part too;
        or fewer than two classes can be assessed.
    """
    codes, notes = listed_parts(case.scenes, case.settings, case.base)
    reasons = (f"scenes as listed: {told_parts(codes)}", *notes)
    return split_of_parts(case, codes, reasons)


def split_of_parts(case: SplitCase, codes: np.ndarray, reasons: tuple[str, ...]) -> Split:
    """A hold-out of whole scenes whose parts are known; `codes` (N,) has -1 for unused ones.

    Where the project says nothing of `val`, some of the training scenes become it: the epoch
    and, with `model: auto`, the kind of model are chosen there, and never by the test.

    Raises
    ------
    SplitError
        Training or test has no labels, or fewer than two classes can be assessed.
    """
    groups = np.arange(len(case.scenes))
    counts = counts_by_group(case, groups)
    labelled = counts.sum(axis=1) > 0
    for code in (0, 2):
        if not (labelled & (codes == code)).any():
            part = HOLDOUT_PARTS[code]
            raise SplitError(
                f"split: {part}: its {int((codes == code).sum())} scenes hold no usable label; "
                f"name labelled scenes there: split: {{by: {case.settings.by}, {part}: [...]}}"
            )
    if "val" not in case.settings.named:
        codes, notes = _with_validation(case, counts, codes)
        reasons = (*reasons, *notes)
    assessed = assessed_by_holdout(counts, codes, case.labels.legend.names)
    ground = ground_of_scenes(case, groups, codes, HOLDOUT_PARTS)
    return Split("holdout", ground, (holdout_training(),), assessed, reasons)


def _with_validation(
    case: SplitCase, counts: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The codes with some training scenes as validation, and a note on it."""
    training = np.nonzero((codes == 0) & (counts.sum(axis=1) > 0))[0]
    if len(training) < _LEAST_TO_SPARE:
        return codes, ()
    fractions = case.settings.fractions
    share = fractions.val / (fractions.train + fractions.val)
    own = counts[training]
    # A class in one training scene only must be taught.
    single = (own > 0).sum(axis=0) == 1
    dealt = assign(own, (1 - share, share), case.seed, keep_first=single)
    chosen = training[dealt == 1]
    if not len(chosen):
        return codes, ()
    codes = codes.copy()
    codes[chosen] = HOLDOUT_PARTS.index("val")
    names = [case.scenes[number].name for number in chosen]
    return codes, (
        f"no val is named: {len(names)} of the training scenes validate ({listed(names, _NAMED)}); "
        "val: [] keeps all as teachers",
    )


def list_files(settings: SplitSettings, base: Path) -> list[Path]:
    """The files among the lists of the project; a split depends on them."""
    if settings.by != "list":
        return []
    texts = [text for entries in settings.named.values() for text in entries]
    return [base / text for text in texts if _is_file_name(text)]


def listed_parts(
    scenes: Sequence[Scene], settings: SplitSettings, base: Path
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Part of each scene, int16 (N,), -1 for those in no list; and what is worth saying of it."""
    names = _Names(scenes)
    codes = np.full(len(scenes), NO_PART, dtype=np.int16)
    by: dict[int, Entry] = {}
    notes = []
    for part, texts in settings.named.items():
        code = HOLDOUT_PARTS.index(part)
        entries = list(_entries(part, texts, base))
        unknown = []
        for entry in entries:
            found = names.found(entry)
            if not found:
                unknown.append(entry)
            for scene in found:
                if codes[scene] not in (NO_PART, code):
                    raise SplitError(
                        f"split: scene '{scenes[scene].name}' is in two parts: "
                        f"{by[scene].place} and {entry.place}; take it out of one"
                    )
                codes[scene], by[scene] = code, entry
        notes += _told_unknown(part, entries, unknown, names)
    unused = [scene.name for scene, code in zip(scenes, codes, strict=True) if code == NO_PART]
    if unused:
        notes.append(
            f"{len(unused)} of {len(scenes)} scenes are in no list, and their labels are not "
            f"used: {listed(unused, _NAMED)}"
        )
    return codes, tuple(notes)


def _told_unknown(
    part: str, entries: Sequence[Entry], unknown: Sequence[Entry], names: _Names
) -> list[str]:
    """A note on names of list files that are no scene; names that a person typed must be one.

    Published lists name a whole data set, of which a person may have a piece.
    """
    typed = [entry for entry in unknown if not entry.from_file]
    if typed or (unknown and len(unknown) == len(entries)):
        entry = (typed or unknown)[0]
        place = f" ({entry.place})" if entry.from_file else ""
        raise SplitError(
            f"split: {part}: '{entry.text}'{place} is no scene of the project; "
            f"{names.hint(entry.text)}"
        )
    if not unknown:
        return []
    first = unknown[0]
    return [
        f"{part}: {len(unknown)} of {len(entries)} listed names are no scene of the project, the "
        f"first '{first.text}' ({first.place}; {names.hint(first.text)})"
    ]


def _entries(part: str, texts: Sequence[str], base: Path) -> Iterator[Entry]:
    for text in texts:
        if not _is_file_name(text):
            yield Entry(text, part, False)
            continue
        path = base / text
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError:
            raise SplitError(f"split: {part}: {path}: no such list file") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SplitError(f"split: {part}: {path}: not readable as text ({error})") from None
        named = [(n, line.strip()) for n, line in enumerate(lines, start=1)]
        named = [(n, line) for n, line in named if line and not line.startswith("#")]
        if not named:
            raise SplitError(f"split: {part}: {path}: names no scene; one name a line is expected")
        for number, line in named:
            yield Entry(line, f"{text}, line {number}", True)


def _is_file_name(text: str) -> bool:
    return PurePosixPath(text).suffix.lower() in _LIST_SUFFIXES


class _Names:
    """The names that a list may have for each scene."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._scenes = scenes
        self._own = {scene.name: [number] for number, scene in enumerate(scenes)}
        self._keys: dict[str, list[int]] = {}
        for number, scene in enumerate(scenes):
            for key in _keys(scene):
                self._keys.setdefault(key, []).append(number)

    def found(self, entry: Entry) -> list[int]:
        """Numbers of the scenes of an entry: several for a glob.

        Raises
        ------
        SplitError
            A name fits several scenes.
        """
        text = _without_suffix(entry.text)
        found = self._own.get(entry.text) or self._own.get(text) or self._keys.get(text, [])
        if len(found) > 1:
            names = listed([self._scenes[number].name for number in found], _NAMED)
            raise SplitError(
                f"split: '{entry.text}' ({entry.place}) may be {len(found)} scenes ({names}); "
                "write the name of one of them, or folder/name"
            )
        if found or not any(sign in text for sign in "*?["):
            return found
        return sorted({n for key, own in self._keys.items() if fnmatchcase(key, text) for n in own})

    def hint(self, text: str) -> str:
        """The scene that is called most like a name, or some scenes."""
        names = [scene.name for scene in self._scenes]
        told = nearest(_without_suffix(text), names)
        return f"scenes: {listed(names, _NAMED)}" if told.startswith("known: ") else told


def _keys(scene: Scene) -> list[str]:
    """Name, stem and `folder/stem` of a scene, with and without folders such as `images`."""
    keys = {scene.name: None}
    if scene.files:
        path = image_path(scene)
        folders = list(path.parent.parts)
        for shown in (folders, [name for name in folders if not role_words(name)]):
            for depth in range(min(_DEEPEST, len(shown)) + 1):
                keys["/".join([*shown[len(shown) - depth :], path.stem])] = None
    return list(keys)


def _without_suffix(text: str) -> str:
    path = text.replace("\\", "/").removeprefix("./")
    suffix = PurePosixPath(path).suffix
    return path.removesuffix(suffix) if suffix.lower() in SUFFIXES else path
