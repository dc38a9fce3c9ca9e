"""L2 in a training loop of one's own, in four ways that give the same numbers."""

import torch
from torch import nn

from poise.penalties import L2, attach

torch.manual_seed(0)
x, y = torch.randn(256, 8), torch.randn(256, 1)


def train(way: str) -> torch.Tensor:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    weights, biases = [net[0].weight, net[2].weight], [net[0].bias, net[2].bias]
    decay = 1e-2 if way == "optimiser" else 0.0
    groups = [{"params": weights, "weight_decay": decay}, {"params": biases}]
    optim = torch.optim.Adam(groups, lr=1e-2)
    penalty = L2(1e-2)  # (λ/2)·Σ‖w‖² over weights, not biases
    if way == "attached":
        attach(optim, net, penalty)  # acts in each step of the optimiser, whoever makes it
    for _ in range(100):
        loss = (net(x) - y).square().mean()
        if way == "loss term":
            loss = loss + penalty(net)
        optim.zero_grad()
        loss.backward()
        if way == "fast":
            penalty.add_gradient_(net)  # adds λ·w to .grad in one fused pass
        optim.step()
    return torch.cat([p.detach().flatten() for p in net.parameters()])


if __name__ == "__main__":
    right = train("optimiser")
    for way in ("attached", "fast", "loss term"):
        weights = train(way)
        print(f"{way} against Adam's weight_decay: {(weights - right).abs().max():.1e}")
        assert torch.allclose(weights, right, atol=1e-4)
