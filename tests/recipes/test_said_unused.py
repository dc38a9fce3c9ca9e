"""Options that nothing uses are told, in a line of the run's notes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from poise.errors import PoiseError
from poise.recipes.speech.outputs import unused
from poise.recipes.text.build import language
from poise.recipes.text.options import SentenceOptions


@pytest.mark.slow
def test_of_a_made_up_language_nothing_is_read():
    plain, asked = (
        language("oracle", SentenceOptions(share=0.1)),
        language("oracle", SentenceOptions(column="0", share=0.1)),
    )
    line = "oracle: its sequences are made and not read, so only --share is used of how to read them"
    assert line not in plain.notes and line in asked.notes
    assert plain.fingerprint == asked.fingerprint


@pytest.mark.parametrize("share", [-3.0, 0.0, 1.5])
def test_the_share_of_a_made_up_language_is_checked(share):
    with pytest.raises(PoiseError, match=r"--share .* is not possible: give a share above 0 and up to 1"):
        language("oracle", SentenceOptions(share=share))


def test_with_a_finished_vocoder_options_of_one_are_said_to_do_nothing():
    options = SimpleNamespace(depth=1, width=1, norm="none")
    player = SimpleNamespace(name="some", network="convolutional", options=options)
    setup = SimpleNamespace(generator=player, discriminator=player)
    players = SimpleNamespace(mels=SimpleNamespace(discriminator=None), waves=None)
    (line,) = unused(setup, setup, players)
    assert line == (
        "--vocoder..., --l2-vocoder, --l2-vocoder-discriminator and --stft are not used, as it speaks with a finished "
        "vocoder"
    )
