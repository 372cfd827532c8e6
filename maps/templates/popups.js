"use strict";
// Words and popups. Layer text reaches the page only through textContent.

const page = JSON.parse(document.getElementById("page-data").textContent);
const LANGUAGES = ["vi", "en"];
let language = "vi";

const languageIndex = () => LANGUAGES.indexOf(language);

/** A text of the page in the present language, with {names} filled in. */
function t(key, values = {}) {
  const text = page.strings[language][key];
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

function number(value, digits = 0) {
  return new Intl.NumberFormat(t("locale"), { maximumFractionDigits: digits, minimumFractionDigits: digits })
    .format(value).replace("-", "−");
}

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
  for (const [name, value] of pairs) {
    if (value === null) continue;
    list.append(el("dt", "", name), el("dd", "", value));
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

function settlementPlace(settlement) {
  const district = settlement.district_name ? t("formerDistrict", { name: settlement.district_name }) : null;
  return [settlement.commune_name, district].filter(Boolean).join(" · ");
}

function technologyRow(technology, cells) {
  if (cells.rsrp_dbm === null) {
    const cell = el("td", "text wide", t("noServer"));
    cell.colSpan = 4;
    return el("tr", "", el("td", "", technology), el("td", "", classWord(cells.class)), cell);
  }
  const station = el("td", "text wide", [cells.operator, cells.station_id].filter(Boolean).join(" "));
  return el("tr", "", el("td", "", technology), el("td", "", classWord(cells.class)),
    el("td", "", `${number(cells.rsrp_dbm)} dBm`),
    el("td", "", cells.margin_db === null ? "–" : `${cells.margin_db >= 0 ? "+" : ""}${number(cells.margin_db, 1)} dB`),
    station, el("td", "", kilometres(cells.distance_km)));
}

function settlementPopup(settlement) {
  const signal = settlement.signal in SIGNAL_COLOURS ? settlement.signal : "unknown";
  const broadbandSource = settlement.broadband_source === "declared" ? t("declaredValue") : t("modelledValue");
  const states = el("p", "states",
    el("span", signal, stateWord("signal", settlement.signal)),
    el("span", "", stateWord("power", settlement.power)),
    el("span", "", `${stateWord("broadband", settlement.broadband)}${settlement.broadband === "unknown" ? "" : ` (${broadbandSource})`}`));
  const levels = table(["", "", t("level"), t("margin"), t("station"), t("distance")], []);
  levels.tBodies[0].append(...settlement.technologies.map((cells, position) => technologyRow(page.settlementTechnologies[position], cells)));
  return el("div", "popup",
    el("h3", "", settlement.name || t("unnamed")),
    el("p", "where", settlementPlace(settlement)),
    states, levels,
    facts([
      [t("nearestMast"), settlement.nearest_mast_km === null ? t("unknown") : [kilometres(settlement.nearest_mast_km), settlement.nearest_mast_id].filter(Boolean).join(" · ")],
      [t("fibre"), settlement.fibre_distance_km === null ? t("unknown") : [kilometres(settlement.fibre_distance_km), settlement.fibre_endpoint_id].filter(Boolean).join(" · ")],
      [t("population"), orUnknown(settlement.population, 0, t("persons"))],
      [t("households"), orUnknown(settlement.households, 0, t("householdsUnit"))],
      [t("declaredSignal"), settlement.signal_declared],
    ]));
}

function shareText(shares, indicator, service) {
  const figure = shares?.[indicator]?.[service];
  return figure && figure.share ? `${figure.share[languageIndex()]} (${figure.counts[languageIndex()]})` : "–";
}

function communePopup(commune) {
  const indicators = ["people", "residential_cells", "settlements"];
  const rows = page.technologies.map((technology) => [technologyName(technology),
    ...indicators.map((indicator) => shareText(commune.shares[technology], indicator, "weak"))]);
  return el("div", "popup",
    el("h3", "", commune.name || t("unnamed")),
    el("p", "where", commune.code),
    table(["", ...indicators.map((indicator) => t(indicator))], rows));
}

function mastPopup([id, , , height, stations]) {
  const rows = stations.map(([operator, technology, band]) => [operator || "–", technology, band === null ? "–" : `${number(band)} MHz`]);
  return el("div", "popup narrow", el("h3", "", `${t("mast")} ${id}`),
    table([t("operator"), "", t("band")], rows),
    facts([[t("height"), height === null ? null : `${number(height)} m`]]));
}

function fibrePopup([id, operator, reach]) {
  return el("div", "popup narrow", el("h3", "", `${t("fibrePoint")} ${id}`),
    facts([[t("operator"), operator], [t("reach"), kilometres(reach)]]));
}

function placePopup([name, kind, , , classes]) {
  return el("div", "popup narrow", el("h3", "", name || t("unnamed")), el("p", "where", kind || ""),
    table(["", ""], classes.map(([technology, value]) => [technology, classWord(value)])));
}
