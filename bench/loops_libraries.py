"""Loops of Accelerate, of Lightning and of the Trainer of Hugging Face."""

from __future__ import annotations

import contextlib
import tempfile
from typing import Any

import torch
from loop_parts import (
    ROWS,
    batches,
    loop,
    network,
    pieces,
    scaler_of,
    sgd,
)
from torch import nn
from torch.nn.functional import mse_loss

from poise.penalties import L2, attach, lightning_callback, trainer_callback

# ---- Accelerate


def accelerator_of(k: int, scaled: bool) -> Any:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState, PartialState

    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=k)
    if scaled:  # what `mixed_precision="fp16"` makes on a GPU
        accelerator.scaler = scaler_of(True)
    return accelerator


@loop("accelerate, attach")
def accelerate_attach(k: int, scaled: bool) -> nn.Module:
    net, loader, accelerator = network(), pieces(k), accelerator_of(k, scaled)
    optimizer = sgd(net)
    # recipe: accelerate
    net, optimizer = accelerator.prepare(net, optimizer)
    attach(optimizer, net, L2(0.1))

    for x, y in loader:
        with accelerator.accumulate(net):
            accelerator.backward(mse_loss(net(x), y))
            optimizer.step()
            optimizer.zero_grad()
    # end
    return net


@loop("accelerate, by hand")
def accelerate_by_hand(k: int, scaled: bool) -> nn.Module:
    net, loader, accelerator = network(), pieces(k), accelerator_of(k, scaled)
    optimizer = sgd(net)
    net, optimizer = accelerator.prepare(net, optimizer)
    if scaled:  # `unscale_gradients` asks for both; `prepare` would have put the network into fp16
        accelerator.native_amp, accelerator.state._mixed_precision = True, "fp16"
    # recipe: accelerate by hand
    penalty = L2(0.1)

    for x, y in loader:
        with accelerator.accumulate(net):
            accelerator.backward(mse_loss(net(x), y))
            if accelerator.sync_gradients:
                accelerator.unscale_gradients(optimizer)
                penalty.add_gradient_(net)
            optimizer.step()
            optimizer.zero_grad()
    # end
    return net


# ---- Lightning


def lightning_trainer(scaled: bool, callbacks: list[Any] | None = None, **options: Any) -> Any:
    import pytorch_lightning as lightning
    from pytorch_lightning.plugins.precision import MixedPrecision

    class ScaledAlone(MixedPrecision):
        """The scaler of 16-mixed without its fp16, so that numbers can be compared."""

        def forward_context(self) -> Any:
            return contextlib.nullcontext()

    plugins = [ScaledAlone("16-mixed", "cpu", scaler_of(True))] if scaled else None
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    return lightning.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, callbacks=callbacks, plugins=plugins, **quiet, **options
    )


def lightning_module(net: nn.Module, k: int, manual: bool) -> Any:
    import pytorch_lightning as lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.automatic_optimization = net, not manual

        def configure_optimizers(self) -> Any:
            return sgd(self.net)

        def training_step(self, batch: Any, i: int) -> Any:
            x, y = batch
            if not manual:
                return mse_loss(self.net(x), y)
            # recipe: lightning manual
            optimizer = self.optimizers()
            self.manual_backward(mse_loss(self.net(x), y) / k)
            if (i + 1) % k == 0:
                optimizer.step()
                optimizer.zero_grad()
            # end
            return None

    return Module()


def lightning_fit(trainer: Any, module: Any, k: int) -> None:
    logging_off()
    trainer.fit(module, torch.utils.data.DataLoader(pieces(k), batch_size=None))


def logging_off() -> None:
    import logging

    for name in ("pytorch_lightning", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)


@loop("lightning, automatic")
def lightning_automatic(k: int, scaled: bool) -> nn.Module:
    net = network()
    callback = lightning_callback({"net": L2(0.1)})
    trainer = lightning_trainer(scaled, [callback], accumulate_grad_batches=k)
    lightning_fit(trainer, lightning_module(net, k, manual=False), k)
    return net


@loop("lightning, manual")
def lightning_manual(k: int, scaled: bool) -> nn.Module:
    net = network()
    callback = lightning_callback({"net": L2(0.1)})
    lightning_fit(lightning_trainer(scaled, [callback]), lightning_module(net, k, manual=True), k)
    return net


@loop("lightning, by hand")
def lightning_by_hand(k: int, scaled: bool) -> nn.Module:
    net = network()
    module = lightning_module(net, k, manual=False)
    penalty = L2(0.1)

    class ByHand(type(module)):  # type: ignore[misc]
        # recipe: lightning by hand
        def on_before_optimizer_step(self, optimizer: Any) -> None:
            penalty.add_gradient_(self.net)

        # end

    module.__class__ = ByHand
    lightning_fit(lightning_trainer(scaled, accumulate_grad_batches=k), module, k)
    return net


# ---- Hugging Face's Trainer


def hugging_face(net: nn.Module, k: int, scaled: bool, folder: str, callbacks: list[Any], **options: Any) -> Any:
    import transformers

    transformers.logging.set_verbosity_error()

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"loss": mse_loss(self.net(x), labels)}

    class InOrder(transformers.Trainer):
        def _get_train_sampler(self, *args: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    rows = [{"x": x, "labels": y} for batch in batches() for x, y in zip(*batch, strict=True)]
    optimizer = sgd(net)
    arguments = transformers.TrainingArguments(
        folder, per_device_train_batch_size=ROWS // k, gradient_accumulation_steps=k, num_train_epochs=1, use_cpu=True,
        report_to=[], save_strategy="no", disable_tqdm=True, max_grad_norm=0.0, logging_strategy="no", **options,
    )  # fmt: skip
    constant = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    trainer = InOrder(Wrapped(), arguments, train_dataset=rows, optimizers=(optimizer, constant), callbacks=callbacks)
    if scaled:
        trainer.accelerator.scaler = scaler_of(True)
    return trainer


@loop("trainer, callback")
def trainer_with_callback(k: int, scaled: bool) -> nn.Module:
    from accelerate.state import AcceleratorState, GradientState, PartialState

    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    net = network()
    with tempfile.TemporaryDirectory() as folder:
        hugging_face(net, k, scaled, folder, [trainer_callback(L2(0.1))]).train()
    return net
