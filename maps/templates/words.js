"use strict";
// Words, numbers and elements, the same on every page. Layer text reaches a page only through textContent.

const page = JSON.parse(document.getElementById("page-data").textContent);
const LANGUAGES = ["vi", "en"];
let language = "vi";
const isInternal = page.audience === "internal";

const languageIndex = () => LANGUAGES.indexOf(language);

/** A text of the page in the present language, with {names} filled in. */
function t(key, values = {}) {
  return page.strings[language][key].replace(/\{(\w+)\}/g, (_, hole) => String(values[hole]));
}

/** A text of the page as nodes: every filled-in value stands in an element of its own, so that no bidi mark leaks. */
function phrase(key, values) {
  return page.strings[language][key].split(/\{(\w+)\}/).map((part, place) => (place % 2 ? layerText(values[part]) : part));
}

/** A text from a layer, kept apart from its neighbours. */
const layerText = (text) => el("bdi", "", String(text));

/** Nodes with a dot between those that are there. */
const dotted = (...nodes) => nodes.filter((node) => node !== null).flatMap((node, place) => (place ? [" · ", node] : [node]));

const formatters = {}; // making one costs more than using it a hundred times

function number(value, digits = 0) {
  formatters[language + digits] ??= new Intl.NumberFormat(t("locale"), { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return formatters[language + digits].format(value).replace("-", "−");
}

/** A number as Vietnamese writes it, in the present language. */
const localText = (text) => (language === "vi" ? text : text.replace(/[,.]/g, (mark) => (mark === "," ? "." : ",")));

const technologyName = (technology) => (technology === "any" ? t("any") : technology);
const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
const stateWord = (prefix, value) => t(prefix + capital(["yes", "no", "none", "weak", "good"].includes(value) ? value : "unknown"));
const classWord = (value) => (value ? t("class" + capital(value)) : "–");

/** An element with a class and children; strings become text nodes. */
function el(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function facts(pairs) {
  const list = el("dl");
  for (const [term, value] of pairs) {
    if (value === null) continue;
    list.append(el("dt", "", term), el("dd", "", ...[value].flat()));
  }
  return list;
}

function table(heads, rows) {
  const head = el("tr", "", ...heads.map((text) => el("th", "", text)));
  const body = rows.map((cells) => el("tr", "", ...cells.map((cell) => el("td", "", cell))));
  return el("table", "", el("thead", "", head), el("tbody", "", ...body));
}

const orUnknown = (value, digits, unit) => (value === null ? t("unknown") : `${number(value, digits)} ${unit}`);
const kilometres = (value) => (value === null ? "–" : `${number(value, 1)} km`);
const decibels = (margin) => (margin === null ? "–" : `${margin >= 0 ? "+" : ""}${number(margin, 1)} dB`);

/** Show the words of the present language in the page's own elements. */
function translateWords() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = t(element.dataset.placeholder);
  document.getElementById("language").textContent = t("otherLanguage");
  const title = t(`title${capital(page.kind)}`);
  document.getElementById("title").textContent = title;
  document.getElementById("area-name").textContent = page.name;
  document.title = `${title} ${page.name}`;
}

/** The button that switches the language, and what is to be said again then. */
function listenToLanguage(translate) {
  document.getElementById("language").addEventListener("click", () => {
    language = language === "vi" ? "en" : "vi";
    translate();
  });
}
