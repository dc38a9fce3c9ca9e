"use strict";
// Runs as cards; a run with its curves, what was found, and its samples over time beside real ones. Asks its own server
// again each second, and is answered only where something changed.

// Key -> English and Chinese; other files add theirs.
const WORDS = {
  runs: ["Runs", "运行"], none: ["There are no runs here yet.", "这里还没有运行。"], filter: ["Filter", "筛选"],
  found: ["What was found", "发现的问题"], nothing: ["Nothing is wrong.", "没有问题。"],
  earlier: ["Seen earlier, and gone", "曾经出现、现已消失"], samples: ["Samples", "样本"],
  real: ["real ones", "真实数据"], after: ["after step", "第几步之后："], curves: ["Curves", "曲线"],
  steps: ["steps", "步"], of: ["of", "/"], best: ["best", "最佳"],
  away: ["The server does not answer; trying again …", "服务器没有回答；正在重试……"], training: ["training", "训练中"],
  stopped: ["stopped", "已停止"], finished: ["finished", "已完成"], broken: ["broken", "已损坏"],
  diverged: ["diverged", "已发散"], live: ["live", "实时"], step: ["step", "步"],
  waiting: ["No samples yet.", "还没有样本。"], nocurves: ["Nothing is recorded yet.", "还没有记录。"],
  since: ["since step", "始于第几步："], reading: ["Reading …", "正在读取……"],
  sampled: ["The record is long: findings and curves are of a sample of its steps, the last ones, and all scores; poise diagnose reads all of it.", "记录很长：发现的问题和曲线取自部分步、最后若干步以及全部分数；poise diagnose 会读取整个记录。"],
  searched: ["Scores were looked for in", "已查找分数的部分："], then: ["Show samples of then", "查看当时的样本"],
  keep: ["Keep this step beside", "保留此步作对照"],
};
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999933", "#882255"];
const state = { language: navigator.language.startsWith("zh") ? "zh" : "en", tag: "", shown: "", content: null, plots: [], at: null, above: "api" };
const main = document.getElementById("main");
const PAGES = {}; // "play" of #play/NAME -> {address(rest), show(content, rest)}, entered by files of their own
const pageOf = (name) => (location.hash === "#studies" ? PAGES.studies : name.includes("/") ? PAGES[name.slice(0, name.indexOf("/"))] : undefined);
const restOf = (name) => name.slice(name.indexOf("/") + 1);
const word = (key) => WORDS[key]?.[state.language === "zh" ? 1 : 0] ?? key;

const element = (tag, options = {}, ...inside) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "word") made.dataset.word = value;
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  if (options.word) made.textContent = word(options.word);
  made.append(...inside.filter((part) => part !== null && part !== undefined));
  return made;
};

const number = (value) => (Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(4))));
const wanted = () => {
  const asked = location.hash.replace(/^#\/?/, "");
  try { return decodeURIComponent(asked); } catch { return asked; } // a "%" that stands for nothing
};
const isText = (name) => { try { return Boolean(encodeURIComponent(name)); } catch { return false; } }; // bytes that are none have no address
const sampleAddress = (run, file) => `${state.above}/sample/${encodeURIComponent(run)}/${file.split("/").map(encodeURIComponent).join("/")}`;

const translate = () => {
  document.documentElement.lang = state.language;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  document.getElementById("language").textContent = state.language === "zh" ? "English" : "中文";
};

const badge = (row) => element("span", { className: `badge ${row.state.split(" ")[0]}`, textContent: word(row.state) });
const progress = (row) => `${row.step.toLocaleString()}${row.of ? ` ${word("of")} ${row.of.toLocaleString()}` : ""} ${word("steps")}`;
const bestOf = (row) => (row.best ? `${word("best")} ${row.best.score} ${number(row.best.value)}` : "");

const showList = (content) => {
  document.title = "Poise";
  const before = document.getElementById("filter");
  const filter = before || element("input", { id: "filter", type: "search", placeholder: word("filter"), "aria-label": word("filter") });
  const list = element("ul", { className: "runs" });
  for (const row of sorted(content.runs)) {
    const link = isText(row.name) ? element("a", { href: `#/${encodeURIComponent(row.name)}` }) : element("a", {});
    if (row.picture) link.append(element("img", { src: `${sampleAddress(row.name, row.picture)}`, alt: "", loading: "lazy" }));
    if (!row.picture && row.words) link.append(element("pre", { textContent: row.words, dir: "auto" }));
    link.append(element("b", { textContent: row.name, dir: "auto" }), badge(row), " ", progress(row));
    link.append(element("div", { className: "soft", dir: "auto", textContent: [row.recipe, row.data, bestOf(row)].filter(Boolean).join(" · ") }));
    if (row.why) link.append(element("div", { className: "soft", textContent: row.why }));
    list.append(element("li", {}, link, isText(row.name) ? picker(row.name) : ""));
  }
  const narrow = () => {
    for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(filter.value.toLowerCase());
  };
  filter.oninput = narrow;
  const focused = document.activeElement?.id;
  main.replaceChildren(element("h1", { textContent: content.root, dir: "auto" }), filter, comparing(content.runs),
    content.runs.length ? list : element("p", { word: "none" }));
  if (focused) document.getElementById(focused)?.focus();
  narrow();
};

// What is asked of the server says the language of the page, in which it says what it refuses.
const ask = (address, options = {}) => fetch(address, { ...options, headers: { "Accept-Language": state.language, ...options.headers } });
const told = (one, key) => (state.language === "zh" && one.zh?.[key]) || one[key];
const finding = (one) => element("li", { className: one.severity },
  element("b", { textContent: told(one, "name") }), ` (${word("since")} ${one.since.toLocaleString()})`,
  element("div", { textContent: [told(one, "sentence"), told(one, "action")].filter(Boolean).join(" ") }), then(one.since));

// Shows the samples of that step, or the next ones after it.
const then = (step) => {
  const made = element("button", { type: "button", className: "then", word: "then" });
  made.addEventListener("click", () => {
    const slider = document.getElementById("history");
    if (!slider) return;
    const steps = stepsOf(state.content).map(Number);
    const at = steps.findIndex((one) => one >= step);
    slider.value = at < 0 ? steps.length - 1 : at;
    slider.dispatchEvent(new Event("input"));
    slider.scrollIntoView({ block: "center" });
    slider.focus();
  });
  return made;
};

const drawPanel = (panel, place) => {
  const steps = [...new Set(panel.curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
  const at = new Map(steps.map((step, i) => [step, i]));
  const spread = (xs, ys) => {
    const found = new Array(steps.length).fill(null);
    xs.forEach((x, i) => { found[at.get(x)] = ys[i]; });
    return found;
  };
  const text = getComputedStyle(document.body).color;
  const series = [{ label: word("step") }];
  const data = [steps];
  const bands = [];
  panel.curves.forEach((curve, i) => {
    const stroke = COLOURS[(curve.look ?? i) % COLOURS.length];
    const points = { show: curve.x.length < 40 };
    if (curve.low.length) {
      series.push({ stroke: "transparent", points: { show: false }, spanGaps: true, label: `${curve.name} +`, class: "band" },
        { stroke: "transparent", points: { show: false }, spanGaps: true, label: `${curve.name} −`, class: "band" });
      bands.push({ series: [series.length - 2, series.length - 1], fill: `${stroke}33` });
      data.push(spread(curve.x, curve.high), spread(curve.x, curve.low));
    }
    series.push({ label: curve.name, stroke, width: 1.6, points, spanGaps: true });
    data.push(spread(curve.x, curve.y));
  });
  Object.entries(panel.levels).forEach(([name, height]) => {
    series.push({ label: name, stroke: "#888", dash: [6, 4], points: { show: false }, spanGaps: true });
    data.push(steps.map(() => height));
  });
  const axis = { stroke: text, grid: { stroke: "#8883" }, ticks: { stroke: "#8885" } };
  return new uPlot({
    width: Math.max(240, place.clientWidth - 18), height: 190, series, bands, scales: { x: { time: false } },
    axes: [axis, { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : number(tick))) }],
    legend: { live: true }, cursor: { drag: { x: true, y: false } },
  }, data, place);
};

const stepsOf = (content) => [...new Set(content.samples.map((file) => file.slice(0, 8)))];

// The part of a page with the samples: as it stands while it shows the same, or while somebody listens to one of them;
// else a new one, which is still to be filled. `of` names the runs, `shows` what is shown of them.
const samplesPart = (of, shows) => {
  const before = document.getElementById("samples");
  const same = before?.dataset.of === `${state.language} ${of}`;
  if (same && before.dataset.shows === shows) return before;
  const heard = same ? [...before.querySelectorAll("audio")].find((one) => !one.paused) : undefined;
  if (!heard) return element("div", { id: "samples", "data-of": `${state.language} ${of}`, "data-shows": shows });
  if (!before.dataset.waits) heard.addEventListener("pause", () => { state.tag = ""; look(false); }, { once: true });
  before.dataset.waits = "yes";
  return before;
};

// Plots drawn anew keep the stretch of steps that somebody has chosen in those of before, by their titles.
const drawPanels = (found, panels) => {
  const chosen = new Map();
  for (const plot of state.plots) {
    const { min, max } = plot.scales.x;
    if (min !== null && (min > plot.data[0][0] || max < plot.data[0][plot.data[0].length - 1])) chosen.set(plot.called, { min, max });
    plot.destroy();
  }
  state.plots = [];
  for (const panel of found) {
    const place = element("section", { className: "panel" }, element("h3", { textContent: `${panel.title} (${panel.unit})` }));
    panels.append(place);
    const plot = drawPanel(panel, place);
    plot.called = `${state.shown} ${panel.title}`;
    if (chosen.has(plot.called)) plot.setScale("x", chosen.get(plot.called));
    state.plots.push(plot);
  }
};

const showSamples = (content, place) => {
  const steps = stepsOf(content);
  if (!steps.length) { place.replaceChildren(element("p", { word: "waiting", className: "soft" })); return; }
  if (state.at === null || !steps.includes(state.at)) state.at = steps[steps.length - 1];
  const name = content.about.name;
  const slider = element("input", { id: "history", type: "range", min: 0, max: steps.length - 1, value: steps.indexOf(state.at), "aria-label": word("after") });
  const caption = element("span", { className: "soft" });
  const beside = element("div", { className: "beside" });
  const figure = async (file, title) => {
    const made = element("figure");
    if (file.endsWith(".png")) made.append(element("img", { src: sampleAddress(name, file), alt: title }));
    else if (file.endsWith(".wav")) made.append(element("audio", { src: sampleAddress(name, file), controls: true, preload: "none", "aria-label": title }));
    else made.append(element("pre", { dir: "auto", textContent: await (await ask(sampleAddress(name, file))).text() }));
    made.append(element("figcaption", { textContent: title, dir: "auto" }));
    return made;
  };
  const keep = element("button", { id: "keep", type: "button", "aria-pressed": String(Boolean(state.kept)), word: "keep" });
  keep.addEventListener("click", () => {
    state.kept = state.kept ? null : steps[Number(slider.value)];
    keep.setAttribute("aria-pressed", String(Boolean(state.kept)));
    return draw();
  });
  let turn = 0;
  const draw = async () => {
    const now = (turn += 1);
    const step = steps[Number(slider.value)];
    state.at = step === steps[steps.length - 1] ? null : step;
    caption.textContent = `${word("after")} ${Number(step).toLocaleString()}`;
    const mine = content.samples.filter((file) => file.startsWith(step));
    const others = state.kept && state.kept !== step ? content.samples.filter((file) => file.startsWith(state.kept)) : [];
    const named = (file) => file.slice(8).replace(/^[-/]/, "").replace(/\.\w+$/, "") || `${word("after")} ${Number(file.slice(0, 8)).toLocaleString()}`;
    const parts = await Promise.all([...[...others.slice(0, 12), ...mine.slice(0, 12)].map((file) => figure(file, named(file))), ...content.real.map((file) => figure(file, word("real")))]);
    if (now !== turn) return; // another step was asked for meanwhile
    beside.replaceChildren(...parts);
    document.body.dataset.step = step;
  };
  slider.addEventListener("input", draw);
  place.replaceChildren(element("div", { className: "slider" }, slider, caption, keep), beside);
  return draw();
};

const showRun = async (content) => {
  const row = content.about;
  document.title = `${row.name} · Poise`;
  const samples = samplesPart(`${state.above} ${row.name}`, JSON.stringify([content.samples, content.real]));
  const fresh = !samples.isConnected;
  const panels = element("div", { className: "panels" });
  const findings = element("ul", { className: "findings" }, ...content.findings.map(finding));
  const top = window.scrollY;
  const focus = document.activeElement?.id;
  const parts = [
    element("h1", { textContent: row.name, dir: "auto" }),
    element("p", {}, badge(row), " ", element("span", { id: "steps", textContent: progress(row) }), " ", bestOf(row)),
    element("p", { className: "soft", dir: "auto", textContent: [row.recipe, content.data].filter(Boolean).join(" · ") }),
    content.trouble || row.why ? element("p", { textContent: content.trouble || row.why }) : null,
    state.above === "api" ? element("p", {}, element("a", { className: "go", href: `#play/${encodeURIComponent(row.name)}`, word: "play" })) : null,
    element("h2", { word: "samples" }), samples,
    element("h2", { word: "found" }), content.findings.length ? findings : element("p", { word: "nothing" }),
  ];
  if (content.earlier.length) {
    parts.push(element("h2", { word: "earlier" }), element("ul", {}, ...content.earlier.map((one) => element("li", { className: "soft", textContent: `${told(one, "name")}: ${told(one, "sentence")}` }))));
  }
  if (content.sampled) parts.push(element("p", { className: "soft", id: "sampled", textContent: `${word("sampled")}${content.searched < 1 ? ` ${word("searched")} ${Math.floor(100 * content.searched)} %` : ""}` }));
  parts.push(element("h2", { word: "curves" }), content.panels.length ? panels : element("p", { word: "nocurves", className: "soft" }));
  const scratch = element("div", {}, ...parts);
  main.replaceChildren(...scratch.children);
  drawPanels(content.panels, panels);
  if (fresh) await showSamples(content, samples);
  if (focus) document.getElementById(focus)?.focus();
  window.scrollTo(0, top);
};

const look = async (again) => {
  const name = wanted();
  const page = pageOf(name);
  const address = page ? page.address(restOf(name)) : name ? `api/run/${encodeURIComponent(name)}` : "api/runs";
  if (name !== state.shown) Object.assign(state, { tag: "", at: null, kept: null, shown: name, above: page?.above?.(restOf(name)) ?? "api" });
  let said = "";
  const slow = setTimeout(() => { document.getElementById("state").textContent = word("reading"); }, 400);
  try {
    const answer = await ask(address, { headers: state.tag ? { "If-None-Match": state.tag } : {}, cache: "no-store" });
    const content = answer.status === 200 ? await answer.json() : await answer.text();
    if (wanted() === name) { // somebody may have gone on meanwhile
      if (answer.status === 200) {
        Object.assign(state, { tag: answer.headers.get("ETag") || "", content });
        await (page ? page.show(content, restOf(name)) : name ? showRun(content) : Promise.resolve(showList(content)));
      } else if (answer.status !== 304) {
        state.tag = ""; // what was shown is gone, and wanted again
        main.replaceChildren(element("p", { textContent: content }));
      }
      document.body.dataset.ready = name || "runs";
    }
  } catch { said = word("away"); }
  clearTimeout(slow);
  document.getElementById("state").textContent = said;
  if (again) setTimeout(() => look(true), document.hidden ? 5000 : 1000);
};

document.getElementById("language").addEventListener("click", () => {
  state.language = state.language === "zh" ? "en" : "zh";
  state.tag = "";
  translate();
  look(false);
});
window.addEventListener("hashchange", () => { main.focus(); look(false); });
window.addEventListener("resize", () => {
  for (const plot of state.plots) plot.setSize({ width: Math.max(240, plot.root.parentElement.clientWidth - 18), height: 190 });
});
document.addEventListener("DOMContentLoaded", () => { translate(); look(true); });
