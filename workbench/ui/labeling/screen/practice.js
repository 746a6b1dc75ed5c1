/* Before the first item: questions on the instructions, and practice with feedback. Read before keys.js and judge.js. */
let practising = "";

async function practise(sent) {
  try { drawPractice(await ask("practice", { rater: box.me().rater, ...sent })); } catch (error) {
    if (error.told && error.status === 403) return stranger();
    part("practice").querySelectorAll(".error").forEach((node) => node.remove());
    part("practice").append(make("p", why(error, t("Your answers are kept here and are sent again by themselves.")), { class: "error", role: "alert" }));
    if (!error.told) setTimeout(() => practise(sent), 3000);
  }
}

const practiceButton = (title, key, work) => { const button = make("button", "", { type: "button", "data-practice-key": key }); button.append(make("span", title), make("kbd", key === "Enter" ? "Enter" : shownKey(key))); button.addEventListener("click", (event) => { event.stopPropagation(); work(); }); return button; };

async function drawPractice(told) {
  const nodes = [];
  if ("correct" in told) nodes.push(make("p", told.correct ? t("Right.") : t("Not quite: “{answer}” was expected.", { answer: told.expected.map(practiceTitle).join(" / ") }), { class: "note", role: "status", "data-part": "feedback" }));
  if (told.state === "qualified") { box.enter(told.rater, box.me().entry); nodes.push(practiceButton(t("Start"), "Enter", begin)); }
  if (told.state === "screened_out") return finish(t("Thank you for your time. This study goes on with those who passed its practice; nothing of yours is counted."), told.redirect);
  if (told.state === "again") { nodes.push(make("p", t("Some answers were not right. Please read the instructions again and try once more.")), writtenAgain(), practiceButton(t("Start"), "Enter", () => practise({}))); }
  if (told.state === "practice") nodes.push(...(told.questions ? questions(told) : await example(told)));
  part("practice").replaceChildren(...nodes);
  show("practice");
}

function writtenAgain() { const text = make("div", "", { class: "text" }); write(text, study.instructions); return text; }

function questions(told) {
  practising = "";
  const asked = told.questions.map(({ question, options }) => {
    const label = make("label", question), select = make("select", "", { "data-understood": question });
    select.append(make("option", t("Choose …"), { value: "" }), ...options.map((option) => make("option", option, { value: option })));
    label.append(select);
    return label;
  });
  const box_of = make("div", "", { class: "demographics" });
  box_of.append(...asked);
  return [box_of, practiceButton(t("Check"), "Enter", () => {
    const choices = Object.fromEntries([...part("practice").querySelectorAll("[data-understood]")].map((select) => [select.dataset.understood, select.value]));
    if (Object.values(choices).every(Boolean)) practise({ progress: told.progress, choices });
  })];
}

async function example(told) {
  const item = prepare(told);
  practising = item.keys || [];
  await item.ready;
  const answers = make("div", "", { class: "answers" });
  study.answers.forEach((answer, index) => answers.append(practiceButton(t(answer.title), keys[`answer${index}`], () => practise({ progress: told.progress, answer: (study.choose_image && item.keys && item.keys[index]) || answer.key }))));
  return [make("p", t("Practice {n} of {all}: what you answer here is not kept.", { n: told.number, all: told.all }), { class: "quiet" }), make("h3", asking()), item.pair, answers];
}

/* What was expected, in the words of its button: of pictures, of the place it stood at. */
const practiceTitle = (expected) => { const place = Array.isArray(practising) ? practising.indexOf(expected) : -1; return place >= 0 ? t(study.answers[place].title) : t(expected); };
