"""A network that writes sentences handed over: its code, one step of it as a graph, what a page needs. Loads torch."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from poise.data.text.text import on_one_line
from poise.data.tokenizers.alphabet import UNKNOWN
from poise.models.own import OwnSequence
from poise.models.rnn import WITHOUT_DROPOUT, Dropouts, Recurrent
from poise.models.sampling import Sampling
from poise.models.text import TextGenerator
from poise.networks import TextNetworks
from poise.recipes.common.portable import Call, Graph, Portable, Value
from poise.recipes.common.recipe import Arguments
from poise.recipes.text.drawing import drawn_ids
from poise.recipes.text.facts import SentenceFacts
from poise.registry import find
from poise.training.loop import fold_seed

VOCABULARY = "vocabulary.json"
PROGRAM = '''
def main() -> None:
    """Print samples."""
    parser = argparse.ArgumentParser(description="Writes sentences.")
    parser.add_argument("-n", type=int, default=8, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the noise; the same seed gives the same sentences")
    parser.add_argument("--temperature", type=float, default=1.0, help="below 1 likelier units, above 1 rarer ones")
    parser.add_argument("--top-k", type=int, help="only the k likeliest units at each place")
    parser.add_argument("--top-p", type=float, help="only the likeliest units that make up this share")
    options = parser.parse_args()
    if options.n < 1:
        parser.error(f"-n must be at least 1, not {options.n}")
    table = json.loads((Path(__file__).parent / "vocabulary.json").read_text(encoding="utf-8"))
    sampling = Sampling(options.temperature, options.top_k, options.top_p)
    network = open_generator()
    rows = drawn_ids(NETWORK, options.n, options.seed, LENGTH, sampling, ENDS)
    for row in rows:
        print(on_one_line(JOINED([table["names"][unit] for unit in row], *table["more"])))


if __name__ == "__main__":
    main()
'''


class Step(nn.Module):
    """One unit further: ids [B] and the state as one row [B,S] -> logits [B,V] of the next unit, and the new state."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        self.shapes = [tuple(part.shape[1:]) for part in net.begin(1)]

    def forward(self, unit: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        sizes = [math.prod(shape) for shape in self.shapes]
        parts = state.split(sizes, 1)
        before = tuple(part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True))
        logits, after = self.net.step(unit, before)
        return logits.float(), torch.cat([part.flatten(1) for part in after], 1)


def portable(arguments: Arguments, facts: SentenceFacts, generator: nn.Module) -> Portable:
    """Of a run of `text`."""
    assert isinstance(generator, TextGenerator)
    network, options, vocabulary = arguments["network"], arguments["generator"], len(facts.vocabulary)
    if isinstance(network, TextNetworks):
        net = own_call(network, vocabulary)
    else:
        share = 0.0 if network in WITHOUT_DROPOUT else options.dropout
        sizes = (vocabulary, options.embed, options.hidden, options.layers)
        net = Call(find("sequence", network), (*sizes, Call(Dropouts, options={"input": share, "output": share})))
    whole = Call(TextGenerator, (net, facts.length, facts.ends, [UNKNOWN] if facts.ends else []))
    return handed_over(whole, facts, generator.net, "network.net")


def portable_language(arguments: Arguments, facts: SentenceFacts, generator: nn.Module) -> Portable:
    """Of a run of `language`."""
    network, vocabulary = arguments.get("network"), len(facts.vocabulary)
    if isinstance(network, TextNetworks):
        net = own_call(network, vocabulary)
    else:
        assert isinstance(generator, Recurrent)
        options, drops = arguments["model"], generator.dropouts
        sizes = (vocabulary, options.embed, options.hidden or options.embed, options.layers)
        more = (options.cell, options.tied, Call(Dropouts, options=asdict(drops)))
        net = Call(Recurrent, (*sizes, *more))
    return handed_over(net, facts, generator, "network")


def own_call(network: TextNetworks, vocabulary: int) -> Call:
    """A network of a user's."""
    made = Call("generator", (vocabulary,), of=Call(type(network), options=vars(network)))
    return Call(OwnSequence, (made, vocabulary))


def handed_over(network: Call, facts: SentenceFacts, net: Any, name: str) -> Portable:
    """Sentences from uniform noise; `name`: what the recurrent network is called in the program."""
    units, (join, more) = facts.vocabulary, facts.vocabulary.joining
    with torch.no_grad():
        begun = torch.cat([part.flatten(1) for part in net.begin(1)], 1)
    size, vocabulary = int(begun.shape[1]), len(units)
    never = [UNKNOWN] if facts.ends else []

    def examples(n: int, seed: int) -> tuple[Tensor, ...]:
        rng = torch.Generator().manual_seed(fold_seed(seed, 0))
        return torch.randint(vocabulary, (n,), generator=rng), 0.5 * torch.randn(n, size, generator=rng)

    inputs = [
        Value("unit", ("batch",), "int64", "id of the unit that was read last; 0 before the first"),
        Value("state", ("batch", size), "float32", "what was read before; its beginning stands in page.begin"),
    ]
    outputs = [
        Value("logits", ("batch", vocabulary), "float32", "of the next unit"),
        Value("new_state", ("batch", size), "float32", "to be given with that unit"),
    ]
    table = {"names": list(units.names), "more": [_plain(part) for part in more]}
    page = {
        "kind": "text",
        "units": units.kind,
        **table,
        "begin": begun[0].tolist(),
        "length": facts.length,
        "ends": facts.ends,
        "running": facts.running,
        "never": never,
    }
    program = PROGRAM.replace("NETWORK", name).replace("LENGTH", str(facts.length)).replace("JOINED", join.__name__)
    program = program.replace("ENDS", f"ends={facts.ends}, running={facts.running}, never={never}")
    return Portable(
        network,
        (drawn_ids, Sampling, join, on_one_line),
        program,
        [Graph("step", Step(net).eval(), inputs, outputs, examples)],
        page,
        [f"`open_generator()` is a recurrent network over {vocabulary:,} {units.plural}; its `step` reads one further"],
        {VOCABULARY: table},
    )


def _plain(words: Any) -> list[str]:
    """A set as JSON can hold it."""
    return sorted(words)
