"""Every loop of docs/own-loop.md against `weight_decay` of SGD: the largest difference of any weight.

    python bench/own_loops.py --json bench/own_loops.json            # all that this environment can run
    python bench/own_loops.py --loop accelerate --loop trainer

Each loop trains the same small network for six steps of SGD with momentum, once with `weight_decay` on its weights in
a plain loop over whole batches, once with L2 in the loop itself: gradients of 1, 3 or 4 micro-batches accumulated, in
fp32 or through a GradScaler (which multiplies by powers of two). The function of a loop is the recipe as the document
shows it. Wrong places are run as well (`--wrong`), and what is said of them is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import mse_loss

from poise.errors import PenaltyWarning, PoiseError
from poise.penalties import L2, attach, lightning_callback, trainer_callback

STEPS, ROWS, LR, MOMENTUM, STRENGTH = 6, 24, 0.05, 0.9, 0.1
LOOPS: dict[str, Callable[..., nn.Module]] = {}


class Net(nn.Module):
    """Small, with what is penalised and what is not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(6, 12), nn.LayerNorm(12), nn.Linear(12, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.norm(self.first(x))))


def network() -> Net:
    torch.manual_seed(3)
    return Net()


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Whole batches of 24 rows, the same for every loop."""
    generator = torch.Generator().manual_seed(5)
    draw = partial(torch.randn, generator=generator)
    return [(draw(ROWS, 6), draw(ROWS, 2)) for _ in range(STEPS)]


def pieces(k: int, rank: int = 0, world: int = 1) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Micro-batches, k to a batch, in their order; of one process its share of each."""
    found = []
    for x, y in batches():
        for xs, ys in zip(x.tensor_split(k), y.tensor_split(k), strict=True):
            found.append((xs.tensor_split(world)[rank], ys.tensor_split(world)[rank]))
    return found


def sgd(net: nn.Module, decay: float = 0.0) -> torch.optim.SGD:
    weights = [p for name, p in net.named_parameters() if p.ndim > 1]
    others = [p for name, p in net.named_parameters() if p.ndim < 2]
    groups = [{"params": weights, "weight_decay": decay}, {"params": others}]
    return torch.optim.SGD(groups, lr=LR, momentum=MOMENTUM)


def reference() -> nn.Module:
    net = network()
    optimizer = sgd(net, decay=STRENGTH)
    for x, y in batches():
        optimizer.zero_grad()
        mse_loss(net(x), y).backward()
        optimizer.step()
    return net


def loop(name: str) -> Callable[[Callable[..., nn.Module]], Callable[..., nn.Module]]:
    def enter(function: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        LOOPS[name] = function
        return function

    return enter


def scaler_of(on: bool) -> torch.amp.GradScaler:
    return torch.amp.GradScaler("cpu", enabled=on, init_scale=2.0**16)


# ---- one process


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


# ---- several processes


@contextlib.contextmanager
def gloo(rank: int, world: int, port: int) -> Iterator[None]:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=world)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def in_processes(work: Callable[..., Any], world: int, *arguments: Any) -> nn.Module:
    """Run `work(rank, ...)` in `world` processes and return the network with the weights that the first one keeps."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "weights.pt"
        torch.multiprocessing.spawn(_worker, (work, world, port, kept, arguments), nprocs=world)
        net = network()
        net.load_state_dict(torch.load(kept))
        return net


def _worker(rank: int, work: Callable[..., Any], world: int, port: int, kept: Path, arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("error", PenaltyWarning)
    with gloo(rank, world, port):
        state = work(rank, world, *arguments)
        if rank == 0:
            torch.save(state, kept)
        torch.distributed.barrier()
    os._exit(0)  # threads of the process group that are not joined would abort an ordinary end now and then


def _ddp(rank: int, world: int, k: int, scaled: bool) -> dict[str, Any]:
    net, loader, scaler = network(), pieces(k, rank, world), scaler_of(scaled)
    # recipe: ddp
    net = nn.parallel.DistributedDataParallel(net)
    optimizer = sgd(net)
    attach(optimizer, net, L2(0.1))

    for i, (x, y) in enumerate(loader, 1):
        complete = i % k == 0
        with contextlib.nullcontext() if complete else net.no_sync():
            scaler.scale(mse_loss(net(x), y) / k).backward()
        if complete:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    # end
    return net.module.state_dict()


@loop("ddp, attach")
def ddp(k: int, scaled: bool) -> nn.Module:
    return in_processes(_ddp, 2, k, scaled)


def _fsdp(rank: int, world: int, k: int, scaled: bool) -> dict[str, Any]:
    from torch.distributed.device_mesh import init_device_mesh

    net, loader, scaler = network(), pieces(k, rank, world), scaler_of(scaled)
    mesh = init_device_mesh("cpu", (world,))
    # recipe: fsdp
    from torch.distributed.fsdp import fully_shard

    for layer in (net.first, net.last):
        fully_shard(layer, mesh=mesh)
    fully_shard(net, mesh=mesh)
    optimizer = sgd(net)  # after sharding: the parameters are others now
    attach(optimizer, net, L2(0.1))

    for i, (x, y) in enumerate(loader, 1):
        net.set_requires_gradient_sync(i % k == 0)
        scaler.scale(mse_loss(net(x), y) / k).backward()
        if i % k == 0:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    # end
    return {name: value.full_tensor() for name, value in net.state_dict().items()}


@loop("fsdp, attach")
def fsdp(k: int, scaled: bool) -> nn.Module:
    return in_processes(_fsdp, 2, k, scaled)


# ---- wrong places: each must be told

WRONG: dict[str, Callable[[], Any]] = {}


def wrong(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def enter(function: Callable[[], Any]) -> Callable[[], Any]:
        WRONG[name] = function
        return function

    return enter


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


def told(name: str) -> str:
    """What is said of a wrong place; empty if nothing is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            WRONG[name]()
        except PoiseError as error:
            return f"refused: {error}"
    return "; ".join(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, PenaltyWarning)))


# ---- what comes out


def difference(one: nn.Module, other: nn.Module) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def rows(names: list[str]) -> list[dict[str, Any]]:
    """loop, accumulation, precision -> the largest difference, or why it could not be run."""
    found, right = [], reference()
    for name in names:
        for k in (1, 3, 4):
            for scaled in (False, True):
                row: dict[str, Any] = {"loop": name, "accumulation": k, "scaler": scaled}
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("error", PenaltyWarning)  # a right place must not be told
                        row["difference"] = difference(LOOPS[name](k, scaled), right)
                except ModuleNotFoundError as missing:
                    row["not run"] = f"{missing.name} is not installed"
                found.append(row)
                print(json.dumps(row), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", action="append", choices=list(LOOPS), help="only these; by default all")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--wrong", action="append", choices=list(WRONG), help="only these wrong places")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    everything = not asked.loop and not asked.wrong
    found = rows(list(LOOPS) if everything else asked.loop or [])
    places = []
    for name in list(WRONG) if everything else asked.wrong or []:
        row = {"place": name}
        try:
            row["said"] = told(name)
        except ModuleNotFoundError as missing:
            row["not run"] = f"{missing.name} is not installed"
        places.append(row)
        print(json.dumps(row), flush=True)
    if asked.json:
        table = {"made by": f"python bench/own_loops.py --json {asked.json.name}", "torch": torch.__version__}
        asked.json.write_text(json.dumps({**table, "loops": found, "wrong places": places}, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
