"use strict";
// Playing with a run (#play/NAME): pictures, sentences or sounds that the server draws. One drawing at a time is asked
// for; what is wished for in one place meanwhile replaces the wish before. What is shown is what "save" gives.

Object.assign(WORDS, {
  play: ["Play with it", "试玩"], back: ["Back to the run", "返回运行"], checkpoint: ["step", "步"],
  newest: ["newest", "最新"], bestone: ["best", "最佳"], many: ["how many", "数量"], seed: ["seed", "种子"],
  another: ["Another", "换一批"], toward: ["towards the next seed", "走向下一个种子"], label: ["class", "类别"],
  inturn: ["in turn", "轮流"], truncation: ["truncation", "截断"], off: ["off", "关"],
  latents: ["noise from", "噪声来自"], asjudged: ["as judged", "与评分相同"], prior: ["prior", "先验"],
  mixture: ["mixture", "混合"], drawing: ["Drawing …", "正在绘制……"], drawn: ["drawn", "已绘制"],
  first: ["The first drawing takes some seconds.", "第一次绘制需要几秒钟。"], save: ["Save", "保存"],
  savesheet: ["Save this sheet", "保存整张"], saveall: ["Save all", "全部保存"], favourites: ["Favourites", "收藏"],
  star: ["Click a picture to keep it here; from two on there is a way between the last two.", "点击图片即可收藏；有两张以后，会显示最后两张之间的过渡。"],
  remove: ["Remove", "移除"], from: ["from", "起点"], to: ["to", "终点"],
  way: ["The way between two favourites", "两张收藏之间的过渡"], share: ["along the way", "过渡位置"],
  savestrip: ["Save the strip", "保存过渡条"], savepicture: ["Save this picture", "保存此图"],
  temperature: ["temperature", "温度"], top_k: ["top k", "top k"], top_p: ["top p", "top p"],
  start: ["beginning", "开头"], form: ["form", "格式"], write: ["Write", "写"], text: ["text", "文本"],
  voice: ["voice", "声音"], speed: ["speed", "语速"], say: ["Say it", "朗读"], sounds: ["Said", "朗读结果"],
  heldout: ["From held-out recordings", "来自留出的录音"], listen: ["Draw clips", "生成音频"],
  picture: ["picture", "图片"],
});

const KEPT = 24; // favourites of a run
const SAID = 12; // sounds that stay
const favouritesOf = new Map(); // run -> what was starred
const wishes = new Map(); // place -> the newest wish of it
const played = { run: "", able: null, working: false, count: 0, sheet: null, ends: [], begin: null };

// Which of the checkpoints of a step that is: a run that went back writes another one, which would draw other pictures.
const madeAt = (step) => played.able.made[played.able.steps.indexOf(Number(step))];
const drawingAddress = (what, asked) => {
  const query = Object.entries({ ...asked, made: madeAt(asked.step) }).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return `api/play/${encodeURIComponent(played.run)}/${what}?${query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;
};
const fileName = (...parts) => [played.run, ...parts].join("-").replace(/[^\w.-]+/g, "-");
const say = (text, key) => {
  const place = document.getElementById("said");
  if (!place) return;
  if (key) place.dataset.word = key; else delete place.dataset.word;
  place.textContent = text;
};

const wish = (place, address, use) => {
  wishes.set(place, { address, use, run: played.run });
  if (!played.working) work();
};

const work = async () => {
  played.working = true;
  let trouble = "";
  while (wishes.size) {
    const [place, { address, use, run }] = wishes.entries().next().value;
    wishes.delete(place);
    if (run !== played.run || !document.getElementById("play")) continue; // nobody looks any more
    document.body.dataset.drawing = place;
    say(played.count ? word("drawing") : `${word("drawing")} ${word("first")}`);
    try {
      const answer = await ask(address);
      if (answer.status === 503) { // others are drawing
        trouble = await answer.text();
        say(trouble);
        await new Promise((done) => setTimeout(done, 700));
        if (!wishes.has(place)) wishes.set(place, { address, use, run });
      } else if (!answer.ok) trouble = await answer.text();
      else {
        trouble = "";
        played.count += 1;
        if (run === played.run && document.getElementById("play")) await use(answer);
      }
    } catch { trouble = word("away"); }
  }
  if (trouble) say(trouble); else say(word("drawn"), "drawn");
  played.working = false;
  document.body.dataset.drawing = "";
};

const paint = async (canvas, answer) => {
  const bitmap = await createImageBitmap(await answer.blob());
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
};
const value = (id) => document.getElementById(id)?.value ?? "";
const labelled = (name, input, ...more) => element("label", {}, element("span", { word: name }), " ", input, ...more);
const whole = (id, least, most, begun) => element("input", { id, type: "number", min: least, max: most, step: 1, value: begun, inputMode: "numeric", required: true });
const options = (id, entries) => element("select", { id }, ...entries.map(([val, text, key]) => (key ? element("option", { value: val, word: key }) : element("option", { value: val, textContent: text }))));
const saver = (id, key) => element("a", { id, className: "save", word: key, download: "" });
const knows = (name) => played.able.asks.includes(name);

const stepSelect = () => {
  const known = document.getElementById("step");
  const chosenStep = known?.value;
  const steps = [...played.able.steps].reverse();
  const texts = steps.map((step, i) => [String(step), `${step.toLocaleString()}${i === 0 ? ` (${word("newest")})` : ""}${step === played.best ? ` (${word("bestone")})` : ""}`]);
  if (!known) return options("step", texts);
  const same = [...known.options].map((one) => one.text).join() === texts.map(([, text]) => text).join();
  if (!same) {
    known.replaceChildren(...options("", texts).options);
    known.value = steps.map(String).includes(chosenStep) ? chosenStep : String(steps[0]);
  }
  return known;
};

// --- pictures

const seedNow = () => {
  const share = Number(value("walk"));
  const seed = Math.max(0, Math.floor(Number(value("seed")) || 0));
  return share ? (seed + share).toFixed(2) : String(seed);
};
const askedNow = () => ({
  step: value("step"), n: value("n"), seed: seedNow(), label: value("label"), latents: value("latents"),
  truncation: value("truncation") && Number(value("truncation")) < 3 ? value("truncation") : "",
});
const sameFavourite = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const drawer = () => `poise favourites of ${played.run}`; // in the browser, by the name of the run: they outlive a reload
const remembered = () => {
  try {
    const found = JSON.parse(localStorage.getItem(drawer()) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => one && played.able.steps.map(String).includes(String(one.step))).slice(-KEPT) : [];
  } catch { return []; } // kept by nobody, or not as we left it
};
const favourites = () => favouritesOf.get(played.run) ?? favouritesOf.set(played.run, remembered()).get(played.run);
const remember = () => { try { localStorage.setItem(drawer(), JSON.stringify(favourites())); } catch { /* a browser that keeps nothing */ } };

const cut = (bitmap, i, count) => {
  const [, height, width] = played.able.size;
  const factor = Math.max(1, Math.floor(64 / height));
  const columns = Math.ceil(Math.sqrt(count));
  const x = (2 + (i % columns) * (width + 2)) * factor;
  const y = (2 + Math.floor(i / columns) * (height + 2)) * factor;
  const canvas = element("canvas", { width: width * factor, height: height * factor });
  canvas.getContext("2d").drawImage(bitmap, x, y, width * factor, height * factor, 0, 0, width * factor, height * factor);
  return canvas;
};

const drawSheet = () => {
  const asked = askedNow();
  const address = drawingAddress("grid.png", asked);
  wish("sheet", address, async (answer) => {
    const blob = await answer.blob();
    const bitmap = await createImageBitmap(blob);
    const place = document.getElementById("cells");
    if (!place) return;
    const cells = [];
    for (let i = 0; i < Number(asked.n); i += 1) {
      const { n, ...rest } = asked;
      const mine = { ...rest, n, at: i };
      const starred = favourites().some((one) => sameFavourite(one, mine));
      const cell = element("button", { type: "button", id: `cell${i}`, "aria-pressed": String(starred), "aria-label": `${word("picture")} ${i}, ${word("seed")} ${asked.seed}` }, cut(bitmap, i, Number(n)));
      cell.addEventListener("click", () => star(mine));
      cells.push(cell);
    }
    const focus = document.activeElement?.id;
    place.replaceChildren(...cells);
    if (focus) document.getElementById(focus)?.focus();
    played.sheet = asked;
    Object.assign(document.getElementById("save"), { href: address, download: fileName("step", asked.step, "seed", asked.seed) + ".png" });
    document.body.dataset.sheet = `${asked.seed} ${asked.step} ${asked.n} ${asked.label} ${asked.truncation}`;
  });
};

const star = (one) => {
  const kept = favourites();
  const at = kept.findIndex((other) => sameFavourite(one, other));
  if (at >= 0) kept.splice(at, 1); else kept.push(one);
  while (kept.length > KEPT) kept.shift();
  played.ends = played.ends.filter((end) => kept.some((other) => sameFavourite(end, other)));
  if (at < 0) played.ends = [...played.ends, one].slice(-2);
  remember();
  showFavourites();
};

const showFavourites = () => {
  const kept = favourites();
  for (const [i, cell] of [...document.getElementById("cells").children].entries()) {
    const mine = played.sheet && { step: played.sheet.step, seed: played.sheet.seed, label: played.sheet.label, latents: played.sheet.latents, truncation: played.sheet.truncation, n: played.sheet.n, at: i };
    cell.setAttribute("aria-pressed", String(Boolean(mine) && kept.some((one) => sameFavourite(one, mine))));
  }
  const list = document.getElementById("favourites");
  const before = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const focus = document.activeElement;
  list.replaceChildren(...kept.map((one) => {
    const key = JSON.stringify(one);
    const end = played.ends.findIndex((other) => sameFavourite(other, one));
    const item = before.get(key) ?? favouriteItem(one, key);
    item.querySelector(".end").dataset.word = end < 0 ? "picture" : end === 0 && played.ends.length > 1 ? "from" : "to";
    item.querySelector(".pickend").setAttribute("aria-pressed", String(end >= 0));
    return item;
  }));
  if (list.contains(focus)) focus.focus();
  document.getElementById("saveall").hidden = kept.length < 2;
  document.getElementById("hint").hidden = kept.length >= 2;
  translate();
  showWay();
};

const favouriteItem = (one, key) => {
  const canvas = element("canvas", { width: 64, height: 64 });
  const address = drawingAddress("picture.png", one);
  const end = element("button", { type: "button", className: "pickend", "aria-label": `${word("picture")} ${one.at}, ${word("seed")} ${one.seed}` }, canvas);
  end.addEventListener("click", () => {
    played.ends = [...played.ends.filter((other) => !sameFavourite(other, one)), one].slice(-2);
    showFavourites();
  });
  const remove = element("button", { type: "button", textContent: "✕", "aria-label": word("remove") });
  remove.addEventListener("click", () => star(one));
  const save = element("a", { className: "save", word: "save", href: address, download: `${fileName("step", one.step, "seed", one.seed, "picture", one.at)}.png` });
  wish(`favourite ${key}`, address, (answer) => paint(canvas, answer));
  return element("li", { "data-key": key }, end, element("div", { className: "soft" }, element("span", { className: "end", word: "picture" }), ` ${one.seed}/${one.at}`), save, " ", remove);
};

const showWay = () => {
  const place = document.getElementById("ways");
  place.hidden = played.ends.length < 2 || !played.able.draws.includes("way.png");
  if (place.hidden) return;
  const [a, b] = played.ends;
  const asked = { step: b.step, truncation: b.truncation, latents: b.latents, from: a.seed, from_at: a.at, from_label: a.label, to: b.seed, to_at: b.at, to_label: b.label };
  const strip = drawingAddress("way.png", { ...asked, between: 8 });
  wish("strip", strip, async (answer) => {
    await paint(document.getElementById("way"), answer);
    Object.assign(document.getElementById("savestrip"), { href: strip, download: `${fileName("way")}.png` });
  });
  const share = Number(value("share")).toFixed(2);
  const one = drawingAddress("between.png", { ...asked, share });
  wish("between", one, async (answer) => {
    await paint(document.getElementById("between"), answer);
    Object.assign(document.getElementById("savebetween"), { href: one, download: `${fileName("way", share)}.png` });
    document.body.dataset.share = share;
  });
};

const another = () => {
  const seed = document.getElementById("seed");
  seed.value = String(Math.max(0, Math.floor(Number(seed.value) || 0)) + 1);
  if (document.getElementById("walk")) document.getElementById("walk").value = 0;
};

const picturePage = () => {
  const cut3 = element("output", { id: "truncated", word: "off" });
  const button = element("button", { type: "button", id: "another", word: "another" });
  button.addEventListener("click", () => {
    another();
    if (controls.reportValidity()) drawSheet();
  });
  const all = element("button", { type: "button", id: "saveall", word: "saveall", hidden: true });
  all.addEventListener("click", async () => {
    for (const link of document.querySelectorAll("#favourites .save")) {
      link.click();
      await new Promise((done) => setTimeout(done, 300));
    }
  });
  const controls = element("form", { id: "controls", className: "controls" },
    button, labelled("checkpoint", stepSelect()), labelled("many", whole("n", 1, 64, 16)), labelled("seed", whole("seed", 0, 2147483646, 0)),
    played.able.draws.includes("way.png") ? labelled("toward", element("input", { id: "walk", type: "range", min: 0, max: 0.95, step: 0.05, value: 0 })) : null,
    knows("label") ? labelled("label", options("label", [["", "", "inturn"], ...played.able.classes.map((name) => [name, name])])) : null,
    knows("truncation") ? labelled("truncation", element("input", { id: "truncation", type: "range", min: 0.2, max: 3, step: 0.1, value: 3 }), " ", cut3) : null,
    knows("latents") ? labelled("latents", options("latents", [["", "", "asjudged"], ["prior", "", "prior"], ["mixture", "", "mixture"]])) : null);
  const changed = () => {
    const limit = value("truncation");
    if (limit) {
      if (Number(limit) < 3) { delete cut3.dataset.word; cut3.textContent = `±${limit}`; } else { cut3.dataset.word = "off"; cut3.textContent = word("off"); }
    }
    if (controls.checkValidity()) drawSheet();
  };
  controls.addEventListener("input", changed);
  controls.addEventListener("change", changed); // a menu need not say "input"
  const share = element("input", { id: "share", type: "range", min: 0, max: 1, step: 0.02, value: 0.5 });
  share.addEventListener("input", showWay);
  const parts = [controls, element("div", { id: "said", role: "status" }), element("div", { id: "cells", className: "cells" }),
    element("p", {}, saver("save", "savesheet")), element("h2", { word: "favourites" }), element("p", { id: "hint", className: "soft", word: "star" }),
    element("ul", { id: "favourites", className: "favourites" }), element("p", {}, all),
    element("section", { id: "ways", hidden: true }, element("h2", { word: "way" }), element("canvas", { id: "way", role: "img", "aria-label": word("way") }), element("p", {}, saver("savestrip", "savestrip")),
      element("div", { className: "controls" }, labelled("share", share)), element("canvas", { id: "between", role: "img", "aria-label": word("share") }), element("p", {}, saver("savebetween", "savepicture")))];
  return { parts, begin: () => { drawSheet(); if (favourites().length) showFavourites(); } };
};
