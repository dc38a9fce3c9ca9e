"""Waves to spectra and back: exact inverses, where a tone lies, which samples a frame sees, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from poise.audio.spectrograms import (
    FLOOR,
    LOWEST,
    Mel,
    frames_of,
    inverse_stft,
    magnitude,
    mel_filters,
    overlap_add,
    stft,
)
from poise.errors import PoiseError

SIZES = [(16, 8), (64, 16), (60, 24), (128, 50), (512, 128), (96, 34)]  # window, hop; some hops are no divisors


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize(("window", "hop"), SIZES)
def test_the_inverse_gives_the_wave_back(window, hop):
    wave = noise(2, 7 * hop)
    spectrum = stft(wave, window, hop)
    assert spectrum.shape == (2, 7, window // 2 + 1)
    assert (inverse_stft(spectrum, window, hop) - wave).abs().max() < 1e-12


@pytest.mark.parametrize(("window", "hop"), SIZES)
def test_a_transform_by_the_definition(window, hop):
    """X_fk = sum_n w_n x_n exp(-2 pi i k n / W), w periodic, frame f centred on (f + 1/2)·hop, silence outside."""
    wave, f, k = noise(1, 5 * hop), 3, 2
    first = (window - hop) // 2
    padded = torch.cat([torch.zeros(first), wave[0], torch.zeros(window)]).double()
    n = torch.arange(window, dtype=torch.float64)
    weighted = padded[f * hop : f * hop + window] * (0.5 - 0.5 * torch.cos(2 * math.pi * n / window))
    angle = 2 * math.pi * k * n / window
    wanted = torch.complex((weighted * angle.cos()).sum(), -(weighted * angle.sin()).sum())
    assert (stft(wave, window, hop)[0, f, k] - wanted).abs() < 1e-12
    assert f * hop - first + window / 2 == (f + 0.5) * hop


def test_the_inverse_is_the_nearest_wave_of_a_spectrum_that_is_none():
    """Least squares: no change of the wave brings its transform nearer to the spectrum."""
    window, hop = 32, 12
    spectrum = torch.complex(noise(1, 6, 17), noise(1, 6, 17, seed=1))
    spectrum[..., (0, -1)] = spectrum[..., (0, -1)].real.to(spectrum.dtype)
    wave = inverse_stft(spectrum, window, hop).requires_grad_()
    # over all frequencies, of which a real wave's transform has half; the kept samples only
    away = torch.fft.irfft(spectrum, n=window) - torch.fft.irfft(stft(wave, window, hop), n=window)
    (slope,) = torch.autograd.grad(away.square().sum(), wave)
    assert slope.abs().max() < 1e-12
    assert away.square().sum() > 0.1


def test_overlap_add_by_hand():
    framed = torch.tensor([[[1.0, 2, 3], [10, 20, 30], [100, 200, 300]]])
    assert overlap_add(framed, 2).tolist() == [[1, 2, 13, 20, 130, 200, 300]]
    assert overlap_add(framed, 1).tolist() == [[1, 12, 123, 230, 300]]
    assert overlap_add(framed, 3).tolist() == [[1, 2, 3, 10, 20, 30, 100, 200, 300]]


def test_frames_of_samples():
    assert frames_of(noise(1, 100), 32, 10).shape == (1, 10, 32)
    assert frames_of(noise(1, 109), 32, 10).shape == (1, 10, 32)
    assert frames_of(noise(1, 100), 32, 10, padded=False).shape == (1, 7, 32)
    mel = Mel(8000, 64, 16, 8)
    assert [mel.frames(samples) for samples in (0, 15, 16, 47, 48)] == [0, 0, 1, 2, 3]
    assert mel.context == 24
    assert mel(noise(3, 48)).shape == (3, 8, 3) == mel(noise(3, 1, 48)).shape


def test_magnitudes_have_a_gradient_in_silence():
    wave = torch.zeros(1, 64, requires_grad=True)
    found = magnitude(wave, 16, 8)
    assert (found == 1e-6).all()
    found.sum().backward()
    assert wave.grad is not None and (wave.grad == 0).all()
    loud = noise(2, 64)
    assert (magnitude(loud, 16, 8) - stft(loud, 16, 8).abs()).abs().max() < 1e-12


@pytest.mark.parametrize(("hertz", "peak"), [(250.0, 0.5), (1000.0, 0.1), (3500.0, 0.9)])
def test_a_tone_is_in_its_band_with_its_size(hertz, peak):
    """A tone on frequency k of the transform has |X_k| = A/2·sum w and |X_k±1| = A/4·sum w, through the filter."""
    mel = Mel(8000, 256, 64, 20)
    k = round(hertz * 256 / 8000)
    assert k * 8000 / 256 == hertz
    wave = peak * torch.sin(2 * math.pi * hertz * torch.arange(1280, dtype=torch.float64) / 8000 + 0.3)
    found = mel(wave[None])[0, :, 8].exp()
    filters = mel.filters().double()
    size = torch.full((129,), 1e-6, dtype=torch.float64)  # what silence counts as
    size[k - 1 : k + 2] = peak / 2 * 128 * torch.tensor([0.5, 1, 0.5], dtype=torch.float64)
    assert (found / (filters @ size).clamp_min(FLOOR) - 1).abs().max() < 1e-9
    centres = (filters * torch.linspace(0, 4000, 129)).sum(1) / filters.sum(1)
    assert (centres - hertz).abs().argmin() == found.argmax()


def test_filters_are_triangles_of_equal_area():
    """Area 1 over hertz, one peak each; equal steps of 200/3 Hz below 1 kHz, equal ratios above."""
    filters = mel_filters(16_000, 8192, 40).double()
    assert ((filters * 16_000 / 8192).sum(1) - 1).abs().max() < 2e-3
    peaks = filters.argmax(1) * 16_000 / 8192
    below, above = peaks[peaks < 1000], peaks[peaks > 1100]
    assert (below.diff() - below.diff().mean()).abs().max() < 4
    ratios = above[1:] / above[:-1]
    assert (ratios / ratios.mean() - 1).abs().max() < 5e-3
    step = (15 + 27 * math.log(8) / math.log(6.4)) / 41  # mel; 8 kHz are 15 + 27 log_6.4 8
    assert (below.diff().mean() - step * 200 / 3).abs() < 1
    assert (ratios.mean() / 6.4 ** (step / 27) - 1).abs() < 1e-3
    narrow = mel_filters(16_000, 8192, 10, 300, 3400)
    inside = narrow.any(0).nonzero().flatten() * 16_000 / 8192
    assert 300 <= inside.min() < 304 and 3396 < inside.max() <= 3400


def test_a_segment_with_its_context_has_the_frames_of_the_clip():
    mel = Mel(8000, 96, 34, 12)
    clip = noise(1, 20 * 34)
    whole = mel(clip)
    for first, frames in ((0, 20), (3, 5), (17, 3), (0, 1), (19, 1)):
        start, end = first * 34 - mel.context, (first + frames) * 34 + mel.context
        around = torch.nn.functional.pad(clip, (mel.context, mel.context))[:, start + mel.context : end + mel.context]
        assert (mel(around, padded=False) - whole[..., first : first + frames]).abs().max() < 1e-12


def test_silence_is_the_lowest_value():
    mel = Mel()
    assert (mel(torch.zeros(1, 1280)) == LOWEST).all() and LOWEST == pytest.approx(math.log(1e-5))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened(dtype):
    """Spectra are computed in float32, inside an autocast too."""
    mel, wave = Mel(8000, 64, 16, 8), noise(1, 160, dtype=torch.float32)
    assert torch.equal(mel(wave.to(dtype)), mel(wave.to(dtype).float()))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mel(wave), Mel(8000, 64, 16, 8)(wave)) and mel(wave).dtype == torch.float32
    assert mel(wave.double()).dtype == torch.float64


def test_tables_are_kept_for_few_lengths():
    """Clips of many lengths do not fill the memory."""
    from poise.audio.spectrograms import _envelope

    for count in range(1, 40):
        inverse_stft(torch.zeros(1, count, 9, dtype=torch.complex64), 16, 8)
    assert _envelope.cache_info().currsize <= 8


REFUSED = {
    "rate": ({"rate": 1000}, r"--rate 1000: give 4,000 to 96,000"),
    "window of odd size": ({"window": 511}, r"--window 511: give an even number of samples from 16, such as 512"),
    "window of nothing": ({"window": 8, "hop": 4}, r"--window 8: give an even number"),
    "hop too long": ({"hop": 258}, r"--hop 258: .*--window 512 .*even hop from 8 to 256, such as 128"),
    "odd hop": ({"hop": 127}, r"--hop 127: .*even hop"),
    "hop of nothing": ({"hop": 0}, r"--hop 0: .*from 8"),
    "hop of a short window": ({"window": 20, "hop": 12, "bands": 4}, r"--hop 12: .*from 8 to 10, such as 8"),
    "low below 0": ({"low": -1.0}, r"--low -1 and --high 8000: the mel bands go from 0"),
    "low above high": ({"low": 500.0, "high": 400.0}, r"--low 500 and --high 400"),
    "high above the half": ({"high": 8001.0}, r"--high 8001: .*half of --rate 16000, which is 8000"),
    "few bands": ({"bands": 3}, r"--bands 3: give at least 4"),
    "empty bands": ({"bands": 400}, r"--bands 400: \d+ of the mel bands .* of --window 512 .*fewer --bands or a lon"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_arithmetic_that_does_not_fit_names_the_number_to_change(change, message):
    with pytest.raises(PoiseError, match=message):
        Mel(**change)


def test_what_is_said_to_fit_fits():
    assert Mel(window=20, hop=8, bands=4).hop == 8
    assert Mel(high=8000.0).filters().equal(Mel().filters())
    assert Mel(**Mel(8000, 64, 16, 8, 50.0, 3000.0).to_dict()) == Mel(8000, 64, 16, 8, 50.0, 3000.0)


@pytest.mark.parametrize(("window", "hop"), SIZES)
def test_the_transforms_as_matrices_are_the_transforms(window, hop):
    """Log-mels of waves, and waves of spectra, also of those that belong to no wave."""
    from poise.audio.matrices import MatrixInverse, MatrixMel

    mel = Mel(rate=16_000, window=window, hop=hop, bands=4)
    rng = torch.Generator().manual_seed(0)
    wave = torch.randn(2, 30 * hop, generator=rng) * 0.1
    assert torch.allclose(MatrixMel(mel)(wave), mel(wave), atol=1e-4)
    spectrum = torch.randn(2, 9, window // 2 + 1, 2, generator=rng)
    wanted = inverse_stft(torch.view_as_complex(spectrum), window, hop)
    assert torch.allclose(MatrixInverse(window, hop)(*spectrum.unbind(-1)), wanted, atol=1e-5)
