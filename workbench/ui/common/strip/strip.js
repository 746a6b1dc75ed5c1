// The page's one photo: which it is, which of its faces is meant, and the ways to another one. Tabs hear of both by
// events of the document, and ask here what to do about them.
const find = name => element.querySelector(name);
const NONE = 'No photo yet. One photo serves every tab.';
const state = {path: '', before: new Set(), offered: {}, face: '', count: 0, given: '', ticket: 0, failed: '', words: '', asking: false};
const tell = name => document.dispatchEvent(new CustomEvent(name));
const say = words => { find('.strip-say').textContent = words; };
const parsed = text => { try { return JSON.parse(text); } catch { return null; } };

function chips(faces) {
  const row = find('.strip-faces');
  row.replaceChildren(...faces.map((picture, index) => {
    const chip = document.createElement('button'), number = document.createElement('b');
    chip.type = 'button';
    chip.dataset.face = `Face ${index + 1}`;
    chip.setAttribute('aria-label', `Face ${index + 1}`);
    chip.style.backgroundImage = `url("${picture}")`;
    number.textContent = index + 1;
    number.setAttribute('aria-hidden', 'true');
    chip.append(number);
    return chip;
  }));
  row.hidden = !faces.length;
  find('.strip').toggleAttribute('data-faces', faces.length > 0);
}

// Within its row only: the page stays where it is.
function reach(chip) {
  const row = chip.parentElement, left = chip.offsetLeft;
  if (left < row.scrollLeft) row.scrollLeft = left - 4;
  if (left + chip.offsetWidth > row.scrollLeft + row.clientWidth) row.scrollLeft = left + chip.offsetWidth - row.clientWidth + 8;
}

function mark() {
  const only = state.count === 1;
  for (const chip of find('.strip-faces').children) {
    const on = only || chip.dataset.face === state.face;
    if (on) reach(chip);
    chip.setAttribute('aria-pressed', String(on));
  }
  if (state.count > 1) say(state.face ? `${state.face} of ${state.count}` : `${state.count} faces: choose one`);
}

function picture(photo) {
  const thumb = find('.strip-thumb'), name = photo && photo.orig_name || '';
  thumb.style.backgroundImage = photo && photo.url ? `url(${JSON.stringify(photo.url)})` : '';
  thumb.setAttribute('aria-label', photo ? `The photo ${name}`.trim() : 'No photo');
  find('[data-way=remove]').disabled = !photo;
  find('[data-way=change] span').textContent = photo ? 'Change' : 'Photo';
}

// The photo is another one, or gone: first the strip, then every tab.
function changed(text) {
  const photo = parsed(text);
  if (state.path) state.before.add(state.path);
  Object.assign(state, {path: photo ? photo.path : '', face: '', count: 0, words: ''});
  find('.strip').toggleAttribute('data-photo', Boolean(photo));
  find('.strip').removeAttribute('data-refused');
  picture(photo);
  chips([]);
  say(photo ? 'Looking for faces …' : state.failed || NONE);
  state.failed = '';
  setTimeout(() => tell('strip-photo'));
  return photo;
}

// What the server found in it; an answer about an earlier photo comes to nothing.
function told(text) {
  const found = parsed(text);
  if (!found || found.path !== state.path) return;
  find('.strip').toggleAttribute('data-refused', Boolean(found.sentence && !found.thumb));
  if (found.thumb) find('.strip-thumb').style.backgroundImage = `url("${found.thumb}")`;
  state.count = found.count;
  chips(found.faces);
  say(found.sentence || (found.count === 1 ? 'One face' : ''));
  mark();
}

// The server did not look, as when it is busy.
function missed() {
  if (state.path && !state.count) say('The faces were not looked for now. Every tab still looks for them itself.');
}

function choose(word) {
  const next = [...find('.strip-faces').children].some(chip => chip.dataset.face === word) && state.count > 1 ? word : '';
  if (next === state.face) return;
  state.face = next;
  mark();
}

const open = id => {
  const box = document.getElementById(id), panel = box && box.closest('[role=tabpanel]');
  return Boolean(panel && panel.offsetParent !== null);
};
// The page's own script may start after this one.
const frame = () => new Promise(done => requestAnimationFrame(done));
const made = async names => {
  while (!window.made) await frame();
  return window.made(names);
};
const only = (mine, many) => many ? (mine && mine[0] && mine[0].image || {}).path : mine && mine.path;

window.strip = {
  changed, told, missed, choose,
  get face() { return state.face; },
  get given() { return state.given; },
  // A box has a photo that is not the page's yet.
  sent: (mine, text) => mine && mine.path !== (parsed(text) || {}).path ? JSON.stringify(mine) : undefined,
  // What a tab's box is to hold: the page's photo while the tab is open; no other photo while it is not. (A list of one
  // is how Gradio is given one value, which may be a list itself.)
  take: async (id, text, mine, many) => {
    if (!document.getElementById(id) && !await made([id])) return undefined;
    await made([]);
    const photo = parsed(text), path = only(mine, many);
    const offered = photo && state.offered[id] === photo.path;
    if (photo && (photo.path === path || open(id))) state.offered[id] = photo.path;
    if (photo && photo.path === path) return undefined;
    if (offered && path && !state.before.has(path)) return undefined;  // a person's own, put in the place of the page's
    if (photo && open(id)) return [many ? [{image: photo, caption: null}] : photo];
    // Only what was the page's: a photo dropped the moment a tab opens is nobody's yet.
    const old = path && state.before.has(path);
    return old ? [many ? [] : null] : undefined;
  },
  // The face a tab is to work on, when it has the page's photo and another face than the strip.
  meant: (id, word, mine, every) => {
    const next = state.face || every;
    if (!next || next === word || !mine || mine.path !== state.path || !open(id)) throw new Error('nothing changes');
    return next;
  },
};

async function give(file) {
  if (!file) return;
  const ticket = ++state.ticket;
  state.words = state.words || window.words?.english(find('.strip-say')) || find('.strip-say').textContent;  // not that an earlier one is being sent
  say('Sending …');
  try {
    const sent = await upload(file);
    if (ticket !== state.ticket) return;
    if (sent.path === state.path) {  // the very same file once more
      say(state.words);
      state.words = '';
      return;
    }
    const kind = {orig_name: file.name || 'photo.png', size: file.size, mime_type: file.type || null};
    state.given = JSON.stringify({...kind, ...sent, meta: {_type: 'gradio.FileData'}});
  } catch (error) {
    if (ticket !== state.ticket) return;
    return failed(`The photo did not arrive: ${reason(error)}`);
  }
  trigger('select');
}

// Why sending failed, in a sentence: Gradio says `HTTP 413: {"detail": …}`, or what the browser says.
function reason(error) {
  const [, status, body] = /^HTTP (\d+): (.*)$/s.exec(error.message || '') || [0, 0, ''];
  return detailOf(body, status) || causeOf(Number(status));
}

// A photo that failed leaves nothing of the old one.
function failed(words) {
  Object.assign(state, {given: '', failed: words, words: ''});
  if (state.path) trigger('select'); else say(words);
}

async function pasted() {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find(each => each.startsWith('image/'));
      if (type) return give(new File([await item.getType(type)], `pasted.${type.slice(6)}`, {type}));
    }
    say('There is no picture in the clipboard.');
  } catch { say('The browser gives no picture: allow it to read the clipboard.'); }
}

async function camera() {
  const dialog = find('dialog'), video = find('video');
  if (state.asking) return;  // a second stream would stay on when the first is shut
  state.asking = true;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'user'}, audio: false});
    dialog.showModal();
  } catch {
    say('There is no webcam, or the browser may not use it.');
  } finally {
    state.asking = false;
  }
}

function shut() {
  const video = find('video');
  for (const track of video.srcObject ? video.srcObject.getTracks() : []) track.stop();
  video.srcObject = null;
  if (find('dialog').open) find('dialog').close();
}

function shoot() {
  const video = find('video'), canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  if (!canvas.width) return;
  canvas.getContext('2d').drawImage(video, 0, 0);
  canvas.toBlob(blob => give(new File([blob], 'webcam.png', {type: 'image/png'})), 'image/png');
  shut();
}

const ways = {
  change: () => find('input').click(),
  webcam: camera, paste: pasted, shoot, close: shut,
  remove: () => { state.given = ''; state.ticket++; trigger('select'); },
};
element.addEventListener('click', event => {
  const way = event.target.closest('[data-way]'), chip = event.target.closest('[data-face]');
  if (way) ways[way.dataset.way]();
  if (!chip || state.count < 2) return;
  choose(chip.dataset.face === state.face ? '' : chip.dataset.face);
  tell('strip-face');
});
find('input').addEventListener('change', event => { give(event.target.files[0]); event.target.value = ''; });
find('dialog').addEventListener('close', shut);
document.addEventListener('paste', event => {
  const file = [...event.clipboardData.files].find(each => each.type.startsWith('image/'));
  if (file && element.offsetParent && !event.target.closest('input, textarea, [contenteditable]')) give(file);
});
// Anywhere on the page but where something else takes files.
const dropped = event => element.offsetParent && event.dataTransfer && [...event.dataTransfer.types].includes('Files')
  && !event.target.closest('.block:has(input[type=file]):not(#strip), [data-drop]');
for (const kind of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(kind, event => {
    if (!dropped(event)) return;
    event.preventDefault();
    find('.strip').classList.toggle('over', kind === 'dragover');
    if (kind === 'drop') give([...event.dataTransfer.files].find(file => file.type.startsWith('image/')) || event.dataTransfer.files[0]);
  });
}
