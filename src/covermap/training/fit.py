"""Training a network, with a checkpoint after every epoch that a later call goes on from.

An interrupted and resumed training gives the bytes of one that ran through: each epoch depends on
the state at its begin, the seed and its number only.
"""

from __future__ import annotations

import dataclasses
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from covermap.chips.sample import SampleSource
from covermap.core.errors import ModelError
from covermap.core.files import complete_file, content_digest
from covermap.core.progress import progress, say
from covermap.core.settings import Settings
from covermap.models.hardware import bfloat16_pays, prepare_cpu, training_device
from covermap.models.libraries import lightning
from covermap.models.loading import put_weights
from covermap.models.loss_settings import LossSettings
from covermap.models.settings import ModelSettings
from covermap.models.tasks import loss_of, task_of
from covermap.training.data import TrainingBatches, ValidationBatches
from covermap.training.freezing import check_encoder
from covermap.training.history import EpochRow, candidate_epochs, kept_epoch, stops_early
from covermap.training.measures import measure_of
from covermap.training.settings import ResolvedTraining

_STATE = "covermap"
_CHECKPOINT = "last.ckpt"


@dataclass(frozen=True)
class FitPlan:
    """All that a training depends on.

    Attributes
    ----------
    network : Module
        With its initial weights; it is trained in place.
    train, validation : SampleSource
        Chips whose sides are multiples of 32 px; without validation the last epoch is kept.
    classes : int
        Number of the network's outputs.
    loss : LossSettings
    settings : ResolvedTraining
        Of `covermap.training.settings.resolve` for as many chips as `train` has.
    seed : int
        0 or more; decides the order and turns of chips.
    folder : Path
        For checkpoints; nothing else may be in it.
    key : str
        Digest of the inputs: a checkpoint that was made with another key is started over.
    title : str
        What stands before the progress bar.
    class_names : tuple of str
        The classes; needed, with `class_pixels`, where the loss weighs classes.
    class_pixels : tuple of int
        Counted training pixels of each class.
    task : str
        As a project file names it.
    model : ModelSettings
        Of the network; its activation belongs to the loss of a regression.
    zeros : tuple of float
        See `training.augmentation.augmented`.
    """

    network: nn.Module
    train: SampleSource
    validation: SampleSource | None
    classes: int
    loss: LossSettings
    settings: ResolvedTraining
    seed: int
    folder: Path
    key: str
    title: str = "train"
    class_names: tuple[str, ...] = ()
    class_pixels: tuple[int, ...] = ()
    task: str = "segmentation"
    model: ModelSettings = field(default_factory=ModelSettings)
    zeros: tuple[float, ...] = ()


@dataclass(frozen=True)
class Fit:
    """A finished training.

    Attributes
    ----------
    network : Module
        With the kept weights, on the CPU, in eval mode.
    history : tuple of EpochRow
        All epochs, those before a restart included.
    kept_epoch : int
        From 1; see `covermap.training.history.kept_epoch`; the last one where the settings say so.
    resumed_from : int
        Epochs that were done already; 0 for a training from the start.
    precision : str
        `float32` or `bfloat16`.
    """

    network: nn.Module
    history: tuple[EpochRow, ...]
    kept_epoch: int
    resumed_from: int
    precision: str


def fit(plan: FitPlan) -> Fit:
    """Train a network, or go on with it where `plan.folder` holds a checkpoint of the same plan.

    Raises
    ------
    ModelError
        The loss became infinite or NaN, the checkpoint is damaged, or the settings ask for classes
        or an encoder that are not there.
    KeyboardInterrupt
        The user stopped it; the last finished epoch is kept in `plan.folder`.
    """
    prepare_cpu()
    check_encoder(plan.network, plan.settings)
    state = _State.read(plan) or _State.fresh(plan)
    done = len(state.rows)
    if done < plan.settings.epochs and not stops_early(state.rows, plan.settings.patience):
        _train(plan, state)
    kept = _kept(plan, state)
    network = plan.network.cpu()
    put_weights(network, _read_weights(_weights_file(plan.folder, kept)), str(plan.folder))
    return Fit(network.eval(), tuple(state.rows), kept, done, state.precision)


def epochs_left(folder: Path, key: str, settings: ResolvedTraining) -> int:
    """How many epochs are to be trained by a plan with that folder and key."""
    held = _held(folder / _CHECKPOINT)
    if held is None or held.get("key") != key:
        return settings.epochs
    rows = [EpochRow.from_dict(row) for row in held["rows"]]
    return 0 if stops_early(rows, settings.patience) else settings.epochs - len(rows)


def arithmetic_of(settings: ResolvedTraining) -> str:
    """What a training that begins here computes in: `float32` or `bfloat16`."""
    if settings.precision != "auto":
        return settings.precision
    return "bfloat16" if bfloat16_pays() else "float32"


@dataclass
class _State:
    """What a checkpoint holds beside lightning's own: whose it is, and its epochs so far."""

    key: str
    digest: str
    precision: str
    rows: list[EpochRow]

    @classmethod
    def fresh(cls, plan: FitPlan) -> _State:
        plan.folder.mkdir(parents=True, exist_ok=True)
        (plan.folder / _CHECKPOINT).unlink(missing_ok=True)
        for path in plan.folder.glob("weights-*.safetensors"):
            path.unlink()
        return cls(plan.key, _digest(plan), arithmetic_of(plan.settings), [])

    @classmethod
    def read(cls, plan: FitPlan) -> _State | None:
        """The state to go on from; None without a checkpoint or with one of another plan."""
        held = _held(plan.folder / _CHECKPOINT)
        if held is None or held["digest"] != _digest(plan):
            return None
        rows = [EpochRow.from_dict(row) for row in held["rows"]]
        return cls(plan.key, held["digest"], held["precision"], rows)

    def to_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "digest": self.digest,
            "precision": self.precision,
            "rows": [row.to_dict() for row in self.rows],
        }


def _held(path: Path) -> dict[str, Any] | None:
    """Our part of a checkpoint; None without a checkpoint."""
    if not path.exists():
        return None
    try:
        held: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)[
            _STATE
        ]
    except Exception as error:  # torch raises what its unpickler meets
        raise ModelError(
            f"{path}: not readable as a checkpoint of covermap "
            f"({type(error).__name__}); remove it to train from the start"
        ) from None
    return held


def _train(plan: FitPlan, state: _State) -> None:
    from covermap.training.task import TaskModule

    settings = plan.settings
    # mypy: torch's annotations leave out the memory format, which its documentation promises.
    network: nn.Module = plan.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    left = (settings.epochs - len(state.rows)) * settings.batches
    with progress(plan.title, left) as bar:

        def on_step(loss: float) -> None:
            bar.advance(1, f"epoch {len(state.rows) + 1} of {settings.epochs}, loss {loss:.3f}")

        def on_epoch(row: EpochRow) -> None:
            state.rows.append(row)
            _write_checkpoint(plan, state, trainer, task)
            trainer.should_stop = stops_early(state.rows, settings.patience)

        kind = task_of(plan.task)
        task = TaskModule(
            network,
            loss_of(kind, plan.loss, plan.model, plan.class_names, plan.class_pixels),
            lambda: measure_of(plan.task, plan.classes, plan.model.activation),
            settings,
            lambda: state.rows,
            on_step,
            on_epoch,
            lambda: {_STATE: state.to_dict()},
        )
        trainer = _trainer(plan, state.precision)
        train = TrainingBatches(
            plan.train, settings, plan.seed, lambda: len(state.rows), plan.zeros
        )
        if len(train) != settings.batches:
            raise ValueError(
                f"settings are resolved for {settings.batches} batches, not {len(train)}"
            )
        validation = None
        if plan.validation is not None and len(plan.validation):
            validation = ValidationBatches(plan.validation, settings.batch_size)
        resume_from = plan.folder / _CHECKPOINT if state.rows else None
        with _told_where_stopped(plan, state), _quiet(), _own_randomness(), _own_signals():
            trainer.fit(task, train, validation, ckpt_path=resume_from, weights_only=True)


def _trainer(plan: FitPlan, precision: str) -> Any:
    library = lightning()
    from lightning.pytorch.plugins.environments import LightningEnvironment

    return library.Trainer(
        accelerator=training_device(),
        devices=1,
        # Told, not found: in a job of SLURM lightning would refuse some numbers of tasks, send the
        # job to the queue again at a signal, and keep checkpoints of its own.
        plugins=[LightningEnvironment()],
        precision="bf16-mixed" if precision == "bfloat16" else "32-true",
        max_epochs=plan.settings.epochs,
        gradient_clip_val=plan.settings.clip_norm,
        accumulate_grad_batches=plan.settings.accumulate,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=plan.folder,
    )


def _write_checkpoint(plan: FitPlan, state: _State, trainer: Any, task: Any) -> None:
    candidates = candidate_epochs(state.rows)
    _write_weights(_weights_file(plan.folder, state.rows[-1].epoch), task.kept_weights())
    with complete_file(plan.folder / _CHECKPOINT) as scratch:
        trainer.save_checkpoint(scratch)
    # Only now: the checkpoint before this one may have needed weights of other epochs.
    wanted = {_weights_file(plan.folder, epoch) for epoch in candidates}
    for path in plan.folder.glob("weights-*.safetensors"):
        if path not in wanted:
            path.unlink()


def _kept(plan: FitPlan, state: _State) -> int:
    return state.rows[-1].epoch if plan.settings.keep == "last" else kept_epoch(state.rows)


def _weights_file(folder: Path, epoch: int) -> Path:
    return folder / f"weights-{epoch:05d}.safetensors"


def _write_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    from safetensors.torch import save_file

    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    with complete_file(path) as scratch:
        save_file(plain, scratch)


def _read_weights(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    if not path.exists():
        raise ModelError(
            f"{path}: no such file, though the checkpoint beside it needs it; remove "
            f"{path.parent} to train from the start"
        )
    return dict(load_file(path))


def _digest(plan: FitPlan) -> str:
    return content_digest(
        {
            "key": plan.key,
            "seed": plan.seed,
            "task": plan.task,
            "activation": plan.model.activation,
            "classes": plan.classes,
            "loss": plan.loss.model_dump(),
            "class_pixels": plan.class_pixels,
            "settings": _plain(plan.settings),
            "weights": {
                name: list(value.shape) for name, value in plan.network.state_dict().items()
            },
        }
    )


def _plain(settings: ResolvedTraining) -> dict[str, Any]:
    held = {item.name: getattr(settings, item.name) for item in dataclasses.fields(settings)}
    return {k: v.model_dump() if isinstance(v, Settings) else v for k, v in held.items()}


@contextmanager
def _told_where_stopped(plan: FitPlan, state: _State) -> Iterator[None]:
    """Whoever stops a training is told which epochs that costs."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        done = len(state.rows)
        kept = {0: "no epoch is finished", 1: "epoch 1 is kept"}
        said = kept.get(done, f"epochs 1 to {done} are kept")
        if done < plan.settings.epochs:
            said = (
                f"stopped in epoch {done + 1} of {plan.settings.epochs}; {said}, and epoch "
                f"{done + 1} will be trained from its start"
            )
        say(f"\n{plan.title}: {said}")
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Without lightning's advice on loaders and loggers that we chose not to have."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\b")
        yield


@contextmanager
def _own_randomness() -> Iterator[None]:
    """Seeding inside changes nobody else's random numbers."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        yield


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ctrl-C arrives as KeyboardInterrupt, where lightning would exit and stay deaf to the next.

    At SIGTERM lightning ends after the batch and exits with status 0, as if all were done: the
    status is that of a process that was ended by a signal. Whoever else listens would end at once.
    """
    in_main = threading.current_thread() is threading.main_thread()
    heard = (signal.SIGINT, signal.SIGTERM) if in_main else ()
    handlers = {number: signal.getsignal(number) for number in heard}
    if in_main:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise SystemExit(stop.code or 128 + signal.SIGTERM) from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
