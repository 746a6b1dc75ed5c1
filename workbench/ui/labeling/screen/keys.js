/* Keys: which does what, how a rater changes them, the sheets with keys and reasons, and what is pressed. Read together with judge.js, which draws and sends. */
const TITLES = { undo: "Undo the last answer", skip: "Skip, with a reason", broken: "Picture broken", known: "I know this person", help: "Show the keys" };
const REASONS = ["I cannot decide", "A picture is broken", "I know this person", "Something else"];

function loadKeys() {
  const usual = { ...study.actions };
  study.answers.forEach((answer, index) => { usual[`answer${index}`] = answer.hotkey; });
  keys = usual;
  const own = box.keys();
  for (const name in own) if (name in keys && typeof own[name] === "string" && !Object.keys(keys).some((other) => other !== name && keys[other] === own[name])) keys[name] = own[name];
}

const shownKey = (key) => (key === " " ? t("space") : key);
const named = (name) => t(TITLES[name] || study.answers[+name.slice(6)].title);

function sheet(...nodes) { const node = part("sheet"); node.replaceChildren(...nodes); node.hidden = !nodes.length; if (nodes.length) { const first = node.querySelector("button"); if (first) first.focus(); } }

function help() {
  const table = make("table");
  for (const name in keys) {
    const row = make("tr"), cell = make("td"), change = make("button", shownKey(keys[name]), { "data-remap": name, "aria-label": t("Key for {what}, change", { what: named(name) }) });
    cell.append(change);
    row.append(cell, make("td", named(name)));
    table.append(row);
  }
  sheet(make("h3", t("Keys")), make("p", t("Press a button here, then the key you want for it. Escape closes."), { class: "quiet" }), table, make("button", t("Close"), { "data-do": "close" }));
}

function remap(name, key) {
  const taken = Object.keys(keys).find((other) => other !== name && keys[other] === key);
  if (taken) return say("error", t("{key} is taken; free it first.", { key: shownKey(key) }));
  keys[name] = key;
  box.setKeys(keys);
  drawAnswers(); mark(); help();
}

function skip() {
  sheet(make("h3", t("Why skip?")), ...REASONS.map((reason, index) => make("button", `${index + 1}  ${t(reason)}`, { "data-reason": index })), make("button", t("Do not skip"), { "data-do": "close" }));
}

function skipWith(index) {
  if (index === 1) flags.add("broken");
  if (index === 2) flags.add("known");
  vote("skip", REASONS[index]);
}

/* The key by what it writes; where that is neither a Latin letter, a digit nor a key of ours, by its place on the keyboard: digits of AZERTY, letters of Cyrillic, Greek and others, and input methods. */
function pressed(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const hidden = /^(Dead|Process|Unidentified)$/.test(key);
  if (event.shiftKey || !hidden && (key.length > 1 || /^[a-z0-9]$/.test(key) || Object.values(keys).includes(key))) return key;
  const spot = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code || "");
  return spot ? spot[1].toLowerCase() : key;
}

/* Enter and space are for the button, the link or the other tab that has the focus: on "I do not agree" they agreed. */
const own = (event) => ["Enter", " "].includes(event.key) && event.target.closest && event.target.closest("button, a[href], summary, [role=button]") && !event.target.closest("[role=tab][aria-selected=true]");

document.addEventListener("keydown", (event) => {
  if (!event.key || !document.contains(root) || root.offsetParent === null || (event.repeat && !event.key.startsWith("Arrow")) || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = pressed(event);
  if (event.target.closest && event.target.closest("input, textarea, select, [contenteditable=true]") && event.target.type !== "checkbox") return;
  if (!root.dataset.remap && own(event)) return;
  const sheetOpen = !part("sheet").hidden;
  if (root.dataset.remap) { event.preventDefault(); const name = root.dataset.remap; delete root.dataset.remap; if (event.key.length === 1) return remap(name, event.key.toLowerCase()); return help(); }
  if (key === "Escape" && sheetOpen) { event.preventDefault(); return sheet(); }
  if (sheetOpen) {
    const reason = part("sheet").querySelector(`[data-reason="${+key - 1}"]`);
    if (reason) { event.preventDefault(); reason.click(); }
    return;
  }
  if (root.dataset.screen === "consent" && key === "Enter") { event.preventDefault(); return part("age").checked ? agree(true) : part("age").click(); }
  if (root.dataset.screen === "practice") { const button = [...part("practice").querySelectorAll("[data-practice-key]")].find((one) => one.dataset.practiceKey === key); if (button) { event.preventDefault(); button.click(); } return; }
  if (root.dataset.screen === "break" && (key === "Enter" || key === " ")) { event.preventDefault(); return DO.continue(); }
  if (root.dataset.screen !== "judging" && !(root.dataset.screen === "done" && key === keys.undo)) return;
  if (study.form && root.dataset.screen === "judging" && formKey(key, event)) return event.preventDefault();
  const name = Object.keys(keys).find((candidate) => keys[candidate] === key);
  if (!name) return;
  event.preventDefault();
  if (name.startsWith("answer")) choose(+name.slice(6));
  else if (name === "broken" || name === "known") toggle(name);
  else DO[name]();
});
