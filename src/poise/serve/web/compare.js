"use strict";
// Two to six runs beside each other (#compare/A/B): chosen in the list by ticks; what came out, samples over one slider,
// what differs, curves over one another.

Object.assign(WORDS, {
  compare: ["Compare", "比较"], choose: ["Tick two to six runs to compare them.", "勾选两到六个运行进行比较。"],
  tick: ["compare", "比较"], order: ["Order", "排序"], byname: ["name", "名称"], bybest: ["best score", "最佳得分"],
  bynewest: ["newest", "最新"], bestscores: ["Best scores", "最佳得分"], score: ["score", "得分"],
  value: ["best", "最佳"], interval: ["95 % interval", "95% 区间"], clear: ["clearly the best", "明显最佳"],
  lowest: ["the lowest, but intervals overlap", "最低，但区间重叠"], noscore: ["no score yet", "还没有得分"],
  asked: ["Asked otherwise", "设置的差别"], "data and machine": ["Otherwise found", "数据与环境的差别"],
  outcome: ["What came out", "结果"], same: ["Nothing differs.", "没有差别。"], judges: ["Discriminators", "判别器"],
  player: ["player", "角色"], auc_training: ["tells training from generated items", "区分训练样本与生成样本"],
  auc_heldout: ["tells held-out from generated items", "区分留出样本与生成样本"],
  auc_gap: ["of it learned by heart", "其中靠死记的部分"],
  judged: ["The share of pairs that it ranks rightly, in the last probes: ½ is a guess, 1 is all. The better one has more on held-out items and a smaller difference.", "最近几次检测中排序正确的比例：½ 等于猜测，1 为全对。留出样本上更高、差值更小者更好。"],
  overlaid: ["Curves over one another", "叠加的曲线"], nosamples: ["No samples yet.", "还没有样本。"],
  nopanels: ["There are no curves that differ.", "没有不同的曲线。"],
});

const MOST_COMPARED = 6;
const chosen = new Set(); // names of runs, as ticked
let order = "byname";

const compareHash = (names) => `#compare/${names.map(encodeURIComponent).join("/")}`;

const sorted = (runs) => {
  if (order === "bynewest") return [...runs].sort((a, b) => b.when - a.when);
  if (order !== "bybest") return runs;
  const key = (row) => (row.best ? `${row.data} ${row.best.score}` : "\uffff"); // scores of other data say nothing of these
  return [...runs].sort((a, b) => key(a).localeCompare(key(b)) || (a.best && b.best ? a.best.value - b.best.value : 0));
};

const showChosen = () => {
  const link = document.getElementById("compare");
  if (!link) return;
  const names = [...chosen];
  const ready = names.length >= 2;
  link.hidden = !ready;
  document.getElementById("choose").hidden = ready;
  if (ready) link.href = compareHash(names);
  document.getElementById("count").textContent = ` (${names.length})`;
  for (const box of document.querySelectorAll(".pick input")) box.disabled = !box.checked && names.length >= MOST_COMPARED;
};

// Above the list: the way to the page, and the order of the list.
const comparing = (runs) => {
  const names = new Set(runs.map((row) => row.name));
  for (const name of chosen) if (!names.has(name)) chosen.delete(name); // it has gone
  const known = document.getElementById("comparing");
  if (known) return known;
  const select = element("select", { id: "order" });
  for (const name of ["byname", "bybest", "bynewest"]) select.append(element("option", { value: name, word: name, selected: name === order }));
  select.addEventListener("change", () => {
    order = select.value;
    if (state.content?.runs) showList(state.content);
  });
  const link = element("a", { id: "compare", className: "go", hidden: true }, element("span", { word: "compare" }), element("span", { id: "count" }));
  return element("div", { id: "comparing", className: "controls" }, element("label", {}, element("span", { word: "order" }), " ", select),
    link, element("span", { id: "choose", className: "soft", word: "choose" }));
};

const picker = (name) => {
  const box = element("input", { type: "checkbox", id: `pick ${name}`, checked: chosen.has(name) });
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(name); else chosen.delete(name);
    showChosen();
  });
  queueMicrotask(showChosen);
  const play = element("a", { className: "toplay", href: `#play/${encodeURIComponent(name)}`, word: "play" });
  return element("div", { className: "pick" }, element("label", {}, box, " ", element("span", { word: "tick" })), play);
};

const swatch = (i) => {
  const made = element("span", { className: "swatch" });
  made.style.background = COLOURS[i % COLOURS.length];
  return made;
};

const named = (content, i) => element("a", { href: `#/${encodeURIComponent(content.runs[i].about.name)}`, dir: "auto", textContent: content.runs[i].about.name });

const tableOf = (head, rows) => {
  const line = (cells, tag) => element("tr", {}, ...cells.map((cell) => (cell instanceof Node ? element(tag, {}, cell) : element(tag, { textContent: cell, dir: "auto" }))));
  return element("div", { className: "wide", tabIndex: 0 }, element("table", {}, element("thead", {}, line(head, "th")), element("tbody", {}, ...rows.map((row) => line(row, "td")))));
};

const heads = (content) => content.runs.map((_, i) => element("span", {}, swatch(i), " ", named(content, i)));
const headed = (name) => element("span", { word: name });

const bestScores = (content) => {
  const rows = content.runs.map((run, i) => {
    const best = run.best;
    const said = best ? (best.clear === null ? "" : best.clear ? "clear" : "lowest") : "noscore";
    const mark = said ? element("b", { word: said }) : null;
    return [element("span", {}, swatch(i), " ", named(content, i), mark), best?.score ?? "", best ? number(best.value) : "",
      best && best.low !== null ? `${number(best.low)} – ${number(best.high)}` : "", best ? best.step.toLocaleString() : ""];
  });
  return tableOf([" ", headed("score"), headed("value"), headed("interval"), headed("after")], rows);
};

const judges = (content) => {
  const rows = content.runs.flatMap((run, i) => Object.entries(run.judges).map(([player, told]) =>
    [element("span", {}, swatch(i), " ", named(content, i)), player, ...["auc_training", "auc_heldout", "auc_gap"].map((name) => (told[name] === undefined || told[name] === null ? "" : told[name].toFixed(3)))]));
  if (!rows.length) return [];
  const head = [" ", headed("player"), headed("auc_training"), headed("auc_heldout"), headed("auc_gap")];
  return [element("h2", { word: "judges" }), element("div", { id: "judges" }, tableOf(head, rows)), element("p", { className: "soft", word: "judged" })];
};

const foundIn = (content) => content.runs.map((run, i) => element("div", {}, element("h3", {}, swatch(i), " ", named(content, i)),
  run.trouble || run.about.why ? element("p", { textContent: run.trouble || run.about.why }) : null,
  run.findings.length ? element("ul", { className: "findings" }, ...run.findings.map((one) => element("li", { className: one.severity },
    element("b", { textContent: told(one, "name") }), ` (${word("since")} ${one.since.toLocaleString()})`, element("div", { textContent: [told(one, "sentence"), told(one, "action")].filter(Boolean).join(" ") }))))
    : run.trouble ? null : element("p", { word: "nothing", className: "soft" })));

// Each run's newest samples of at most the step of the slider; its first ones before that.
const samplesBeside = (content, place) => {
  const steps = [...new Set(content.runs.flatMap((run) => run.samples.map((file) => Number(file.slice(0, 8)))))].sort((a, b) => a - b);
  if (!steps.length) { place.replaceChildren(element("p", { word: "nosamples", className: "soft" })); return; }
  const at = state.at === null || !steps.includes(state.at) ? steps.length - 1 : steps.indexOf(state.at);
  const slider = element("input", { id: "together", type: "range", min: 0, max: steps.length - 1, value: at, "aria-label": word("after") });
  const caption = element("span", { className: "soft" });
  const beside = element("div", { className: "beside" });
  let turn = 0;
  const draw = async () => {
    const mine = ++turn;
    const step = steps[Number(slider.value)];
    state.at = Number(slider.value) === steps.length - 1 ? null : step;
    caption.textContent = `${word("after")} ${step.toLocaleString()}`;
    const figures = await Promise.all(content.runs.map(async (run, i) => {
      const theirs = [...new Set(run.samples.map((file) => file.slice(0, 8)))];
      const newest = theirs.filter((one) => Number(one) <= step).pop() ?? theirs[0];
      const made = element("figure", {}, element("figcaption", {}, swatch(i), " ", named(content, i), newest ? ` · ${word("after")} ${Number(newest).toLocaleString()}` : ""));
      for (const file of run.samples.filter((one) => newest && one.startsWith(newest)).slice(0, 4)) {
        const src = sampleAddress(run.about.name, file);
        if (file.endsWith(".png")) made.append(element("img", { src, alt: `${run.about.name}, ${Number(newest)}` }));
        else if (file.endsWith(".wav")) made.append(element("audio", { src, controls: true, preload: "none", "aria-label": file }));
        else made.append(element("pre", { dir: "auto", textContent: await (await ask(src)).text() }));
      }
      return made;
    }));
    if (mine !== turn) return;
    beside.replaceChildren(...figures);
    document.body.dataset.together = String(step);
  };
  slider.addEventListener("input", draw);
  place.replaceChildren(element("div", { className: "slider" }, slider, caption), beside);
  return draw();
};

const showCompared = async (content) => {
  document.title = `${word("compare")} · Poise`;
  const top = window.scrollY;
  const focus = document.activeElement?.id;
  const samples = samplesPart(location.hash, JSON.stringify(content.runs.map((run) => run.samples)));
  const fresh = !samples.isConnected;
  const panels = element("div", { className: "panels" });
  const table = (heading) => {
    const rows = content.tables[heading] ?? [];
    return rows.length ? tableOf([" ", ...heads(content)], rows) : element("p", { word: "same", className: "soft" });
  };
  const further = element("details", { id: "further" }, element("summary", { word: "data and machine" }), table("data and machine"));
  main.replaceChildren(
    element("h1", { word: "compare" }),
    ...(content.trouble ? [element("p", { textContent: content.trouble })] : []),
    element("h2", { word: "bestscores" }), element("div", { id: "best" }, bestScores(content)),
    element("h2", { word: "found" }), element("div", { className: "beside", id: "findings" }, ...foundIn(content)),
    element("h2", { word: "samples" }), samples,
    element("h2", { word: "asked" }), element("div", { id: "asked" }, table("asked")),
    ...judges(content),
    element("h2", { word: "overlaid" }), content.panels.length ? panels : element("p", { word: "nopanels", className: "soft" }),
    element("h2", { word: "outcome" }), element("div", { id: "outcome" }, table("outcome")), further);
  drawPanels(content.panels, panels);
  if (fresh) await samplesBeside(content, samples);
  if (focus) document.getElementById(focus)?.focus();
  window.scrollTo(0, top);
};

PAGES.compare = {
  address: (names) => `api/compare?${names.split("/").map((name) => `run=${encodeURIComponent(name)}`).join("&")}`,
  show: showCompared,
};
