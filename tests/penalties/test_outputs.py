"""LeCam by hand, in micro-batches, over a restart, in a run, and where it does not belong."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from poise.cli import main
from poise.core import Batch, DiscriminatorOutput
from poise.errors import PoiseError
from poise.games.adversarial import Adversarial, adversarial_terms
from poise.penalties import LeCam
from poise.penalties.outputs import OutputAverages
from poise.recipes.common.parts import check_player, player
from poise.record import RunFolder
from poise.registry import find
from poise.runs.run import Interrupted, Stop, run
from poise.specs.spec import all_recipes
from poise.training.checkpoint import load, save
from poise.training.loop import train
from poise.training.precision import Execution
from tests.conftest import Point
from tests.runs.conftest import TINY, Stopping, assert_same, pictures, spec, state  # noqa: F401  (a fixture)


class Critic(nn.Module):
    """D(x) = w·x + b."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        with torch.no_grad():
            self.layer.weight.fill_(0.5)
            self.layer.bias.fill_(0.1)

    def forward(self, x, cond=None):
        return DiscriminatorOutput((self.layer(x).squeeze(1),))


def game_of(penalty, loss="hinge", rate=0.05, of_g=0.05):
    g, d = Point(-0.5), Critic()
    to_discriminate, to_generate = adversarial_terms(find("loss", loss))
    options, slow = (SimpleNamespace(lr=lr, betas=(0.5, 0.9), clip=None, turns=1) for lr in (rate, of_g))
    return Adversarial(g, d, (player("discriminator", d, options, to_discriminate, [penalty]),
                              player("generator", g, slow, to_generate, [])))  # fmt: skip


def data(draw):
    return Batch(torch.linspace(0.5, 2.0, 8).unsqueeze(1) + 0.1 * (draw % 3))


def trained(steps, micro=1, game=None):
    game = game or game_of(LeCam(0.7, decay=0.8))
    train(game, data, steps, seed=3, execution=Execution(micro_batches=micro), detail_every=1)
    return game


def averages(game):
    return next(term.value for term in game.players[0].terms if term.name == "lecam")


def test_by_hand():
    """Three moves of two outputs each: the averages are those before the move, divided by 1 − dᵗ."""
    decay, kept = 0.9, OutputAverages(0.9)
    moves = [([3.0, 1.0], [-1.0, 0.0]), ([2.0, 4.0], [0.5, -2.5]), ([-1.0, 1.0], [2.0, 3.0])]
    real_mean, fake_mean = 0.0, 0.0
    for t, (real, fake) in enumerate(moves):
        x, z = torch.tensor(real), torch.tensor(fake)
        found = kept.term(x, z)
        if t == 0:
            assert found.tolist() == [0.0, 0.0]
        else:
            m_r, m_f = (mean / (1 - decay**t) for mean in (real_mean, fake_mean))
            by_hand = [max(a - m_f, 0) ** 2 + max(m_r - b, 0) ** 2 for a, b in zip(real, fake, strict=True)]
            assert found.tolist() == pytest.approx(by_hand, rel=1e-6)
        kept.commit()
        real_mean = decay * real_mean + (1 - decay) * sum(real) / 2
        fake_mean = decay * fake_mean + (1 - decay) * sum(fake) / 2


def test_gradient_is_that_of_the_formula():
    """2·relu(D(x) − m_F) and −2·relu(m_R − D(G)), with averages that carry none."""
    kept = OutputAverages(0.5)
    kept.term(torch.tensor([1.0]), torch.tensor([0.25]))
    kept.commit()
    real, fake = torch.tensor([2.0, 0.0], requires_grad=True), torch.tensor([0.5, 3.0], requires_grad=True)
    kept.term(real, fake).sum().backward()
    assert real.grad.tolist() == [3.5, 0.0] and fake.grad.tolist() == [-1.0, 0.0]


def test_heads_and_positions_are_averaged():
    """Of two heads, one with a position that does not count."""
    logits = (torch.tensor([[1.0, 9.0]]), torch.tensor([[2.0, 4.0]]))
    weights = (torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))
    kept, output = OutputAverages(0.5), DiscriminatorOutput(logits, weights=weights)
    kept(SimpleNamespace(on_both=(output, output)))
    kept.commit()
    assert [float(mean) for mean in kept.means()] == [2.0, 2.0]


@pytest.mark.slow
@pytest.mark.parametrize("micro", [2, 4, 8])
def test_micro_batches_are_one_batch(micro):
    one, many = trained(12), trained(12, micro)
    assert averages(one).moves == averages(many).moves == 12
    for a, b in zip(averages(one).means(), averages(many).means(), strict=True):
        assert float(a) == pytest.approx(float(b), rel=1e-5)
    for a, b in zip(one.discriminator.parameters(), many.discriminator.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-5)


def test_nothing_is_lost_by_a_restart(tmp_path):
    whole, half = trained(12), trained(range(5))
    path = save(tmp_path, 5, half, Execution())
    again = game_of(LeCam(0.7, decay=0.8))
    averages(again)(SimpleNamespace(on_both=(DiscriminatorOutput((torch.ones(2),)),) * 2))  # of a move broken off
    load(path, again, Execution())
    trained(range(5, 12), game=again)
    assert averages(again).moves == 12
    assert all(torch.equal(*pair) for pair in zip(averages(whole).means(), averages(again).means(), strict=True))
    both = zip(whole.discriminator.parameters(), again.discriminator.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in both)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.25, 0.5, 2.0])
def test_wasserstein_ends_at_the_gap_of_the_formula(strength):
    """D gains 1 for each unit of D(x) − D(G): with settled averages 1 = 2λ·(D(x) − m_F), the gap is 1/(2λ)."""
    game = game_of(LeCam(strength, decay=0.5), loss="wasserstein", rate=0.003, of_g=1e-12)
    train(game, lambda draw: Batch(torch.full((4, 1), 2.0)), 600, detail_every=600)
    with torch.no_grad():
        real, fake = (game.discriminator(x).logits[0].mean() for x in (torch.full((1, 1), 2.0), game.sample(1)))
    assert float(real - fake) == pytest.approx(1 / (2 * strength), rel=0.02)


def test_in_a_loop_of_ones_own_it_is_the_term():
    penalty, kept = LeCam("linear:1:0", decay=0.8).over(4), OutputAverages(0.8)
    for step in range(4):
        real, fake = torch.randn(6, 3), torch.randn(6, 3)
        term = kept.term(real.mean(1), fake.mean(1)).mean()
        kept.commit()
        assert float(penalty(real, fake, step)) == pytest.approx((1 - step / 4) * float(term), rel=1e-6)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_bad_decays_are_refused(decay):
    with pytest.raises(PoiseError, match="decay of LeCam must be at least 0 and below 1"):
        LeCam(decay=decay)


@pytest.mark.parametrize("name", ["R1", "R2", "LeCam"])
@pytest.mark.parametrize("where", ["generator", "autoencoder", "encoder", "decoder", "model", "vocoder"])
def test_what_is_of_a_discriminator_is_refused_elsewhere(name, where):
    """One check for every recipe."""
    options = SimpleNamespace(lr=1e-3, clip=None, betas=(0.5, 0.99), penalties=[find("penalty", name)()])
    with pytest.raises(PoiseError, match=rf"--{where}\.penalties\+={name}: {name} is a penalty on a discriminator"):
        check_player(where, options, ())
    for fine in ("discriminator", "vocoder-discriminator", "critic"):  # the last of somebody's own recipe
        check_player(fine, options, ())


@pytest.mark.slow
def test_a_run_records_it_and_resumes_bit_for_bit(pictures, tmp_path):  # noqa: F811
    lecam = {"class_path": "LeCam", "init_args": {"strength": 0.5}}
    asked = spec(pictures, discriminator={**TINY, "penalties": [lecam]})
    report = run(asked, tmp_path / "whole")
    assert report.penalties["discriminator/lecam"].share_largest > 0
    rows = RunFolder(tmp_path / "whole").rows()
    assert {row["discriminator/lecam.strength"] for row in rows if "discriminator/lecam.strength" in row} == {0.5}
    stop = Stop()
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "parts", Stopping(11, stop), stop)
    run(asked, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [name for name in all_recipes() if name in ("images", "text", "vocoder", "speech")])
def test_it_is_in_the_help_of_every_recipe_with_a_discriminator(recipe, capsys):
    with pytest.raises(SystemExit):
        main(["train", recipe, "--discriminator.penalties.help", "LeCam"])
    assert "--discriminator.penalties.decay" in capsys.readouterr().out
