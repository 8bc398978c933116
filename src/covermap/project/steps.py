"""The run folder: which step made which file from what, and what need not be done again."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from covermap import __version__
from covermap.bundle.folder import bundle_digest, is_bundle
from covermap.core.errors import OutputError
from covermap.core.files import (
    complete_file,
    content_digest,
    file_digest,
    read_json,
    refuse_strangers,
    require_writable,
    write_json,
)

_PACKAGES = (
    "torch", "lightning", "segmentation-models-pytorch", "timm", "numpy", "rasterio", "geopandas",
    "scikit-learn",
)  # fmt: skip


@dataclass
class RunFolder:
    """A folder of results with its `run.json`."""

    path: Path
    record: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open or begin a run folder; no file is written yet.

        Raises
        ------
        OutputError
            The path is a file, or holds a `run.json` that is not ours.
        """
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path}: is a file; give a folder with --out")
        folder = cls(path)
        if folder._file.exists():
            record = read_json(folder._file)
            own = isinstance(record, dict) and isinstance(record.get("steps"), dict)
            if not own or not isinstance(record.get("choices", {}), dict):
                raise OutputError(f"{folder._file}: not written by covermap; choose another --out")
            folder.record = record
        else:
            folder.record = {"steps": {}}
        return folder

    @property
    def _file(self) -> Path:
        return self.path / "run.json"

    def require_writable(self) -> None:
        """Make sure, before long work, that the run can be kept.

        Raises
        ------
        UnwritableError
            The system does not let the folder be made or written to.
        """
        require_writable(self._file)

    def owned(self) -> set[Path]:
        """All files and folders that steps of this run wrote."""
        names = [
            name for step in self.record["steps"].values() for name in (step.get("outputs") or {})
        ]
        names += self.record.get("claimed", [])
        return {self.path / name for name in names}

    def check(self, outputs: Iterable[str]) -> None:
        """Make sure that files to be written are ours or do not exist yet.

        Raises
        ------
        OutputError
            A stranger's file is in the way.
        """
        refuse_strangers([self.path / name for name in outputs], self.owned())

    def claim(self, outputs: Iterable[str]) -> None:
        """Check files that are about to be written, and note them as ours.

        They are ours from before the first byte, so that a killed step finds its own files again;
        `release` gives back the names that were not used.
        """
        names = list(outputs)
        self.check(names)
        claimed = set(self.record.get("claimed", [])) | set(names)
        self.record["claimed"] = sorted(claimed)
        self.save()

    def release(self) -> None:
        """Give back claimed names that nothing was written to: what comes there is a stranger's."""
        claimed = self.record.get("claimed", [])
        self.record["claimed"] = [name for name in claimed if (self.path / name).exists()]
        self.save()

    def is_fresh(self, step: str, inputs: dict[str, Any]) -> bool:
        """True when a step was done with these inputs and all its files are as it left them."""
        done = self.record["steps"].get(step)
        if not done or done["inputs"] != content_digest(inputs):
            return False
        return self.changed_output(step) is None

    def is_of(self, step: str, inputs: dict[str, Any]) -> bool:
        """Whether a step was done with these inputs, whatever versions of libraries did it."""
        done = self.record["steps"][step]
        return bool(done.get("asked") == content_digest(_without_versions(inputs)))

    def changed_output(self, step: str) -> str | None:
        """A file of a step that is gone or not as the step left it; None where all are."""
        for name, digest in self.record["steps"][step]["outputs"].items():
            path = self.path / name
            if not path.exists() or _output_digest(path) != digest:
                return str(name)
        return None

    def output_digests(self, step: str) -> dict[str, str]:
        """Digests of the files of a step: inputs of the steps that stand on it."""
        return dict(self.record["steps"].get(step, {}).get("outputs", {}))

    def finish(self, step: str, inputs: dict[str, Any], outputs: Iterable[str]) -> None:
        """Note a finished step with the digests of what it read and wrote."""
        self.record["steps"][step] = {
            "inputs": content_digest(inputs),
            "asked": content_digest(_without_versions(inputs)),
            "outputs": {name: _output_digest(self.path / name) for name in sorted(outputs)},
        }
        self.release()

    def adopt(self, step: str, other: RunFolder) -> None:
        """Take over a step that another run did with the same inputs, by copying its files."""
        done = other.record["steps"][step]
        self.claim(done["outputs"])
        for name in done["outputs"]:
            with complete_file(self.path / name) as scratch:
                shutil.copyfile(other.path / name, scratch)
        self.record["steps"][step] = {**done, "outputs": dict(done["outputs"])}
        self.release()

    def forget(self, step: str) -> None:
        """Drop a step, so that it is done again."""
        self.record["steps"].pop(step, None)

    def choose(self, key: str, value: Any) -> None:
        """Keep a choice that was made for this run, to be used again."""
        self.record.setdefault("choices", {})[key] = value
        self.save()

    def choice(self, key: str) -> Any:
        """A choice kept earlier, or None."""
        return self.record.get("choices", {}).get(key)

    def begin(self, command: str, seed: int) -> None:
        """Note the command, versions and seed."""
        self.record = {
            "command": command,
            "seed": seed,
            "versions": versions(),
            **{k: v for k, v in self.record.items() if k not in {"command", "seed", "versions"}},
        }

    def save(self) -> None:
        write_json(self._file, self.record)


def _without_versions(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name != "versions"}


def _output_digest(path: Path) -> str:
    # A later step writes scores into the bundle; the training that made it is not stale for that.
    return bundle_digest(path) if is_bundle(path) else file_digest(path)


def versions() -> dict[str, str]:
    """Versions that results depend on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"covermap": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
