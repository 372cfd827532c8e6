"use strict";
// The page itself: Folium has made the map and its pictures; here the vectors, the controls and the words are added.

const settlements = readSettlements(page.settlements);
const INDICATORS = ["people", "residential_cells", "settlements"];
const LABEL_ZOOM = 10;
const RADII = { none: 5, weak: 5, good: 3.4 };
const HATCH = hatchPattern(SHARE_COLOURS[0]);
const chosen = { technology: page.technologies[0], theme: page.unit ? "signal" : "communes", indicator: "people", level: "commune" };
const layers = {};
const units = {}; // by level, drawn when first shown: the polygons and their labels

/** Show the units of the chosen level, present or former, and what follows from them. */
function showLevel() {
  for (const layer of [layers.communes, layers.labels]) layer?.remove();
  const rows = page.units[chosen.level];
  units[chosen.level] ??= { polygons: unitPolygons(rows, unitPopup), labels: unitLabels(rows) };
  ({ polygons: layers.communes, labels: layers.labels } = units[chosen.level]);
  layers.communes.addTo(map);
  restack();
  showLabels();
}

const PLAIN = { color: "#ffffff", weight: 1 };
/** Layers of points, each drawn when first shown. */
const POINTS = {
  settlements: () => {
    const rank = { good: 0, unknown: 1, weak: 2, none: 3 };
    const ordered = settlements.filter((settlement) => settlement.lat !== null).sort((one, other) => (rank[one.signal] ?? 1) - (rank[other.signal] ?? 1));
    return points(ordered, { place: ({ lat, lon }) => [lat, lon], style: (settlement) => ({ ...settlementStyle(settlement), radius: RADII[settlement.signal] || 4 }),
      build: settlementPopup, title: ({ name }) => name || t("unnamed") });
  },
  masts: () => points(page.masts, { place: ([, lat, lon]) => [lat, lon], style: () => ({ ...PLAIN, weight: 0.6, shape: "triangle", radius: 2.6, fill: MAST_COLOUR }), build: mastPopup }),
  fibre: () => points(page.fibre, { place: ([, , , lat, lon]) => [lat, lon], style: () => ({ ...PLAIN, shape: "square", radius: 3.6, fill: FIBRE_COLOUR }), build: fibrePopup }),
  places: () => points(page.places, { place: ([, , lat, lon]) => [lat, lon], style: () => ({ ...PLAIN, shape: "diamond", radius: 3.6, fill: PLACE_COLOUR }), build: placePopup,
    title: ([name]) => name || t("unnamed") }),
};
const isOffered = (name) => name === "settlements" || name === "labels" || page[name] !== undefined;
const isThere = (name) => name === "settlements" || name === "labels" || page[name] !== null;

/** Vectors share one canvas: keep the order communes, fibre, places, masts, settlements. */
function restack() {
  for (const name of ["communes", "fibre", "places", "masts", "settlements"]) {
    if (layers[name] && map.hasLayer(layers[name])) layers[name].bringToFront();
  }
}

function unitStyle(unit) {
  if (chosen.theme !== "communes") return { fillOpacity: 0, dashArray: null };
  const figure = unit.shares[chosen.technology]?.[chosen.indicator]?.weak;
  if (!figure || figure.class === null) return { fillColor: "#ffffff", fillOpacity: 0.5, dashArray: "4,4" };
  return { fillColor: figure.class === 0 ? HATCH : SHARE_COLOURS[figure.class], fillOpacity: 0.72, dashArray: null };
}

function showTheme() {
  layers.communes.eachLayer((polygon) => polygon.setStyle(unitStyle(polygon.row)));
  for (const [technology, name] of Object.entries(page.overlays)) {
    const visible = chosen.theme === "signal" && technology === chosen.technology;
    if (visible) window[name].addTo(map); else window[name].remove();
  }
  document.getElementById("indicator").disabled = chosen.theme !== "communes";
  showThemeLegend();
  showCards();
}

function showThemeLegend() {
  const rows = [];
  if (chosen.theme === "signal") {
    for (const name of ["good", "weak", "none"]) rows.push(legendRow(boxSvg(SIGNAL_COLOURS[name], { opacity: 0.62 }), t("signal" + capital(name))));
  }
  if (chosen.theme === "communes") {
    const edges = page.shareClassEdges.map((edge) => `${number(edge * 100)}%`);
    rows.push(legendRow(boxSvg(SHARE_COLOURS[0], { hatched: true }), t("below", { to: edges[0] })));
    for (let place = 1; place < edges.length; place += 1) {
      rows.push(legendRow(boxSvg(SHARE_COLOURS[place]), t("between", { from: edges[place - 1], to: edges[place] })));
    }
    rows.push(legendRow(boxSvg(SHARE_COLOURS[edges.length]), t("from", { from: edges[edges.length - 1] })));
  }
  document.getElementById("theme-legend").replaceChildren(...rows);
}

function showSettlementLegend() {
  const base = { shape: "circle", fill: "#8a949e", color: "#ffffff", weight: 1 };
  const rows = ["none", "weak", "good", "unknown"].map((name) =>
    legendRow(symbolSvg({ ...base, shape: SIGNAL_SHAPES[name], fill: SIGNAL_COLOURS[name] }), t("signal" + capital(name))));
  rows.push(legendRow(symbolSvg({ ...base, radius: 3.4, ring: UNCERTAIN_COLOUR }), t("uncertainLegend")));
  for (const name of ["no", "unknown"]) rows.push(legendRow(symbolSvg({ ...base, core: POWER_CORES[name], fill: "#55616e" }), t("power" + capital(name))));
  for (const name of ["no", "unknown"]) {
    rows.push(legendRow(symbolSvg({ ...base, ...BROADBAND_OUTLINES[name], fill: "#dfe4e8" }), t("broadband" + capital(name))));
  }
  document.getElementById("settlement-legend").replaceChildren(...rows, eightStateTable());
}

/** Signal down, power and broadband across, each cell with its symbol and count; a click lists its settlements. */
function eightStateTable() {
  const powers = ["withoutPower", "withPower"].map((name) => Object.assign(el("th", "", t(name)), { colSpan: 2, scope: "colgroup" }));
  const head = [el("tr", "", el("td"), ...powers), el("tr", "", el("td"),
    ...EIGHT_STATES.slice(0, 4).map(({ broadband }) => el("th", "", t(broadband === "yes" ? "withBroadband" : "withoutBroadband"))))];
  const body = [EIGHT_STATES.slice(0, 4), EIGHT_STATES.slice(4)].map((states) =>
    el("tr", "", el("th", "", t(states[0].served ? "served" : "notServed")), ...states.map((state) => {
      const style = settlementStyle({ signal: state.served ? "good" : "none", power: state.power, broadband: state.broadband });
      const button = el("button", "", symbolSvg({ ...style, color: state.broadband === "yes" ? "#ffffff" : "#111" }), number(list.countOf(state.key)));
      Object.assign(button, { type: "button", title: eightStateWords(state) });
      button.setAttribute("aria-label", `${eightStateWords(state)}: ${number(list.countOf(state.key))}`);
      button.addEventListener("click", () => list.choose(state.key));
      return el("td", "", button);
    })));
  return el("table", "eight", el("caption", "", t("eightStates")), el("thead", "", ...head), el("tbody", "", ...body));
}

function showCards() {
  const shares = page.header[chosen.technology] || {};
  const technology = chosen.technology === "any" ? t("anyShort") : chosen.technology;
  const cards = INDICATORS.map((indicator) => {
    const figure = shares[indicator]?.weak;
    const title = t("cardTitle", { indicator: t(indicator), technology }).replace(/\s+/g, " ").trim();
    if (!figure || !figure.share) return el("div", "", el("dt", "", title), el("dd", "", t("notAvailable")));
    const value = el("dd", "", el("span", "share", localText(figure.share)), ` (${localText(figure.counts)} ${t(indicator + "Unit")})`);
    const good = shares[indicator].good?.share;
    if (good) value.append(el("span", "good", t("goodShare", { share: localText(good) })));
    return el("div", "", el("dt", "", title), value);
  });
  document.getElementById("cards").replaceChildren(...cards);
}

function radio(name, value, text, onChange) {
  const input = el("input");
  Object.assign(input, { type: "radio", name, value, checked: value === chosen[name] });
  input.addEventListener("change", () => { chosen[name] = value; onChange(); });
  return el("label", "", input, el("span", "", text));
}

function showChoices() {
  document.getElementById("technologies").replaceChildren(...page.technologies.map((technology) =>
    radio("technology", technology, technologyName(technology), () => { showTheme(); list.translate(); })));
  document.getElementById("levels").replaceChildren(...Object.keys(page.units).map((level) =>
    radio("level", level, t("level" + capital(level)), () => { showLevel(); showTheme(); map.closePopup(); list.translate(); })));
}

const LAYER_SYMBOLS = {
  settlements: { shape: "circle", fill: SIGNAL_COLOURS.good },
  masts: { shape: "triangle", fill: MAST_COLOUR, radius: 4 },
  fibre: { shape: "square", fill: FIBRE_COLOUR, radius: 4 },
  places: { shape: "diamond", fill: PLACE_COLOUR, radius: 4.5 },
};
const layerSymbol = (name) => (name in LAYER_SYMBOLS ? symbolSvg({ color: "#fff", weight: 1, ...LAYER_SYMBOLS[name] }) : null);

function showLayerSwitches() {
  const rows = [...Object.keys(LAYER_SYMBOLS), "labels"].filter(isOffered).map((name) => {
    const input = el("input");
    Object.assign(input, { type: "checkbox", name: "layer", value: name, disabled: !isThere(name) });
    input.checked = name === "labels" ? chosen.labels : Boolean(layers[name]) && map.hasLayer(layers[name]);
    input.addEventListener("change", () => setLayer(name, input.checked));
    const text = t("layer" + capital(name)) + (isThere(name) ? "" : ` (${t("layerMissing")})`);
    return el("label", "", input, layerSymbol(name), el("span", "", text));
  });
  document.getElementById("layers").replaceChildren(...rows);
}

function setLayer(name, visible) {
  if (name === "labels") { chosen.labels = visible; showLabels(); return; }
  if (!visible) { layers[name]?.remove(); return; }
  layers[name] ??= POINTS[name]();
  layers[name].addTo(map);
  restack();
}

function showLabels() {
  if (chosen.labels && map.getZoom() >= LABEL_ZOOM) layers.labels.addTo(map); else layers.labels.remove();
}

function showAbout() {
  const { run } = page;
  const inputName = (layer) => page.strings[language].inputNames[layer] || layer;
  const line = (text) => el("p", "", text);
  const sources = table([t("layer"), t("rows"), t("importedOn"), "SHA-256"], run.sources.map(([layer, rows, sha, day]) =>
    [inputName(layer), rows === null ? "–" : number(rows), day ? day[language] : "–", el("code", "", sha.slice(0, 16))]));
  const values = { location: number(run.locationPct), technologies: run.countsAsSignal.join(", ") };
  const definitions = page.strings[language].definitionsText.map((text) =>
    line(text.replace(/\{(\w+)\}/g, (_, name) => values[name])));
  document.getElementById("about-body").replaceChildren(...[
    el("h3", "", t("definitions")), ...definitions,
    el("p", "", ...phrase("profileSource", { source: run.profileSource })),
    line(t(run.terrainKind === "dsm" ? "terrainDsm" : "terrainDtm")),
    line(run.boundaryDate ? t("boundary", { date: run.boundaryDate[language] }) : t("boundaryUnknown")),
    ...(run.warnings.length ? [el("h3", "", t("warnings")), ...run.warnings.map((warning) => line(warning[language]))] : []),
    run.warningsLeftOut ? line(t("warningsInternal", { n: number(run.warningsLeftOut) })) : null,
    el("h3", "", t("sources")), sources,
    ...run.notices.map((notice) => line(`${inputName(notice.layer)}: ${notice.attribution} (${notice.title}, ${notice.licence}${notice.share_alike ? `, ${t("shareAlike")}` : ""})`)),
    line(t("software"))].filter(Boolean));
}

function translate() {
  translateWords();
  const { run } = page, day = run.stationsDate;
  const days = day && Math.max(0, Math.floor((Date.now() - Date.parse(day.iso)) / 864e5));
  const age = day ? [" · ", t(["stationsToday", "stationsYesterday"][days] ?? "stationsAge", { date: day[language], days: number(days) })] : [];
  document.getElementById("run-line").replaceChildren(...phrase("runLine", { asOf: run.asOf[language], profile: run.profile, id: run.id }), ...age);
  showChoices();
  for (const option of document.getElementById("indicator").options) option.textContent = t(option.value);
  translateFrame();
  list.translate();
  showLayerSwitches();
  showSettlementLegend();
  showAbout();
  showTheme();
  document.getElementById("unit-figures")?.replaceChildren(unitFigures(page.header));
}

/** The list's other layers: everything on the map that is no settlement, so that each popup opens from there too. */
const OTHER_LAYERS = {
  units: { rows: () => page.units[chosen.level], entry: unitEntry },
  masts: { rows: () => page.masts, entry: (row) => entryOf("masts", row, row[0], [...new Set(row[4].map(([operator]) => operator))].join(", ")) },
  fibre: { rows: () => page.fibre, entry: (row) => entryOf("fibre", row, row[0], row[1] || "") },
  places: { rows: () => page.places, entry: (row) => entryOf("places", row, row[0] || t("unnamed"), row[1] || "") },
};

function unitEntry(unit) {
  const { fillColor } = unitStyle(unit);
  return {
    symbol: boxSvg(fillColor === HATCH ? SHARE_COLOURS[0] : fillColor || "#fff", { hatched: fillColor === HATCH }), title: unit.name || t("unnamed"),
    where: [`${t(chosen.indicator)}: ${shareText(unit.shares[chosen.technology], chosen.indicator, "weak")}`],
    searchText: plainText(unit.name || ""), open: () => openUnit(unit),
  };
}

function entryOf(layer, row, title, where) {
  return { symbol: layerSymbol(layer), title, where: [layerText(where)], searchText: plainText(`${title} ${where}`), open: () => openMarker(layer, row) };
}

function openMarker(layer, row) {
  if (!layers[layer] || !map.hasLayer(layers[layer])) { setLayer(layer, true); showLayerSwitches(); }
  flyTo(row.marker.getLatLng(), () => openPopup(layers[layer], row.marker, row.marker.getLatLng()));
}

function goTo(settlement) {
  if (settlement.lat !== null) { openMarker("settlements", settlement); return; }
  L.popup(popupOptions).setLatLng(map.getCenter()).setContent(settlementPopup(settlement)).openOn(map);
  focusPopup();
}

function listenToControls() {
  for (const input of document.querySelectorAll('input[name="theme"]')) {
    input.checked = input.value === chosen.theme;
    input.addEventListener("change", () => { chosen.theme = input.value; showTheme(); });
  }
  const indicator = document.getElementById("indicator");
  for (const name of INDICATORS) indicator.append(new Option("", name));
  indicator.addEventListener("change", () => { chosen.indicator = indicator.value; showTheme(); });
  map.on("zoomend", showLabels);
}

chosen.labels = !page.unit;
for (const name of Object.values(page.overlays)) window[name].setOpacity(0.62);
translateWords();
showCards(); // the header has its height, so that the map is framed before anything is drawn on it
frameMap();
const list = new PlaceList(settlements, Object.fromEntries(Object.entries(OTHER_LAYERS).filter(([name]) => name === "units" || page[name])), goTo);
setLayer("settlements", true);
showLevel();
listenToControls();
listenToFrame(translate);
listenToPrinting(() => [printedLegend(), printedUnits(), printedSettlements(), ...printedAbout()]);
translate();
