// Corrects a part map in the browser. The server sees it when the person asks for a click or presses "Use this mask".
const find = (name) => element.querySelector(name);
const KEEP = 60, BIG = 80e6;
const ed = {
  key: "", width: 0, height: 0, labels: null, owners: null, parts: [], colors: [], hidden: new Set(), faces: 0,
  tool: "brush", part: 1, face: 1, zoom: 1, x: 0, y: 0, cross: null, done: [], undone: [], clicks: [], waiting: false, ticket: 0,
};

const say = (text) => { find(".me-status").textContent = text; };
const named = (part) => (ed.parts.find((row) => row.index === part) || { name: "Background" }).name;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

function load(source) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("picture did not load"));
    image.src = source;
  });
}

function pixels(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

// ---- the picture -------------------------------------------------------------------------------------------------
function paint(box) {
  const { x, y, w, h } = box;
  if (w <= 0 || h <= 0) return;
  const out = new ImageData(w, h), data = out.data;
  for (let row = 0; row < h; row++) for (let column = 0; column < w; column++) {
    const label = ed.labels[(y + row) * ed.width + x + column];
    const color = label && !ed.hidden.has(label) ? ed.colors[label] : null;
    const i = 4 * (row * w + column);
    if (color) { data[i] = color[0]; data[i + 1] = color[1]; data[i + 2] = color[2]; data[i + 3] = 255; }
  }
  find(".me-paint").getContext("2d").putImageData(out, x, y);
}
const everything = () => ({ x: 0, y: 0, w: ed.width, h: ed.height });

function place() {
  const world = find(".me-world");
  world.style.transform = `translate(${ed.x}px,${ed.y}px) scale(${ed.zoom})`;
  world.dataset.near = String(ed.zoom > 2);
  find(".me-paint").style.opacity = Number(find(".me-opacity").value) / 100;
  marks();
}

function fit() {
  const stage = find(".me-stage");
  if (!ed.width || !stage.clientWidth) return;
  ed.zoom = Math.min(stage.clientWidth / ed.width, stage.clientHeight / ed.height);
  ed.x = (stage.clientWidth - ed.width * ed.zoom) / 2;
  ed.y = (stage.clientHeight - ed.height * ed.zoom) / 2;
  ed.moved = false;
  place();
}

function zoom(factor, at) {
  const stage = find(".me-stage");
  const spot = at || { x: stage.clientWidth / 2, y: stage.clientHeight / 2 };
  const next = clamp(ed.zoom * factor, 0.05, 40);
  ed.x = spot.x - (spot.x - ed.x) * next / ed.zoom;
  ed.y = spot.y - (spot.y - ed.y) * next / ed.zoom;
  ed.zoom = next;
  ed.moved = true;
  place();
}

function marks(line) {
  const stage = find(".me-stage"), canvas = find(".me-marks");
  canvas.width = stage.clientWidth; canvas.height = stage.clientHeight;
  const context = canvas.getContext("2d");
  const to = (p) => [p.x * ed.zoom + ed.x, p.y * ed.zoom + ed.y];
  for (const click of ed.clicks) {
    const [x, y] = to({ x: click.x + 0.5, y: click.y + 0.5 });
    context.beginPath(); context.arc(x, y, 6, 0, 7);
    context.fillStyle = click.sign > 0 ? "#16a34a" : "#dc2626"; context.fill();
    context.lineWidth = 2; context.strokeStyle = "#fff"; context.stroke();
  }
  if (line && line.length) {
    context.beginPath();
    line.forEach((p, i) => { const [x, y] = to(p); if (i) context.lineTo(x, y); else context.moveTo(x, y); });
    context.lineWidth = 3; context.strokeStyle = "#000"; context.stroke();
    context.lineWidth = 1.5; context.strokeStyle = "#fff"; context.stroke();
  }
  if (ed.cross) {
    const [x, y] = to(ed.cross), r = Math.max(4, radius(1) * ed.zoom);
    for (const [width, color] of [[3, "#000"], [1.5, "#fff"]]) {
      context.lineWidth = width; context.strokeStyle = color;
      context.beginPath(); context.arc(x, y, r, 0, 7); context.moveTo(x - 9, y); context.lineTo(x + 9, y);
      context.moveTo(x, y - 9); context.lineTo(x, y + 9); context.stroke();
    }
  }
}

// ---- history -----------------------------------------------------------------------------------------------------
function cut(array, box) {
  const out = new array.constructor(box.w * box.h);
  for (let row = 0; row < box.h; row++) {
    const from = (box.y + row) * ed.width + box.x;
    out.set(array.subarray(from, from + box.w), row * box.w);
  }
  return out;
}
function put(array, box, values) {
  for (let row = 0; row < box.h; row++) array.set(values.subarray(row * box.w, (row + 1) * box.w), (box.y + row) * ed.width + box.x);
}

function change(word, work, clicks) {  // work() writes into labels and owners, and returns the box it touched or null
  const labels = ed.labels.slice(), owners = ed.owners.slice();
  const box = work();
  if (box) remember(word, labels, owners, box, clicks);
  return box;
}

function remember(word, labels, owners, box, clicks) {
  const step = { word, box, before: [cut(labels, box), cut(owners, box)], after: [cut(ed.labels, box), cut(ed.owners, box)] };
  step.clicks = [clicks || [], clicks ? ed.clicks.slice() : []];
  if (!clicks) ed.clicks = [];
  ed.done.push(step); ed.undone = [];
  let bytes = 0;
  for (let i = ed.done.length - 1; i >= 0; i--) {
    bytes += ed.done[i].box.w * ed.done[i].box.h * 6;
    if (bytes > BIG || ed.done.length - i > KEEP) { ed.done.splice(0, i + 1); break; }
  }
  paint(box); buttons(); marks(); say(word);
}

function step(from, to, which, word) {
  const last = from.pop();
  if (!last) return;
  put(ed.labels, last.box, last[which][0]); put(ed.owners, last.box, last[which][1]);
  ed.clicks = last.clicks[which === "before" ? 0 : 1].slice();
  to.push(last);
  paint(last.box); buttons(); marks(); say(`${word}: ${last.word}`);
}

function buttons() {
  const ready = find(".me").dataset.state === "ready";
  find("[data-do=undo]").disabled = !ed.done.length;
  find("[data-do=redo]").disabled = !ed.undone.length;
  find("[data-do=use]").disabled = !ready || ed.waiting;
  find("[data-do=hide]").setAttribute("aria-pressed", String(ed.hidden.has(ed.part)));
}

// ---- tools -------------------------------------------------------------------------------------------------------
const radius = (pressure) => Math.max(0.5, Number(find(".me-size").value) / 2 * pressure);
const inside = (x, y) => x >= 0 && y >= 0 && x < ed.width && y < ed.height;
const value = () => (ed.tool === "eraser" || ed.rubber ? [0, 0] : [ed.part, ed.face]);

function join(box, x0, y0, x1, y1) {
  x0 = clamp(x0, 0, ed.width); y0 = clamp(y0, 0, ed.height); x1 = clamp(x1, 0, ed.width); y1 = clamp(y1, 0, ed.height);
  if (x1 <= x0 || y1 <= y0) return box;
  if (!box) return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
  const x = Math.min(box.x, x0), y = Math.min(box.y, y0);
  return { x, y, w: Math.max(box.x + box.w, x1) - x, h: Math.max(box.y + box.h, y1) - y };
}

function stamp(a, b, r) {
  const [label, owner] = value();
  const { x0, y0, x1, y1 } = capsule(ed.width, ed.height, a, b, r, (at) => { ed.labels[at] = label; ed.owners[at] = owner; });
  return join(null, x0, y0, x1, y1);
}

function fill(spot) {
  const x = Math.floor(spot.x), y = Math.floor(spot.y);
  if (!inside(x, y)) return null;
  const [label, owner] = value(), w = ed.width, h = ed.height;
  const old = ed.labels[y * w + x], theirs = ed.owners[y * w + x];
  if (old === label && theirs === owner) return null;
  const stack = [y * w + x];
  let box = null;
  while (stack.length) {
    const at = stack.pop();
    if (ed.labels[at] !== old || ed.owners[at] !== theirs) continue;
    const row = at - at % w;
    let left = at, right = at;
    while (left > row && ed.labels[left - 1] === old && ed.owners[left - 1] === theirs) left--;
    while (right < row + w - 1 && ed.labels[right + 1] === old && ed.owners[right + 1] === theirs) right++;
    for (let i = left; i <= right; i++) {
      ed.labels[i] = label; ed.owners[i] = owner;
      if (row >= w && ed.labels[i - w] === old && ed.owners[i - w] === theirs) stack.push(i - w);
      if (row < w * (h - 1) && ed.labels[i + w] === old && ed.owners[i + w] === theirs) stack.push(i + w);
    }
    box = join(box, left - row, row / w, right - row + 1, row / w + 1);
  }
  return box;
}

function lasso(points) {
  if (points.length < 3) return null;
  let box = null;
  for (const p of points) box = join(box, Math.floor(p.x) - 1, Math.floor(p.y) - 1, Math.ceil(p.x) + 2, Math.ceil(p.y) + 2);
  if (!box) return null;
  const canvas = document.createElement("canvas");
  canvas.width = box.w; canvas.height = box.h;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.beginPath();
  points.forEach((p, i) => (i ? context.lineTo(p.x - box.x, p.y - box.y) : context.moveTo(p.x - box.x, p.y - box.y)));
  context.closePath(); context.fill();
  const data = context.getImageData(0, 0, box.w, box.h).data, [label, owner] = value();
  for (let i = 0; i < box.w * box.h; i++) if (data[4 * i + 3] > 127) {
    const at = (box.y + Math.floor(i / box.w)) * ed.width + box.x + i % box.w;
    ed.labels[at] = label; ed.owners[at] = owner;
  }
  return box;
}

const mine = (at) => ed.labels[at] === ed.part && (ed.faces < 2 || ed.owners[at] === ed.face);
function reach(margin) {
  let box = null;
  for (let y = 0; y < ed.height; y++) {
    let left = -1, right = -1;
    for (let x = 0; x < ed.width; x++) if (mine(y * ed.width + x)) { if (left < 0) left = x; right = x; }
    if (left >= 0) box = join(box, left - margin, y - margin, right + 1 + margin, y + 1 + margin);
  }
  return box;
}

function edge(grow) {  // one pixel more or less all round, the corners in every second round
  const rounds = Math.max(1, Math.round(ed.width / 512)), box = reach(rounds + 1);
  for (let round = 0; box && round < rounds; round++) {
    const near = round % 2 ? [-ed.width - 1, -ed.width, -ed.width + 1, -1, 1, ed.width - 1, ed.width, ed.width + 1] : [-ed.width, -1, 1, ed.width];
    const found = [];
    for (let y = Math.max(1, box.y); y < Math.min(ed.height - 1, box.y + box.h); y++)
      for (let x = Math.max(1, box.x); x < Math.min(ed.width - 1, box.x + box.w); x++) {
        const at = y * ed.width + x;
        if (mine(at) === grow) continue;
        const other = near.find((by) => mine(at + by) === grow);
        if (other !== undefined) found.push(grow ? [at, ed.part, ed.face] : [at, ed.labels[at + other], ed.owners[at + other]]);
      }
    for (const [at, label, owner] of found) { ed.labels[at] = label; ed.owners[at] = owner; }
  }
  return box;
}

function smooth() {  // a pixel joins the part where most of the square about it is the part, and leaves it elsewhere
  const r = Math.max(2, Math.round(ed.width / 256)), box = reach(2 * r);
  if (!box) return null;
  const w = box.w + 1, sums = new Int32Array(w * (box.h + 1)), labels = ed.labels.slice(), owners = ed.owners.slice();
  for (let y = 0; y < box.h; y++) for (let x = 0, row = 0; x < box.w; x++) {
    row += mine((box.y + y) * ed.width + box.x + x) ? 1 : 0;
    sums[(y + 1) * w + x + 1] = sums[y * w + x + 1] + row;
  }
  for (let y = 0; y < box.h; y++) for (let x = 0; x < box.w; x++) {
    const x0 = Math.max(0, x - r), x1 = Math.min(box.w, x + r + 1), y0 = Math.max(0, y - r), y1 = Math.min(box.h, y + r + 1);
    const most = 2 * (sums[y1 * w + x1] - sums[y0 * w + x1] - sums[y1 * w + x0] + sums[y0 * w + x0]) > (x1 - x0) * (y1 - y0);
    const at = (box.y + y) * ed.width + box.x + x, was = mine(at);
    if (most === was) continue;
    if (most) { labels[at] = ed.part; owners[at] = ed.face; continue; }
    for (let d = 1; d <= 2 * r; d++) {
      const other = [[0, -d], [0, d], [-d, 0], [d, 0]].find(([i, j]) => inside(box.x + x + i, box.y + y + j) && !mine(at + j * ed.width + i));
      if (other) { const from = at + other[1] * ed.width + other[0]; labels[at] = ed.labels[from]; owners[at] = ed.owners[from]; break; }
    }
  }
  ed.labels.set(labels); ed.owners.set(owners);
  return box;
}

// ---- clicks, and what the server gets ----------------------------------------------------------------------------
function png(box, codes) {
  const canvas = document.createElement("canvas");
  canvas.width = box.w; canvas.height = box.h;
  const out = new ImageData(box.w, box.h);
  for (let i = 0; i < box.w * box.h; i++) {
    const at = (box.y + Math.floor(i / box.w)) * ed.width + box.x + i % box.w, code = codes(at);
    out.data[4 * i] = code[0]; out.data[4 * i + 1] = code[1]; out.data[4 * i + 2] = code[2]; out.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d", { colorSpace: "srgb" }).putImageData(out, 0, 0);
  return canvas.toDataURL("image/png");
}

function ask(spot) {
  const x = Math.floor(spot.x), y = Math.floor(spot.y);
  if (!inside(x, y) || ed.waiting) return;
  const sign = ed.tool === "keep" ? 1 : -1, box = reach(0);
  const before = ed.clicks.slice();
  ed.clicks.push({ x, y, sign });
  ed.asked = before;
  wait(true); marks(); say("Looking at that place …");
  trigger("select", {
    key: ed.key, part: ed.part, face: ed.face, clicks: ed.clicks.slice(-40).map((c) => [c.x, c.y, c.sign]),
    box: box ? [box.x, box.y, box.w, box.h] : null, mask: box ? png(box, (at) => (mine(at) ? [255, 255, 255] : [0, 0, 0])) : null,
  });
}

async function answered(patch) {
  if (!patch || !ed.labels) return;
  if (patch.kept) { ed.key = patch.kept; wait(false); say(patch.words || "This mask is the photo's mask from now on."); return; }
  if (patch.words) { ed.clicks = ed.asked || []; wait(false); marks(); say(patch.words); return; }
  const image = await load(patch.codes), data = pixels(image), [x, y, w, h] = patch.box;
  change(`${named(ed.part)}: ${ed.clicks.length} click${ed.clicks.length > 1 ? "s" : ""}`, () => {
    for (let i = 0; i < w * h; i++) if (data[4 * i + 2]) {
      const at = (y + Math.floor(i / w)) * ed.width + x + i % w, label = data[4 * i];
      ed.labels[at] = label; ed.owners[at] = label ? ed.face : 0;
    }
    return { x, y, w, h };
  }, ed.asked);
  wait(false);
}

function wait(on) {
  ed.waiting = on; clearTimeout(ed.alarm);
  if (on) ed.alarm = setTimeout(() => { ed.waiting = false; ed.clicks = ed.asked || []; buttons(); marks(); say("No answer came; please try again."); }, 30000);
  buttons();
}

function use() {
  if (!ed.labels || ed.waiting) return;
  wait(true); say("Sending the mask …");
  trigger("submit", { key: ed.key, labels: png(everything(), (at) => [ed.labels[at], ed.owners[at] & 255, ed.owners[at] >> 8]) });
}

// ---- the pointer: mouse, touch, pen ------------------------------------------------------------------------------
const pointers = new Map();
let stroke = null, pinch = null, pen = null;
const local = (event) => { const box = find(".me-stage").getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
const spotOf = (event) => { const p = local(event); return { x: (p.x - ed.x) / ed.zoom, y: (p.y - ed.y) / ed.zoom }; };
const force = (event) => (event.pointerType === "pen" && event.pressure ? 0.3 + 1.2 * event.pressure : 1);

function down(event) {
  if (find(".me").dataset.state !== "ready" || event.target.closest("button")) return;
  if (pen !== null && event.pointerType === "touch") return;  // the hand that holds the pen
  ed.rubber = event.pointerType === "pen" && Boolean(event.buttons & 32);  // its other end
  if (event.pointerType === "pen") { if (pointers.size) giveUp(); pointers.clear(); pinch = null; pen = event.pointerId; }
  pointers.set(event.pointerId, local(event));
  try { find(".me-stage").setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
  if (pointers.size === 2) { giveUp(); pinch = spread(); return; }
  if (pointers.size > 2 || ed.waiting) return;
  const spot = spotOf(event);
  if (ed.tool === "move" || event.button === 1 || event.button === 2) { ed.moved = true; stroke = { kind: "move", from: local(event), x: ed.x, y: ed.y }; return; }
  if (ed.tool === "fill" || ed.tool === "keep" || ed.tool === "take") { stroke = { kind: "tap", spot }; return; }  // or a second finger comes
  stroke = { kind: ed.tool === "lasso" ? "lasso" : "paint", points: [spot], last: spot, box: null, labels: ed.labels.slice(), owners: ed.owners.slice() };
  if (stroke.kind === "paint") daub(spot, event);
}

function daub(spot, event) {
  const touched = stamp(stroke.last, spot, radius(force(event)));
  stroke.last = spot;
  if (!touched) return;
  stroke.box = join(stroke.box, touched.x, touched.y, touched.x + touched.w, touched.y + touched.h);
  paint(touched);
}

function move(event) {
  if (pointers.has(event.pointerId)) pointers.set(event.pointerId, local(event));
  if (pinch && pointers.size === 2) {
    const now = spread();
    zoom(now.size / pinch.size, now.middle);
    ed.moved = true; ed.x += now.middle.x - pinch.middle.x; ed.y += now.middle.y - pinch.middle.y;
    pinch = now; place(); return;
  }
  if (ed.labels && event.pointerType !== "touch") { ed.cross = spotOf(event); if (!stroke) marks(); }
  if (!stroke || stroke.kind === "tap" || !pointers.has(event.pointerId)) return;
  if (stroke.kind === "move") { const p = local(event); ed.x = stroke.x + p.x - stroke.from.x; ed.y = stroke.y + p.y - stroke.from.y; place(); return; }
  const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const each of events.length ? events : [event]) {
    const spot = spotOf(each);
    if (stroke.kind === "paint") daub(spot, each); else stroke.points.push(spot);
  }
  marks(stroke.kind === "lasso" ? stroke.points : null);
}

function up(event) {
  if (!pointers.delete(event.pointerId)) return;
  if (event.pointerId === pen) pen = null;
  if (pointers.size < 2) pinch = null;
  const ended = stroke;
  stroke = null;
  if (!ended || ended.kind === "move") return;
  if (ended.kind === "tap") { if (event.type === "pointerup") tap(ended.spot); return; }
  if (ended.kind === "lasso") { change(`${named(value()[0])}: lassoed`, () => lasso(ended.points)); marks(); }
  else if (ended.box) remember(value()[0] ? `${named(ed.part)}: painted` : "Erased", ended.labels, ended.owners, ended.box);
}

function tap(spot) {
  if (ed.tool === "fill") change(`${named(value()[0])}: filled`, () => fill(spot)); else ask(spot);
}

function giveUp() {  // a second finger came down: this was no stroke
  if (stroke && stroke.kind === "paint") { ed.labels = stroke.labels; ed.owners = stroke.owners; if (stroke.box) paint(stroke.box); }
  stroke = null; marks();
}

function spread() {
  const [a, b] = [...pointers.values()];
  return { size: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)), middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } };
}

// ---- choices and keys --------------------------------------------------------------------------------------------
function choose(tool) {
  ed.tool = tool; find(".me").dataset.tool = tool;
  for (const button of element.querySelectorAll("[data-tool]")) if (button.tagName === "BUTTON") button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
}

function choosePart(index) {
  if (ed.part !== index) ed.clicks = [];
  ed.part = index;
  for (const chip of element.querySelectorAll(".me-parts button")) {
    const on = Number(chip.dataset.part) === index;
    chip.setAttribute("aria-checked", String(on)); chip.tabIndex = on ? 0 : -1;
  }
  buttons(); marks();
}

function chips() {
  find(".me-parts").replaceChildren(...ed.parts.map((part) => {
    const button = document.createElement("button"), swatch = document.createElement("span");
    button.type = "button"; button.dataset.part = part.index; button.setAttribute("role", "radio");
    swatch.className = "me-swatch"; swatch.style.background = part.color;
    button.append(swatch, part.name);
    return button;
  }));
  const select = find(".me-face");
  select.replaceChildren(...Array.from({ length: ed.faces }, (_, i) => new Option(`Face ${i + 1}`, i + 1)));
  find(".me-faces").hidden = ed.faces < 2;
  ed.face = 1;
  choosePart(ed.parts.some((part) => part.index === ed.part) ? ed.part : 1);
}

const DO = {
  undo: () => step(ed.done, ed.undone, "before", "Undone"), redo: () => step(ed.undone, ed.done, "after", "Redone"),
  grow: () => change(`${named(ed.part)}: grown`, () => edge(true)), shrink: () => change(`${named(ed.part)}: shrunk`, () => edge(false)),
  smooth: () => change(`${named(ed.part)}: smoothed`, smooth), in: () => zoom(1.4), out: () => zoom(1 / 1.4), fit, use,
  hide: () => { if (!ed.hidden.delete(ed.part)) ed.hidden.add(ed.part); paint(everything()); buttons(); },
};
const KEYS = { b: "brush", e: "eraser", f: "fill", l: "lasso", c: "keep", x: "take", m: "move" };
const DOES = { g: "grow", k: "shrink", s: "smooth", h: "hide", "+": "in", "=": "in", "-": "out", 0: "fit" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function keyed(event) {
  if (find(".me").dataset.state !== "ready" || event.target.matches("input, select")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, chip = event.target.closest(".me-parts button");
  if (event.ctrlKey || event.metaKey) {
    if (key !== "z" && key !== "y") return;
    DO[key === "y" || event.shiftKey ? "redo" : "undo"]();
  } else if (chip && ARROWS[key]) {
    const all = ed.parts.map((part) => part.index), by = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
    choosePart(all[(all.indexOf(ed.part) + by + all.length) % all.length]);
    find(`.me-parts [data-part="${ed.part}"]`).focus();
  } else if (event.altKey) return;
  else if (KEYS[key]) choose(KEYS[key]);
  else if (DOES[key]) DO[DOES[key]]();
  else if (key === "[" || key === "]") { const size = find(".me-size"); size.value = Number(size.value) + (key === "[" ? -2 : 2); marks(); }
  else if (event.target !== find(".me-stage")) return;
  else if (ARROWS[key]) {
    const by = event.shiftKey ? 10 : 1, [x, y] = ARROWS[key], from = ed.cross || { x: ed.width / 2, y: ed.height / 2 };
    ed.cross = { x: clamp(from.x + x * by, 0, ed.width - 0.5), y: clamp(from.y + y * by, 0, ed.height - 0.5) };
    marks(); say(`${named(ed.labels[Math.floor(ed.cross.y) * ed.width + Math.floor(ed.cross.x)])} at ${Math.floor(ed.cross.x)}, ${Math.floor(ed.cross.y)}`);
  } else if ((key === "Enter" || key === " ") && ed.cross) {
    ed.rubber = false;
    if (ed.tool === "fill" || ed.tool === "keep" || ed.tool === "take") tap(ed.cross);
    else if (ed.tool !== "move" && ed.tool !== "lasso") change(ed.tool === "eraser" ? "Erased" : `${named(ed.part)}: painted`, () => stamp(ed.cross, ed.cross, radius(1)));
  } else return;
  event.preventDefault();
}

async function show(given) {
  const ticket = ++ed.ticket, root = find(".me");
  if (!given || !given.photo) { root.dataset.state = "empty"; ed.labels = null; ed.key = ""; ed.parts = []; ed.done = []; ed.undone = []; ed.clicks = []; chips(); wait(false); say("Parse a photo first, under One photo."); return; }
  if (given.key === ed.key && ed.labels) { fit(); return; }
  const [photo, codes] = await Promise.all([load(given.photo), load(given.labels)]);
  if (ticket !== ed.ticket) return;
  const data = pixels(codes), [width, height] = given.size, count = width * height;
  Object.assign(ed, { key: given.key, width, height, parts: given.parts, faces: given.faces, done: [], undone: [], clicks: [], hidden: new Set(), cross: null });
  ed.labels = new Uint8Array(count); ed.owners = new Uint16Array(count);
  for (let i = 0; i < count; i++) { ed.labels[i] = data[4 * i]; ed.owners[i] = data[4 * i + 1] + 256 * data[4 * i + 2]; }
  ed.colors = []; for (const part of given.parts) ed.colors[part.index] = rgb(part.color);
  for (const name of [".me-photo", ".me-paint"]) { find(name).width = width; find(name).height = height; }
  find(".me-photo").getContext("2d").drawImage(photo, 0, 0);
  root.dataset.state = "ready";
  chips(); choose(ed.tool); paint(everything()); fit(); wait(false);
  say(given.caption || "Choose a part and paint.");
}

element.addEventListener("click", (event) => {
  const tool = event.target.closest("button[data-tool]"), act = event.target.closest("button[data-do]"), chip = event.target.closest(".me-parts button");
  if (tool) choose(tool.dataset.tool); else if (chip) choosePart(Number(chip.dataset.part));
  else if (act && find(".me").dataset.state === "ready") DO[act.dataset.do]();
});
element.addEventListener("input", (event) => { if (event.target.matches(".me-opacity")) place(); else if (event.target.matches(".me-size")) marks(); });
element.addEventListener("change", (event) => { if (event.target.matches(".me-face")) { ed.face = Number(event.target.value); ed.clicks = []; marks(); } });
element.addEventListener("keydown", keyed);
const onStage = (work) => (event) => { if (event.target.closest(".me-stage")) work(event); };
element.addEventListener("pointerdown", onStage((event) => { down(event); find(".me-stage").focus({ preventScroll: true }); }));
element.addEventListener("pointermove", onStage(move));
element.addEventListener("pointerup", onStage(up));
element.addEventListener("pointercancel", onStage(up));
element.addEventListener("contextmenu", onStage((event) => event.preventDefault()));
element.addEventListener("wheel", onStage((event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY / 400), local(event)); }), { passive: false });
// A window that changes, or a phone that is turned, shows the whole photo again; a part somebody zoomed to stays.
new ResizeObserver(() => { if (ed.labels) { if (ed.moved) marks(); else fit(); } }).observe(find(".me-stage"));
watch("value", () => show(props.value));
watch("patch", () => answered(props.patch));
show(props.value);
