"""Recurrent language models with every classical regulariser: L2 by type of layer, AR, TAR, dropouts, weight drop.

The signature of `language` is the configuration: flags, defaults, types and help come from it. Importing this module
does not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from poise.lazy import later
from poise.networks import TextNetworks
from poise.recipes.common.options import AdamOptions, RunOptions, SingleRunOptions
from poise.recipes.common.recipe import Recipe, RecipeEntry, Stage
from poise.recipes.text import writing
from poise.recipes.text.facts import SentenceFacts
from poise.recipes.text.options import SentenceOptions
from poise.registry import register
from poise.training.schedules import Scheduled


@dataclass(frozen=True)
class LanguageRunOptions(SingleRunOptions):
    """How long, where and under what eyes a language model trains: on a text that is read on and on, in whole."""

    without = ("micro_batches", "score_samples")


# Options of our network, which have no meaning for others.
OURS = ("cell", "embed", "hidden", "layers", "tied", "dropout_embedding", "dropout_input", "dropout_hidden",
        "dropout_output", "weight_drop")  # fmt: skip


@dataclass
class ModelOptions(AdamOptions):
    """The network.

    Args:
        lr: learning rate of Adam: a number, or a schedule such as cosine:8e-3:4e-4 over the run.
        cell: lstm or gru.
        embed: numbers that stand for a unit.
        hidden: width of a recurrent layer, by default that of the embedding, which tied weights give the last layer.
        layers: recurrent layers.
        tied: read out with the embedding's weights.
        dropout_embedding: share of the units whose embedding is dropped in a window.
        dropout_input: dropout of the embedded units, one mask for a window, as all of these.
        dropout_hidden: between recurrent layers.
        dropout_output: before the readout.
        weight_drop: share of the hidden-to-hidden weights that is dropped in a window.
        penalties: further penalties by name, for example --model.penalties+=WeightDecay.
        clip: largest norm of the gradient.
    """

    lr: Scheduled = "cosine:8e-3:4e-4"
    betas: tuple[float, Scheduled] = (0.9, 0.99)
    cell: Literal["lstm", "gru"] = "lstm"
    embed: int = 128
    hidden: int | None = None
    layers: int = 1
    tied: bool = True
    dropout_embedding: float = 0.0
    dropout_input: float = 0.0
    dropout_hidden: float = 0.0
    dropout_output: float = 0.0
    weight_drop: float = 0.0
    clip: float | None = 1.0


def language(
    data: str,
    *,
    l2_recurrent: Scheduled = 1e-6,
    l2_output: Scheduled = 0.0,
    l2_embedding: Scheduled = 0.0,
    ar: Scheduled = 0.0,
    tar: Scheduled = 0.0,
    network: TextNetworks | str | None = None,
    model: ModelOptions = ModelOptions(),  # noqa: B008
    window: int = 32,
    sentences: SentenceOptions = SentenceOptions(),  # noqa: B008
    run: RunOptions = LanguageRunOptions(steps=4000, ema=0.99, scores=8),
) -> Recipe:
    """Train a recurrent language model.

    Args:
        data: a .txt file with one sentence or poem a line, a .jsonl or .csv file with a column of them, or the name of
            a catalogued set (poise data list). The sentences are read one after the other, each with its end.
        l2_recurrent: λ of the penalty (λ/2)‖w‖² on the weights of the recurrent layers: a number, or a schedule such as
            cosine:1e-3:1e-5. 0 turns it off.
        l2_output: the same on the readout's weights, where it has its own (--model.tied false).
        l2_embedding: the same on the rows of the embedding that are read in the batch; rows of other units stay.
        ar: α of the activation penalty α·mean(h²) on the output of the last layer.
        tar: β of the temporal one, β·mean((h[t+1] − h[t])²).
        network: in place of ours, MODULE.CLASS of a file of your own (see poise.networks) with options as its fields;
            l2_recurrent is then on all its layers.
        model: options of the network.
        steps: how often the network is moved.
        batch: places of the text that are read at once.
        window: units that are read in a move; the state is carried over to the next window, the gradient is not.
        ema: decay of the moving average of the weights, which is what is judged and sampled; 0 for the weights alone.
        scores: how often the held-out perplexity is taken: after 5 % of the run, then evenly to the end; 0 for never.
        compile: compile the networks with torch.compile, but for recurrent ones, which this is.
        sentences: options of reading the sentences.
        run: options of the run.
    """
    from poise.recipes.common import own
    from poise.recipes.common import parts as common
    from poise.recipes.common.notes import run_notes
    from poise.recipes.language import build as parts
    from poise.recipes.language import outputs as outcomes

    run.check(window=window)
    execution = common.recurrent_execution(run)
    parts.check(network, model)
    text = parts.text(data, sentences)
    facts = parts.facts(text, window, run, execution)
    penalties = parts.penalties(network, model, l2_recurrent, l2_output, l2_embedding, ar, tar, run.steps)
    game, average = parts.game(network, model, facts, penalties, run, execution)
    stream = parts.stream(text, window, run, execution)
    rates = common.adam_dials(game.players, {"model": model}, run.steps)
    stage = Stage("likelihood", game, stream, run.steps, rates, outcomes.monitor(game, average, text, execution))
    return Recipe(
        **common.run_fields(run, execution, [stage]),
        facts=facts,
        sampler=lambda n, seed: writing.draw(average, facts, n, seed),
        show=lambda stem: writing.show(average, facts, stem),
        real=lambda stem: writing.show_real([text.corpus.sentences[row] for row in text.corpus.train], stem),
        judge=outcomes.judge(average, text, execution) if run.scores else None,
        notes=[*text.notes, *own.unused(network, {"model": model}, None, OURS), *run_notes(run, [stage])],
    )


register("recipe", "language")(
    RecipeEntry(
        language,
        later("poise.recipes.language.build:rebuilt"),
        writing.draw,
        writing.write,
        "text",
        ("perplexity",),
        asks=writing.ASKS,
        default_out="samples.txt",
        players=("model",),
        corpus=partial(writing.corpus_of, unknown="keep"),
        portable=later("poise.recipes.text.portable:portable_language"),
        facts=SentenceFacts,
        unsplit="each of its texts carries a state from window to window, and no process has them all",
    )
)
