"use strict";
// Pictures from noise: another seed, less variety, a class, and the way between two that were picked.

poise.words = {
  en: {
    another: "New pictures", seed: "Seed", count: "How many", variety: "Variety", label: "Class", save: "Save as PNG",
    way: "Between the two picked", every: "all, as often as in the data", pick: "Pick two pictures to see what lies between them.",
    failed: "This browser cannot run the network:",
  },
  zh: {
    another: "换一批", seed: "随机种子", count: "数量", variety: "多样性", label: "类别", save: "保存为 PNG",
    way: "两张所选图片之间", every: "全部，按数据中的频率", pick: "选择两张图片，查看它们之间的过渡。", failed: "此浏览器无法运行该网络：",
  },
};

const { noise: NOISE, classes: CLASSES, counts: COUNTS, shape: [CHANNELS, HEIGHT, WIDTH] } = poise.about;
const state = { noise: null, labels: null, picked: [] };
const work = poise.queue();

// z of the normal law -> of the law cut off at ±limit, in order: by the law's own table and its inverse.
const phi = (x) => {
  const t = 1 / (1 + 0.3275911 * Math.abs(x) / Math.SQRT2);
  const tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const value = 1 - 0.5 * tail * Math.exp(-x * x / 2);
  return x >= 0 ? value : 1 - value;
};
const inside = (z, limit) => {
  const below = phi(-limit);
  const wanted = below + phi(z) * (1 - 2 * below);
  let [low, high] = [-limit, limit];
  for (let i = 0; i < 40; i += 1) {
    const middle = (low + high) / 2;
    if (phi(middle) < wanted) low = middle; else high = middle;
  }
  return (low + high) / 2;
};

// Classes of n samples: in turn where all are about as frequent, else in their proportions; as `poise sample`.
poise.kindsLike = (counts, n) => {
  if (Math.max(...counts) <= 1.2 * Math.min(...counts)) return Array.from({ length: n }, (_, i) => i % counts.length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  const ends = counts.map((count) => (sum += count) / total);
  return Array.from({ length: n }, (_, i) => {
    const place = (((i + 0.5) * (Math.sqrt(5) - 1)) / 2) % 1;
    return ends.findIndex((end) => place < end);
  });
};

// Pictures [n,C,H,W] from 0 to 1 of noise [n,Z] and classes [n].
poise.pictures = async (noise, labels) => {
  const n = noise.length / NOISE;
  const fed = { noise: new ort.Tensor("float32", noise, [n, NOISE]) };
  if (CLASSES.length) fed.label = new ort.Tensor("int64", BigInt64Array.from(labels, BigInt), [n]);
  return (await poise.sessions.generator.run(fed)).pictures.data;
};

const paint = (canvas, pixels, at) => {
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const image = context.createImageData(WIDTH, HEIGHT);
  const area = WIDTH * HEIGHT;
  const start = at * CHANNELS * area;
  for (let i = 0; i < area; i += 1) {
    for (let c = 0; c < 3; c += 1) {
      const from = CHANNELS === 1 ? 0 : c;
      image.data[4 * i + c] = Math.round(255 * pixels[start + from * area + i]);
    }
    image.data[4 * i + 3] = CHANNELS === 4 ? Math.round(255 * pixels[start + 3 * area + i]) : 255;
  }
  context.putImageData(image, 0, 0);
};

const draw = async () => {
  const n = Number(document.getElementById("count").value);
  const limit = Number(document.getElementById("variety").value);
  const noise = poise.normal(Number(document.getElementById("seed").value), n * NOISE);
  if (limit < 3) for (let i = 0; i < noise.length; i += 1) noise[i] = inside(noise[i], limit);
  const chosen = CLASSES.length ? document.getElementById("label").value : "";
  const every = CLASSES.length ? poise.kindsLike(COUNTS, n) : new Array(n).fill(0);
  const labels = chosen === "" ? every : new Array(n).fill(Number(chosen));
  const began = performance.now();
  const pixels = await poise.pictures(noise, labels);
  Object.assign(state, { noise, labels, picked: [] });
  const grid = document.querySelector(".pictures");
  grid.replaceChildren(...labels.map((label, i) => {
    const made = document.createElement("button");
    const canvas = document.createElement("canvas");
    made.type = "button";
    made.className = "picture";
    made.setAttribute("aria-pressed", "false");
    made.setAttribute("aria-label", CLASSES.length ? `${i + 1}: ${CLASSES[label]}` : String(i + 1));
    made.addEventListener("click", () => pick(i));
    paint(canvas, pixels, i);
    made.append(canvas);
    return made;
  }));
  document.querySelector(".way").hidden = true;
  document.body.dataset.milliseconds = String(Math.round(performance.now() - began));
};

const pick = (i) => {
  const at = state.picked.indexOf(i);
  if (at >= 0) state.picked.splice(at, 1); else state.picked.push(i);
  if (state.picked.length > 2) state.picked.shift();
  document.querySelectorAll(".picture").forEach((made, j) => {
    made.setAttribute("aria-pressed", String(state.picked.includes(j)));
  });
  document.querySelector(".way").hidden = state.picked.length < 2;
  if (state.picked.length === 2) work(between);
};

// Along the sphere of the noise (Shoemake 1985): the middle is as long as noise is.
const between = async () => {
  const [a, b] = state.picked.map((i) => state.noise.subarray(i * NOISE, (i + 1) * NOISE));
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const angle = Math.acos(Math.max(-1, Math.min(1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
  const t = Number(document.getElementById("way").value) / 100;
  const [left, right] = angle < 1e-6 ? [1 - t, t] : [Math.sin((1 - t) * angle), Math.sin(t * angle)].map((s) => s / Math.sin(angle));
  const noise = a.map((value, i) => left * value + right * b[i]);
  const label = state.labels[state.picked[t < 0.5 ? 0 : 1]];
  paint(document.querySelector(".way canvas"), await poise.pictures(noise, [label]), 0);
};

const save = () => {
  const shown = [...document.querySelectorAll(".pictures canvas")];
  const columns = Math.ceil(Math.sqrt(shown.length));
  const whole = document.createElement("canvas");
  whole.width = columns * WIDTH;
  whole.height = Math.ceil(shown.length / columns) * HEIGHT;
  shown.forEach((canvas, i) => {
    whole.getContext("2d").drawImage(canvas, (i % columns) * WIDTH, Math.floor(i / columns) * HEIGHT);
  });
  const link = document.createElement("a");
  link.download = `samples-${document.getElementById("seed").value}.png`;
  link.href = whole.toDataURL("image/png");
  link.click();
};

const build = () => {
  const again = () => work(draw);
  poise.draws(again, [1, 4, 16, 36, 64], 16);
  poise.control("variety", "input", { type: "range", min: 0.2, max: 3, step: 0.1, value: 3 }).addEventListener("input", again);
  if (CLASSES.length) {
    const label = poise.control("label", "select");
    const every = new Option("", "");
    every.dataset.word = "every";
    label.append(every, ...CLASSES.map((name, i) => new Option(name, String(i))).filter((_, i) => COUNTS[i]));
    label.addEventListener("change", again);
  }
  poise.button("save", save);
  const result = document.getElementById("result");
  const note = document.createElement("p");
  note.className = "note";
  note.dataset.word = "pick";
  const way = document.createElement("div");
  way.className = "way";
  way.hidden = true;
  const label = document.createElement("label");
  const text = document.createElement("span");
  text.dataset.word = "way";
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", id: "way", min: 0, max: 100, value: 50 });
  slider.addEventListener("input", () => work(between));
  label.append(text, slider);
  way.append(label, document.createElement("canvas"));
  const grid = document.createElement("div");
  grid.className = "pictures";
  grid.style.setProperty("--side", `${Math.max(64, Math.min(160, 2 * WIDTH))}px`);
  result.append(note, way, grid);
};

poise.start(build, draw);
