"""The convolutions of the Inception network of 2015, and what a file of its weights holds."""

from __future__ import annotations

DIM = 2048

_Spec = tuple[int, int, int | tuple[int, int], int, int | tuple[int, int]]  # in, out, kernel, stride, padding


def layers() -> dict[str, _Spec]:
    """Name -> (channels in and out, kernel, stride, padding) of the 94 convolutions.

    More than 40 lines, because it is a table.

    Example:
        >>> len(layers()), layers()["Conv2d_1a_3x3"]
        (94, (3, 32, 3, 2, 0))
    """
    found: dict[str, _Spec] = {
        "Conv2d_1a_3x3": (3, 32, 3, 2, 0),
        "Conv2d_2a_3x3": (32, 32, 3, 1, 0),
        "Conv2d_2b_3x3": (32, 64, 3, 1, 1),
        "Conv2d_3b_1x1": (64, 80, 1, 1, 0),
        "Conv2d_4a_3x3": (80, 192, 3, 1, 0),
    }

    def block(name: str, **branches: _Spec) -> None:
        found.update({f"{name}.{branch}": spec for branch, spec in branches.items()})

    for name, width, pooled in (("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)):
        block(
            name,
            branch1x1=(width, 64, 1, 1, 0),
            branch5x5_1=(width, 48, 1, 1, 0),
            branch5x5_2=(48, 64, 5, 1, 2),
            branch3x3dbl_1=(width, 64, 1, 1, 0),
            branch3x3dbl_2=(64, 96, 3, 1, 1),
            branch3x3dbl_3=(96, 96, 3, 1, 1),
            branch_pool=(width, pooled, 1, 1, 0),
        )
    block(
        "Mixed_6a",
        branch3x3=(288, 384, 3, 2, 0),
        branch3x3dbl_1=(288, 64, 1, 1, 0),
        branch3x3dbl_2=(64, 96, 3, 1, 1),
        branch3x3dbl_3=(96, 96, 3, 2, 0),
    )
    for name, c in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        block(
            name,
            branch1x1=(768, 192, 1, 1, 0),
            branch7x7_1=(768, c, 1, 1, 0),
            branch7x7_2=(c, c, (1, 7), 1, (0, 3)),
            branch7x7_3=(c, 192, (7, 1), 1, (3, 0)),
            branch7x7dbl_1=(768, c, 1, 1, 0),
            branch7x7dbl_2=(c, c, (7, 1), 1, (3, 0)),
            branch7x7dbl_3=(c, c, (1, 7), 1, (0, 3)),
            branch7x7dbl_4=(c, c, (7, 1), 1, (3, 0)),
            branch7x7dbl_5=(c, 192, (1, 7), 1, (0, 3)),
            branch_pool=(768, 192, 1, 1, 0),
        )
    block(
        "Mixed_7a",
        branch3x3_1=(768, 192, 1, 1, 0),
        branch3x3_2=(192, 320, 3, 2, 0),
        branch7x7x3_1=(768, 192, 1, 1, 0),
        branch7x7x3_2=(192, 192, (1, 7), 1, (0, 3)),
        branch7x7x3_3=(192, 192, (7, 1), 1, (3, 0)),
        branch7x7x3_4=(192, 192, 3, 2, 0),
    )
    for name, width in (("Mixed_7b", 1280), ("Mixed_7c", 2048)):
        block(
            name,
            branch1x1=(width, 320, 1, 1, 0),
            branch3x3_1=(width, 384, 1, 1, 0),
            branch3x3_2a=(384, 384, (1, 3), 1, (0, 1)),
            branch3x3_2b=(384, 384, (3, 1), 1, (1, 0)),
            branch3x3dbl_1=(width, 448, 1, 1, 0),
            branch3x3dbl_2=(448, 384, 3, 1, 1),
            branch3x3dbl_3a=(384, 384, (1, 3), 1, (0, 1)),
            branch3x3dbl_3b=(384, 384, (3, 1), 1, (1, 0)),
            branch_pool=(width, 192, 1, 1, 0),
        )
    return found


def shapes() -> dict[str, tuple[int, ...]]:
    """Every name in the weights file and its shape, counters of the batch normalisations left out.

    Example:
        >>> shapes()["Conv2d_1a_3x3.conv.weight"], shapes()["fc.weight"]
        ((32, 3, 3, 3), (1008, 2048))
    """
    found: dict[str, tuple[int, ...]] = {}
    for name, (before, after, kernel, _, _) in layers().items():
        size = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        found[f"{name}.conv.weight"] = (after, before, *size)
        found |= {f"{name}.bn.{part}": (after,) for part in ("weight", "bias", "running_mean", "running_var")}
    return found | {"fc.weight": (1008, DIM), "fc.bias": (1008,)}
