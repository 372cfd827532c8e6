"use strict";
// Words and popups. Layer text reaches the page only through textContent.

const page = JSON.parse(document.getElementById("page-data").textContent);
const LANGUAGES = ["vi", "en"];
let language = "vi";

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

/** Units of a settlement, the present or the former ones first. */
function settlementPlace({ commune_name: commune, district_name: district, old_commune_name: oldCommune }) {
  if (chosen.level === "commune") {
    return dotted(commune && layerText(commune), district && el("span", "", ...phrase("formerDistrict", { name: district })));
  }
  return dotted(oldCommune && layerText(oldCommune), district && layerText(district), commune && el("span", "", ...phrase("presentCommune", { name: commune })));
}

const isInternal = page.audience === "internal";

function technologyRow(technology, cells) {
  const heads = [el("td", "", technology), el("td", "text", classWord(cells.class))];
  if (!isInternal) return el("tr", "", ...heads);
  if (cells.rsrp_dbm === null) {
    const cell = el("td", "text wide", t("noServer"));
    cell.colSpan = 4;
    return el("tr", "", ...heads, cell);
  }
  const station = el("td", "text wide", layerText(cells.operator ?? ""), " ", layerText(cells.station_id ?? ""));
  return el("tr", "", ...heads,
    el("td", "", `${number(cells.rsrp_dbm)} dBm`),
    el("td", "", decibels(cells.margin_db)),
    station, el("td", "", kilometres(cells.distance_km)));
}

function observedSignal(value) {
  return value ? stateWord("signal", value) : null;
}

function settlementPopup(settlement) {
  const signal = settlement.signal in SIGNAL_COLOURS ? settlement.signal : "unknown";
  const broadbandSource = settlement.broadband_source === "declared" ? t("declaredValue") : t("modelledValue");
  const states = el("p", "states",
    el("span", signal, stateWord("signal", settlement.signal)),
    settlement.uncertain === "yes" ? el("span", "uncertain", t("uncertain")) : null,
    el("span", "", stateWord("power", settlement.power)),
    el("span", "", `${stateWord("broadband", settlement.broadband)}${settlement.broadband === "unknown" ? "" : ` (${broadbandSource})`}`));
  const levels = table([t("technologyShort"), t("signalHead"), ...(isInternal ? [t("level"), t("margin"), t("station"), t("distance")] : [])], []);
  levels.tBodies[0].append(...settlement.technologies.map((cells, position) => technologyRow(page.settlementTechnologies[position], cells)));
  return el("div", "popup",
    el("h3", "", settlement.name || t("unnamed")),
    el("p", "where", ...settlementPlace(settlement)),
    states, ...whyParts(page.why[settlement.settlement_id]), levels,
    facts([
      ...(isInternal ? networkFacts(settlement) : []),
      [t("population"), orUnknown(settlement.population, 0, t("persons"))],
      [t("households"), orUnknown(settlement.households, 0, t("householdsUnit"))],
      [t("declaredSignal"), observedSignal(settlement.signal_declared)],
      [t("measuredSignal"), observedSignal(settlement.signal_measured)],
      [t("disagrees"), settlement.signal_disagrees === "yes" ? t("disagreesText") : null],
    ]));
}

/** Why a settlement is not covered: the cause, the nearest stations, the path of the best one, who pays, what is planned. */
function whyParts(why) {
  if (!why) return [];
  const words = (kind, key) => page.words[kind][key][languageIndex()];
  const rows = (why.paths || []).map(([operator, technology, station, away, margin, sight], place) => el("tr", place === why.best ? "best" : "",
    el("td", "text wide", layerText(operator), ` ${technology} `, layerText(station)), el("td", "", `${number(away, 1)} km`),
    el("td", "", decibels(margin)), el("td", "text wide", words("sight", sight))));
  const stations = table([t("nearestStations"), t("distance"), t("margin"), t("sight")], []);
  stations.tBodies[0].append(...rows);
  return [
    el("h4", "", t("why")),
    el("p", "", words("causes", why.cause)),
    rows.length ? stations : null,
    why.profile ? el("figure", "", profileSvg(why.profile), el("figcaption", "", `${why.paths[why.best][2]}: ${why.obstacle[languageIndex()]}`)) : null,
    facts([[t("fundingRoute"), words("funding", why.funding)], [t("planned"), plannedText(why.planned)]]),
  ];
}

function plannedText(planned) {
  if (!planned) return t("noPlan");
  const quarter = planned.quarter ? t("plannedFrom", { quarter: planned.quarter[languageIndex()] }) : t("plannedUndated");
  return planned.station ? dotted(layerText(planned.station), kilometres(planned.km), quarter) : quarter;
}

const decibels = (margin) => (margin === null ? "–" : `${margin >= 0 ? "+" : ""}${number(margin, 1)} dB`);

/** What only the internal edition knows: the nearest mast and the nearest fibre. */
function networkFacts(settlement) {
  const near = (distance, id) => (distance === null ? t("unknown") : dotted(kilometres(distance), id && layerText(id)));
  return [
    [t("nearestMast"), near(settlement.nearest_mast_km, settlement.nearest_mast_id)],
    [t("fibre"), near(settlement.fibre_distance_km, settlement.fibre_endpoint_id)],
  ];
}

function shareText(shares, indicator, service) {
  const figure = shares?.[indicator]?.[service];
  return figure && figure.share ? `${figure.share[languageIndex()]} (${figure.counts[languageIndex()]})` : "–";
}

function unitPopup(unit) {
  const indicators = ["people", "residential_cells", "settlements"];
  const rows = page.technologies.map((technology) => [technologyName(technology),
    ...indicators.map((indicator) => shareText(unit.shares[technology], indicator, "weak"))]);
  return el("div", "popup",
    el("h3", "", unit.name || t("unnamed")),
    el("p", "where", unit.code),
    table(["", ...indicators.map((indicator) => t(indicator))], rows));
}

function mastPopup([id, , , height, stations]) {
  const rows = stations.map(([operator, technology, band]) => [operator || "–", technology, band === null ? "–" : `${number(band)} MHz`]);
  return el("div", "popup narrow", el("h3", "", `${t("mast")} `, layerText(id)),
    table([t("operator"), "", t("band")], rows),
    facts([[t("height"), height === null ? null : `${number(height)} m`]]));
}

function fibrePopup([id, operator, reach]) {
  return el("div", "popup narrow", el("h3", "", `${t("fibrePoint")} `, layerText(id)),
    facts([[t("operator"), operator], [t("reach"), kilometres(reach)]]));
}

function placePopup([title, kind, , , classes]) {
  return el("div", "popup narrow", el("h3", "", title || t("unnamed")), el("p", "where", kind || ""),
    table(["", ""], classes.map(([technology, value]) => [technology, classWord(value)])));
}
