"use strict";
// Sentences, one unit at a time, from the same law as `poise sample`: temperature, top-k, top-p, a beginning.

poise.words = {
  en: {
    another: "New sentences", seed: "Seed", count: "How many", temperature: "Temperature", topk: "Top k (0: all)",
    topp: "Top p", start: "Begin with", copy: "Copy", failed: "This browser cannot run the network:",
    strange: "The vocabulary does not know:", long: "The beginning is too long.", empty: "(nothing)",
  },
  zh: {
    another: "换一批", seed: "随机种子", count: "数量", temperature: "温度", topk: "Top k（0：全部）", topp: "Top p",
    start: "以此开头", copy: "复制", failed: "此浏览器无法运行该网络：", strange: "词表中没有：", long: "开头太长。",
    empty: "（空）",
  },
};

const ABOUT = poise.about;
const IDS = new Map(ABOUT.names.map((name, id) => [name, id]));
const SMALL = new Set(ABOUT.more[0] || []);
const CLOSING = new Set(".,;:!?)]}%’”»…。，、；：！？）」』】》");
const OPENING = new Set("([{“‘«„‚¿¡$£€（「『【《");
const EITHER = new Set("\"'");
const PAUSES = new Set(",:;—–-");
const work = poise.queue();

const isWord = (unit) => /^[\p{L}\p{N}]/u.test(unit);
const capitalised = (word) => {
  const [first, ...rest] = word;
  const capital = first.toUpperCase();
  return [...capital].length === 1 && capital.toLowerCase() === first ? capital + rest.join("") : word;
};
const firstWord = (units) => {
  const at = units.findIndex((unit) => isWord(unit) || unit === "<unknown>");
  return at < 0 ? units.length : at;
};
const opensQuote = (units, i, opened) => {
  const quote = units[i];
  if (opened.delete(quote)) return false;
  if (units.indexOf(quote, i + 1) >= 0) { opened.add(quote); return true; }
  const before = i > 0 ? units[i - 1] : "";
  const after = i + 1 < units.length ? units[i + 1] : "";
  return i === 0 || OPENING.has(before) || (PAUSES.has(before) && /^\p{Lu}/u.test(after));
};
const joinedWords = (given) => {
  const units = [...given];
  const first = firstWord(units);
  if (first < units.length && SMALL.has(units[first])) units[first] = capitalised(units[first]);
  let text = "";
  let glued = true;
  const opened = new Set();
  units.forEach((unit, i) => {
    const opens = OPENING.has(unit) || (EITHER.has(unit) && opensQuote(units, i, opened));
    const closes = !opens && (CLOSING.has(unit) || EITHER.has(unit));
    text += glued || closes ? unit : ` ${unit}`;
    glued = opens && !/^\p{M}/u.test(i + 1 < units.length ? units[i + 1] : "x");
  });
  return text;
};
const JOINED = {
  word: joinedWords,
  character: (units) => units.join(""),
  piece: (units) => units.join("").replaceAll("▁", " ").trim(),
};
poise.joined = (ids) => (JOINED[ABOUT.units] || ((units) => units.join(" ")))(ids.map((id) => ABOUT.names[id]));

// A word: letters, digits and marks on them, with single apostrophes and hyphens inside, and points and commas between
// digits; an emoji that is written as several; any other sign with its marks.
const PIECE = "[\\p{L}\\p{N}]+(?:\\p{M}+[\\p{L}\\p{N}]*)*";
const INNER = "(?:['’\\-‐‑\\u00ad\\u200c\\u200d]|(?<=\\p{Nd})[.,](?=\\p{Nd}))";
const EMOJI = "[\\u00a9\\u00ae\\u203c\\u2049\\u2122\\u2139\\u2190-\\u2bff\\u3030\\u303d\\u3297\\u3299\\u{1f000}-\\u{1faff}]";
const ON_IT = "\\p{M}*(?:[\\u{1f3fb}-\\u{1f3ff}\\u{e0020}-\\u{e007f}]\\p{M}*)*";
const SIGN = `[\\u{1f1e6}-\\u{1f1ff}]{2}|${EMOJI}${ON_IT}(?:\\u200d${EMOJI}${ON_IT})*|\\S\\p{M}*`;
const WORD = new RegExp(`${PIECE}(?:${INNER}${PIECE})*|${SIGN}`, "gu");
poise.wordsOf = (text) => text.match(WORD) || [];

// The ids of a beginning; of pieces of words there is none, for only their own model can take text apart.
const taken = (text) => {
  const composed = text.normalize("NFC");
  let units = [];
  if (ABOUT.units === "character") units = [...composed];
  else if (ABOUT.units === "word") {
    units = poise.wordsOf(composed);
    const first = firstWord(units);
    if (first < units.length) {
      const [letter, ...rest] = units[first];
      const small = letter.toLowerCase() + rest.join("");
      if (SMALL.has(small)) units[first] = small;
    }
  } else units = composed.split(/\s+/).filter(Boolean);
  const strange = units.filter((unit) => !IDS.has(unit));
  if (strange.length) throw new Error(`${poise.words[poise.language].strange} ${[...new Set(strange)].join(", ")}`);
  return units.map((unit) => IDS.get(unit));
};

// Logits of the next unit and the new state, after ids [n] and states [n,S].
poise.step = async (ids, states) => {
  const n = ids.length;
  const found = await poise.sessions.step.run({
    unit: new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [n]),
    state: new ort.Tensor("float32", states, [n, states.length / n]),
  });
  return { logits: found.logits.data, states: found.new_state.data };
};

// The unit whose cumulated probability is the first to exceed u.
const drawn = (logits, u, { temperature, topk, topp }) => {
  const size = logits.length;
  const scaled = Float64Array.from(logits, (value) => Math.fround(value / temperature));
  for (const id of ABOUT.never) scaled[id] = -Infinity;
  let kept = scaled;
  if (topk >= 1 && topk < size) {
    const least = Float64Array.from(kept).sort()[size - topk];
    kept = kept.map((value) => (value < least ? -Infinity : value));
  }
  const largest = kept.reduce((a, b) => Math.max(a, b), -Infinity);
  let weights = kept.map((value) => Math.exp(value - largest));
  let sum = weights.reduce((a, b) => a + b, 0);
  if (topp > 0 && topp < 1) {
    const order = [...weights.keys()].sort((a, b) => weights[b] - weights[a]);
    let before = 0;
    for (const id of order) {
      const weight = weights[id];
      if (before >= topp * sum) weights[id] = 0;
      before += weight;
    }
    sum = weights.reduce((a, b) => a + b, 0);
  }
  let upto = 0;
  for (let id = 0; id < size; id += 1) {
    upto += weights[id];
    if (upto > u * sum) return id;
  }
  return size - 1;
};

// n rows of ids without their end. `noise(place, row)`: uniform numbers; `options`: temperature, topk, topp; `start`: ids.
poise.write = async (n, noise, options, start = []) => {
  const vocabulary = ABOUT.names.length;
  let states = new Float32Array(n * ABOUT.begin.length);
  for (let i = 0; i < n; i += 1) states.set(ABOUT.begin, i * ABOUT.begin.length);
  if (ABOUT.running) states = await afterSentence(n, states, noise);
  let ids = new Array(n).fill(0);
  const rows = Array.from({ length: n }, () => []);
  const over = new Array(n).fill(false);
  for (let place = 0; place < ABOUT.length && !over.every(Boolean); place += 1) {
    const read = await poise.step(ids, states);
    states = read.states;
    ids = ids.map((_, i) => {
      const logits = read.logits.subarray(i * vocabulary, (i + 1) * vocabulary);
      const id = place < start.length ? start[place] : drawn(logits, noise(place, i, false), options);
      return ABOUT.ends && over[i] ? 0 : id;
    });
    ids.forEach((id, i) => {
      if (ABOUT.ends && id === 0) over[i] = true;
      if (!over[i]) rows[i].push(id);
    });
  }
  return rows;
};

// A network that learnt to read one long text begins after a sentence of its own, before its end is read.
const afterSentence = async (n, begun, noise) => {
  const vocabulary = ABOUT.names.length;
  const size = ABOUT.begin.length;
  const plain = { temperature: 1, topk: 0, topp: 1 };
  const states = Float32Array.from(begun);
  let ids = new Array(n).fill(0);
  const over = new Array(n).fill(false);
  for (let place = 0; place < ABOUT.length && !over.every(Boolean); place += 1) {
    const read = await poise.step(ids, states);
    for (let i = 0; i < n; i += 1) {
      if (!over[i]) states.set(read.states.subarray(i * size, (i + 1) * size), i * size);
    }
    ids = ids.map((_, i) => {
      const logits = read.logits.subarray(i * vocabulary, (i + 1) * vocabulary);
      return over[i] ? 0 : drawn(logits, noise(place, i, true), plain);
    });
    ids.forEach((id, i) => { if (id === 0) over[i] = true; });
  }
  return states;
};

const draw = async () => {
  const value = (id) => document.getElementById(id).value;
  const n = Number(value("count"));
  const uniform = poise.uniform(Number(value("seed")));
  const numbers = Float64Array.from({ length: 2 * n * ABOUT.length }, uniform);
  const noise = (place, row, first) => numbers[((first ? 1 : 0) * n + row) * ABOUT.length + place];
  const options = {
    temperature: Math.max(0.01, Number(value("temperature"))), topk: Number(value("topk")), topp: Number(value("topp")),
  };
  const box = document.getElementById("start");
  const start = box ? taken(box.value) : [];
  if (start.length >= ABOUT.length) throw new Error(poise.words[poise.language].long);
  const began = performance.now();
  const rows = await poise.write(n, noise, options, start);
  document.querySelector(".sentences").replaceChildren(...rows.map((row) => {
    const made = document.createElement("li");
    made.dir = "auto";
    made.textContent = poise.joined(row) || poise.words[poise.language].empty;
    return made;
  }));
  document.body.dataset.milliseconds = String(Math.round(performance.now() - began));
  poise.say("");
};

const build = () => {
  const again = () => work(draw);
  poise.draws(again, [1, 4, 8, 16], 4);
  const numbers = [["temperature", 0.1, 2, 0.1, 1], ["topk", 0, ABOUT.names.length, 1, 0], ["topp", 0.05, 1, 0.05, 1]];
  for (const [word, min, max, step, value] of numbers) {
    poise.control(word, "input", { type: "number", min, max, step, value }).addEventListener("change", again);
  }
  if (ABOUT.units !== "piece" && ABOUT.ends) {
    poise.control("start", "input", { type: "text", dir: "auto" }).addEventListener("change", again);
  }
  poise.button("copy", () => {
    const text = [...document.querySelectorAll(".sentences li")].map((made) => made.textContent).join("\n");
    const box = document.createElement("textarea");
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  });
  const list = document.createElement("ol");
  list.className = "sentences";
  document.getElementById("result").append(list);
};

poise.start(build, draw);
