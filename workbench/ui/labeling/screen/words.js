/* The screen's own words in the rater's language. A word's key is its English; where a language has none, it stays English. Read before box.js. */
const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", zh: "中文", ja: "日本語", ar: "العربية" };
let language = "en", words = {};

/* The address says it, else what was chosen here before, else the language of the page around it, else the browser's. */
function preferred() {
  const kept = (name) => { try { return localStorage.getItem(name) || ""; } catch (error) { return ""; } };
  const asked = [new URLSearchParams(location.search).get("lang"), kept("labeling:language"), kept("page:language"), ...(navigator.languages || [navigator.language])];
  return asked.map((name) => String(name || "").toLowerCase().split("-")[0]).find((name) => Object.hasOwn(LANGUAGES, name)) || "en";
}

function keepLanguage(name) { try { localStorage.setItem("labeling:language", name); } catch (error) { /* asked again next time */ } }

/* Before the first answer of the server brought the words, the page around knows what there is to say. */
let spoken = false;
const around = (text) => (!spoken && window.words ? window.words.say(text) : text);
const t = (english, values) => around((Object.hasOwn(words, english) && words[english] || english || "").replace(/\{(\w+)\}/g, (whole, name) => (values && Object.hasOwn(values, name) ? values[name] : whole)));

/* What stands in the page itself. Pictures keep their places from left to right in every language. */
function speak(root, name, theirs) {
  language = name; words = theirs; spoken = true;
  root.lang = name; root.dir = name === "ar" ? "rtl" : "ltr";
  root.querySelectorAll("[data-t]").forEach((node) => { node.textContent = t(node.dataset.t); });
  root.querySelectorAll("[data-t-title]").forEach((node) => { node.title = t(node.dataset.tTitle); });
  root.querySelectorAll("[data-t-label]").forEach((node) => { node.setAttribute("aria-label", t(node.dataset.tLabel)); });
}
