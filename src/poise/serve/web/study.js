"use strict";
// Studies: the list; one with its verdicts, the changes with their intervals, maps, curves, and samples of every arm.

Object.assign(WORDS, {
  studies: ["Studies", "研究"], nostudies: ["There are no studies here yet.", "这里还没有研究。"],
  over: ["runs over", "次运行已结束"], claims: ["Claims", "论断"], changes: ["Changes", "变化"], maps: ["Maps", "热图"],
  arms: ["Samples of every arm", "各组的样本"],
  unfinished: ["Unfinished: nothing is decided before all runs are there.", "尚未完成：所有运行都到齐之前不作任何结论。"],
  betterlow: ["lower is better", "越低越好"], betterhigh: ["higher is better", "越高越好"],
  worst: ["counts as the worst", "按最差计"], shaded: ["shaded: too small to matter", "灰色区域：小到无关紧要"],
  dark: ["dark is better", "颜色越深越好"], norun: ["No run of this part is over yet.", "这一部分还没有结束的运行。"],
  sameNoise: ["the same noise in every arm", "各组使用相同的噪声"], D: ["D alive", "判别器存活"],
  diverged: ["diverged", "发散"], because: ["Why it might be so, written before:", "事先写下的理由："],
  notes: ["Notes", "说明"], reference: ["the others are compared with it", "其余各组与它比较"],
});
const VERDICTS = {
  supported: "支持", "too small": "太小", equivalent: "等价", refuted: "被否定", inconclusive: "无法判断", unfinished: "未完成",
};
const verdictWord = (text) => (state.language === "zh" ? VERDICTS[text] ?? text : text);
const studyAddress = (name, run) => `#study/${encodeURIComponent(name)}${run ? `/${encodeURIComponent(run)}` : ""}`;

const showStudies = (content) => {
  document.title = `${word("studies")} · Poise`;
  const list = element("ul", { className: "runs" });
  for (const row of content.studies) {
    const link = element("a", isText(row.name) ? { href: studyAddress(row.name) } : {}, element("b", { textContent: row.name, dir: "auto" }),
      element("span", { textContent: `${row.over.toLocaleString()} ${word("of")} ${row.planned.toLocaleString()} ${word("over")}` }),
      element("div", { className: "soft", dir: "auto", textContent: row.trouble || row.question }));
    for (const one of row.verdicts.slice(0, 6)) {
      link.append(element("div", { className: "soft", dir: "auto" }, element("span", { className: `badge ${one.verdict.split(" ")[0]}`, textContent: verdictWord(one.verdict) }), ` ${one.says}`));
    }
    list.append(element("li", {}, link));
  }
  main.replaceChildren(element("h1", { word: "studies" }), content.studies.length ? list : element("p", { word: "nostudies" }));
};

const shape = (tag, options, ...inside) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(options)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
};

// Round places on an axis from low to high.
const ticksOf = (low, high) => {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) found.push(i * step);
  return found;
};

const drawForest = (forest, colours) => {
  const factor = forest.unit === "as a factor";
  const put = (value) => (factor ? Math.log10(value) : value);
  const numbers = forest.rows.flatMap((row) => [row.estimate, row.low, row.high, ...row.seeds, ...row.margin]).concat(forest.none)
    .filter((value) => value !== null && (!factor || value > 0)).map(put);
  const room = (Math.max(...numbers) - Math.min(...numbers)) * 0.06 || 1;
  const [low, high] = [Math.min(...numbers) - room, Math.max(...numbers) + room];
  const [wide, line, left] = [760, 58, 10];
  const height = forest.rows.length * line + 34;
  const across = (place) => ((place - low) / (high - low)) * (wide - 2 * left) + left;
  const x = (value) => across(put(value));
  const picture = shape("svg", { viewBox: `0 0 ${wide} ${height}`, class: "forest", role: "img",
    "aria-label": `${forest.endpoint}: ${forest.rows.map((row) => `${row.arm} ${row.text}`).join("; ")}` });
  const bottom = forest.rows.length * line;
  for (const tick of ticksOf(low, high)) {
    const at = across(tick);
    picture.append(shape("line", { x1: at, x2: at, y1: 0, y2: bottom, class: "grid" }),
      shape("text", { x: at, y: bottom + 18, "text-anchor": "middle" }, number(factor ? 10 ** tick : tick)));
  }
  forest.rows.forEach((row, i) => {
    const y = i * line + line * 0.72;
    const colour = colours.get(row.arm) ?? "#888";
    if (row.margin.length) picture.append(shape("rect", { x: x(row.margin[0]), y: y - 18, width: x(row.margin[1]) - x(row.margin[0]), height: 36, class: "margin" }));
    picture.append(shape("text", { x: left, y: i * line + 15, fill: colour, class: "arm" }, `${row.arm} − ${row.against}`));
    row.seeds.forEach((value, j) => {
      const at = y - 12 - 3 * (j % 3);
      if (row.worst[j]) picture.append(shape("path", { d: `M${x(value) - 4} ${at - 4}l8 8m0 -8l-8 8`, stroke: colour, "stroke-width": 2 }));
      else picture.append(shape("circle", { cx: x(value), cy: at, r: 3, fill: colour, "fill-opacity": 0.5 }));
    });
    if (row.low !== null) picture.append(shape("line", { x1: x(row.low), x2: x(row.high), y1: y, y2: y, stroke: colour, "stroke-width": 4 }));
    picture.append(shape("path", { d: `M${x(row.estimate)} ${y - 7}l7 7l-7 7l-7 -7z`, fill: colour, class: "mean" }));
  });
  picture.append(shape("line", { x1: x(forest.none), x2: x(forest.none), y1: 0, y2: bottom, class: "none" }));
  const table = element("table", {}, ...forest.rows.map((row) => element("tr", {},
    element("td", { dir: "auto", textContent: row.arm }), element("td", { className: "soft", dir: "auto", textContent: `− ${row.against}` }),
    element("td", { textContent: row.text }), element("td", { className: "soft", textContent: row.n > 1 ? `p ${row.p}, n = ${row.n}` : "n = 1" }))));
  const told = [forest.unit, word(forest.better === "lower" ? "betterlow" : "betterhigh")];
  if (forest.rows.some((row) => row.margin.length)) told.push(word("shaded"));
  if (forest.rows.some((row) => row.worst.includes(true))) told.push(`×: ${word("worst")}`);
  return element("section", { className: "panel broad" }, element("h3", { textContent: forest.endpoint, dir: "auto" }), picture,
    element("p", { className: "soft", textContent: told.filter(Boolean).join("; ") }), element("div", { className: "wide" }, table));
};

const drawHeat = ({ map, goodness }) => {
  const head = element("tr", {}, element("th", { textContent: `${map.down} \\ ${map.across}` }), ...map.columns.map((text) => element("th", { scope: "col", textContent: text })));
  const rows = map.cells.map((row, i) => element("tr", {}, element("th", { scope: "row", textContent: map.rows[i] }), ...row.map((cell, j) => {
    const shade = goodness[i][j];
    if (cell === null || shade === null) return element("td", { textContent: "–", className: "soft" });
    const made = element("td", { textContent: number(cell.mean), title: `${cell.arm}, n = ${cell.n}`, className: shade > 0.5 ? "good" : "" });
    made.style.backgroundColor = `hsl(210 60% ${92 - 64 * shade}%)`;
    return made;
  })));
  return element("section", { className: "panel" }, element("h3", { textContent: `${map.endpoint}: ${word(map.better === "lower" ? "betterlow" : "betterhigh")}; ${word("dark")}` }),
    element("div", { className: "wide" }, element("table", { className: "heat" }, head, ...rows)));
};

const drawArm = (study, part, arm) => {
  const made = element("figure", { className: "arm" });
  const last = arm.samples.length ? arm.samples[arm.samples.length - 1].slice(0, 8) : "";
  const newest = arm.samples.filter((file) => file.startsWith(last)).slice(0, 2);
  const at = (file) => `api/study/${encodeURIComponent(study)}/sample/${encodeURIComponent(arm.run)}/${file.split("/").map(encodeURIComponent).join("/")}`;
  for (const file of newest) {
    if (file.endsWith(".png")) made.append(element("img", { src: at(file), alt: arm.name, loading: "lazy" }));
    else if (file.endsWith(".wav")) made.append(element("audio", { src: at(file), controls: true, preload: "none", "aria-label": arm.name }));
    else {
      const text = element("pre", { dir: "auto" });
      ask(at(file)).then((answer) => answer.text()).then((said) => { text.textContent = said; });
      made.append(text);
    }
  }
  if (!newest.length) made.append(element("p", { word: "nosamples", className: "soft" }));
  const told = [`${arm.done} ${word("of")} ${arm.planned}`, arm.diverged ? `${word("diverged")} ${arm.diverged}` : "", arm.alive ? `${word("D")} ${arm.alive}` : "",
    ...arm.findings, arm.name === part.against ? word("reference") : arm.differs];
  const name = arm.run ? element("a", { href: studyAddress(study, arm.run), textContent: arm.name, dir: "auto" }) : element("b", { textContent: arm.name, dir: "auto" });
  made.append(element("figcaption", { dir: "auto" }, name, ` ${told.filter(Boolean).join(" · ")}`));
  return made;
};

const showStudy = (content) => {
  document.title = `${content.name} · Poise`;
  const top = window.scrollY;
  for (const plot of state.plots) plot.destroy();
  state.plots = [];
  const parts = [element("h1", { textContent: content.name, dir: "auto" }), element("p", { textContent: content.question, dir: "auto" })];
  if (content.trouble) parts.push(element("p", { textContent: content.trouble }));
  if (content.counted) parts.push(element("p", { className: "soft", textContent: content.counted }));
  if (content.complete === false) parts.push(element("p", { word: "unfinished", className: "unfinished" }));
  if (content.claims.length) parts.push(element("h2", { word: "claims" }));
  for (const one of content.claims) {
    parts.push(element("div", { className: `claim ${one.verdict.split(" ")[0]}` }, element("b", { className: "verdict", textContent: verdictWord(one.verdict) }),
      element("div", { textContent: one.says, dir: "auto" }), element("div", { className: "soft", textContent: one.reason }),
      one.because ? element("div", { className: "soft", textContent: `${word("because")} ${one.because}` }) : null));
  }
  const plots = [];
  for (const part of content.parts) {
    const colours = new Map(part.arms.filter((arm) => arm.name !== part.against).map((arm, i) => [arm.name, COLOURS[i % COLOURS.length]]));
    parts.push(element("h2", { textContent: `${part.name} (${part.recipe})`, dir: "auto" }));
    const grid = element("div", { className: "panels" }, ...part.forests.map((forest) => drawForest(forest, colours)), ...part.heats.map(drawHeat));
    parts.push(grid);
    for (const panel of part.panels) {
      const place = element("section", { className: "panel" }, element("h3", { textContent: `${panel.title} (${panel.unit})` }));
      grid.append(place);
      plots.push([panel, place]);
    }
    if (!part.arms.some((arm) => arm.run)) { parts.push(element("p", { word: "norun", className: "soft" })); continue; }
    parts.push(element("h3", {}, element("span", { word: "arms" }), ` (${word("seed")} ${part.seed}; ${word("sameNoise")})`),
      element("div", { className: "beside arms" }, ...part.arms.map((arm) => drawArm(content.name, part, arm))));
  }
  if (content.notes?.length) parts.push(element("h2", { word: "notes" }), element("ul", {}, ...content.notes.map((one) => element("li", { className: "soft", textContent: one }))));
  main.replaceChildren(...parts);
  for (const [panel, place] of plots) state.plots.push(drawPanel(panel, place));
  window.scrollTo(0, top);
};

PAGES.studies = { address: () => "api/studies", show: showStudies };
PAGES.study = {
  address: (rest) => {
    const [name, run] = rest.split("/").map(encodeURIComponent);
    return run ? `api/study/${name}/run/${run}` : `api/study/${name}`;
  },
  show: (content, rest) => (rest.includes("/") ? showRun(content) : showStudy(content)),
  above: (rest) => `api/study/${encodeURIComponent(rest.split("/")[0])}`,
};
