"use strict";
// Playing with runs of text and of speech: sentences, texts that are said, clips; and which page a run has.

const writePage = () => {
  const button = element("button", { type: "submit", word: "write" });
  const more = element("button", { type: "button", id: "another", word: "another" });
  const limit = (id, least, most, step, begun) => element("input", { id, type: "number", min: least, max: most, step, value: begun });
  const controls = element("form", { id: "controls", className: "controls" }, more,
    labelled("checkpoint", stepSelect()), labelled("many", whole("n", 1, 64, 8)), labelled("seed", whole("seed", 0, 2147483646, 0)),
    knows("temperature") ? labelled("temperature", limit("temperature", 0.01, 100, "any", "")) : null,
    knows("top_k") ? labelled("top_k", limit("top_k", 1, 100000, 1, "")) : null,
    knows("top_p") ? labelled("top_p", limit("top_p", 0.001, 1, "any", "")) : null,
    knows("start") ? labelled("start", element("input", { id: "start", type: "text", maxLength: 150, dir: "auto" })) : null,
    knows("form") ? labelled("form", element("input", { id: "form", type: "text", maxLength: 150, dir: "auto" })) : null, button);
  const draw = () => {
    if (!controls.reportValidity()) return;
    const asked = Object.fromEntries(["step", "n", "seed", "temperature", "top_k", "top_p", "start", "form"].map((name) => [name, value(name)]));
    const address = drawingAddress("sentences.txt", asked);
    wish("sentences", address, async (answer) => {
      document.getElementById("sentences").textContent = await answer.text();
      Object.assign(document.getElementById("save"), { href: address, download: `${fileName("step", asked.step, "seed", asked.seed)}.txt` });
      document.body.dataset.sheet = address;
    });
  };
  controls.addEventListener("submit", draw);
  controls.addEventListener("change", draw);
  more.addEventListener("click", () => { another(); draw(); });
  return { parts: [controls, element("div", { id: "said", role: "status" }), element("pre", { id: "sentences", dir: "auto" }), element("p", {}, saver("save", "save"))], begin: draw };
};

// A sound, once the server has made it; `title` beside it. What somebody lets be said is heard at once.
const clip = (address, title, file, place, autoplay = false) => wish(`clip ${address}`, address, async () => {
  const audio = element("audio", { controls: true, preload: "auto", autoplay, src: address, "aria-label": title });
  const item = element("li", {}, element("div", { dir: "auto", textContent: title }), audio, element("a", { className: "save", word: "save", href: address, download: `${file}.wav` }));
  place.prepend(item);
  while (place.children.length > SAID) place.lastElementChild.remove();
});

const speakPage = () => {
  const voices = played.able.voices.filter(Boolean);
  const step = labelled("checkpoint", stepSelect());
  const voice = voices.length > 1 && knows("voice") ? labelled("voice", options("voice", voices.map((name) => [name, name]))) : null;
  const seed = labelled("seed", whole("seed", 0, 2147483646, 0));
  const list = element("ul", { id: "clips", className: "clips" });
  const heard = element("ul", { id: "heldout", className: "clips" });
  const parts = [];
  if (played.able.draws.includes("say.wav")) {
    const text = element("input", { id: "text", type: "text", maxLength: 150, required: true, dir: "auto", autocomplete: "off" });
    text.setAttribute("list", "offered");
    if (played.able.texts.length) text.value = played.able.texts[0];
    const speed = element("input", { id: "speed", type: "number", min: 0.25, max: 4, step: "any", value: 1 });
    const form = element("form", { id: "controls", className: "controls" }, labelled("text", text),
      element("datalist", { id: "offered" }, ...played.able.texts.map((one) => element("option", { value: one }))),
      step, voice, seed, labelled("speed", speed), element("button", { type: "submit", id: "say", word: "say" }));
    form.addEventListener("submit", () => {
      const asked = { text: value("text"), step: value("step"), voice: value("voice"), seed: value("seed"), speed: value("speed") };
      const title = [asked.text, asked.voice, `${word("step")} ${Number(asked.step).toLocaleString()}`, asked.speed === "1" ? "" : `×${asked.speed}`].filter(Boolean).join(" · ");
      clip(drawingAddress("say.wav", asked), title, fileName(asked.text, "step", asked.step), list, true);
    });
    parts.push(form, element("div", { id: "said", role: "status" }), element("h2", { word: "sounds" }), list, element("h2", { word: "heldout" }));
  } else {
    parts.push(element("div", { className: "controls" }, step, voice, seed), element("div", { id: "said", role: "status" }), element("h2", { word: "heldout" }));
  }
  const button = element("button", { type: "button", id: "listen", word: "listen" });
  button.addEventListener("click", () => {
    const asked = { step: value("step"), voice: value("voice"), seed: value("seed"), n: 4 };
    wish("titles", drawingAddress("clips.json", asked), async (answer) => {
      const titles = await answer.json();
      heard.replaceChildren();
      titles.map((title, at) => [title, at]).reverse().forEach(([title, at]) => clip(drawingAddress("clip.wav", { ...asked, at }), title, fileName("clip", at), heard));
    });
  });
  return { parts: [...parts, element("p", {}, button), heard], begin: () => say("") };
};

const pageFor = (able) => {
  if (able.draws.includes("grid.png")) return picturePage();
  if (able.draws.includes("sentences.txt")) return writePage();
  return speakPage();
};

const showPlay = async (able, name) => {
  const place = document.getElementById("play");
  const before = place?.dataset.run === name ? madeAt(value("step")) : "";
  played.able = able;
  if (place?.dataset.run === name && !able.trouble) {
    stepSelect();
    translate();
    if (madeAt(value("step")) !== before) played.begin(); // what is shown is of a checkpoint that is gone
    return;
  }
  wishes.clear();
  Object.assign(played, { run: able.name, sheet: null, ends: (favouritesOf.get(able.name) ?? []).slice(-2), best: null });
  document.title = `${able.name} · Poise`;
  for (const plot of state.plots) plot.destroy();
  state.plots = [];
  const head = [element("h1", { textContent: able.name, dir: "auto" }), element("p", {}, element("a", { href: `#/${encodeURIComponent(able.name)}`, word: "back" }))];
  if (able.trouble) {
    main.replaceChildren(...head, element("p", { id: "trouble", textContent: able.trouble }));
    return;
  }
  const page = pageFor(able);
  main.replaceChildren(element("div", { id: "play", "data-run": name }, ...head, ...page.parts));
  document.getElementById("controls")?.addEventListener("submit", (event) => event.preventDefault());
  played.begin = page.begin;
  page.begin();
  const known = await ask(`api/run/${encodeURIComponent(able.name)}`);
  const best = known.ok ? (await known.json()).about.best?.step ?? null : null;
  if (document.getElementById("play")?.dataset.run !== name) return; // somebody has gone on meanwhile
  played.best = best;
  stepSelect();
};

PAGES.play = { address: (name) => `api/play/${encodeURIComponent(name)}`, show: showPlay };
