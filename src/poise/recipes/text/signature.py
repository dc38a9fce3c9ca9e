"""Text GANs with an L2 penalty on each player: sentences and poems.

The signature of `text` is the configuration: flags, defaults, types and help come from it, which takes more than 250
lines. Importing this module does not load torch.
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
class GeneratorOptions:
    """The generator.

    Args:
        lr: learning rate of Adam against the discriminator: a number, or a schedule such as linear:1e-3:1e-4.
        warm_lr: the same in the likelihood stage.
        betas: Adam's decay rates of the first and second moment.
        embed: numbers that stand for a unit.
        hidden: width of the recurrent layer.
        layers: recurrent layers, or slots of a relational memory.
        dropout: of the embedded units and before the readout, where likelihoods are computed.
        penalties: further penalties by name, for example --generator.penalties+=WeightDecay.
        turns: moves per step.
        clip: largest norm of the gradient.
    """

    lr: float | str = "linear:2e-4:2e-5"
    warm_lr: float | str = "cosine:4e-3:4e-4"
    betas: tuple[float, float] = (0.5, 0.99)
    embed: int = 64
    hidden: int = 192
    layers: int = 1
    dropout: float = 0.2
    penalties: list[Penalty] = field(default_factory=list)
    turns: int = 1
    clip: float | None = 5.0


@dataclass
class DiscriminatorOptions:
    """The discriminator.

    Args:
        lr: learning rate of Adam: a number, or a schedule such as linear:1e-3:1e-4.
        betas: Adam's decay rates of the first and second moment.
        embed: numbers that stand for a unit, over all representations (cnn).
        representations: how many opinions it has of a sentence (cnn); embed must be a multiple of it.
        width: filters of each size (cnn); there are four sizes.
        hidden: width of the last layer (cnn) or of the recurrent one.
        dropout: before the last layer (cnn), or of the embedded units.
        spectral: spectral norm on every convolution and linear layer; L2 then acts on the effective weight.
        penalties: further penalties by name, for example --discriminator.penalties+=R1
            --discriminator.penalties.gamma=1.
        turns: moves per step (n_critic).
        clip: largest norm of the gradient.
    """

    lr: float | str = "linear:1e-3:1e-4"
    betas: tuple[float, float] = (0.5, 0.99)
    embed: int = 64
    representations: int = 1
    width: int = 128
    hidden: int = 128
    dropout: float = 0.25
    spectral: bool = False
    penalties: list[Penalty] = field(default_factory=list)
    turns: int = 1
    clip: float | None = 5.0


def text(
    data: str,
    *,
    column: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    layout: Literal["lines", "stanzas", "paragraphs"] = "lines",
    l2_generator: float | str = 1e-5,
    l2_discriminator: float | str = 1e-4,
    l2_embedding: float | str = 0.0,
    units: Literal["auto", "word", "character", "piece", "whitespace"] = "auto",
    vocabulary: int | None = 3000,
    least: int = 1,
    longest: int = 32,
    heldout: float = 0.1,
    share: float = 1.0,
    network: str = "lstm",
    estimator: str = "gumbel",
    critic: str = "auto",
    loss: str = "relativistic",
    temperature: float | str = 1.0,
    likelihood: float | str = 2.0,
    generator: GeneratorOptions = GeneratorOptions(),  # noqa: B008
    discriminator: DiscriminatorOptions = DiscriminatorOptions(),  # noqa: B008
    warm_steps: int = 3000,
    critic_steps: int = 500,
    steps: int = 1000,
    batch: int = 64,
    micro_batches: int = 1,
    ema: float = 0.99,
    seed: int = 0,
    device: str = "auto",
    precision: Literal["fp32", "bf16", "fp16"] = "fp32",
    threads: int | None = None,
    log_every: int = 16,
    sample_every: int | None = None,
    checkpoint_every: int | None = None,
    scores: int = 4,
    score_samples: int = 1000,
    patience: int | None = None,
    on_divergence: Literal["stop", "rollback"] = "stop",
    rollbacks: int = 3,
) -> Recipe:
    """Train a GAN on sentences or poems, after a start by maximum likelihood.

    The signature is the documentation, and the parts meet in these few lines.

    Args:
        data: a .txt file with one sentence or poem a line, a .jsonl or .csv file with a column of them, the name of a
            catalogued set (poise data list), or oracle: a made-up language with exact ground truth.
        column: which one of a table holds the sentences, by its name or its number; by default it is found and said.
        encoding: of the file, such as gb18030; by default UTF-8, or what its mark or a guess says.
        delimiter: between the columns of a table: comma, semicolon, tab, pipe or a sign; by default it is found.
        layout: lines, a sentence each; stanzas or paragraphs, which end at an empty line.
        l2_generator: λ of the penalty (λ/2)‖w‖² on the generator's weights, in both stages: a number, or a schedule
            such as cosine:1e-3:1e-5. 0 turns it off. Embeddings are not covered.
        l2_discriminator: the same on the discriminator's weights.
        l2_embedding: the same on those rows of the generator's embedding that occur in the batch, in the likelihood
            stage.
        units: what sentences are made of: words and signs, characters, pieces of words learnt from the data
            (sentencepiece), or whatever stands between blanks (whitespace), as for published perplexities.
        vocabulary: most units that are known, the most frequent first; sentences with others are left out.
        least: how often a unit must occur to be known.
        longest: units of the longest sentence; longer ones are left out.
        heldout: share of the sentences that is kept from training and used to judge.
        share: share of the training sentences that is used, to see what less data would give.
        network: of the generator: lstm, gru or relational (a relational memory).
        estimator: how the generator learns from the discriminator: gumbel (straight-through Gumbel-softmax) or
            reinforce (a reward for each unit, with a baseline).
        critic: network of the discriminator: cnn (several representations, convolutions), recurrent (an opinion after
            each unit), or auto (the one that fits the estimator).
        loss: nonsaturating, minimax, hinge, least_squares, wasserstein or relativistic.
        temperature: of the Gumbel-softmax: a number, or a schedule over the adversarial steps.
        likelihood: weight of the likelihood of real sentences beside the adversarial loss, so that the generator keeps
            what the discriminator does not ask for: a number, or a schedule; 0 for none.
        generator: options of the generator.
        discriminator: options of the discriminator.
        warm_steps: steps of maximum likelihood before the adversarial stage.
        critic_steps: steps of the discriminator alone after that, so that it has something to say.
        steps: how often each player moves in the adversarial stage (times its turns).
        batch: sentences per move.
        micro_batches: pieces in which a batch is computed, to save memory; penalties still count once.
        ema: decay of the moving average of the generator's weights, from which samples are drawn.
        seed: of the weights, the order of the data and the noise.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: fp32, bf16 or fp16.
        threads: CPU threads; by default torch's choice.
        log_every: steps between rows of the record.
        sample_every: steps between files of samples; by default 20 in a run.
        checkpoint_every: steps between checkpoints; by default once a minute.
        scores: how often samples are scored: after 5 % of the run, then evenly to the end, and after the likelihood
            stage; 0 for never.
        score_samples: number of sentences drawn and compared each time.
        patience: end the run when so many scores in a row were no better than the best; by default it runs to the end.
        on_divergence: stop, or roll back to a checkpoint from before the trouble and go on with halved learning rates.
        rollbacks: how often a run may be rolled back before it stops.
    """
    from poise.recipes.common import parts as common
    from poise.recipes.text import build as parts
    from poise.recipes.text import outputs as outcomes
    from poise.recipes.text.players import Players

    common.check_counts(
        steps=steps, warm_steps=warm_steps, critic_steps=critic_steps, batch=batch, micro_batches=micro_batches,
        longest=longest, threads=threads, log_every=log_every, score_samples=score_samples,
    )  # fmt: skip
    common.check_seed(seed)
    how = common.recurrent_execution(device, precision, micro_batches, threads)
    options = {"generator": generator, "discriminator": discriminator}
    for name, own in options.items():
        parts.check(name, own)
    language = parts.language(
        data, column, encoding, delimiter, layout, units, vocabulary, least, longest, heldout, share, seed
    )
    facts = parts.facts(language, how, [("likelihood", warm_steps), ("critic", critic_steps), ("adversarial", steps)])
    players = Players(
        network=network,
        critic=critic,
        estimator=estimator,
        loss=loss,
        likelihood=likelihood,
        options=options,
        l2={"generator": l2_generator, "discriminator": l2_discriminator, "embedding": l2_embedding},
        ema=ema,
        steps={"likelihood": warm_steps, "critic": critic_steps, "adversarial": steps},
        facts=facts,
        how=how,
        seed=seed,
        units=language.mean_units,
    )
    acting = Acting(on_divergence, rollbacks, patience, scores)
    total = warm_steps + critic_steps + steps
    watched = outcomes.monitor(players, language, batch, seed, how)
    return Recipe(
        stages=[
            Stage(
                "likelihood",
                players.sentences,
                parts.stream(language, batch, seed + 1, how),
                warm_steps,
                players.warm_dials,
                outcomes.likelihood_monitor(players, language, batch, seed, how),
            ),
            Stage(
                "critic",
                players.alone,
                parts.stream(language, batch, seed + 3, how),
                critic_steps,
                players.critic_dials,
                watched,
            ),
            Stage(
                "adversarial",
                players.game,
                parts.stream(language, batch, seed, how),
                steps,
                players.dials(temperature),
                watched,
            ),
        ],
        seed=seed,
        how=how,
        cadence=Cadence.over(
            total, log_every, sample_every, acting.checkpoint_every(checkpoint_every, total), scores, warm_steps
        ),
        facts=facts,
        sampler=outcomes.sampler(players.average, facts),
        show=lambda stem: writing.show(players.average, facts, stem),
        real=(lambda stem: writing.show_real(language.texts["train"], stem)) if language.texts.get("train") else None,
        judge=outcomes.judge(players, language, facts, score_samples, seed) if scores else None,
        acting=acting,
        notes=language.notes,
    )


def _generator(arguments: dict[str, Any], facts: dict[str, Any]) -> Any:
    from poise.recipes.text import build as parts

    return parts.generator(arguments["network"], arguments["generator"], facts)


def _draw(generator: Any, facts: dict[str, Any], n: int, seed: int, **asked: Any) -> list[str]:
    return writing.draw(generator, facts, n, seed, **asked)


register("recipe", "text")(
    Kind(
        text,
        _generator,
        _draw,
        writing.write,
        "text",
        ("reverse perplexity", "NLL_gen"),
        asks=writing.ASKS,
        default_out="samples.txt",
        corpus=partial(writing.corpus_of, unknown="drop"),
    )
)
