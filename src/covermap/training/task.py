"""The steps of training and validation, as lightning calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from covermap.core.errors import ModelError
from covermap.models.libraries import lightning
from covermap.models.losses import CombinedLoss
from covermap.models.loss_settings import LossSettings
from covermap.training.data import Batch
from covermap.training.history import EpochRow, class_mean_iou, confusion
from covermap.training.schedule import one_cycle, optimizer_for
from covermap.training.settings import ResolvedTraining


class SegmentationTask(lightning().LightningModule):  # type: ignore[misc]
    """A network that learns classes of pixels.

    Parameters
    ----------
    network : Module
        Takes (N, C, H, W), gives logits (N, K, H, W).
    classes : int
        K.
    loss : LossSettings
    settings : ResolvedTraining
    on_step : callable
        Told the loss after every step.
    on_epoch : callable
        Told the row of every epoch, when it is over.
    state : callable
        Gives what a checkpoint holds beside lightning's own entries.
    """

    def __init__(
        self,
        network: nn.Module,
        classes: int,
        loss: LossSettings,
        settings: ResolvedTraining,
        on_step: Callable[[float], None],
        on_epoch: Callable[[EpochRow], None],
        state: Callable[[], dict[str, Any]],
    ) -> None:
        super().__init__()
        self.network = network
        self._loss = CombinedLoss(loss)
        self._classes, self._settings = classes, settings
        self._on_step, self._on_epoch, self._state = on_step, on_epoch, state
        self._losses: list[float] = []
        self._rate = 0.0
        self._begin_validation()

    def configure_optimizers(self) -> Any:
        optimizer = optimizer_for(self.network, self._settings)
        schedule = {"scheduler": one_cycle(optimizer, self._settings), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, _: int) -> Batch:
        return batch.to(device)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        loss: Tensor = self._loss(self.network(batch.values), batch.target, batch.counted)
        value = float(loss.detach())
        self._rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        if not torch.isfinite(loss):
            raise ModelError(
                f"training: the loss became {value} in epoch {self.current_epoch + 1} at learning "
                f"rate {self._rate:.2g}; write a lower one, e.g. training: "
                f"{{learning_rate: {self._settings.learning_rate / 10:.2g}}}"
            )
        self._losses.append(value)
        self._on_step(value)
        return loss

    def on_validation_epoch_start(self) -> None:
        self._begin_validation()

    def validation_step(self, batch: Batch, _: int) -> None:
        logits = self.network(batch.values).float()
        self._counts += confusion(
            logits.max(1).indices, batch.target, batch.counted, self._classes
        ).cpu()
        # Chip by chip, so that the number does not depend on how chips fall into batches.
        for one in range(len(logits)):
            part = slice(one, one + 1)
            pixels = int(batch.counted[part].sum())
            loss = self._loss(logits[part], batch.target[part], batch.counted[part])
            self._loss_sum += pixels * float(loss)

    def on_train_epoch_end(self) -> None:
        pixels = int(self._counts.sum())
        row = EpochRow(
            epoch=self.current_epoch + 1,
            loss=sum(self._losses) / len(self._losses),
            validation_loss=self._loss_sum / pixels if pixels else None,
            validation_class_mean_iou=class_mean_iou(self._counts),
            learning_rate=self._rate,
        )
        self._losses.clear()
        self._on_epoch(row)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint.update(self._state())

    def _begin_validation(self) -> None:
        self._counts = torch.zeros(self._classes, self._classes, dtype=torch.int64)
        self._loss_sum = 0.0
