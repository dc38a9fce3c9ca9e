"use strict";
// What pages of sound share: a player, a file to keep, a picture of a log-mel spectrogram.

// Samples [S] in [−1, 1] as a WAV file in 16-bit PCM; a clip that is too loud is made quieter as a whole.
poise.wav = (samples, rate) => {
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = peak > 1 - 2 ** -15 ? 0.99 / peak : 1;
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const letters = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  letters(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true);
  letters(8, "WAVEfmt "); view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true); view.setUint16(32, 2, true);
  view.setUint16(34, 16, true); letters(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.round(32768 * scale * value), true));
  return new Blob([view.buffer], { type: "audio/wav" });
};

// The log-mel [M,F], low bands below.
poise.spectrogram = (canvas, mel, bands) => {
  const frames = mel.length / bands;
  canvas.width = frames;
  canvas.height = bands;
  const image = canvas.getContext("2d").createImageData(frames, bands);
  const lowest = mel.reduce((a, b) => Math.min(a, b), Infinity);
  const highest = mel.reduce((a, b) => Math.max(a, b), -Infinity);
  for (let band = 0; band < bands; band += 1) {
    for (let frame = 0; frame < frames; frame += 1) {
      const share = (mel[band * frames + frame] - lowest) / (highest - lowest || 1);
      const at = 4 * ((bands - 1 - band) * frames + frame);
      image.data.set([255 * Math.min(1, 1.6 * share), 255 * share * share, 90 + 100 * share * (1 - share), 255], at);
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
};

// A player with a picture of what it plays, below the controls.
poise.player = () => {
  const figure = document.createElement("figure");
  const audio = document.createElement("audio");
  audio.controls = true;
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "log-mel");
  const link = document.createElement("a");
  link.dataset.word = "save";
  figure.className = "sound";
  figure.append(audio, canvas, link);
  document.getElementById("result").append(figure);
  return (samples, rate, mel, bands, name) => {
    if (link.href) URL.revokeObjectURL(link.href);
    const address = URL.createObjectURL(poise.wav(samples, rate));
    audio.src = address;
    link.href = address;
    link.download = name;
    poise.spectrogram(canvas, mel, bands);
  };
};

poise.waveOf = async (mel, bands) => {
  const tensor = new ort.Tensor("float32", mel, [1, bands, mel.length / bands]);
  return (await poise.sessions.vocoder.run({ log_mel: tensor })).wave.data;
};
