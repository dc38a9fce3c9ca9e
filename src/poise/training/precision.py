"""How a move is computed: on which device, in which precision, in how many micro-batches."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from poise.errors import PoiseError
from poise.training.capture.captures import Captures
from poise.training.ranks import Ranks

Precision = Literal["fp32", "bf16", "fp16"]


def pick_device(name: str = "auto") -> torch.device:
    """ "auto": CUDA if there is one, else Apple's GPU, else the CPU; otherwise the device of that name."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise PoiseError(f"--device {name} is no device to train on; use auto, cpu, cuda, cuda:1 or mps")
    absent = {"cuda": not torch.cuda.is_available(), "mps": not torch.backends.mps.is_available()}
    if absent.get(device.type, False):
        raise PoiseError(f"--device {name}: this machine or this build of torch has none; use --device cpu")
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if (device.index or 0) >= count:
        raise PoiseError(f"--device {name}: there is no such device here, the last is {device.type}:{count - 1}")
    return device


def pick_precision(name: str, device: torch.device) -> Precision:
    """ "auto": bf16 where the hardware multiplies in it, else fp32."""
    if name in ("fp32", "bf16", "fp16"):
        return name  # type: ignore[return-value]
    if name != "auto":
        raise PoiseError(f"--precision {name} is unknown; use auto, fp32, bf16 or fp16")
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        fast = any(torch.backends.cpu.get_cpu_capability().startswith(c) for c in ("AVX512_BF16", "AMX"))
        return "bf16" if fast or _has_bf16_instructions() else "fp32"
    return "fp32"


def _has_bf16_instructions() -> bool:
    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None) or getattr(
        torch._C._cpu, "_is_avx512_bf16_supported", None
    )
    return bool(check and check())


@dataclass
class Execution:
    """Precision, micro-batches, device and processes of every move. The default is what a loop of one's own would do.

    Terms that differentiate (R1, R2) are always computed in full precision: on the steps on which one is due, the
    whole turn is. fp16 scales each player's loss by a scaler of its own and skips steps whose gradients overflow.
    `captures`: what repeats moves instead of computing them; None computes all.
    `check_every`: after how many steps values are checked to be finite; at once on the CPU, where it costs nothing.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: Precision = "fp32"
    micro_batches: int = 1
    scalers: dict[str, torch.amp.GradScaler] = field(default_factory=dict)
    ranks: Ranks = field(default_factory=Ranks)
    captures: Captures | None = None
    DTYPES: ClassVar[dict[str, torch.dtype]] = {"bf16": torch.bfloat16, "fp16": torch.float16}

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise PoiseError(f"--precision {self.precision} is unknown; use {', '.join(get_args(Precision))}")
        if self.micro_batches < 1:
            raise PoiseError(f"micro_batches must be at least 1, not {self.micro_batches}")

    @property
    def check_every(self) -> int:
        return 1 if self.device.type == "cpu" and self.captures is None else 10

    def autocast(self, second_order: bool) -> contextlib.AbstractContextManager[Any]:
        if self.precision == "fp32" or second_order:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.DTYPES[self.precision])

    def scaler(self, player: str) -> torch.amp.GradScaler:
        """The player's scaler; one that does nothing unless the precision is fp16."""
        if player not in self.scalers:
            on = self.precision == "fp16"
            self.scalers[player] = torch.amp.GradScaler(self.device.type, enabled=on, init_scale=2.0**13)
        return self.scalers[player]


def norm(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of all of them together, on their device."""
    found: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))
    return found


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed, so that the next step takes it again without asking the system.

    Each step of a recurrent network makes and frees the same large tensors; by default glibc hands every one above
    128 kB (later, up to 32 MB) back to the system, which then has to clear its pages again. The process holds its
    peak instead of less. Only where there is glibc; returns whether it was done.
    """
    import ctypes

    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  (raises where the library is another one)
        return bool(library.mallopt(mmap_threshold, 32 << 20) and library.mallopt(trim_threshold, 2**31 - 1))
    except (OSError, AttributeError, TypeError):
        return False
