"""Wrong places, each of which must be told."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import torch
from loop_parts import (
    network,
    pieces,
    scaler_of,
    sgd,
    wrong,
)
from loops_libraries import accelerator_of, hugging_face, lightning_fit, lightning_module, lightning_trainer
from torch import nn
from torch.nn.functional import mse_loss

from poise.penalties import L2, attach


def accumulated(k: int, each: Callable[[nn.Module, torch.Tensor], torch.Tensor], last: Callable[..., None]) -> None:
    """A plain loop: `each` makes the loss of a micro-batch and `last` may act before the step."""
    net = network()
    optimizer = sgd(net)
    for i, (x, y) in enumerate(pieces(k), 1):
        each(net, mse_loss(net(x), y)).backward()
        if i % k == 0:
            last(net)
            optimizer.step()
            optimizer.zero_grad()


@wrong("add_gradient_ while the gradient is scaled")
def still_scaled() -> None:
    net, penalty, scaler = network(), L2(0.1), scaler_of(True)
    optimizer = sgd(net)
    for x, y in pieces(1):
        optimizer.zero_grad()
        scaler.scale(mse_loss(net(x), y)).backward()
        penalty.add_gradient_(net)
        scaler.step(optimizer)
        scaler.update()


@wrong("attach, and optimizer.step() instead of scaler.step(optimizer)")
def step_past_the_scaler() -> None:
    net, scaler = network(), scaler_of(True)
    optimizer = sgd(net)
    attach(optimizer, net, L2(0.1))
    for x, y in pieces(1)[:2]:
        optimizer.zero_grad()
        scaler.scale(mse_loss(net(x), y)).backward()
        optimizer.step()


@wrong("add_gradient_ after each micro-batch")
def each_micro_batch() -> None:
    net, penalty = network(), L2(0.1)
    optimizer = sgd(net)
    for i, (x, y) in enumerate(pieces(4), 1):
        (mse_loss(net(x), y) / 4).backward()
        penalty.add_gradient_(net)
        if i % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()


@wrong("loss + penalty(net), not divided by the accumulation")
def undivided() -> None:
    penalty = L2(0.1)
    accumulated(4, lambda net, loss: loss / 4 + penalty(net), lambda net: None)


@wrong("loss + penalty(net), and add_gradient_ as well")
def both() -> None:
    penalty = L2(0.1)
    accumulated(1, lambda net, loss: loss + penalty(net), penalty.add_gradient_)


@wrong("attach, and add_gradient_ as well")
def attached_and_by_hand() -> None:
    net, penalty = network(), L2(0.1)
    optimizer = sgd(net)
    attach(optimizer, net, penalty)
    for x, y in pieces(1):
        mse_loss(net(x), y).backward()
        penalty.add_gradient_(net)
        optimizer.step()
        optimizer.zero_grad()


@wrong("attach to an optimiser with weight_decay")
def with_decay() -> None:
    net = network()
    attach(sgd(net, decay=0.1), net, L2(0.1))


@wrong("attach to the optimiser of another network")
def another_network() -> None:
    attach(sgd(network()), network(), L2(0.1))


@wrong("attach the same penalty twice")
def twice() -> None:
    net = network()
    optimizer = sgd(net)
    attach(optimizer, net, L2(0.1))
    attach(optimizer, net, L2(0.1))


@wrong("Accelerate: add_gradient_ without sync_gradients")
def accelerate_each() -> None:
    net, accelerator, penalty = network(), accelerator_of(4, False), L2(0.1)
    net, optimizer = accelerator.prepare(net, sgd(net))
    for x, y in pieces(4):
        with accelerator.accumulate(net):
            accelerator.backward(mse_loss(net(x), y))
            penalty.add_gradient_(net)
            optimizer.step()
            optimizer.zero_grad()


@wrong("Accelerate: add_gradient_ without unscale_gradients")
def accelerate_scaled() -> None:
    net, accelerator, penalty = network(), accelerator_of(1, True), L2(0.1)
    net, optimizer = accelerator.prepare(net, sgd(net))
    for x, y in pieces(1):
        accelerator.backward(mse_loss(net(x), y))
        penalty.add_gradient_(net)
        optimizer.step()
        optimizer.zero_grad()


@wrong("Lightning: add_gradient_ in on_after_backward")
def lightning_after_backward() -> None:
    net, penalty = network(), L2(0.1)
    module = lightning_module(net, 4, manual=False)

    class Wrong(type(module)):  # type: ignore[misc]
        def on_after_backward(self) -> None:
            penalty.add_gradient_(self.net)

    module.__class__ = Wrong
    lightning_fit(lightning_trainer(False, accumulate_grad_batches=4), module, 4)


@wrong("Trainer: the penalty in the loss of a model whose loss is not divided")
def trainer_loss() -> None:
    from accelerate.state import AcceleratorState, GradientState, PartialState

    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    net, penalty = network(), L2(0.1)
    with tempfile.TemporaryDirectory() as folder:
        trainer = hugging_face(net, 4, False, folder, [])
        trainer.model_accepts_loss_kwargs = True  # as of most of its language models

        def with_penalty(model: nn.Module, inputs: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
            return model(**inputs)["loss"] / 4 + penalty(net)

        trainer.compute_loss = with_penalty
        trainer.train()
