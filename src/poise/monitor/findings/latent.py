"""Symptoms of auto-encoders with a prior over their latents.

Theory. In a linear VAE, a principal direction of variance l is kept by a decoder with noise s^2 where l > s^2 (Lucas et
al. 2019); under the penalty (λ/2)|W|^2 on the decoder, per picture, where l > s^2 + λ s^4. So a large noise, a large
weight of the KL (which acts as noise) and L2 on the decoder all collapse units.
"""

from __future__ import annotations

from statistics import fmean

from poise.monitor.findings.advice import Idea, advice, idea
from poise.monitor.findings.finding import Finding, Record, Severity
from poise.monitor.findings.windows import Series, holding
from poise.registry import register

PROBES = 8
NOTHING = 0.1  # nats per picture: a rate that tells a decoder nothing
MOST = 0.25  # share of active units below which most are not


@register("symptom", "posterior collapse")
def posterior_collapse(record: Record) -> Finding | None:
    """The posterior is the prior: in all units, and the decoder works without them; or in most, which is worth knowing.

    Every encoder begins like that, so one whose rate still grows is given time.
    """
    for player in record.players("rate"):
        rate, active = record.series(f"{player}/rate"), record.series(f"{player}/active_units")
        units = int(record.series(f"{player}/units").tail(1))
        if units < 1 or rate.steps != active.steps or _grows(rate):
            continue
        told = Series(rate.steps, [0.0 if n < 1 else r for r, n in zip(rate.values, active.values, strict=True)])
        all_since = holding(told, lambda nats: nats < NOTHING, least=PROBES)
        share = Series(active.steps, [n / units for n in active.values])
        most_since = holding(share, lambda part: part < MOST, least=PROBES)
        if all_since is not None:
            return _collapse(record, player, units, all_since, whole=True)
        if most_since is not None and record.part_done(rate.steps[-1]) >= 1 / 4:
            return _collapse(record, player, units, most_since, whole=False)
    return None


def _grows(s: Series) -> bool:
    """Whether the mean of the last 4 probes is a quarter above that of the 4 before."""
    return len(s) >= PROBES and fmean(s.values[-4:]) > 1.25 * fmean(s.values[-8:-4])


def _collapse(record: Record, player: str, units: int, since: int, whole: bool) -> Finding:
    """Of all latents, or of most."""
    numbers = _numbers(record, player, units)
    rate, active = numbers["rate"], numbers["active units"]
    severity: Severity = "critical"
    smaller = None
    sentence = (
        f"The latents tell the decoder {rate:.2g} nats of a picture, and {active:.0f} of {units} units are active: it "
        "decodes without them, and all that it makes is alike."
    )
    if not whole:
        severity, smaller = "note", idea(f"a smaller {{}} (now {units}), which would do the same", "latent-size")
        sentence = (
            f"{active:.0f} of {units} latent units are active ({rate:.3g} nats of a picture); the others hold noise, "
            "which the decoder ignores."
        )
    remedies = advice(record, *_remedies(record, player), smaller)
    return Finding("posterior collapse", severity, since, sentence, remedies, numbers)


def _numbers(record: Record, player: str, units: int) -> dict[str, float]:
    rate, active, beta = (record.series(f"{player}/{name}") for name in ("rate", "active_units", "beta"))
    return {
        "rate": round(rate.tail(PROBES), 4),
        "active units": round(active.last, 1),
        "units": float(units),
        **({"beta": beta.last} if len(beta) else {}),
    }


def _remedies(record: Record, player: str) -> list[Idea | None]:
    """What is not in force yet, or could be weaker."""
    beta = record.series(f"{player}/beta")
    now = beta.last if len(beta) else 1.0
    asked, bits = record.argument("beta", now), record.argument("free_bits", 0.0)
    l2 = record.series(f"{player}/l2_decoder.strength").tail(1)
    steps = max(record.stage.steps // 4, 1) if record.stage.steps else 1000
    return [
        idea(f"a warm-up of the KL ({{}} warmup:{now:g}:{steps})", "beta")
        if ":" not in str(asked) and now > 0
        else None,
        idea(f"{{}} {now / 4:.2g} (now {now:.2g})", "beta") if now > 1 else None,
        idea(f"{{}} {2 * float(bits) or 0.05:g}", "free-bits") if record.argument("micro_batches", 1) == 1 else None,
        idea(f"a lower {{}} (now {l2:.2g}; L2 there collapses units)", "l2-decoder") if l2 > 0 else None,
        idea("{} learned", "sigma") if isinstance(record.argument("sigma"), int | float) else None,
    ]
