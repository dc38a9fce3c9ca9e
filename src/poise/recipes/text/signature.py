"""Text GANs with an L2 penalty on each player: sentences and poems.

The signature of `text` is the configuration: flags, defaults, types and help come from it. Importing this module
does not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from poise.lazy import later
from poise.losses import Loss
from poise.networks import TextNetworks
from poise.recipes.common.options import DiscriminatorAdam, GeneratorAdam, RunOptions, SingleRunOptions
from poise.recipes.common.recipe import Recipe, RecipeEntry
from poise.recipes.common.setup import PlayerSetup, Setup
from poise.recipes.text import writing
from poise.recipes.text.facts import SentenceFacts
from poise.recipes.text.options import SentenceOptions, SingleSentenceOptions
from poise.registry import register
from poise.training.schedules import Scheduled

# Options of our networks, which have no meaning for others.
OURS = ("embed", "hidden", "layers", "dropout", "representations", "width", "spectral")


@dataclass
class TextGeneratorOptions(GeneratorAdam):
    """The generator.

    Args:
        lr: learning rate of Adam against the discriminator: a number, or a schedule such as linear:1e-3:1e-4.
        warm_lr: the same in the likelihood stage.
        embed: numbers that stand for a unit.
        hidden: width of the recurrent layer.
        layers: recurrent layers, or slots of a relational memory.
        dropout: of the embedded units and before the readout, where likelihoods are computed.
        clip: largest norm of the gradient.
    """

    lr: Scheduled = "linear:2e-4:2e-5"
    warm_lr: Scheduled = "cosine:8e-3:8e-4"
    betas: tuple[float, Scheduled] = (0.5, 0.99)
    embed: int = 64
    hidden: int = 192
    layers: int = 1
    dropout: float = 0.2
    clip: float | None = 5.0


@dataclass
class TextDiscriminatorOptions(DiscriminatorAdam):
    """The discriminator.

    Args:
        lr: learning rate of Adam: a number, or a schedule such as linear:1e-3:1e-4.
        embed: numbers that stand for a unit, over all representations (cnn).
        representations: how many opinions it has of a sentence (cnn); embed must be a multiple of it.
        width: filters of each size (cnn); there are four sizes.
        hidden: width of the last layer (cnn) or of the recurrent one.
        dropout: before the last layer (cnn), or of the embedded units.
        spectral: spectral norm on every convolution and linear layer; L2 then acts on the effective weight.
        clip: largest norm of the gradient.
    """

    lr: Scheduled = "linear:1e-3:1e-4"
    betas: tuple[float, Scheduled] = (0.5, 0.99)
    embed: int = 64
    representations: int = 1
    width: int = 128
    hidden: int = 128
    dropout: float = 0.25
    spectral: bool = False
    clip: float | None = 5.0


def text(
    data: str,
    *,
    l2_generator: Scheduled = 1e-5,
    l2_discriminator: Scheduled = 1e-4,
    l2_embedding: Scheduled = 0.0,
    network: TextNetworks | str = "lstm",
    estimator: str = "gumbel",
    critic: str = "auto",
    loss: Loss | str = "relativistic",
    temperature: Scheduled = 1.0,
    likelihood: Scheduled = 2.0,
    generator: TextGeneratorOptions = TextGeneratorOptions(),  # noqa: B008
    discriminator: TextDiscriminatorOptions = TextDiscriminatorOptions(),  # noqa: B008
    warm_steps: int = 3000,
    critic_steps: int = 500,
    sentences: SentenceOptions = SingleSentenceOptions(),  # noqa: B008
    run: RunOptions = SingleRunOptions(batch=64, ema=0.99),  # noqa: B008
) -> Recipe:
    """Train a GAN on sentences or poems, after a start by maximum likelihood.

    Args:
        data: a .txt file with one sentence or poem a line, a .jsonl or .csv file with a column of them, the name of a
            catalogued set (poise data list), or oracle: a made-up language with exact ground truth.
        l2_generator: λ of the penalty (λ/2)‖w‖² on the generator's weights, in both stages: a number, or a schedule
            such as cosine:1e-3:1e-5. 0 turns it off. Embeddings are not covered.
        l2_discriminator: the same on the discriminator's weights.
        l2_embedding: the same on those rows of the generator's embedding that occur in the batch, in the likelihood
            stage.
        network: of the generator: lstm, gru, relational (a relational memory), or MODULE.CLASS of a file of your own
            (see poise.networks) with options as its fields, which may bring a discriminator too.
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
        scores: how often samples are scored: after 5 % of the run, then evenly to the end, and after the likelihood
            stage; 0 for never.
        score_samples: number of sentences drawn and compared each time.
        sentences: options of reading the sentences.
        run: options of the run.
    """
    from poise.recipes.common import own
    from poise.recipes.common import parts as common
    from poise.recipes.common.notes import run_notes
    from poise.recipes.text import build as parts
    from poise.recipes.text import outputs as outcomes
    from poise.recipes.text.players import TextPlayers

    run.check(warm_steps=warm_steps, critic_steps=critic_steps, longest=sentences.longest)
    execution = common.recurrent_execution(run)
    options = {"generator": generator, "discriminator": discriminator}
    for name, asked in options.items():
        parts.check(name, asked)
    language = parts.language(data, sentences)
    steps = {"likelihood": warm_steps, "critic": critic_steps, "adversarial": run.steps}
    facts = parts.facts(language, network, execution, steps)
    setup = Setup(
        generator=PlayerSetup("generator", network, generator, l2_generator),
        discriminator=PlayerSetup("discriminator", critic, discriminator, l2_discriminator),
        loss=loss, weights={"likelihood": likelihood}, ema=run.decay, steps=steps, execution=execution, seed=run.seed,
    )  # fmt: skip
    players = TextPlayers(facts, setup, estimator, language.mean_units, l2_embedding)
    unused = own.unused(network, options, players.game.discriminator, OURS) + parts.without_dropout(network, generator)
    stages = outcomes.stages(players, language, run, temperature)
    if l2_embedding and run.micro_batches > 1:
        unused.append(
            f"--l2-embedding acts on the rows that each of {run.micro_batches} micro-batches reads, weighed by its "
            "share: weaker than on a whole batch"
        )
    real = (lambda stem: writing.show_real(language.texts["train"], stem)) if language.texts.get("train") else None
    return Recipe(
        **common.run_fields(run, execution, stages, warm_steps),
        facts=facts,
        sampler=lambda n, seed: writing.draw(players.average, facts, n, seed),
        show=lambda stem: writing.show(players.average, facts, stem),
        real=real,
        judge=outcomes.judge(players, language, run.score_samples, run.seed) if run.scores else None,
        notes=[*language.notes, *unused, *run_notes(run, stages)],
    )


register("recipe", "text")(
    RecipeEntry(
        text,
        later("poise.recipes.text.build:rebuilt"),
        writing.draw,
        writing.write,
        "text",
        ("reverse perplexity", "NLL_gen"),
        asks=writing.ASKS,
        default_out="samples.txt",
        corpus=partial(writing.corpus_of, unknown="drop"),
        portable=later("poise.recipes.text.portable:portable"),
        facts=SentenceFacts,
        unsplit="its dropout would be drawn for the items of each process by itself",
    )
)
