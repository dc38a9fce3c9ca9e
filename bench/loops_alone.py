"""Loops of one process in plain PyTorch."""

from __future__ import annotations

from loop_parts import (
    loop,
    network,
    pieces,
    scaler_of,
    sgd,
)
from torch import nn
from torch.nn.functional import mse_loss

from poise.penalties import L2, attach


@loop("plain, attach")
def plain_attach(k: int, scaled: bool) -> nn.Module:
    net, loader, scaler = network(), pieces(k), scaler_of(scaled)
    optimizer = sgd(net)
    # recipe: attach
    attach(optimizer, net, L2(0.1))

    for i, (x, y) in enumerate(loader, 1):
        loss = mse_loss(net(x), y) / k  # k micro-batches to a step
        scaler.scale(loss).backward()
        if i % k == 0:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    # end
    return net


@loop("plain, by hand")
def plain_by_hand(k: int, scaled: bool) -> nn.Module:
    net, loader, scaler = network(), pieces(k), scaler_of(scaled)
    optimizer = sgd(net)
    # recipe: by hand
    penalty = L2(0.1)

    for i, (x, y) in enumerate(loader, 1):
        loss = mse_loss(net(x), y) / k
        scaler.scale(loss).backward()
        if i % k == 0:
            scaler.unscale_(optimizer)
            penalty.add_gradient_(net)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    # end
    return net


@loop("plain, in the loss")
def plain_in_the_loss(k: int, scaled: bool) -> nn.Module:
    net, loader, scaler = network(), pieces(k), scaler_of(scaled)
    optimizer = sgd(net)
    # recipe: in the loss
    penalty = L2(0.1)

    for i, (x, y) in enumerate(loader, 1):
        loss = (mse_loss(net(x), y) + penalty(net)) / k  # the penalty is divided as well
        scaler.scale(loss).backward()
        if i % k == 0:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    # end
    return net
