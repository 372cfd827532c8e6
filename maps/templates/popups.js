"use strict";
// What the map tells of a thing that is clicked or chosen in the list.

/** Units of a settlement, the present or the former ones first. */
function settlementPlace({ commune_name: commune, district_name: district, old_commune_name: oldCommune }) {
  if (chosen.level === "commune") {
    return dotted(commune && layerText(commune), district && el("span", "", ...phrase("formerDistrict", { name: district })));
  }
  return dotted(oldCommune && layerText(oldCommune), district && layerText(district), commune && el("span", "", ...phrase("presentCommune", { name: commune })));
}

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
      [t("signalModelled"), settlement.signal_modelled === settlement.signal ? null : observedSignal(settlement.signal_modelled)],
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
  return figure && figure.share ? `${localText(figure.share)} (${localText(figure.counts)})` : "–";
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

/** All shares of one unit by technology, each with its counts and the share that is good. */
function unitFigures(shares) {
  const cell = ({ weak, good } = {}) => (weak?.share ? el("span", "", el("strong", "", localText(weak.share)), el("span", "counts", localText(weak.counts)),
    good?.share ? el("span", "counts", `${t("classGood")} ${localText(good.share)}`) : null) : el("span", "counts", t("notAvailable")));
  const indicators = ["people", "residential_cells", "settlements"];
  return table(["", ...indicators.map((indicator) => t(indicator))],
    page.technologies.map((technology) => [technologyName(technology), ...indicators.map((indicator) => cell(shares[technology]?.[indicator]))]));
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
