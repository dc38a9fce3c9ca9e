"use strict";
// A recording through its log-mel and back, as `poise vocode`.

poise.words = {
  en: {
    recording: "A sound file of yours; it stays on this computer", save: "Save as WAV", failed: "This browser cannot run the network:",
    before: "as it is", after: "again, from its log-mel", cut: "Of this sound, the first 30 seconds.",
  },
  zh: {
    recording: "选择一个声音文件（不会离开本机）", save: "保存为 WAV", failed: "此浏览器无法运行该网络：", before: "原声",
    after: "由对数梅尔谱重建", cut: "只取此声音的前 30 秒。",
  },
};

const ABOUT = poise.about;
const LONGEST = 30; // seconds
const work = poise.queue();
let original = null;
let copy = null;

// Samples [S] -> what the vocoder makes of them, as long as they, and the log-mels [M,F] of both.
poise.copied = async (samples) => {
  const padded = new Float32Array(Math.ceil(samples.length / ABOUT.hop) * ABOUT.hop);
  padded.set(samples);
  const mel = async (wave) => (await poise.sessions.mel.run({ wave: new ort.Tensor("float32", wave, [1, wave.length]) })).log_mel;
  const heard = await mel(padded);
  const wave = await poise.waveOf(heard.data, heard.dims[1]);
  return { wave: wave.slice(0, samples.length), heard, again: await mel(wave) };
};

const show = async (samples) => {
  const began = performance.now();
  const { wave, heard, again } = await poise.copied(samples);
  original(samples, ABOUT.rate, heard.data, heard.dims[1], "before.wav");
  copy(wave, ABOUT.rate, again.data, again.dims[1], "after.wav");
  document.body.dataset.milliseconds = String(Math.round(performance.now() - began));
  poise.say("");
};

const chosen = async (file) => {
  const context = new OfflineAudioContext(1, 1, ABOUT.rate);
  const decoded = await context.decodeAudioData(await file.arrayBuffer());
  await show(mono(decoded).slice(0, LONGEST * ABOUT.rate));
  if (decoded.length > LONGEST * ABOUT.rate) poise.say(poise.words[poise.language].cut);
};

// The mean of all channels.
const mono = (sound) => {
  const samples = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel += 1) {
    const data = sound.getChannelData(channel);
    for (let i = 0; i < samples.length; i += 1) samples[i] += data[i] / sound.numberOfChannels;
  }
  return samples;
};

// Two seconds of a voice-like sound, so that there is something to see before a file is chosen.
const example = () => {
  const samples = new Float32Array(2 * ABOUT.rate);
  for (let i = 0; i < samples.length; i += 1) {
    const t = i / ABOUT.rate;
    for (let k = 1; k * 180 < ABOUT.rate / 2 && k <= 12; k += 1) {
      samples[i] += 0.1 / k * Math.sin(2 * Math.PI * k * (140 * t + 10 * Math.sin(3 * t))) * Math.abs(Math.sin(6 * t));
    }
  }
  return samples;
};

const build = () => {
  const file = poise.control("recording", "input", { type: "file", accept: "audio/*" });
  file.addEventListener("change", () => { if (file.files.length) work(() => chosen(file.files[0])); });
  const heading = (word) => {
    const made = document.createElement("h2");
    made.dataset.word = word;
    document.getElementById("result").append(made);
  };
  heading("before");
  original = poise.player();
  heading("after");
  copy = poise.player();
};

poise.start(build, () => show(example()));
