"""YAML that a person wrote: loaded safely, and what is wrong in it told in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from covermap.core.errors import ProjectError, system_words


def text_of(path: Path) -> str:
    """The text of a file that a person wrote.

    Raises
    ------
    ProjectError
        It is none in UTF-8, or may not be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ProjectError(f"{path}: is no text in UTF-8; save it as that") from None
    except (IsADirectoryError, PermissionError) as error:
        raise ProjectError(f"{path}: cannot be read ({system_words(error)[0]})") from None


def loaded(text: str, where: str) -> Any:
    """The content of a YAML text; nothing in it is executed.

    Parameters
    ----------
    text : str
    where : str
        Begins the text of an error.

    Raises
    ------
    ProjectError
        It is no YAML, or says a key of one mapping twice: of two values the first would be lost.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen: dict[Any, int] = {}
            for key, _ in node.value:
                # `<<` merges another mapping, and may stand there several times.
                if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                    continue
                line = key.start_mark.line + 1
                if key.value in seen:
                    raise ProjectError(
                        f"{where}: key '{key.value}' stands there twice, in lines "
                        f"{seen[key.value]} and {line}; keep one of them"
                    )
                seen[key.value] = line
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ProjectError(f"{where}: not valid YAML: {_place(error)}") from None
    except ValueError as error:
        # YAML takes 2020-13-45 for a date and gives up on its month.
        raise ProjectError(f"{where}: holds a date or number that cannot be: {error}") from None
    except RecursionError:
        raise ProjectError(f"{where}: not valid YAML: nested too deeply") from None


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "unreadable"
    # Editors show a tab as blanks.
    if "'\\t'" in problem:
        problem = "a tab, where YAML takes blanks only"
    return f"{problem}, line {mark.line + 1}" if mark else str(problem)
