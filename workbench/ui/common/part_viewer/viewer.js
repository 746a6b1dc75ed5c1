// Draws the photo and its part map on one canvas; every switch acts at once, without asking the server.
const find = (name) => element.querySelector(name);
const view = { photo: null, codes: null, width: 0, height: 0, parts: [], hidden: new Set(), hover: 0, ticket: 0 };

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
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function rgb(hex) { return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)); }

function draw() {
  if (!view.photo) return;
  const canvas = find(".pv-canvas");
  if (canvas.width !== view.width) canvas.width = view.width;
  if (canvas.height !== view.height) canvas.height = view.height;
  const context = canvas.getContext("2d");
  const strength = Number(find(".pv-range").value) / 100;
  const colors = Array(19).fill(null);
  for (const part of view.parts) if (!view.hidden.has(part.index)) colors[part.index] = rgb(part.color);
  const out = new ImageData(new Uint8ClampedArray(view.photo.data), view.width, view.height);
  const data = out.data, codes = view.codes.data;
  for (let i = 0; i < data.length; i += 4) {
    const color = colors[codes[i]];
    if (!color) continue;
    const a = view.hover && codes[i] === view.hover ? Math.min(1, strength + 0.25) : strength;
    data[i] += (color[0] - data[i]) * a;
    data[i + 1] += (color[1] - data[i + 1]) * a;
    data[i + 2] += (color[2] - data[i + 2]) * a;
  }
  context.putImageData(out, 0, 0);
}

function say(text) { find(".pv-status").textContent = text; }

function chips() {
  const box = find(".pv-chips");
  box.replaceChildren(...view.parts.map((part) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.part = part.index;
    button.setAttribute("aria-pressed", String(!view.hidden.has(part.index)));
    const swatch = document.createElement("span");
    swatch.className = "pv-swatch"; swatch.style.background = part.color;
    button.append(swatch, part.name);
    return button;
  }));
}

function place(event) {  // in shares of the picture, so that viewers of one photo understand each other
  const box = find(".pv-canvas").getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function at([across, down]) {
  const x = Math.floor(across * view.width), y = Math.floor(down * view.height);
  if (!view.codes || x < 0 || y < 0 || x >= view.width || y >= view.height) return null;
  const i = 4 * (y * view.width + x);
  return { part: view.codes.data[i], face: view.codes.data[i + 1] + 256 * view.codes.data[i + 2] };
}

function point(where) {
  const spot = at(where);
  if (!spot) return;
  say(name(spot));
  if (spot.part !== view.hover) { view.hover = spot.part; draw(); }
}

// Viewers beside each other (`linked`) show the same place: what one points at, the others name too.
const group = () => element.closest(".linked");
function tell(what) {
  if (group()) group().dispatchEvent(new CustomEvent("pv-point", { detail: { ...what, from: element } }));
}
setTimeout(() => {
  if (group()) group().addEventListener("pv-point", ({ detail }) => {
    if (detail.from === element || !view.photo) return;
    if (detail.place) point(detail.place); else { view.hover = 0; draw(); }
  });
});

function name(spot) {
  const part = view.parts.find((row) => row.index === spot.part);
  return (part ? part.name : "Background") + (view.faces > 1 && spot.face ? `, face ${spot.face}` : "");
}

async function show(value) {
  const ticket = ++view.ticket;
  const root = find(".pv");
  if (!value || !value.photo) { root.dataset.state = "empty"; view.photo = null; view.parts = []; chips(); say("Drop a photo to begin."); return; }
  const [photo, codes] = await Promise.all([load(value.photo), load(value.labels)]);
  if (ticket !== view.ticket) return;
  Object.assign(view, { photo: pixels(photo), codes: pixels(codes), width: value.size[0], height: value.size[1], parts: value.parts, faces: value.faces });
  root.dataset.state = "ready";
  chips(); draw();
  const found = value.caption || `${value.parts.length} parts found.`;
  find(".pv-canvas").setAttribute("aria-label", `Photo with its facial parts coloured: ${found.split(". ")[0]}`);
  say(found);
}

element.addEventListener("input", (event) => { if (event.target.matches(".pv-range")) draw(); });
element.addEventListener("click", (event) => {
  const chip = event.target.closest(".pv-chips button");
  if (chip) {
    const index = Number(chip.dataset.part);
    if (!view.hidden.delete(index)) view.hidden.add(index);
    chip.setAttribute("aria-pressed", String(!view.hidden.has(index)));
    draw();
  } else if (event.target.closest(".pv-all")) { view.hidden.clear(); chips(); draw(); }
  else if (event.target.closest(".pv-none")) { view.hidden = new Set(view.parts.map((part) => part.index)); chips(); draw(); }
  else if (event.target.closest(".pv-canvas")) {
    const spot = at(place(event));
    if (spot) { say(name(spot)); trigger("select", spot); }
  }
});
element.addEventListener("pointermove", (event) => {
  if (!event.target.closest(".pv-canvas")) return;
  point(place(event));
  tell({ place: place(event) });
});
element.addEventListener("pointerleave", () => { view.hover = 0; draw(); tell({}); }, true);
element.addEventListener("pointerover", (event) => {
  const chip = event.target.closest(".pv-chips button");
  if (chip) { view.hover = Number(chip.dataset.part); draw(); }
});
watch("value", () => show(props.value));
show(props.value);
