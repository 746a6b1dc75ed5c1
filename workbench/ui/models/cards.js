// Filters of the models' cards: they act at once, and stay when the cards are sent anew.
const kept = {};

const matches = (card) =>
  ["task", "origin", "licence"].every((name) => !kept[name] || card.dataset[name] === kept[name]) &&
  (!kept.here || card.dataset.here === "1") &&
  (kept.words || "").toLowerCase().split(/\s+/).every((word) => card.textContent.toLowerCase().includes(word));

function apply() {
  for (const field of element.querySelectorAll(".model-filters [name]")) {
    if (field.type === "checkbox") field.checked = Boolean(kept[field.name]);
    else if (field.value !== (kept[field.name] || "")) field.value = kept[field.name] || "";
  }
  const cards = [...element.querySelectorAll("article")];
  let shown = 0, here = 0;
  for (const card of cards) {
    card.hidden = !matches(card);
    if (!card.hidden) { shown += 1; here += Number(card.dataset.here); }
  }
  if (cards.length) element.querySelector(".model-count").textContent =
    shown ? `${shown} of ${cards.length} models; ${here} of them ready here.` : "No model fits these filters.";
}

element.addEventListener("submit", (event) => event.preventDefault());
element.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.name) return;
  kept[field.name] = field.type === "checkbox" ? field.checked : field.value;
  apply();
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fetch]");
  if (!button) return;
  trigger("select", { model: button.dataset.fetch });
  let tries = 0;
  const show = setInterval(() => {
    const token = document.querySelector("#models-token input");
    if (token) { token.scrollIntoView({ block: "center" }); token.focus(); }
    if (token || ++tries > 50) clearInterval(show);
  }, 100);
});
watch("value", apply);
apply();
