"""The part of a project file that says what whole pictures are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from covermap.project.template import ImageryEntry, text_around


def tag_project_text(
    name: str, entries: Sequence[ImageryEntry], pictures: Mapping[str, int]
) -> str:
    """A classification project for pictures in class folders, valid as it stands.

    Parameters
    ----------
    name : str
    entries : sequence of ImageryEntry
    pictures : mapping of str to int
        Number of pictures in each class.
    """
    width = max(len(item) for item in pictures)
    most = max(pictures.values()) / sum(pictures.values())
    labels = [
        "  tags: folders         # a picture's class is the name of the folder that it lies in",
        "  # classes: {...: 1}   # ids; equal ids merge classes under the first name",
        "  # ignore: [...]       # classes whose pictures are left unlabelled",
        f"  # {len(pictures)} classes; the commonest for all would be right for {most:.1%}:",
        *(f"  #   {item:<{width}}  {number:>7,} pictures" for item, number in pictures.items()),
        "",
        "task: classification    # one class for each whole picture",
    ]
    split = "# split: {by: auto}       # whole pictures; those that overlap stay together"
    return text_around(name, entries, labels, split, network="classifier")
