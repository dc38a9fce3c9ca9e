"""Recurrent language models with every classical regulariser: L2 by type of layer, AR, TAR, dropouts, weight drop.

The signature of `language` is the configuration: flags, defaults, types and help come from it. Importing this module
does not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from poise.penalties import Penalty
from poise.recipes.common.recipe import Acting, Cadence, Kind, Recipe, Stage
from poise.recipes.text import writing
from poise.registry import register


@dataclass
class ModelOptions:
    """The network.

    Args:
        lr: learning rate of Adam: a number, or a schedule such as cosine:4e-3:1e-4 over the run.
        betas: Adam's decay rates of the first and second moment.
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

    lr: float | str = "cosine:4e-3:2e-4"
    betas: tuple[float, float] = (0.9, 0.99)
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
    penalties: list[Penalty] = field(default_factory=list)
    clip: float | None = 1.0


def language(
    data: str,
    *,
    column: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    layout: Literal["lines", "stanzas", "paragraphs", "text"] = "lines",
    l2_recurrent: float | str = 1e-6,
    l2_output: float | str = 0.0,
    l2_embedding: float | str = 0.0,
    ar: float | str = 0.0,
    tar: float | str = 0.0,
    units: Literal["auto", "word", "character", "piece", "whitespace"] = "auto",
    vocabulary: int | None = 5000,
    least: int = 1,
    longest: int | None = None,
    heldout: float = 0.1,
    share: float = 1.0,
    model: ModelOptions = ModelOptions(),  # noqa: B008
    steps: int = 4000,
    batch: int = 32,
    window: int = 32,
    ema: float = 0.99,
    seed: int = 0,
    device: str = "auto",
    precision: Literal["fp32", "bf16", "fp16"] = "fp32",
    threads: int | None = None,
    log_every: int = 16,
    sample_every: int | None = None,
    checkpoint_every: int | None = None,
    scores: int = 8,
    patience: int | None = None,
    on_divergence: Literal["stop", "rollback"] = "stop",
    rollbacks: int = 3,
) -> Recipe:
    """Train a recurrent language model.

    The signature is the documentation, and the parts meet in these few lines.

    Args:
        data: a .txt file with one sentence or poem a line, a .jsonl or .csv file with a column of them, or the name of
            a catalogued set (poise data list). The sentences are read one after the other, each with its end.
        column: which one of a table holds the sentences, by its name or its number; by default it is found and said.
        encoding: of the file, such as gb18030; by default UTF-8, or what its mark or a guess says.
        delimiter: between the columns of a table: comma, semicolon, tab, pipe or a sign; by default it is found.
        layout: lines, a sentence each; stanzas or paragraphs, which end at an empty line; or text: the lines of one
            running text, which may occur again, and of which the last part is held out.
        l2_recurrent: λ of the penalty (λ/2)‖w‖² on the weights of the recurrent layers: a number, or a schedule such as
            cosine:1e-3:1e-5. 0 turns it off.
        l2_output: the same on the readout's weights, where it has its own (--model.tied false).
        l2_embedding: the same on the rows of the embedding that are read in the batch; rows of other units stay.
        ar: α of the activation penalty α·mean(h²) on the output of the last layer.
        tar: β of the temporal one, β·mean((h[t+1] − h[t])²).
        units: what sentences are made of: words and signs, characters, pieces of words learnt from the data
            (sentencepiece), or whatever stands between blanks (whitespace), as for published perplexities.
        vocabulary: most units that are known, the most frequent first; others are read as one unknown unit.
        least: how often a unit must occur to be known.
        longest: units of the longest sentence; longer ones are left out. By default all are read.
        heldout: share of the sentences that is kept from training and used to judge.
        share: share of the training sentences that is used, to see what less data would give.
        model: options of the network.
        steps: how often the network is moved.
        batch: places of the text that are read at once.
        window: units that are read in a move; the state is carried over to the next window, the gradient is not.
        ema: decay of the moving average of the weights, which is what is judged and sampled; 0 for the weights alone.
        seed: of the weights, the order of the data and the noise.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: fp32, bf16 or fp16.
        threads: CPU threads; by default torch's choice.
        log_every: steps between rows of the record.
        sample_every: steps between files of samples; by default 20 in a run.
        checkpoint_every: steps between checkpoints; by default once a minute.
        scores: how often the held-out perplexity is taken: after 5 % of the run, then evenly to the end; 0 for never.
        patience: end the run when so many scores in a row were no better than the best; by default it runs to the end.
        on_divergence: stop, or roll back to a checkpoint from before the trouble and go on with halved learning rates.
        rollbacks: how often a run may be rolled back before it stops.
    """
    from poise.recipes.common import parts as common
    from poise.recipes.language import build as parts

    common.check_counts(steps=steps, batch=batch, window=window, threads=threads, log_every=log_every)
    common.check_seed(seed)
    how = common.recurrent_execution(device, precision, 1, threads)
    parts.check(model)
    text = parts.text(data, column, encoding, delimiter, layout, units, vocabulary, least, longest, heldout, share)
    facts = parts.facts(text, how)
    facts["per_step"] = {"unit": "units", "size": f"{batch} x {window} units", "amounts": {"": batch * window}}
    penalties = parts.penalties(model, l2_recurrent, l2_output, l2_embedding, ar, tar, steps)
    game, average = parts.game(model, facts, penalties, ema, seed, how)
    stream = parts.stream(text, batch, window, seed, how)
    acting = Acting(on_divergence, rollbacks, patience, scores)
    return Recipe(
        stages=[
            Stage(
                "likelihood",
                game,
                stream,
                steps,
                common.learning_rates(game.players, {"model": model}, steps),
                parts.monitor(game, average, text, how),
            )
        ],
        seed=seed,
        how=how,
        cadence=Cadence.over(steps, log_every, sample_every, acting.checkpoint_every(checkpoint_every, steps), scores),
        facts=facts,
        sampler=lambda n, seed: writing.draw(average, facts, n, seed),
        show=lambda stem: writing.show(average, facts, stem),
        real=lambda stem: writing.show_real([text.corpus.sentences[row] for row in text.corpus.train], stem),
        judge=parts.judge(average, text, how) if scores else None,
        acting=acting,
        notes=text.notes,
    )


def _generator(arguments: dict[str, Any], facts: dict[str, Any]) -> Any:
    from poise.recipes.language import build as parts

    return parts.network(arguments["model"], facts)


register("recipe", "language")(
    Kind(
        language,
        _generator,
        writing.draw,
        writing.write,
        "text",
        ("perplexity",),
        asks=writing.ASKS,
        default_out="samples.txt",
        players=("model",),
        corpus=partial(writing.corpus_of, unknown="keep"),
    )
)
