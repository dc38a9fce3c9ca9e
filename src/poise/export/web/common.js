"use strict";
// What every page needs: the networks opened, numbers by chance from a seed, words in two languages, small helpers.
// Nothing is asked from anywhere: all that is needed lies in the files beside this one.

const poise = {
  about: globalThis.POISE_MODEL.about,
  sessions: {},
  words: {},
  language: (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en",
};

// 15 bits a letter, from U+3400 on, behind the number of bytes; packed by gzip.
poise.unpack = async (text) => {
  const blank = text.indexOf(" ");
  const packed = new Uint8Array(Number(text.slice(0, blank)));
  let [held, bits, at] = [0, 0, 0];
  for (let i = blank + 1; i < text.length; i += 1) {
    held = (held << 15) | (text.charCodeAt(i) - 0x3400);
    bits += 15;
    while (bits >= 8 && at < packed.length) {
      bits -= 8;
      packed[at] = (held >> bits) & 255;
      at += 1;
    }
    held &= (1 << bits) - 1;
  }
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
};

poise.open = async () => {
  const runtime = globalThis.POISE_RUNTIME;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await poise.unpack(runtime.wasm);
  const glue = new Blob([await poise.unpack(runtime.glue)], { type: "text/javascript" });
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(glue) };
  for (const [name, packed] of Object.entries(globalThis.POISE_MODEL.graphs)) {
    poise.sessions[name] = await ort.InferenceSession.create(await poise.unpack(packed));
  }
};

// Uniform numbers in [0, 1) from a seed (mulberry32); normal ones in pairs (Box and Muller 1958).
poise.uniform = (seed) => {
  let state = (seed >>> 0) + 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};

poise.normal = (seed, count) => {
  const draw = poise.uniform(seed);
  const found = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const length = Math.sqrt(-2 * Math.log(1 - draw()));
    const angle = 2 * Math.PI * draw();
    found[i] = length * Math.cos(angle);
    if (i + 1 < count) found[i + 1] = length * Math.sin(angle);
  }
  return found;
};

poise.say = (text) => { document.getElementById("status").textContent = text; };

poise.translate = () => {
  const words = poise.words[poise.language];
  document.documentElement.lang = poise.language;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = words[node.dataset.word];
  document.getElementById("language").textContent = poise.language === "zh" ? "English" : "中文";
};

// A labelled control: poise.control("seed", "input", {type: "number"})
poise.control = (word, tag, attributes = {}) => {
  const label = document.createElement("label");
  const text = document.createElement("span");
  text.dataset.word = word;
  const made = document.createElement(tag);
  made.id = word;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  label.append(text, made);
  document.getElementById("controls").append(label);
  return made;
};

poise.button = (word, act) => {
  const made = document.createElement("button");
  made.type = "button";
  made.id = word;
  made.dataset.word = word;
  made.addEventListener("click", act);
  document.getElementById("controls").append(made);
  return made;
};

poise.seed = (again) => {
  poise.control("seed", "input", { type: "number", min: 0, max: 4294967295, value: 1 }).addEventListener("change", again);
};

// What pages of samples begin with: another draw, its seed, and how many of `counts`, at first `usual`.
poise.draws = (again, counts, usual) => {
  poise.button("another", () => {
    document.getElementById("seed").value = String(Math.floor(Math.random() * 1e6));
    again();
  });
  poise.seed(again);
  const count = poise.control("count", "select");
  for (const n of counts) count.append(new Option(String(n), String(n), n === usual, n === usual));
  count.addEventListener("change", again);
};

// One task at a time: what is asked for while another runs comes after it, the newest alone.
poise.queue = () => {
  let running = false;
  let next = null;
  const work = async (task) => {
    if (running) { next = task; return; }
    running = true;
    try { await task(); } catch (error) { poise.say(String(error)); }
    running = false;
    if (next) { const then = next; next = null; await work(then); }
  };
  return work;
};

poise.start = async (build, first) => {
  document.getElementById("language").addEventListener("click", () => {
    poise.language = poise.language === "zh" ? "en" : "zh";
    poise.translate();
  });
  build();
  poise.translate();
  try {
    await poise.open();
    poise.say("");
    document.getElementById("controls").hidden = false;
    await first();
    document.body.dataset.ready = "true";
  } catch (error) {
    poise.say(`${poise.words[poise.language].failed} ${error}`);
  }
};
