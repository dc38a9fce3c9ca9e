"""Which faults of pictures do features notice? KID of spoilt Fashion-MNIST against held-out pictures.

    python bench/features.py

2,000 spoilt training pictures against 2,000 test pictures; the small networks are trained on 5,000 other test pictures.
Needs `poise data get fashion-mnist` and the weights of EffLite0. z is KID over its standard error.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from poise.data.images.images import open_images
from poise.metrics.core.statistics import kid
from poise.metrics.features.classifier import train_classifier
from poise.metrics.features.features import EffLite0, features
from poise.metrics.features.rotations import train_rotations
from poise.report.table import columns

N, BLOCK = 2000, 5000
Pictures = NDArray[np.uint8]


def tensor(pictures: Pictures) -> torch.Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def blurred(pictures: Pictures, sigma: float) -> Pictures:
    away = torch.arange(-6, 7)
    kernel = torch.exp(-(away**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).double()
    x = tensor(pictures).double()
    x = F.conv2d(F.pad(x, (6, 6, 0, 0), mode="reflect"), kernel[None, None, None, :])
    x = F.conv2d(F.pad(x, (0, 0, 6, 6), mode="reflect"), kernel[None, None, :, None])
    return x.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def main() -> None:
    found = open_images("fashion-mnist", labels="file")
    assert found.labels is not None
    rng = np.random.default_rng(0)
    held, train = rng.permutation(found.heldout), rng.permutation(found.train)
    block, reference = np.sort(held[:BLOCK]), np.sort(held[BLOCK : BLOCK + N])
    real, rest = np.asarray(found.images[np.sort(train[:N])]), train[N:]
    noise = rng.standard_normal(real.shape)

    def of(classes: set[int]) -> Pictures:
        rows = rest[np.isin(found.labels[rest], list(classes))][:N]
        return np.asarray(found.images[np.sort(rows)])

    sets = {"real": real}
    sets |= {f"blurred, sigma {s}": blurred(real, s) for s in (0.5, 1.0)}
    sets |= {f"noise, sigma {s}": np.clip(np.rint(real + s * noise), 0, 255).astype(np.uint8) for s in (5, 15)}
    sets |= {"a class missing": of(set(range(10)) - {8}), "two classes": of({1, 8}), "one class": of({3})}
    sets["a fifth upside down"] = np.concatenate([real[: N * 4 // 5], real[N * 4 // 5 :, ::-1]])
    sets |= {"shifted by 2": np.roll(real, 2, 1), "contrast 0.8": np.rint(0.8 * real).astype(np.uint8)}
    blocked = np.asarray(found.images[block])
    extractors = [EffLite0(), train_classifier(blocked, found.labels[block]), train_rotations(blocked)]
    expected = [features(e, tensor(np.asarray(found.images[reference]))) for e in extractors]
    rows = [("", *(f"{e.name}: KID" if i else "z" for e in extractors for i in (1, 0)))]
    for name, pictures in sets.items():
        cells = []
        for extractor, reals in zip(extractors, expected, strict=True):
            k = kid(reals, features(extractor, tensor(np.ascontiguousarray(pictures))))
            error = (k.high - k.low) / 3.92
            cells += [f"{k.value:.3f}", f"{k.value / error:.1f}" if error and math.isfinite(error) else "-"]
        rows.append((name, *cells))
    print("\n".join(columns(rows)))


if __name__ == "__main__":
    main()
