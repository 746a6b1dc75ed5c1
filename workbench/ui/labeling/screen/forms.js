/* Answers that say more than a class: how strong, which movements, where, which pixels. Read after brush.js and words.js, before keys.js and judge.js, whose study, current, part, make, say and vote it uses. An answer is its class, "#", and the rest, as the server checks it (labeling/study/details.py). */
const STEP = 0.01;
const drawnForm = () => study.form === "mask" || study.form === "attention";
const headOf = (answer) => (study && study.form ? answer.split("#")[0] : answer);

/* What an item's answer is made of while it is on the screen. */
function openForm(item) {
  item.form = { stage: 0, head: "", strength: 0, valence: 0, arousal: 0, units: new Set(), points: [], cross: { x: 0.5, y: 0.5 }, paint: true, size: 0.05, changed: false };
  if (study.form === "points" || drawnForm()) board(item);
  drawForm();
}

/* The picture with two layers over it: what is painted, and marks. */
function board(item) {
  const figure = item.pair.querySelector("figure"), image = figure && figure.querySelector("img"), form = item.form;
  if (!image || !image.naturalWidth) return;
  const side = study.form === "points" ? 1000 : study.side, ratio = image.naturalWidth / image.naturalHeight;
  form.w = Math.max(1, Math.round(side * Math.min(1, ratio))); form.h = Math.max(1, Math.round(side * Math.min(1, 1 / ratio)));
  figure.classList.add("board");
  figure.style.maxWidth = `min(560px, ${Math.round(62 * ratio)}vh)`;
  figure.querySelectorAll("canvas").forEach((node) => node.remove());
  for (const name of ["paint", "marks"]) {
    const canvas = make("canvas", "", { "data-layer": name, width: form.w, height: form.h, "aria-hidden": "true" });
    figure.append(canvas); form[name === "paint" ? "layer" : "marks"] = canvas;
  }
  figure.setAttribute("role", "application");
  figure.setAttribute("aria-label", t("Arrow keys move the cross."));
  if (drawnForm()) { form.mask = begun(item); paintBox(form, { x0: 0, y0: 0, x1: form.w, y1: form.h }); form.changed = false; }
  marks(item);
  pointing(item, form.marks);
}

/* What was drawn before (an undone answer), else the model's mask, else nothing. */
function begun(item) {
  const form = item.form, mask = new Uint8Array(form.w * form.h), [size, runs] = (item.before || "").split("#")[1]?.split(":") || [];
  if (size === `${form.w}x${form.h}`) {
    let at = 0;
    runs.split(" ").map(Number).forEach((run, index) => { if (index % 2) mask.fill(1, at, at + run); at += run; });
  } else if (item.layer && item.layer.naturalWidth) {
    const canvas = make("canvas", "", { width: form.w, height: form.h }), context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(item.layer, 0, 0, form.w, form.h);
    const data = context.getImageData(0, 0, form.w, form.h).data;
    for (let i = 0; i < mask.length; i++) mask[i] = data[4 * i] + data[4 * i + 1] + data[4 * i + 2] > 381 ? 1 : 0;
  }
  return mask;
}

function paintBox(form, box) {
  const x0 = Math.max(0, box.x0), y0 = Math.max(0, box.y0), w = Math.min(form.w, box.x1) - x0, h = Math.min(form.h, box.y1) - y0;
  if (w <= 0 || h <= 0) return;
  const out = new ImageData(w, h);
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) if (form.mask[(y0 + y) * form.w + x0 + x]) out.data.set([255, 60, 190, 150], 4 * (y * w + x));
  form.layer.getContext("2d").putImageData(out, x0, y0);
}

function marks(item) {
  const form = item.form, canvas = form.marks, context = canvas.getContext("2d"), unit = Math.max(form.w, form.h) / 100;
  context.clearRect(0, 0, form.w, form.h);
  const ring = (x, y, r, colour) => { for (const [width, style] of [[1.2, "#000"], [0.6, colour]]) { context.beginPath(); context.arc(x * form.w, y * form.h, r, 0, 7); context.lineWidth = width * unit; context.strokeStyle = style; context.stroke(); } };
  form.points.forEach((place, index) => {
    if (!place) return;
    ring(place.x, place.y, 1.6 * unit, "#fff");
    context.font = `600 ${4 * unit}px system-ui`; context.lineWidth = unit; context.strokeStyle = "#000"; context.fillStyle = "#fff";
    context.strokeText(index + 1, place.x * form.w + 2.4 * unit, place.y * form.h - 1.4 * unit);
    context.fillText(index + 1, place.x * form.w + 2.4 * unit, place.y * form.h - 1.4 * unit);
  });
  if (drawnForm() || form.points.length < study.asked.length) ring(form.cross.x, form.cross.y, drawnForm() ? form.size * 100 * unit : 2.2 * unit, form.paint ? "#4f7cff" : "#ffb000");
}

/* A stroke from one place to another, both in shares of the picture. */
function stroke(item, from, to) {
  const form = item.form, cells = (place) => ({ x: place.x * form.w, y: place.y * form.h });
  const box = capsule(form.w, form.h, cells(from), cells(to), Math.max(0.7, form.size * Math.max(form.w, form.h)), (at) => { form.mask[at] = form.paint ? 1 : 0; });
  form.changed = true;
  paintBox(form, box);
  root.dataset.painted = String((+root.dataset.painted || 0) + 1);
}

function pointing(item, canvas) {
  let last = null;
  const place = (event) => { const box = canvas.getBoundingClientRect(); return { x: Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)), y: Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)) }; };
  canvas.addEventListener("pointerdown", (event) => {
    if (current !== item || !shownAt) return;
    event.preventDefault(); event.stopPropagation();
    item.form.cross = place(event);
    if (study.form === "points") return setPoint(item.form.cross);
    canvas.setPointerCapture(event.pointerId);
    last = item.form.cross;
    stroke(item, last, last); marks(item);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of all.length ? all : [event]) { const now = place(one); stroke(item, last, now); last = now; }
    item.form.cross = last; marks(item);
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { last = null; });
}

function setPoint(place) {
  const form = current.form;
  if (form.points.length >= study.asked.length) return;
  form.points.push(place && { ...place });
  marks(current); drawForm();
}

/* The words above the picture for where one is in an answer. */
function formStep() {
  const form = current && current.form;
  if (!form) return "";
  if (study.form === "expression") return ["", t("How strong is it?"), t("How does it feel? Arrow keys or a tap, then Enter.")][form.stage];
  if (study.form === "units") return t("Mark all that you see, then Enter.");
  if (study.form === "points") return form.points.length < study.asked.length ? `${form.points.length + 1}. ${study.asked[form.points.length].title}` : t("All placed. Enter sends, Backspace takes the last one back.");
  return form.paint ? t("Painting. Enter sends.") : t("Erasing. Enter sends.");
}

const tool = (title, key, work, more) => { const button = make("button", "", { type: "button", ...more }); button.append(make("span", title), ...(key ? [make("kbd", key)] : [])); button.addEventListener("click", (event) => { event.stopPropagation(); if (event.detail) button.blur(); if (current && shownAt) work(); }); return button; };

/* The panel below the picture. */
function drawForm() {
  const panel = part("form"), form = current && current.form;
  part("answers").hidden = !!form && study.form === "expression" && form.stage > 0;
  if (!study || !study.form || !form) return panel.replaceChildren();
  panel.className = `form ${study.form}`;
  panel.replaceChildren(...PANELS[study.form](form));
  say("step", formStep());
}

const PANELS = {
  expression: (form) => {
    if (form.stage === 1) return [...[1, 2, 3, 4, 5].map((n) => tool(n === 1 ? t("a trace") : n === 5 ? t("extreme") : "·", String(n), () => strong(n), { "data-strength": n })), tool(t("Back"), "⌫", back)];
    if (form.stage === 2) return [grid(form), tool(t("Send"), "Enter", send, { class: "main", "data-send": "" }), tool(t("Back"), "⌫", back)];
    return [];
  },
  units: (form) => [...study.asked.map((one) => { const button = tool(t(one.title), one.key, () => flip(one.name), { "data-unit": one.name, "aria-pressed": String(form.units.has(one.name)) }); button.prepend(glyph(+one.name)); return button; }), tool(t("Send"), "Enter", send, { class: "main", "data-send": "" })],
  points: (form) => [tool(t("Not visible"), "n", () => setPoint(null)), tool(t("Back"), "⌫", back), ...(form.points.length === study.asked.length ? [tool(t("Send"), "Enter", send, { class: "main", "data-send": "" })] : [])],
  mask: (form) => brushes(form), attention: (form) => brushes(form),
};

const brushes = (form) => [
  tool(t("Paint"), "p", () => { form.paint = true; marks(current); drawForm(); }, { "data-tool": "paint", "aria-pressed": String(form.paint) }),
  tool(t("Erase"), "x", () => { form.paint = false; marks(current); drawForm(); }, { "data-tool": "erase", "aria-pressed": String(!form.paint) }),
  tool(t("Smaller brush"), "-", () => sized(1 / 1.4)), tool(t("Larger brush"), "+", () => sized(1.4)),
  tool(t("Send"), "Enter", send, { class: "main", "data-send": "" }),
];

function sized(by) { const form = current.form; form.size = Math.min(0.3, Math.max(0.01, form.size * by)); marks(current); }
function flip(name) { const { units } = current.form; if (units.has(name)) units.delete(name); else units.add(name); drawForm(); }
function strong(n) { current.form.strength = n; current.form.stage = 2; drawForm(); }

function back() {
  const form = current.form;
  if (study.form === "points") { form.points.pop(); marks(current); }
  else if (form.stage) form.stage = form.head === "neutral" ? 0 : form.stage - 1;
  drawForm();
}

/* Valence to the right, arousal upward: nine by nine. */
function grid(form) {
  const box = make("div", "", { class: "affect", role: "group", "aria-label": t("How does it feel?") }), cells = make("div", "", { class: "cells" });
  for (let arousal = 4; arousal >= -4; arousal--) for (let valence = -4; valence <= 4; valence++) {
    const cell = make("button", "", { type: "button", "data-cell": `${valence},${arousal}`, "aria-label": `${valence}, ${arousal}`, "aria-pressed": String(form.valence === valence && form.arousal === arousal), tabindex: "-1" });
    cell.addEventListener("click", (event) => { event.stopPropagation(); if (event.detail) cell.blur(); feel(valence, arousal); });
    cells.append(cell);
  }
  box.append(make("span", t("excited"), { class: "up" }), make("span", t("unpleasant"), { class: "left" }), cells, make("span", t("pleasant"), { class: "right" }), make("span", t("calm"), { class: "down" }));
  return box;
}
function feel(valence, arousal) {
  const form = current.form, kept = (n) => Math.min(4, Math.max(-4, n));
  form.valence = kept(valence); form.arousal = kept(arousal);
  part("form").querySelectorAll("[data-cell]").forEach((cell) => cell.setAttribute("aria-pressed", String(cell.dataset.cell === `${form.valence},${form.arousal}`)));
}

/* A press of one of the answers' own buttons or keys. */
function formChoose(key) {
  if (!current || !shownAt || !current.form) return;
  if (study.form !== "expression") return vote(key);
  const form = current.form;
  form.head = key; form.strength = 0; form.stage = key === "neutral" ? 2 : 1;
  drawForm();
}

/* The whole answer, if there is one. */
function send() {
  const form = current.form, ten = (x) => Math.round(10000 * x);
  if (study.form === "expression") return form.stage === 2 ? vote(`${form.head}#${form.strength},${form.valence},${form.arousal}`) : undefined;
  if (study.form === "units") return vote(form.units.size ? `coded#${[...form.units].sort((a, b) => a - b).join(",")}` : "none");
  if (study.form === "points") return form.points.length === study.asked.length ? vote(`placed#${form.points.map((p) => (p ? `${ten(p.x)},${ten(p.y)}` : "-")).join(";")}`) : undefined;
  if (!form.mask || (study.form === "attention" ? !form.mask.includes(1) : !form.changed)) return say("error", study.form === "mask" ? t("Change the mask first, or say that it fits.") : t("Paint first."));
  return vote(`${study.form === "mask" ? "corrected" : "drawn"}#${form.w}x${form.h}:${lengths(form.mask)}`);
}

/* Lengths of runs row by row, outside first. */
function lengths(mask) {
  const runs = [];
  let now = 0, count = 0;
  for (const cell of mask) { if (cell !== now) { runs.push(count); count = 0; now = cell; } count += 1; }
  return [...runs, count].join(" ");
}

/* A key that belongs to the form; true when it was used. Keys that a rater gave something else stay theirs. */
function formKey(key, event) {
  const form = current && current.form;
  if (!form || !shownAt) return false;
  if (study.form === "expression" && form.stage === 1 && /^[1-5]$/.test(key)) { strong(+key); return true; }
  if (key === "Enter") {
    if (event.target.closest && event.target.closest("button")) return false;
    if (study.form === "points" && form.points.length < study.asked.length) setPoint(form.cross); else send();
    return true;
  }
  if (key === "Backspace") { back(); return true; }
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  if (arrow && study.form === "expression" && form.stage === 2) { feel(form.valence + arrow[0], form.arousal - arrow[1]); return true; }
  if (arrow && form.marks) {
    const far = STEP * (event.shiftKey ? 5 : 1), kept = (n) => Math.min(1, Math.max(0, n));
    form.cross = { x: kept(form.cross.x + far * arrow[0]), y: kept(form.cross.y + far * arrow[1]) };
    marks(current);
    return true;
  }
  if (study.form === "units") { const one = study.asked.find((unit) => unit.key === key); if (one) flip(one.name); return !!one; }
  if (Object.values(keys).includes(key)) return false;
  if (study.form === "points" && key === "n") { setPoint(null); return true; }
  if (!drawnForm()) return false;
  if (key === "p" || key === "x") { form.paint = key === "p"; stroke(current, form.cross, form.cross); marks(current); drawForm(); return true; }
  if (key === "+" || key === "-") { sized(key === "+" ? 1.4 : 1 / 1.4); return true; }
  return false;
}

/* A drawn face that does one thing, so that a movement can be known by sight. */
function glyph(unit) {
  const shape = { inner: 0, outer: 0, eye: 4, corner: 0, wide: 13, open: 0, ...({ 1: { inner: 6 }, 2: { outer: 6 }, 4: { inner: -5, outer: -1 }, 5: { eye: 7 }, 6: { eye: 3 }, 12: { corner: 7 }, 15: { corner: -6 }, 17: { corner: -2 }, 20: { wide: 20 }, 25: { open: 4 }, 26: { open: 12 } }[unit] || {}) };
  const { inner, outer, eye, corner, wide, open } = shape, both = (path) => [path, path.replace(/(-?[\d.]+) (-?[\d.]+)/g, (whole, x, y) => `${80 - x} ${y}`)];
  const svg = root.querySelector("svg.glyph").cloneNode(), mouth = 72 - corner, changed = [1, 2, 4].includes(unit) ? "brow" : [5].includes(unit) ? "eye" : [12, 15, 20, 25, 26, 17].includes(unit) ? "mouth" : "";
  svg.removeAttribute("hidden");
  const line = (kind, ...paths) => paths.forEach((path) => { const node = document.createElementNS(svg.namespaceURI, "path"); node.setAttribute("d", path); if (kind === changed || kind === "extra") node.setAttribute("class", "moved"); svg.append(node); });
  line("face", "M40 6 C62 6 70 26 68 48 C66 72 54 90 40 90 C26 90 14 72 12 48 C10 26 18 6 40 6 Z", "M40 44 L37 58 L43 59");
  line("brow", ...both(`M17 ${32 - outer} Q25 ${28 - (inner + outer) / 2} 34 ${32 - inner}`));
  line("eye", ...both(`M19 42 Q26 ${42 - 2 * eye} 33 42 Q26 ${42 + 1.4 * eye} 19 42`));
  line("mouth", `M${40 - wide} ${mouth} Q40 ${72 - open / 3 + corner / 2} ${40 + wide} ${mouth}`, ...(open ? [`M${40 - wide} ${mouth} Q40 ${74 + 2 * open} ${40 + wide} ${mouth}`] : []));
  if (unit === 4) line("extra", "M36 31 L37 22", "M44 31 L43 22");
  if (unit === 6) line("extra", ...both("M17 52 Q25 46 34 51"), ...both("M14 40 L10 38"));
  if (unit === 9) line("extra", ...both("M36 48 L32 45"), ...both("M36 52 L31 50"));
  if (unit === 17) line("extra", "M33 81 Q40 76 47 81");
  return svg;
}
