"""L2 under Accelerate: four micro-batches to a step, the penalty once in each step (needs the package accelerate)."""

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from poise.penalties import L2, attach

torch.manual_seed(0)
x = torch.randn(512, 8)
y = x @ torch.randn(8, 1) + 0.1 * torch.randn(512, 1)


def trained(strength: float) -> float:
    """The norm of the weights after ten epochs."""
    torch.manual_seed(1)
    accelerator = Accelerator(gradient_accumulation_steps=4, cpu=True)
    net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    loader = DataLoader(TensorDataset(x, y), batch_size=16)
    net, optimizer, loader = accelerator.prepare(net, optimizer, loader)
    connection = attach(optimizer, net, L2(strength))
    for _ in range(10):
        for inputs, targets in loader:
            with accelerator.accumulate(net):
                accelerator.backward(mse_loss(net(inputs), targets))
                optimizer.step()
                optimizer.zero_grad()
    assert connection.steps == 10 * 512 // 64  # one for each real step, not one for each micro-batch
    return float(sum(p.detach().square().sum() for p in net.parameters() if p.ndim > 1).sqrt())


if __name__ == "__main__":
    free, penalised = trained(0.0), trained(1e-2)
    print(f"norm of the weights: {free:.2f} without a penalty, {penalised:.2f} with L2(0.01)")
    assert penalised < free
