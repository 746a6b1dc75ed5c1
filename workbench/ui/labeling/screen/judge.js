/* The raters' screen. Draws nothing it was not given as text; keeps every vote in this browser (box.js) until the server says "on hub". */
const root = element.querySelector(".judge");
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const STUDY = new URLSearchParams(location.search).get("study") || "";
/* Whoever comes to decide about disputed items brings a key behind the #, which no server log sees. */
const KEY = new URLSearchParams(location.hash.slice(1)).get("key") || "";
const HOLD = 4, BEAT = 10000, LATER = 5000;
let study = null, box = null, keys = {}, queue = [], current = null, history = [], busy = false, again = false;
let checkedAt = 0, shownAt = 0, flags = new Set(), offline = false, dry = false, place = null, most = 1, blurred = false, before = "", countdown = 0, later = 0, noticed = 0, sending = 0, fit = 20, refused = false, seeded = false;

const say = (name, text) => { part(name).textContent = text; };
const show = (screen) => { root.dataset.screen = screen; root.querySelector('[data-do="withdraw"]').hidden = !(box && box.me().rater) || screen === "loading"; };
const make = (tag, text, attributes) => { const node = document.createElement(tag); if (text) node.textContent = text; for (const name in attributes || {}) node.setAttribute(name, attributes[name]); return node; };

/* **bold** is the only markup there is; everything else is shown as it was written. */
function write(node, text) {
  node.replaceChildren();
  text.trim().split("**").forEach((piece, index) => node.append(index % 2 ? make("strong", piece) : document.createTextNode(piece)));
}

const call = (name, payload) => callOf("labeling-judge", name, payload);
const ask = (name, payload) => call(name, STUDY ? { ...payload, study: STUDY } : payload);

/* Why something was refused, and what to do: what was given is still there. */
const retry = () => t("Nothing is lost: please try again in a moment.");
const why = (error, then) => [error.cause || causeOf(404, t), error.told ? "" : then, error.status >= 400 && error.status < 600 && !error.told ? t("If this stays, tell whoever invited you.") : ""].filter(Boolean).join(" ");

async function start() {
  for (;;) {
    try {
      await welcome(preferred());
      if (study.state !== "starting") break;
      say("loading", t("The study is starting and brings back earlier answers …"));
    } catch (error) {
      say("loading", why(error, t("This page tries again by itself.")));
      if (error.told && !/starting/.test(error.message)) return;
    }
    await new Promise((next) => setTimeout(next, 1500));
  }
  say("loading", "");
  box = openBox(study.study);
  warn();
  loadKeys();
  drawConsent();
  if (box.left()) return settle();
  if (!box.me().rater) return study.state === "archived" ? finish(t("This study is closed. Thank you; nothing more is asked."), "") : show("consent");
  await begin();
}

/* The study's own texts in this language, where it has them, and the screen's. */
async function welcome(name) {
  study = await ask("welcome", { language: name });
  speak(root, name, study.words || {});
  const choice = part("language");
  choice.replaceChildren(...Object.entries(LANGUAGES).map(([key, title]) => { const option = make("option", title, { value: key }); option.selected = key === name; return option; }));
}

/* Another language, in the middle of whatever is on the screen. */
async function change(name) {
  try { await welcome(name); } catch (error) { part("language").value = language; say("refused", why(error, retry())); return notice(why(error, retry())); }
  keepLanguage(name);
  loadKeys(); warn(); drawConsent(); drawAnswers(); drawForm(); mark(); progress();
  say("question", asking());
  if (root.dataset.screen === "judging") say("step", step());
}

/* What is said when nothing waits; the data set may be a folder of the server. */
const kept = () => (study.folder ? t("all saved") : t("all on the Hub"));
const asking = () => t(study.question_words, { attribute: study.attribute });
const step = () => (current && current.decides ? `${t("Raters disagreed about this one: your answer decides.")} ` : "") + (study.form ? formStep() : study.picks < 2 ? "" : current && current.picked ? t("Now the one with least.") : t("First the one with most."));

/* Said as long as a reload would lose something. */
function warn() {
  part("storage").hidden = box.lasting;
  if (!box.lasting) say("storage", t("This browser keeps nothing for this page (a private window, or a frame of another site). Your answers are sent as you give them; what is not sent yet is lost on a reload, and you begin as somebody new. Please stay until it says “{kept}”.", { kept: kept() }));
}

function drawConsent() {
  say("title", study.title);
  write(part("instructions"), study.instructions);
  write(part("consent"), study.consent.text);
  part("synthetic").hidden = !study.synthetic;
  say("age-text", t("I am at least {age} years old and agree to take part (consent {version}).", study.consent));
  const facts = [study.minutes ? t("About {minutes} minutes.", study) : "", study.pay ? t("Pay: {pay}.", study) : "", study.least ? t("The completion code needs {least} answers, or half of what you are given if that is less; skipped ones and those under {seconds} s do not count.", { least: study.least, seconds: study.floor_ms / 1000 }) : "", study.contact ? t("Contact: {contact}.", study) : ""];
  say("pay", facts.filter(Boolean).join(" "));
  part("demographics").replaceChildren(...study.demographics.map((asked) => {
    const label = make("label", `${asked.question} ${t("(optional)")}`), select = make("select", "", { "data-question": asked.question });
    select.append(make("option", t("Prefer not to say"), { value: "" }), ...asked.options.map((option) => make("option", option, { value: option })));
    label.append(select);
    return label;
  }));
}

async function agree(yes) {
  if (yes && !part("age").checked) { part("age").focus(); return say("refused", t("Please tick the box first.")); }
  say("refused", "");
  if (yes && box.me().rater) return begin(); // agreed in another tab meanwhile
  const parameters = Object.fromEntries(new URLSearchParams(location.search));
  const demographics = {};
  root.querySelectorAll("[data-question]").forEach((select) => { if (select.value) demographics[select.dataset.question] = select.value; });
  try {
    const answer = await ask("enter", { agree: yes, version: study.consent.version, demographics, parameters, ...(KEY ? { key: KEY } : {}) });
    if (!yes) return finish(t("You did not agree, so nothing was stored."), answer.redirect);
    box.enter(answer.rater, answer.receipt); warn();
    await begin();
  } catch (error) { say("refused", why(error, retry())); }
}

async function begin() {
  say("question", asking());
  drawAnswers();
  show("judging");
  await exchange(true);
}

/* One exchange with the server at a time; what came up meanwhile goes with the next one. */
async function exchange(want) {
  if (busy) { again = true; return; }
  busy = true;
  const sent = few(box.votes(), fit, (vote) => vote.answer.length);
  const unsaved = box.receiptIds(), look = Date.now() - checkedAt > 3000;
  if (look) checkedAt = Date.now();
  const asked = {
    rater: box.me().rater, boot: unsaved.length || sent.length || queue.length ? box.boot() : "", recent: !seeded, check: look ? unsaved.slice(0, 300) : [], want: want === false ? 0 : HOLD,
    votes: sent.map(({ id, at, ...vote }) => ({ ...vote, age_ms: Math.max(0, Math.round(Date.now() - at)) })),
    have: [...queue, ...(current ? [current] : [])].map((item) => item.id),
  };
  try {
    let answer = await ask("sync", asked);
    if (answer.state === "resend") { await resend(answer.boot); again = true; }
    else {
      if (answer.missing && answer.missing.length) { await resend(answer.boot); again = true; }
      take(answer, sent, want !== false);
    }
    if (offline || refused) say("error", "");
    offline = refused = false; fit = 20;
  } catch (error) {
    offline = !error.told; refused = true;
    if (error.status === 403 && /rater token/.test(error.message)) return stranger();
    if (error.status === 413) fit = Math.max(1, Math.floor(fit / 2));
    say("error", why(error, t("Your answers are kept here and are sent again by themselves.")));
    clearTimeout(sending);
    sending = setTimeout(() => exchange(true), error.status ? 4000 : 1500);
  }
  busy = false;
  progress();
  if (again) { again = false; setTimeout(() => exchange(true), 0); }
}

/* The server no longer knows who this is (its secret changed): only a new consent helps. */
function stranger() {
  busy = false;
  box.empty(); queue = []; current = null; history = [];
  say("pay", t("This study was set up anew, so you are asked again."));
  show("consent");
}

/* As many from the front as one request carries: drawn answers are long. */
function few(all, most, length) {
  let sum = 0;
  return all.slice(0, most).filter((one, index) => { sum += length(one); return !index || sum <= 200000; });
}

/* Receipts of all tabs go back to a server that does not know them. */
async function resend(boot) {
  const { rater, entry } = box.me();
  let receipts = box.receiptIds().map((id) => box.receipt(id)).filter(Boolean);
  do {
    const some = few(receipts, 90, (receipt) => receipt.length);
    await ask("sync", { rater, resend: [entry, ...some].filter(Boolean), held: queue.concat(current || []).map((item) => item.token).slice(0, 8) });
    receipts = receipts.slice(some.length);
  } while (receipts.length);
  box.setBoot(boot);
}

function take(answer, sent, wanted) {
  box.setBoot(answer.boot);
  if (answer.recent) { history = [...answer.recent.filter((old) => !history.some((entry) => entry.id === old.id)), ...history]; seeded = true; }
  answer.votes.forEach((result, index) => {
    const { id } = sent[index];
    if (result.receipt) box.addReceipt(result.id, result.receipt); // before the vote goes: one of the two is always kept
    else history = history.filter((entry) => entry.id !== id);
    if (result.stands) history = history.map((entry) => (entry.id === id ? { ...entry, answer: result.stands } : entry));
    if (result.message) notice(result.stands ? t("This one was answered before, perhaps in another tab: “{answer}”. That answer stands; undo to change it.", { answer: titleOf(result.stands) }) : t(result.message));
    box.dropVote(id);
  });
  answer.on_hub.forEach(box.dropReceipt);
  warn();
  place = answer.answered; most = answer.most;
  if (answer.state === "withdrawn") return finish(t("Your answers were withdrawn."), "");
  if (answer.state === "practice") { if (root.dataset.screen !== "practice") practise({}); return; }
  if (!wanted) return;
  const waiting = new Set(box.votes().map((vote) => vote.id));
  const known = new Set([...queue, ...(current ? [current] : [])].map((item) => item.id));
  queue = queue.filter((item) => answer.valid.includes(item.id) || item.again);
  answer.items.filter((item) => !known.has(item.id) && !waiting.has(item.id)).forEach((item) => queue.push(prepare(item)));
  dry = !queue.length && !waiting.size;
  if (current && !current.again && !answer.valid.includes(current.id) && !waiting.has(current.id)) { current = null; }
  if (answer.state === "archived") return finish(t(answer.message), answer.redirect);
  if (answer.state === "paused" && !queue.length && !current) return idle(t("The study is paused. This page goes on by itself."), "");
  if (answer.state === "waiting" && dry && !current) return idle(t(answer.message), answer.redirect);
  if ((answer.state === "complete" || answer.state === "blocked") && dry && !current) return finish(t(answer.message || "There is nothing left for you to judge."), answer.redirect);
  if (!current && root.dataset.screen === "judging") next();
}

/* Nothing to show for now: ask again in a while; who has earned it may go. */
function idle(text, link) {
  show("judging");
  const leave = make("a", t("Return to the platform"), { rel: "noopener" });
  if (link && link.startsWith("https://")) leave.href = link;
  part("stage").replaceChildren(make("p", text, { class: "fault", "data-part": "idle" }), ...(leave.href ? [leave] : []));
  clearTimeout(later);
  later = setTimeout(() => exchange(true), LATER);
}

/* Pictures are decoded while they wait, so that showing them is one swap of nodes. */
function prepare(item) {
  const pair = make("div", "", { class: "pair" });
  if (study.form === "mask" && item.images[1]) { item.layer = make("img"); item.layer.src = item.images[1]; }
  item.images.slice(0, study.form === "mask" ? 1 : 4).forEach((address, index) => {
    const image = make("img", "", { alt: t("Picture {n} of {all}", { n: index + 1, all: item.images.length }), decoding: "sync", draggable: "false" });
    image.src = address;
    const place = index - (study.choose_image ? study.images - item.keys.length : study.images), figure = make("figure", "", place >= 0 ? { "data-place": place } : {});
    figure.append(image); pair.append(figure);
  });
  if (item.fault) pair.append(make("p", t("A picture of this item is missing. Please skip it."), { class: "fault" }));
  pair.dataset.shows = item.images.length;
  item.pair = pair;
  item.ready = Promise.all([...pair.querySelectorAll("img"), ...(item.layer ? [item.layer] : [])].map((image) => image.decode().catch(() => { item.broken = true; })));
  return item;
}

async function next() {
  if (!queue.length) { current = null; part("stage").replaceChildren(make("p", t("Loading the next one …"), { class: "fault" })); return; }
  const item = queue.shift();
  if (current === null && history.length && item.block > history[history.length - 1].block && !item.again && !item.rested && study.break_seconds) {
    item.rested = true; queue.unshift(item); return rest();
  }
  part("form").replaceChildren();
  current = item; shownAt = 0; flags = new Set(); before = item.before || ""; blurred = false; item.picked = "";
  if (!study.form) say("step", step());
  mark();
  await item.ready;
  if (current !== item) return;
  if (item.broken) { flags.add("broken"); mark(); }
  part("stage").replaceChildren(item.pair);
  if (study.form) openForm(item);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (current !== item) return;
    shownAt = performance.now();
    root.dataset.shown = item.id; root.dataset.number = item.number;
  }));
}

function vote(answer, reason) {
  if (!current || !shownAt || root.dataset.screen !== "judging") return;
  const item = current, shown = shownAt;
  if (answer !== "skip" && item.fault) return say("error", t("A picture of this item is missing. Please skip it."));
  const marks = [...flags, ...(blurred ? ["blur"] : [])];
  const earlier = box.vote(item.id);
  if (earlier && earlier.answer !== answer) notice(t("This one was answered before, in another tab; that answer stands. Undo to change it."));
  if (!earlier) box.addVote({ id: item.id, lease: item.token, answer, response_ms: Math.round(performance.now() - shown), flags: marks, reason: reason || "", at: Date.now() });
  history.push({ id: item.id, block: item.block, answer: earlier ? earlier.answer : answer });
  current = null; shownAt = 0;
  say("error", "");
  next();
  warn();
  setTimeout(() => exchange(true), 0);
}

async function undo() {
  const last = history[history.length - 1];
  if (!last) return say("error", t("There is nothing to undo."));
  if (!current && !dry && !queue.length) return;
  while (busy || box.votes().length) { await exchange(false); await new Promise((wait) => setTimeout(wait, 50)); if (offline) return; }
  try {
    const { item } = await ask("undo", { rater: box.me().rater, label: last.id });
    history.pop();
    if (current) queue.unshift(current);
    current = null;
    item.before = last.answer; item.rested = true;
    queue.unshift(prepare(item));
    show("judging");
    say("status", t("The last one again."));
    next();
  } catch (error) { say("error", why(error, retry())); }
}

function rest() {
  show("break");
  say("status", t("Time for a short break"));
  let left = study.break_seconds;
  const tick = () => { say("countdown", left > 0 ? t("{seconds} s", { seconds: left }) : t("Whenever you are ready.")); if (left-- > 0 && root.dataset.screen === "break") countdown = setTimeout(tick, 1000); };
  tick();
}

function finish(text, link) {
  say("done-text", `${text} ${place ? t("You gave {n} answers.", { n: place }) : ""}`);
  const anchor = part("done-link");
  anchor.hidden = !link;
  if (link && link.startsWith("https://")) anchor.href = link;
  show("done");
}

function progress() {
  if (!box) return;
  const saved = box.receiptIds().length, unsent = box.votes().length;
  say("count", place === null ? "" : t("{n} of at most {most}", { n: place + unsent, most }));
  part("progress").max = most; part("progress").value = place || 0;
  say("saved", unsent ? t("{n} being sent", { n: unsent }) : saved ? (study.folder ? t("saved") : t("saved; {n} on the way to the Hub", { n: saved })) : kept());
  root.dataset.pending = unsent; root.dataset.unhubbed = saved;
}

function drawAnswers() {
  part("answers").dataset.many = study.answers.length;
  part("answers").replaceChildren(...study.answers.map((answer, index) => {
    const button = make("button", "", { "data-answer": index, class: answer.key.split("_")[0] });
    button.append(make("span", t(answer.title)), make("kbd", keys[`answer${index}`], { "data-key": `answer${index}` }));
    return button;
  }));
  root.querySelectorAll("kbd[data-key]").forEach((node) => { node.textContent = shownKey(keys[node.dataset.key]); });
}

const titleOf = (said) => { const key = headOf(said), answer = study.answers.find((one) => one.key === key); return answer ? t(answer.title) : key === "skip" ? t("skipped") : key; };

/* When pictures are chosen, the button's place on the screen decides which picture it names. */
const answerAt = (index) => (study.choose_image && current && current.keys && current.keys[index]) || (study.answers[index] && study.answers[index].key);

/* Where two pictures are picked, the first press says which has most, the second which has least; the same one again takes it back. */
function choose(index) {
  if (study.form) return formChoose(answerAt(index));
  if (study.picks < 2) return vote(answerAt(index));
  if (!current || !shownAt || index >= study.images) return;
  const key = answerAt(index);
  if (!current.picked) current.picked = key;
  else if (current.picked === key) current.picked = "";
  else return vote(`${current.picked}>${key}`);
  say("step", step());
  mark();
}

function mark() {
  root.querySelectorAll("[data-flag]").forEach((button) => button.setAttribute("aria-pressed", flags.has(button.dataset.flag)));
  root.querySelectorAll("[data-answer]").forEach((button) => {
    const key = answerAt(+button.dataset.answer);
    button.classList.toggle("before", !!before && headOf(before).split(">").includes(key));
    button.classList.toggle("picked", !!(current && current.picked) && current.picked === key);
  });
  root.querySelectorAll(".pair figure").forEach((figure) => figure.classList.toggle("picked", !!(current && current.picked) && answerAt(+figure.dataset.place) === current.picked));
}

function toggle(flag) { if (flags.has(flag)) flags.delete(flag); else flags.add(flag); mark(); say("status", flags.has(flag) ? t("Marked: {what}", { what: t(TITLES[flag]) }) : t("Not marked: {what}", { what: t(TITLES[flag]) })); }

async function withdraw() {
  sheet(make("h3", t("Withdraw all your answers?")), make("p", t("They will not be used and cannot be brought back.")), make("button", t("Withdraw"), { "data-do": "really" }), make("button", t("Keep them"), { "data-do": "close" }));
}

async function really() {
  sheet();
  try {
    const { rater } = box.me(), answer = await ask("withdraw", { rater });
    box.setLeft({ rater, receipt: answer.receipt }); // before the rest goes: the withdrawal is never only the server's to keep
    box.empty();
    queue = []; current = null; place = null; history = [];
    await settle();
  } catch (error) { sheet(make("p", why(error, retry())), make("button", t("Withdraw"), { "data-do": "really" }), make("button", t("Keep them"), { "data-do": "close" })); }
}

/* The withdrawal is kept here, and brought back if need be, until it is in the data set. */
async function settle() {
  let known = true, told = "";
  for (let left = box.left(); left; left = box.left()) {
    finish(t("Your answers were withdrawn and will not be used. Please leave this page open until the data set knows of it.") + told, "");
    try {
      const answer = await ask("withdraw", left);
      told = "";
      if (answer.on_hub) box.setLeft(null); else box.setLeft({ ...left, receipt: answer.receipt });
    } catch (error) {
      told = ` ${why(error, t("This page tries again by itself."))}`;
      if (error.told && error.status === 403) { known = false; box.setLeft(null); } // set up anew: nobody here knows of the answers
    }
    if (box.left()) await new Promise((next) => setTimeout(next, 2000));
  }
  root.dataset.withdrawn = "true";
  finish(known ? t("Your answers were withdrawn and will not be used; the data set knows of it. You may close this page.") : t("Your answers were withdrawn."), "");
}

const DO = {
  agree: () => agree(true), refuse: () => agree(false), undo, help, skip, withdraw, really, close: () => sheet(),
  continue: () => { clearTimeout(countdown); show("judging"); next(); },
};

root.addEventListener("click", (event) => {
  const button = event.target.closest("button"), figure = event.target.closest("figure[data-place]");
  if (figure && root.contains(figure)) return choose(+figure.dataset.place); // a finger goes to the picture
  if (!button || !root.contains(button)) return;
  if (button.dataset.do) DO[button.dataset.do]();
  else if (button.dataset.answer) choose(+button.dataset.answer);
  else if (button.dataset.flag) toggle(button.dataset.flag);
  else if (button.dataset.reason) { sheet(); skipWith(+button.dataset.reason); }
  else if (button.dataset.remap) { root.dataset.remap = button.dataset.remap; button.textContent = t("press a key"); }
  if (root.dataset.screen === "judging" && !button.dataset.remap) button.blur(); // the next key is the screen's
});

/* Said for a while, whatever else goes on. */
function notice(text) {
  say("notice", text);
  clearTimeout(noticed);
  noticed = setTimeout(() => say("notice", ""), 12000);
}

part("language").addEventListener("change", (event) => { change(event.target.value); });
document.addEventListener("visibilitychange", () => { if (document.hidden) blurred = true; });
window.addEventListener("blur", () => { if (shownAt) blurred = true; });
window.addEventListener("online", () => exchange(true));
window.addEventListener("beforeunload", (event) => { if (box && !box.lasting && (box.votes().length || box.receiptIds().length || box.left())) event.preventDefault(); });

/* What another tab of this rater did: an item answered there is not asked for again here. */
window.addEventListener("storage", (event) => {
  if (!box || !event.key || !event.key.startsWith(box.prefix)) return;
  const name = event.key.slice(box.prefix.length);
  if (name === "left" && event.newValue) { queue = []; current = null; place = null; history = []; settle(); }
  if (!name.startsWith("vote:") || !event.newValue) return;
  const id = name.slice(5);
  queue = queue.filter((item) => item.id !== id);
  if (current && current.id === id) { current = null; shownAt = 0; say("status", t("This one was answered in another tab.")); next(); exchange(true); }
});

setInterval(() => { if (study && box && box.me().rater && (box.votes().length || box.receiptIds().length)) exchange(root.dataset.screen === "judging"); }, BEAT);
start();
