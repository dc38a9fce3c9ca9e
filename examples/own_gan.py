"""A GAN of one's own: eight Gaussians on a ring, L2 on both players, R1 on the discriminator."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from poise.penalties import L2, R1

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
critic = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
adam_g = torch.optim.Adam(generator.parameters(), 1e-3, betas=(0.5, 0.99))
adam_d = torch.optim.Adam(critic.parameters(), 1e-3, betas=(0.5, 0.99))
l2, r1 = L2(1e-4), R1(0.1)


def ring(n: int) -> torch.Tensor:
    angle = torch.randint(0, 8, (n,)) * math.tau / 8
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


for _ in range(1500):
    real, fake = ring(128), generator(torch.randn(128, 4))
    loss_d = F.softplus(-critic(real)).mean() + F.softplus(critic(fake.detach())).mean()
    loss_d = loss_d + r1(critic, real) + l2(critic)  # (γ/2)·E‖∇D(x)‖² + (λ/2)·‖w‖²
    adam_d.zero_grad()
    loss_d.backward()
    adam_d.step()
    loss_g = F.softplus(-critic(fake)).mean() + l2(generator)
    adam_g.zero_grad()
    loss_g.backward()
    adam_g.step()

if __name__ == "__main__":
    with torch.no_grad():
        made = generator(torch.randn(2000, 4))
    angles = torch.arange(8) * math.tau / 8
    distances = torch.cdist(made, torch.stack([angles.cos(), angles.sin()], 1))
    near = distances.min(1).values < 0.25
    counts = torch.bincount(distances.argmin(1)[near], minlength=8)
    print(f"{near.float().mean():.0%} of 2,000 samples are near a mode; each mode has {counts.tolist()}")
    assert (counts > 40).all() and near.float().mean() > 0.6
