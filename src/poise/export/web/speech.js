"use strict";
// A text said: units, their lengths, a log-mel, a wave; as `poise say`.

poise.words = {
  en: {
    text: "Text", say: "Say it", voice: "Voice", speed: "Speed", seed: "Seed", save: "Save as WAV",
    failed: "This browser cannot run the network:", never: "Never heard in training:", strange: "No pinyin with numbers of tones:",
    nothing: "There is nothing to say.",
    syllables: "Pinyin with numbers of tones, such as ni3hao3.", characters: "Small letters; anything else is a pause.",
    phonemes: "Phonemes with blanks between them.",
  },
  zh: {
    text: "文本", say: "朗读", voice: "声音", speed: "语速", seed: "随机种子", save: "保存为 WAV",
    failed: "此浏览器无法运行该网络：", never: "训练中从未听到：", strange: "不是带声调数字的拼音：", nothing: "没有可朗读的内容。",
    syllables: "带声调数字的拼音，例如 ni3hao3。", characters: "小写字母；其他内容为停顿。", phonemes: "音素，以空格分隔。",
  },
};

const ABOUT = poise.about;
const PHONES = new Map(ABOUT.phones.map((phone, i) => [phone, i + 1]));
const TONES = new Map(ABOUT.tones.map((tone, i) => [tone, i]));
const work = poise.queue();
let play = null;

const complain = (word, what = "") => { throw new Error(`${poise.words[poise.language][word]} ${what}`); };

// Parts of a word that are spellings, the longest first that leaves a rest which is possible; null where there is no way.
const segmented = (word, spellings, notFirst) => {
  const ends = new Array(word.length + 1).fill(null);
  ends[word.length] = [];
  for (let start = word.length - 1; start >= 0; start -= 1) {
    if (start && notFirst.includes(word[start])) continue;
    for (let end = Math.min(word.length, start + 6); end > start && !ends[start]; end -= 1) {
      const part = word.slice(start, end);
      if (ends[end] && spellings.has(part)) ends[start] = [part, ...ends[end]];
    }
  }
  return ends[0];
};

const SPELLINGS = new Map(Object.entries(ABOUT.spellings));
// The name of a letter is taken only alone and with a number.
const WHOLE = new Set([...SPELLINGS.keys()].filter((spelt) => SPELLINGS.get(spelt).length > 1 || !SPELLINGS.get(spelt)[0].endsWith("-")));

poise.pinyin = (text) => {
  const plain = text.toLowerCase().normalize("NFC").replaceAll("u:", "v").replaceAll("ü", "v").replaceAll("ê", "eh");
  const found = [];
  for (const [all, word = "", number = ""] of plain.matchAll(/([a-z]+)([0-9]?)|[\p{L}\p{N}_\u0300-\u036f]/gu)) {
    let parts = segmented(word, WHOLE, "aeo") || segmented(word, WHOLE, "");
    if (number && SPELLINGS.has(word)) parts = [word];
    if (!parts || !parts.length || number > "5") complain("strange", all);
    parts.forEach((part, i) => {
      const tone = i < parts.length - 1 || ["", "0"].includes(number) ? "5" : number;
      found.push(SPELLINGS.get(part).map((phone) => [phone, tone]));
    });
  }
  return found;
};

// As in training: small letters, what cannot be seen left out, what training never had blanks.
const FOLDED = new Map(Object.entries(ABOUT.folded));
const INVISIBLE = /[\p{Cf}\u034f\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const SEEN = /[\u200b\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;
poise.spelt = (text) => {
  let plain = "";
  for (const found of text.normalize("NFC")) {
    for (const letter of FOLDED.get(found) || found.toLowerCase()) {
      if (PHONES.has(letter)) plain += letter;
      else if (INVISIBLE.test(letter) && !SEEN.test(letter)) continue;
      else plain += " ";
    }
  }
  return plain.split(/\s+/).filter(Boolean);
};

const SPLIT = {
  syllables: poise.pinyin,
  phonemes: (text) => [text.split(/\s+/).filter(Boolean).map((symbol) => {
    const phone = symbol.replace(/\d+$/, "") || symbol;
    return [phone, symbol.slice(phone.length)];
  })],
  characters: (text) => [[...poise.spelt(text).join(PHONES.has(" ") ? " " : "")].map((letter) => [letter, ""])],
};

// Numbers of phones and tones, in parts that are said by themselves.
poise.parts = (text) => {
  const found = SPLIT[ABOUT.units](text).filter((part) => part.length).map((part) => part.map(([phone, tone]) => {
    if (!PHONES.has(phone) || !TONES.has(tone)) complain("never", phone + tone);
    return [PHONES.get(phone), TONES.get(tone)];
  }));
  if (!found.length) complain("nothing");
  return ABOUT.whole && ABOUT.single ? found : [found.flat()];
};

const whole = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
const halfToEven = (value) => {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
};

// The log-mel [M,F] of one part.
poise.melOf = async (part, voice, speed, noise) => {
  const phones = whole(part.map(([phone]) => phone));
  const tones = whole(part.map(([, tone]) => tone));
  const who = new ort.Tensor("int64", BigInt64Array.from([voice], BigInt), [1]);
  const { codes, frames: planned } = await poise.sessions.read.run({ phones, tones, voice: who });
  const frames = Array.from(planned.data, (value) => Math.max(1, Math.min(2000, halfToEven(value / speed))));
  const unit = frames.flatMap((count, i) => new Array(count).fill(i));
  const place = frames.flatMap((count) => Array.from({ length: count }, (_, i) => (i + 0.5) / count));
  const found = await poise.sessions.speak.run({
    noise: new ort.Tensor("float32", noise, [1, ABOUT.noise]), codes, voice: who, unit: whole(unit),
    place: new ort.Tensor("float32", Float32Array.from(place), [1, place.length]),
  });
  return found.log_mel;
};

const faded = (waves) => {
  let found = waves[0];
  waves.slice(1).forEach((wave, i) => {
    const n = Math.min(Math.round(ABOUT.fade * ABOUT.rate), Math.floor(waves[i].length / 2), Math.floor(wave.length / 2));
    const joined = new Float32Array(found.length + wave.length - n);
    joined.set(found);
    const start = found.length - n;
    for (let k = 0; k < n; k += 1) {
      const rising = (1 - Math.cos(Math.PI * (k + 0.5) / n)) / 2;
      joined[start + k] += rising * (wave[k] - joined[start + k]);
    }
    joined.set(wave.subarray(n), found.length);
    found = joined;
  });
  return found;
};

// Samples [S] and the log-mels [M,F] of the parts; `noises`: one for each part.
poise.sayParts = async (parts, voice, speed, noises) => {
  const waves = [];
  const mels = [];
  for (const [i, part] of parts.entries()) {
    const mel = await poise.melOf(part, voice, speed, noises[i]);
    mels.push(mel);
    waves.push(await poise.waveOf(mel.data, mel.dims[1]));
  }
  return { samples: faded(waves), mels };
};

const beside = (mels) => {
  const bands = mels[0].dims[1];
  const frames = mels.reduce((sum, mel) => sum + mel.dims[2], 0);
  const joined = new Float32Array(bands * frames);
  let start = 0;
  for (const mel of mels) {
    const own = mel.dims[2];
    for (let band = 0; band < bands; band += 1) joined.set(mel.data.subarray(band * own, (band + 1) * own), band * frames + start);
    start += own;
  }
  return joined;
};

const draw = async () => {
  const value = (id) => document.getElementById(id).value;
  const parts = poise.parts(value("text"));
  const began = performance.now();
  const numbers = poise.normal(Number(value("seed")), parts.length * ABOUT.noise);
  const noises = parts.map((_, i) => numbers.slice(i * ABOUT.noise, (i + 1) * ABOUT.noise));
  const { samples, mels } = await poise.sayParts(parts, Number(value("voice")), Number(value("speed")), noises);
  play(samples, ABOUT.rate, beside(mels), mels[0].dims[1], "said.wav");
  document.body.dataset.milliseconds = String(Math.round(performance.now() - began));
  poise.say("");
};

const build = () => {
  const again = () => work(draw);
  const text = poise.control("text", "input", { type: "text", size: 40, dir: "auto" });
  text.value = ABOUT.example;
  text.addEventListener("change", again);
  poise.button("say", again);
  const voice = poise.control("voice", "select");
  ABOUT.voices.forEach((name, i) => voice.append(new Option(name || String(i + 1), String(i))));
  voice.addEventListener("change", again);
  poise.control("speed", "input", { type: "range", min: 0.5, max: 2, step: 0.1, value: 1 }).addEventListener("input", again);
  poise.seed(again);
  const note = document.createElement("p");
  note.className = "note";
  note.dataset.word = ABOUT.units;
  document.getElementById("result").append(note);
  play = poise.player();
};

poise.start(build, draw);
