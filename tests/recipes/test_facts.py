"""What a run keeps: the same table in spec.json as ever, and what is read of a table that is old, odd or damaged."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from poise.disk.description import PerStep
from poise.recipes.images.facts import ImageFacts
from poise.recipes.speech.facts import Borrowed, SpeechFacts
from poise.recipes.text.facts import SentenceFacts
from poise.recipes.vae.facts import VaeFacts
from poise.recipes.vocoder.facts import VocoderFacts
from poise.registry import HOMES
from poise.specs.spec import kind_of

OLD = Path(__file__).parents[1] / "fixtures" / "f6218b1"
READ = PerStep("audio seconds", "8 x 0.5 s", {"": 4.0})
BY = {"device": "cpu", "precision": "fp32", "threads": 1}
PICTURES = {"size": 16, "channels": 1, "classes": ["a"], "data": "d", "fingerprint": "f"}
SOUNDS = {
    "data": "d", "mel": {"rate": 8000}, "recordings": {"data": "x"}, "fingerprint": "f", "stages": [["spectral", 3]],
    "learning_rates": {"spectral": "warm_lr"}, **BY,
}  # fmt: skip
LATENTS = {
    "objective": "vae", "asked": {"beta": 1.0}, "deterministic": False, "latent_size": 4, "likelihood": "bernoulli",
    "sigma": None, "latents": "prior", "stages": [["likelihood", 4]], "nats": {"of": "pictures"},
}  # fmt: skip
STEP = {"per_step": {"unit": "audio seconds", "size": "8 x 0.5 s", "amounts": {"": 4.0}}}
SAID = {
    "units": {"kind": "syllables"},
    "voices": [""],
    "whole": True,
    "single": False,
    "texts": [["a", 0]],
    "roles": {},
}
LENT = {"network": "vocos", "width": 4, "depth": 1, "norm": "none", "weights": "w"}
TEXT = {"data": "d", "units": {"kind": "word"}, "ends": True, "length": 9, "fingerprint": "f", "counts": {"read": 3}}
# Kind -> tables that its runs write, keys in this order.
TABLES = {
    "images": (ImageFacts, [PICTURES | {"augment": "none"} | BY]),
    "vae": (VaeFacts, [PICTURES | BY | LATENTS, PICTURES | BY | LATENTS | {"roles": {"adversarial": {}}}]),
    "text": (SentenceFacts, [TEXT | {"stages": [["a", 3]], "learning_rates": {}, "not_advised": ["R1"]} | BY]),
    "language": (SentenceFacts, [{**dict(list(TEXT.items())[:3]), "running": True, **TEXT} | BY | STEP]),
    "vocoder": (VocoderFacts, [SOUNDS | STEP]),
    "speech": (SpeechFacts, [SOUNDS | SAID | {"vocoder": None} | STEP, SOUNDS | SAID | {"vocoder": LENT} | STEP]),
}


def test_every_recipe_of_poise_has_facts_of_its_own():
    assert {name: kind_of(name).facts for name in HOMES["recipe"]} == {name: kind for name, (kind, _) in TABLES.items()}


@pytest.mark.parametrize("recipe", TABLES)
def test_the_table_of_a_run_is_as_it_was(recipe):
    """The same keys in the same order, optional ones only where they are told, and none that the run did not write."""
    kind, tables = TABLES[recipe]
    for table in tables:
        facts = kind.from_dict(table)
        assert json.dumps(facts.to_dict()) == json.dumps(table)
        assert kind.from_dict({**table, "of tomorrow": 3}) == facts, "keys that nobody knows do not matter"


@pytest.mark.parametrize("recipe", ["images", "vae"])
def test_a_square_is_a_number_and_a_rectangle_what_the_user_wrote(recipe):
    kind, (table, *_) = TABLES[recipe]
    square = kind.from_dict(table)
    assert square.size == 16 == square.sides and square.shape == (1, 16, 16)
    facts = kind.from_dict({**table, "size": "96x64"})
    assert facts.sides == (64, 96) and facts.shape == (1, 64, 96)
    assert json.dumps(facts.to_dict()) == json.dumps({**table, "size": "96x64"})


@pytest.mark.parametrize("recipe", TABLES)
def test_what_a_damaged_table_lacks_or_has_otherwise_is_named(recipe):
    kind, (table, *_) = TABLES[recipe]
    optional = {entry.name for entry in fields(kind) if entry.default is not MISSING} | kind.earlier.keys()
    for key in table.keys() - optional:
        with pytest.raises(KeyError, match=key):
            kind.from_dict({name: value for name, value in table.items() if name != key})
    for key in table:
        with pytest.raises(TypeError, match=f"{key} is "):
            kind.from_dict({**table, key: {1, 2}})


def test_parts_of_a_table_are_objects():
    facts = SpeechFacts.from_dict(TABLES["speech"][1][1])
    assert facts.vocoder == Borrowed("vocos", 4, 1, "none", "w") and facts.per_step == READ
    with pytest.raises(TypeError, match="width"):
        SpeechFacts.from_dict({**TABLES["speech"][1][0], "vocoder": {"network": "vocos"}})


def test_what_earlier_versions_did_not_write():
    (table, *_) = TABLES["speech"][1]
    old = {name: value for name, value in table.items() if name not in ("single", "learning_rates")}
    assert SpeechFacts.from_dict(old).single is True and SpeechFacts.from_dict(old).learning_rates == {}
    for spec in (json.loads(path.read_text()) for path in sorted(OLD.glob("**/spec.json"))):
        found = kind_of(spec["recipe"]).facts.from_dict(spec["facts"])
        assert json.dumps(found.to_dict()) == json.dumps(spec["facts"]), "what they wrote is what is read"
