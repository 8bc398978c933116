"""The steps of training and validation, as lightning calls them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from covermap.core.errors import ModelError
from covermap.models.libraries import lightning
from covermap.training.average import WeightAverage
from covermap.training.batch import Batch
from covermap.training.freezing import freeze_encoder
from covermap.training.history import EpochRow
from covermap.training.measures import Measure
from covermap.training.schedule import optimizer_for, rate_factor, set_rate
from covermap.training.settings import ResolvedTraining

_AVERAGE = "covermap_average"


class TaskModule(lightning().LightningModule):  # type: ignore[misc]
    """A network that learns a task.

    Parameters
    ----------
    network : Module
        Takes (N, C, H, W), gives what the loss takes.
    loss : Module
        Of (outputs, target, counted); see `covermap.models.tasks.loss_of`.
    measure : callable
        Gives what a validation counts, from nothing.
    settings : ResolvedTraining
    rows : callable
        Gives the rows of the epochs that are over.
    on_step : callable
        Told the loss after every batch.
    on_epoch : callable
        Told the row of every epoch, when it is over.
    state : callable
        Gives what a checkpoint holds beside lightning's own entries.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        measure: Callable[[], Measure],
        settings: ResolvedTraining,
        rows: Callable[[], Sequence[EpochRow]],
        on_step: Callable[[float], None],
        on_epoch: Callable[[EpochRow], None],
        state: Callable[[], dict[str, Any]],
    ) -> None:
        super().__init__()
        self.network = network
        self._loss = loss
        self._measure_anew, self._settings, self._rows = measure, settings, rows
        self._on_step, self._on_epoch, self._state = on_step, on_epoch, state
        self._average = None if settings.ema is None else WeightAverage(network, settings.ema)
        self._losses: list[float] = []
        self._rate, self._steps_done = 0.0, 0
        self._begin_validation()

    def kept_weights(self) -> dict[str, Tensor]:
        """What would be kept of this epoch: the average where there is one."""
        return self.network.state_dict() if self._average is None else self._average.weights

    def configure_optimizers(self) -> Any:
        return optimizer_for(self.network, self._settings)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, _: int) -> Batch:
        return batch.to(device)

    def on_train_start(self) -> None:
        self._steps_done = self.global_step

    def on_train_epoch_start(self) -> None:
        if self._settings.frozen_epochs:
            freeze_encoder(self.network, self.current_epoch < self._settings.frozen_epochs)

    def on_train_batch_start(self, batch: Batch, _: int) -> None:
        factor = rate_factor(self.global_step, self._settings, self._rows())
        set_rate(self.trainer.optimizers[0], factor)
        self._rate = self._settings.learning_rate * factor

    def training_step(self, batch: Batch, number: int) -> Tensor:
        loss: Tensor = self._loss(self.network(batch.values), batch.target, batch.counted)
        value = float(loss.detach())
        if not torch.isfinite(loss):
            raise ModelError(
                f"training: the loss became {value} in epoch {self.current_epoch + 1} at learning "
                f"rate {self._rate:.2g}; write a lower one, e.g. training: "
                f"{{learning_rate: {self._settings.learning_rate / 10:.2g}}}"
            )
        self._losses.append(value)
        self._on_step(value)
        # Lightning divides by `accumulate`, also where an epoch's last step has fewer batches.
        accumulate = self._settings.accumulate
        together = min(accumulate, self._settings.batches - number // accumulate * accumulate)
        return loss * (accumulate / together)

    def on_train_batch_end(self, *_: Any) -> None:
        if self._average is not None and self.global_step > self._steps_done:
            self._average.update(self.network, self.global_step)
        self._steps_done = self.global_step

    def on_validation_start(self) -> None:
        if self._average is not None:
            self._average.swap(self.network)

    def on_validation_end(self) -> None:
        if self._average is not None:
            self._average.swap(self.network)

    def on_validation_epoch_start(self) -> None:
        self._begin_validation()

    def validation_step(self, batch: Batch, _: int) -> None:
        outputs = self.network(batch.values).float()
        self._measure.add(outputs, batch)
        # Chip by chip, so that the number does not depend on how chips fall into batches.
        for one in range(len(outputs)):
            part = slice(one, one + 1)
            counted = int(batch.counted[part].sum())
            loss = self._loss(outputs[part], batch.target[part], batch.counted[part])
            self._loss_sum += counted * float(loss)
            self._counted += counted

    def on_train_epoch_end(self) -> None:
        row = EpochRow(
            epoch=self.current_epoch + 1,
            loss=sum(self._losses) / len(self._losses),
            validation_loss=self._loss_sum / self._counted if self._counted else None,
            validation_score=self._measure.score,
            learning_rate=self._rate,
            measure=self._measure.name,
        )
        self._losses.clear()
        self._on_epoch(row)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint.update(self._state())
        if self._average is not None:
            checkpoint[_AVERAGE] = self._average.weights

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self._average is not None:
            self._average.load(checkpoint[_AVERAGE])

    def _begin_validation(self) -> None:
        self._measure = self._measure_anew()
        self._loss_sum, self._counted = 0.0, 0
