// Choose faces, move them to a person, name people, take steps back, save the table. Nothing leaves the page.
const people = document.querySelector("#people"), bar = document.querySelector("#bar"), told = bar.querySelector("output");
const chosen = () => [...people.querySelectorAll('.face[aria-pressed="true"]')];
const persons = () => [...people.querySelectorAll(".person")];
const past = [];
let next = persons().length;

function remember() {
  past.push([...people.querySelectorAll(".face")].map((face) => [face, face.parentElement]));
  if (past.length > 100) past.shift();
}

function told_again(words) {
  const count = chosen().length;
  told.textContent = words || (count ? `${count} face${count > 1 ? "s" : ""} chosen` : "Choose faces to move them");
  for (const button of document.querySelectorAll("[data-needs]")) button.disabled = !count;
  bar.querySelector("#undo").disabled = !past.length;
  for (const person of persons()) {
    const faces = person.querySelectorAll(".face").length;
    person.querySelector(".count").textContent = `${faces} face${faces === 1 ? "" : "s"}`;
    person.hidden = !faces && !person.dataset.alone;
  }
}

function move(target) {
  const faces = chosen();
  if (!faces.length) return;
  remember();
  for (const face of faces) {
    face.setAttribute("aria-pressed", "false");
    target.querySelector(".shown").append(face);
  }
  target.hidden = false;
  target.scrollIntoView({ block: "nearest" });
  told_again(`${faces.length} moved to ${target.querySelector("input")?.value || "those alone"}`);
}

function free_name() {
  const used = new Set(persons().map((person) => person.querySelector("input")?.value));
  do next += 1; while (used.has(`person-${String(next).padStart(3, "0")}`));
  return `person-${String(next).padStart(3, "0")}`;
}

people.addEventListener("click", (event) => {
  const face = event.target.closest(".face"), here = event.target.closest("[data-here]"), all = event.target.closest("[data-all]");
  if (face) face.setAttribute("aria-pressed", String(face.getAttribute("aria-pressed") !== "true")), told_again();
  if (here) move(here.closest(".person"));
  if (all) {
    const faces = [...all.closest(".person").querySelectorAll(".face")];
    const on = faces.some((each) => each.getAttribute("aria-pressed") !== "true");
    faces.forEach((each) => each.setAttribute("aria-pressed", String(on)));
    told_again();
  }
});

document.querySelector("#fresh").onclick = () => {
  const made = document.querySelector("#blank").content.firstElementChild.cloneNode(true);
  made.querySelector("input").value = free_name();
  people.prepend(made);
  move(made);
};
document.querySelector("#alone").onclick = () => move(people.querySelector("[data-alone]"));
document.querySelector("#undo").onclick = () => {
  for (const [face, parent] of past.pop() || []) parent.append(face);
  told_again("One step back");
};

const cell = (text) => {
  const safe = /^[=+\-@\t\r']/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

function table() {
  const lines = ["face,person"];
  for (const person of persons()) {
    const name = person.dataset.alone ? "" : person.querySelector("input").value.trim();
    for (const face of person.querySelectorAll(".face")) lines.push(`${cell(face.dataset.face)},${cell(name)}`);
  }
  return lines.concat(JSON.parse(document.querySelector("#unshown").textContent)).join("\n") + "\n";
}

document.querySelector("#save").onclick = () => {
  const names = persons().filter((each) => !each.dataset.alone && each.querySelector(".face")).map((each) => each.querySelector("input"));
  const bad = names.find((input) => !/^[^\x00-\x1f/\\:*?"<>|]{1,80}$/.test(input.value.trim()));
  if (bad) {
    bad.focus();
    return told_again("This name cannot be a folder's: give it letters or digits");
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
  link.download = document.body.dataset.save || "people.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  told_again("Saved: give this table back with --corrected, or below the groups");
};
told_again();
