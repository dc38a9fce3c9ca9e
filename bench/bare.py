"""A plain DCGAN without Poise, penalty or record: what a script of sixty lines gets from the same pictures.

    OMP_NUM_THREADS=1 python bench/bare.py fashion-mnist --steps 8000 --out bare.npz [--lr 2e-4] [--seed 0]
    python bench/independent.py demo/run bare.npz

Noise of 64; linear to 128x7x7, batch norm, ReLU; transposed 4x4 convolutions of stride 2, 128 -> 64 -> 32, batch norm,
ReLU; 3x3 convolution to the picture, tanh. D: 4x4 of stride 2, 1 -> 32 -> 64, 3x3 to 128, linear; leaky ReLU of 0.2, no
normalisation. Weights N(0, 0.02), Adam (0.5, 0.999), average of G of 0.998. Square pictures, sides in fours.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from poise.data.images.images import open_images


def networks(side: int, channels: int) -> tuple[nn.Sequential, nn.Sequential]:
    small = side // 4
    generator = nn.Sequential(
        nn.Linear(64, 128 * small**2), nn.Unflatten(1, (128, small, small)), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, channels, 3, 1, 1), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(channels, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 3, 1, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(128 * small**2, 1),
    )  # fmt: skip
    for module in (*generator.modules(), *discriminator.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
    return generator, discriminator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--size", type=int)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    pictures = open_images(options.data, size=options.size)
    rows = torch.from_numpy(np.asarray(pictures.images[np.sort(pictures.train)])).permute(0, 3, 1, 2)
    generator, discriminator = networks(rows.shape[2], rows.shape[1])
    optims = [torch.optim.Adam(net.parameters(), options.lr, (0.5, 0.999)) for net in (discriminator, generator)]
    average = torch.optim.swa_utils.AveragedModel(
        generator, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )

    def step(optim: torch.optim.Optimizer, loss: Tensor) -> None:
        optim.zero_grad()
        loss.backward()
        optim.step()

    begin = time.perf_counter()
    for i in range(options.steps):
        real = rows[torch.randint(len(rows), (64,))].float() / 127.5 - 1
        with torch.no_grad():
            fake = generator(torch.randn(64, 64))
        step(optims[0], F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean())
        step(optims[1], F.softplus(-discriminator(generator(torch.randn(64, 64)))).mean())
        average.update_parameters(generator)
        if (i + 1) % 1000 == 0:
            print(f"step {i + 1}: {(time.perf_counter() - begin) / (i + 1) * 1e3:.0f} ms a step", flush=True)
    average.train()  # statistics of its own, by moving over 100 fresh batches
    with torch.no_grad():
        for _ in range(100):
            average(torch.randn(64, 64))
        average.eval()
        made = torch.cat([average(torch.randn(500, 64)) for _ in range(options.n // 500)])
    drawn = ((made + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    np.savez_compressed(options.out, samples=drawn)


if __name__ == "__main__":
    main()
