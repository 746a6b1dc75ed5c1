// The portrait under the pointer: its parts in color, or the heat of an explanation; computed beforehand, drawn here.
const find = name => element.querySelector(name);
const view = { show: 'parts', part: 0 };
const value = props.value, told = value.told;
const colors = [];
for (const part of told.parts) colors[part.index] = [1, 3, 5].map(i => parseInt(part.color.slice(i, i + 2), 16));
const percent = share => share > 0.99 ? 'over 99 %' : `${Math.round(100 * share)} %`;

async function pixels(source, size) {
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size;
  const context = canvas.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
  context.drawImage(image, 0, 0, size, size);
  return context.getImageData(0, 0, size, size);
}

function mixed(data, at, color, weight) {
  for (let i = 0; i < 3; i++) data[at + i] += (color[i] - data[at + i]) * weight;
}

function draw() {
  if (!view.photo) return;
  const canvas = find('canvas'), side = canvas.width;
  const out = new ImageData(new Uint8ClampedArray(view.photo.data), side, side), codes = view.codes.data, heat = view.heat.data;
  for (let i = 0; i < codes.length; i += 4) {
    if (view.show === 'parts' && colors[codes[i]]) mixed(out.data, i, colors[codes[i]], codes[i] === view.part ? 0.85 : 0.5);
    if (view.show === 'why') {
      const level = (heat[i] - 128) / 127;
      mixed(out.data, i, level > 0 ? [220, 38, 38] : [37, 99, 235], Math.min(0.8, Math.abs(level)));
      if (view.part && codes[i] === view.part) mixed(out.data, i, [255, 255, 255], 0.22);
    }
  }
  canvas.getContext('2d').putImageData(out, 0, 0);
}

function say() {
  const part = told.parts.find(row => row.index === view.part), box = find('.first-say');
  const name = part ? part.name : '';
  const share = name && told.shares[name] !== undefined ? `${percent(told.shares[name])} of the evidence for “${told.label}” is here.` : '';
  const sentences = {
    parts: name ? ['', `One of ${told.parts.length} parts by the ${told.parser}. ${share}`] : ['Every pixel has a name', `Point at the portrait. Parts by the ${told.parser}.`],
    why: name ? ['', share] : [`${told.label} ${percent(told.share)}, but why?`, `Red speaks for it. ${told.method} on the ${told.model}; checked against chance: ${told.verdict}.`],
    photo: name ? ['', ''] : ['The photo', 'as it came in.'],
  }[view.show];
  const head = document.createElement('b');
  head.textContent = name || sentences[0];
  box.replaceChildren(head, sentences[1]);
  find('canvas').setAttribute('aria-label', `A smiling astronaut; ${told.parts.length} parts found: ${told.parts.map(row => row.name).join(', ')}. The ${told.model} says ${told.label}.`);
}

function point(event) {
  const canvas = find('canvas'), box = canvas.getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left) / box.width * canvas.width), y = Math.floor((event.clientY - box.top) / box.height * canvas.height);
  if (!view.codes || x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
  const part = view.codes.data[4 * (y * canvas.width + x)];
  if (part !== view.part) { view.part = part; draw(); say(); }
}

function step(by) {
  const here = told.parts.findIndex(row => row.index === view.part);
  view.part = told.parts[(here + by + told.parts.length) % told.parts.length].index;
  draw(); say();
}

element.addEventListener('pointermove', event => { if (event.target.closest('canvas')) point(event); });
element.addEventListener('pointerdown', event => { if (event.target.closest('canvas')) point(event); });
element.addEventListener('pointerleave', event => {
  if (event.target.tagName === 'CANVAS' && event.pointerType === 'mouse') { view.part = 0; draw(); say(); }
}, true);
element.addEventListener('keydown', event => {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (by && event.target.closest('canvas')) { event.preventDefault(); step(by); }
});
element.addEventListener('click', event => {
  const button = event.target.closest('[data-show]');
  if (!button) return;
  view.show = button.dataset.show;
  for (const each of element.querySelectorAll('[data-show]')) each.setAttribute('aria-pressed', String(each === button));
  draw(); say();
});
(async () => {
  const side = find('canvas').width;
  [view.photo, view.codes, view.heat] = await Promise.all([value.photo, value.parts, value.heat].map(source => pixels(source, side)));
  draw(); say();
  find('.first').dataset.state = 'ready';
})();
