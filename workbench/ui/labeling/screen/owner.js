/* The owner's view. Every call carries the token; the server refuses without it. Everything is drawn as text. */
const root = element.querySelector(".owner");
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const make = (tag, text, attributes) => { const node = document.createElement(tag); if (text !== undefined && text !== null) node.textContent = text; for (const name in attributes || {}) node.setAttribute(name, attributes[name]); return node; };
/* Storage may be blocked (a frame of another site): then the token is asked for again after a reload. */
const kept = (text) => { try { if (text) sessionStorage.setItem("labeling:owner", text); return sessionStorage.getItem("labeling:owner") || ""; } catch (error) { return ""; } };
let token = kept();
/* In English: the page puts what is shown into the reader's language. */
const t = (english, values) => english.replace(/\{(\w+)\}/g, (whole, name) => (values && Object.hasOwn(values, name) ? values[name] : whole));

const call = (name, payload) => callOf("labeling-owner", name, payload);

/* The study that is looked at: another open one by its name, else the one that is served. */
let looked = new URLSearchParams(location.search).get("study") || "";
const ask = (name, payload) => call(name, { token, ...(name === "owner" && looked ? { study: looked } : {}), ...payload });

async function guarded(work) {
  part("error").textContent = "";
  try { await work(); } catch (error) { part("error").textContent = error.message || `${error.cause} ${t("Nothing that you entered is lost: please try again in a moment.")}`; }
}

/* Words that somebody gave (a study's name, a group, a person) stay as they are in every language of the page. */
const given = (tag, text, attributes) => make(tag, text, { translate: "no", ...attributes });

const table = (head, rows) => {
  const node = make("table"), top = make("tr");
  head.forEach((text) => top.append(make("th", text, { scope: "col" })));
  node.append(top);
  rows.forEach((cells) => { const row = make("tr"); cells.forEach((cell) => row.append(cell instanceof Node ? cell : make("td", cell))); node.append(row); });
  return node;
};

/* Studies come first: another one can be chosen also when the one that is served is gone. */
async function refresh() {
  const studies = await ask("study", { action: "list" });
  const mine = Object.keys(studies.roles || {});
  if (mine.length && !mine.includes(looked || studies.serving)) looked = mine[0];
  root.dataset.role = mine.length ? studies.roles[looked || studies.serving] : "server";
  root.dataset.screen = "open";
  part("studies").replaceChildren(...[...new Set([...(mine.length ? [] : ["demo"]), ...studies.studies])].map((name) => { const option = given("option", name, { value: name }); option.selected = name === studies.serving; return option; }));
  part("links").replaceChildren(table(["Study", "", "Link for raters", ""], studies.studies.map((name) => linked(name, studies))));
  if (!mine.length && !part("toml").value) part("toml").value = (await ask("study", { action: "template" })).toml;
  const seen = await ask("owner", { action: "overview" });
  part("title").textContent = seen.title;
  part("state").textContent = seen.state;
  const got = seen.coverage.wanted - seen.coverage.missing;
  const tiles = [[`${got} / ${seen.coverage.wanted}`, "judgements wanted"], [seen.counts.labels, "rows, undone ones included"], [seen.counts.raters, "raters"], [seen.per_hour, "in the last hour"],
    [seen.hours_left === null ? "unknown" : `${seen.hours_left} h`, "to go at this pace"], [seen.valid.share === null ? "–" : `${Math.round(100 * seen.valid.share)} %`, `valid of ${seen.valid.judged} raters; ${seen.valid.unchecked} not yet checked`]];
  part("tiles").replaceChildren(...tiles.map(([value, name]) => { const tile = make("div", "", { class: "tile" }); tile.append(make("b", value), document.createTextNode(name)); return tile; }));
  choices(seen.recognisers);
  part("alarm").hidden = !seen.valid.alarm;
  part("alarm").textContent = seen.valid.alarm ? `Only ${Math.round(100 * seen.valid.share)} % of the raters who could be checked are valid. Look at their reasons below before paying or excluding anybody.` : "";
  part("coverage").replaceChildren(coverage(seen));
  const days = (n) => (n ? `${n} days after a rater's last answer` : "without limit");
  part("kept").textContent = `Kept: platform names ${days(seen.kept.names)}; answers ${days(seen.kept.answers)}.`;
  part("disputes").hidden = !seen.disputes;
  if (seen.disputes) part("disputed").textContent = `${seen.disputes.disputed} items are disputed and wait; ${seen.disputes.decided} are decided, ${seen.disputes.changed} of them otherwise than most raters said. Choose who decides among the raters above.`;
  part("hub").textContent = `${seen.outbox.hub}: ${seen.outbox.waiting} rows waiting; last push ${seen.outbox.last_push || "never"}${seen.outbox.last_error ? `; last error: ${seen.outbox.last_error}` : ""}.`;
  part("raters").replaceChildren(raters((await ask("owner", { action: "raters" })).raters, seen.disputes));
  if (root.dataset.role !== "reader") members(await ask("owner", { action: "members" }));
  const log = (await ask("owner", { action: "audit" })).audit;
  part("audit").replaceChildren(table(["When", "Who", "What", "Detail"], log.map((line) => [line.at, given("td", line.who), line.what, given("td", line.detail)])));
}

function coverage(seen) {
  const groups = [...new Set(seen.coverage.levels.map((level) => level.grp))], top = Math.max(seen.target, ...seen.coverage.levels.map((level) => level.filled));
  const counts = {};
  seen.coverage.levels.forEach((level) => { counts[`${level.grp}|${level.filled}`] = level.n; });
  const rows = groups.map((group) => {
    const all = seen.coverage.levels.filter((level) => level.grp === group).reduce((sum, level) => sum + level.n, 0);
    const cells = [group ? given("th", group, { scope: "row" }) : make("th", "(no group)", { scope: "row" })];
    for (let filled = 0; filled <= top; filled += 1) {
      const n = counts[`${group}|${filled}`] || 0;
      cells.push(make("td", n || "·", { class: "heat", style: `background: rgba(54, 71, 184, ${(0.5 * n / all).toFixed(3)})` }));
    }
    return cells;
  });
  return table(["Group", ...Array.from({ length: top + 1 }, (_, filled) => filled)], rows);
}

function raters(rows, disputes) {
  return table(["Rater", "State", "Answers", "Median s", "Gold", "Verdict", "Reasons", ""], rows.map((row) => {
    const act = make("td"), button = make("button", row.state === "blocked" ? "Unblock" : "Block");
    button.dataset.block = row.rater; button.dataset.to = row.state === "blocked" ? "unblock" : "block";
    const again = make("button", "Ask others again"); again.dataset.again = row.rater;
    act.append(button, again);
    if (disputes) { const decide = make("button", row.role ? "Let judge as others" : "Let decide disputes"); decide.dataset.decide = row.rater; decide.dataset.to = row.role ? "dismiss" : "appoint"; act.append(decide); }
    return [given("td", row.rater), row.role || row.state, row.answered, row.seconds === null ? "–" : row.seconds, row.gold, row.verdict, row.reasons.join(" "), act];
  }));
}

function members(told) {
  part("members").replaceChildren(table(["Who", "Role", ""], told.members.map((one) => {
    const act = make("td"), button = make("button", "Take away"); button.dataset.member = one.name; act.append(button);
    return [given("td", one.name), one.role, act];
  })));
}

async function addMember() {
  const made = await ask("owner", { action: "add_member", name: part("member").value.trim(), role: part("role").value });
  members(made);
  part("member").value = "";
  const link = made.role === "adjudicator" && made.token ? ` They decide at ${linkTo(looked || part("studies").value)}#key=${made.token}` : "";
  part("added").textContent = made.token ? `The token of ${made.name}, shown this once: ${made.token}.${link}` : `${made.name} is known by the Hub account.`;
}

const linkTo = (name) => { const url = new URL(location.href); url.hash = ""; url.search = ""; if (document.querySelector("#tabs")) url.searchParams.set("tab", "labeling"); url.searchParams.set("study", name); return url.href; };

/* A line of the list of studies: raters come by its link or its QR code while it is open. */
function linked(name, studies) {
  const isOpen = studies.open.includes(name) || name === studies.serving, act = make("td"), where = make("td");
  if (isOpen) where.append(given("a", linkTo(name), { href: linkTo(name) }));
  const add = (text, key) => { const button = make("button", text); button.dataset[key] = name; act.append(button); };
  if (name !== studies.serving) add(isOpen ? "Close" : "Open to raters", isOpen ? "shut" : "admit");
  if (isOpen) { add("Look at", "look"); add("QR code", "qr"); add((studies.archived || []).includes(name) ? "Reopen" : "Archive", (studies.archived || []).includes(name) ? "reopen" : "archive"); }
  if (isOpen) add("Edit …", "edit");
  add("Clone …", "clone");
  return [given("td", name), (studies.archived || []).includes(name) ? "archived" : isOpen ? (name === studies.serving ? "served" : "open") : "closed", where, act];
}

let editing = null;
async function saveEdit() {
  const made = await ask("study", { action: "edit", name: editing.name, toml: part("edited-toml").value, items: part("edited-items").value, based_on: editing.based_on });
  editing = { name: editing.name, ...(await ask("study", { action: "text", name: editing.name })) };
  part("edited").textContent = `${editing.name} is in edition ${made.edition}; answers keep theirs.`;
  await refresh();
}

async function admit(button) {
  const { edit, shut, admit, look, qr, archive, reopen, clone } = button.dataset;
  if (edit) {
    editing = { name: edit, ...(await ask("study", { action: "text", name: edit })) };
    part("edited-toml").value = editing.toml; part("edited-items").value = editing.items; part("edited").textContent = "";
    part("editing").hidden = false; part("editing").scrollIntoView();
  }
  if (archive || reopen) { await ask("owner", { action: archive ? "archive" : "open", study: archive || reopen }); await refresh(); }
  if (clone) { const fresh = prompt(`A name for the study like ${clone}, without its answers`, `${clone}-2`); if (fresh) { await ask("study", { action: "clone", name: clone, fresh }); await refresh(); } }
  if (shut || admit) { if (shut === looked) looked = ""; await ask("study", { action: shut ? "close" : "open", name: shut || admit }); await refresh(); }
  if (look) { looked = look; await refresh(); root.scrollIntoView(); }
  if (qr) { const image = make("img", "", { alt: `QR code of ${linkTo(qr)}`, width: 260 }); image.src = `data:image/svg+xml,${encodeURIComponent((await ask("study", { action: "link", address: linkTo(qr) })).svg)}`; part("qr").replaceChildren(image, make("p", linkTo(qr))); }
}

function save(name, data, type) {
  const link = make("a", "", { download: name });
  link.href = URL.createObjectURL(new Blob([data], { type }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function written() {
  const chosen = [...part("recognisers").querySelectorAll("input:checked")].map((box) => box.value);
  const buttons = root.querySelectorAll("[data-do=report], [data-do=show]");
  buttons.forEach((button) => { button.disabled = true; });
  try { return (await ask("owner", { action: "report", recognisers: chosen, pictures: part("pictures").checked })).html; }
  finally { buttons.forEach((button) => { button.disabled = false; }); }
}

function choices(names) {
  if (part("recognisers").dataset.names === names.join(" ")) return;
  part("recognisers").dataset.names = names.join(" ");
  part("recognisers").replaceChildren(...names.map((name) => { const label = make("label"); label.append(make("input", "", { type: "checkbox", value: name }), given("span", ` ${name} `)); return label; }));
}

/* A chosen file as base64; nothing for none. */
const MOST = 29;
const encoded = (file) => file ? new Promise((done, fail) => { if (file.size > MOST * 1e6) throw new Error(t("This file has {n} MB; at most {n2} MB can be sent from here. The command line takes files of any size.", { n: Math.ceil(file.size / 1e6), n2: MOST })); const reader = new FileReader(); reader.onload = () => done(reader.result.split(",")[1] || ""); reader.onerror = () => fail(new Error(t("This file could not be read: please choose it again."))); reader.readAsDataURL(file); }) : "";

const DO = {
  refresh,
  pause: async () => { await ask("owner", { action: "pause" }); await refresh(); },
  open: async () => { await ask("owner", { action: "open" }); await refresh(); },
  push: async () => { const done = await ask("owner", { action: "push" }); await refresh(); if (done.error) part("error").textContent = done.error; },
  compact: async () => { const done = await ask("owner", { action: "compact" }); await refresh(); part("hub").textContent += ` Compacted: ${JSON.stringify(done)}.`; },
  squash: async () => { if (confirm("Forget every earlier state of the data set? This cannot be undone.")) { await ask("owner", { action: "squash" }); await refresh(); } },
  adjudication: async () => { const file = await ask("owner", { action: "adjudication" }); save(file.name, bytes(file.base64), "text/csv"); },
  report: async () => { save("report.html", await written(), "text/html"); },
  show: async () => { part("report").srcdoc = await written(); part("report").hidden = false; part("report").scrollIntoView({ block: "nearest" }); },
  bring: async () => {
    const done = await ask("owner", { action: "import", format: part("from").value, base64: await encoded(part("brought").files[0]), lenient: part("lenient").checked });
    await refresh();
    part("account").textContent = `${done.new} answers by ${done.raters} new raters imported, ${done.already} were here already, ${done.left_out} left out. ${done.sentences.join(" ")}`;
  },
  requeue: async () => { const items = part("requeue").value.split(/\s+/).filter(Boolean); await ask("owner", { action: "requeue", items, more: 1 }); part("requeue").value = ""; await refresh(); },
  addMember, saveEdit,
  serve: async () => { await ask("study", { action: "serve", name: part("studies").value }); await refresh(); },
  check: async () => { const found = await ask("study", { action: "check", toml: part("toml").value }); part("made").replaceChildren(given("span", `${found.name}: ${found.question} (${found.answers.join(" / ")})`)); },
  make: async () => {
    const zip = await encoded(part("zip").files[0]);
    const made = await ask("study", { action: "make", toml: part("toml").value, zip });
    await refresh();
    part("made").textContent = `${made.name} was made with ${made.items} items, ${made.gold} of them gold. Choose it above to serve it.`;
  },
};

const OF_STUDIES = ["edit", "shut", "admit", "look", "qr", "archive", "reopen", "clone"];
root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !["do", "export", "block", "again", "decide", "member", ...OF_STUDIES].some((name) => name in button.dataset)) return;
  event.preventDefault();
  if (button.dataset.do) guarded(DO[button.dataset.do]);
  if (OF_STUDIES.some((name) => name in button.dataset)) guarded(() => admit(button));
  if (button.dataset.member) guarded(async () => { members(await ask("owner", { action: "remove_member", name: button.dataset.member })); });
  if (button.dataset.export) guarded(async () => { const file = await ask("owner", { action: "export", format: button.dataset.export }); save(file.name, bytes(file.base64), "application/octet-stream"); });
  if (button.dataset.block) guarded(async () => { await ask("owner", { action: button.dataset.to, rater: button.dataset.block }); await refresh(); });
  if (button.dataset.decide) guarded(async () => { await ask("owner", { action: button.dataset.to, rater: button.dataset.decide }); await refresh(); });
  if (button.dataset.again) guarded(async () => { await ask("owner", { action: "requeue", rater: button.dataset.again, more: 1 }); await refresh(); });
});

root.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = part("token").value;
  guarded(async () => { await refresh(); kept(token); part("token").value = ""; });
});
if (token) guarded(refresh);
