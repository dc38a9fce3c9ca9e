"""Networks of a user's in a recipe: made, tried on a tiny batch, and which options mean nothing beside them."""

from __future__ import annotations

import contextlib
import copy
import inspect
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from poise.errors import PoiseError
from poise.models.own import OwnDiscriminator
from poise.networks import Networks
from poise.recipes.common.options import Options

WRONG = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@contextlib.contextmanager
def user_errors(network: Any, what: str) -> Iterator[None]:
    """Whatever goes wrong with a user's network is told of its file and class, `what` being a part that cannot be made
    or does not take something; nothing is changed for one of ours."""
    try:
        yield
    except PoiseError as error:
        if not isinstance(network, Networks):
            raise
        raise PoiseError(f"{place(network)}: {error}") from None
    except WRONG as error:
        if not isinstance(network, Networks):
            raise
        reason = (str(error).splitlines() or [""])[0][:200]
        raise PoiseError(f"{place(network, error)}: its {what} ({type(error).__name__}: {reason})") from error


def fits(network: Any, what: str, net: nn.Module, *inputs: Any) -> Any:
    """Try a user's network in evaluation mode, without a gradient, and with no draw of random numbers kept.

    Returns: what it gives. Errors: PoiseError with file and class where it does not take this or gives another shape.
    """
    if not isinstance(network, Networks):
        return None
    shapes = " and ".join(str(list(x.shape)) for x in inputs if isinstance(x, Tensor))
    training = net.training
    with user_errors(network, f"{what} does not take {shapes}"), torch.random.fork_rng(devices=[]), torch.no_grad():
        found = net.eval()(*inputs)
    net.train(training)
    return found


def judges_alone(net: Any, x: Tensor, cond: Tensor | None = None, soft: bool = False) -> bool:
    """Whether what a discriminator of a user's says of an item hangs on that item alone, and not, as with the standard
    deviation over a batch, on what is beside it: such a one must not see real and generated items in one pass.

    It is tried in training mode, on copies, with the same random numbers: two items beside two pairs of others. One
    that cannot be tried so counts as one that does not.

    Args: net; x, items of the shape that it takes [N,...], of which only the shape counts; cond, what goes with them;
    soft, the items are distributions over units [N,T,V] and not values in [-1, 1].
    """
    if not is_own(net):
        return True
    rng = torch.Generator().manual_seed(0)
    some = (torch.rand(6, *x.shape[1:], generator=rng) * 2 - 1).to(x)
    some = (4 * some).softmax(-1) if soft else some
    given = () if cond is None else (cond[:1].expand(4, *cond.shape[1:]),)

    def said(rows: list[int]) -> list[Tensor]:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            return [head[:2] for head in copy.deepcopy(net)(some[rows], *given).logits]

    try:
        pairs = list(zip(said([0, 1, 2, 3]), said([0, 1, 4, 5]), strict=True))
    except Exception:  # whatever a stranger's code says to items that it does not know
        return False
    return all(torch.allclose(one, other, rtol=1e-3, atol=1e-5) for one, other in pairs)


def is_own(net: Any) -> bool:
    """Whether a discriminator is a user's."""
    return isinstance(net, OwnDiscriminator)


def judges(network: Any, net: Any) -> OwnDiscriminator | None:
    """The discriminator that a user's class made, None where it brings none and the recipe's own is taken."""
    if net is None:
        return None
    with user_errors(network, "discriminator cannot be made"):
        return OwnDiscriminator(net)


def with_features(network: Any, net: nn.Module, weight: Any, *inputs: Any) -> None:
    """`fits` of a discriminator; PoiseError where feature matching has a weight and it gives no features."""
    found = fits(network, "discriminator", net, *inputs)
    if is_own(net) and weight != 0 and not found.features:
        raise PoiseError(
            f"{place(network)}: its discriminator gives logits alone, and --features {weight} compares what its "
            "layers say: give a poise.core.DiscriminatorOutput with features, or use --features 0"
        )


def unused(network: Any, options: Options, discriminator: Any, names: Sequence[str]) -> list[str]:
    """A line where options of our networks were given beside a network of the user's, which has its own.

    Args: options by player; discriminator, whose options are looked at if it is the user's; names of those that mean
    nothing to such a network.
    """
    if not isinstance(network, Networks):
        return []
    ignored = []
    for player, own in options.items():
        if player.endswith("discriminator") and not is_own(discriminator):
            continue
        for name in names:
            if hasattr(own, name) and getattr(own, name) != getattr(type(own)(), name):
                ignored.append(f"--{player.replace('_', '-')}.{name}")
    if not ignored:
        return []
    return [f"{', '.join(ignored)}: of no use with {type(network).__name__}, which has options of its own"]


def place(network: Networks, error: Exception | None = None) -> str:
    """File, line where an error arose in it, and class."""
    file = Path(inspect.getsourcefile(type(network)) or type(network).__module__)
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    lines = [frame.lineno for frame in frames if Path(frame.filename) == file]
    return f"{file.name}{f', line {lines[-1]}' if lines else ''}, class {type(network).__name__}"
