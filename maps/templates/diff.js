"use strict";
// The difference of two runs: cards, communes by people gained less lost, settlements that changed, the list of these.

const LABEL_ZOOM = 10;
// people gained less lost: lower edges of the classes above none, and their colours (ColorBrewer "RdBu"), worst first
const NET_EDGES = [1, 100, 1000];
const NET_COLOURS = ["#b2182b", "#ef8a62", "#fddbc7", "#ffffff", "#d1e5f0", "#67a9cf", "#2166ac"];
const NET_NONE = 3;
const NET_HATCH = hatchPattern(NET_COLOURS[0]);
const CHANGE_STYLES = {
  gained: { shape: "triangle", fill: "#2166ac" }, lost: { shape: "down", fill: "#b2182b" },
  better: { shape: "circle", fill: "#67a9cf" }, worse: { shape: "diamond", fill: "#ef8a62" },
  added: { shape: "square", fill: "#4d4d4d" }, removed: { shape: "square", fill: "#bdbdbd" },
};
const STATION_STYLE = { shape: "square", fill: "#ffffff", color: MAST_COLOUR, weight: 1.6, radius: 3.2 };
const changes = page.changes.map((cells) => {
  const change = Object.fromEntries(page.columns.map((column, place) => [column, cells[place]]));
  return { ...change, searchText: plainText([change.name, change.commune_name].filter(Boolean).join(" | ")) };
});
const chosen = { technology: page.technologies[0], labels: true };
const layers = {};
const list = { chosen: null };

/** Settlements are told for the technologies that count as signal where the page tells people for any. */
const changesShown = () => changes.filter((change) => change.technology === (chosen.technology === "any" ? "signal" : chosen.technology));
const movesOf = (moves, unit, service = "weak") => moves[unit]?.[chosen.technology]?.[service] ?? [0, 0, 0, 0];
const signed = (value) => (value > 0 ? `+${number(value)}` : number(value));
const changeWord = (change) => t(`change${capital(change)}`);

function netClass(unit) {
  const [gained, lost] = movesOf(page.people, unit.code);
  const steps = NET_EDGES.filter((edge) => Math.abs(gained - lost) >= edge).length;
  return NET_NONE + Math.sign(gained - lost) * steps;
}

function netStyle(unit) {
  const place = netClass(unit);
  return { fillColor: place === 0 ? NET_HATCH : NET_COLOURS[place], fillOpacity: place === NET_NONE ? 0.15 : 0.72 };
}

function changePopup(change) {
  return el("div", "popup",
    el("h3", "", change.name || t("unnamed")),
    el("p", "where", change.commune_name ? layerText(change.commune_name) : ""),
    facts([
      [changeWord(change.change), `${classOr(change.class_a)} → ${classOr(change.class_b)}`],
      [t("because"), change.cause ? causeNodes(change.cause, change.station_id) : null],
    ]));
}

const classOr = (value) => (value ? t(`signal${capital(["none", "weak", "good"].includes(value) ? value : "unknown")}`) : t("notThere"));

function causeNodes(cause, station) {
  const words = t(`cause${capital(cause)}`);
  return station ? dotted(layerText(station), words) : [words];
}

function moveTable(unit) {
  const rows = page.technologies.flatMap((technology) => ["weak", "good"].map((service) => [technology, service])).map(([technology, service]) => {
    const cells = page.people[unit]?.[technology]?.[service] ?? [0, 0, 0, 0];
    return [`${technologyName(technology)}, ${t(service === "weak" ? "atLeastWeak" : "classGood")}`, ...cells.map((value) => number(value))];
  });
  return table([t("people"), t("gained"), t("lost"), t("arrived"), t("left")], rows);
}

function unitPopup(unit) {
  const causes = page.causes?.[unit.code]?.[chosen.technology];
  return el("div", "popup", el("h3", "", unit.name || t("unnamed")), el("p", "where", unit.code), moveTable(unit.code),
    ...(causes ? [causeTable(causes)] : []));
}

function causeTable(causes) {
  return table([t("because"), t("gained"), t("lost")], causes.map(([cause, station, gained, lost]) =>
    [el("span", "", ...causeNodes(cause, station)), number(gained), number(lost)]));
}

function stationPopup([id, state, operator, technology]) {
  return el("div", "popup narrow", el("h3", "", layerText(id)),
    facts([[t("state"), t(`cause${capital(state)}`)], [t("operator"), operator && layerText(operator)], [t("technologyShort"), technology]]));
}

function drawUnits() {
  layers.communes = unitPolygons(page.units, unitPopup).addTo(map);
  layers.labels = unitLabels(page.units);
  layers.stations = page.stations && points(page.stations, { place: ([, , , , lat, lon]) => [lat, lon], style: () => STATION_STYLE, build: stationPopup, title: ([id]) => id });
}

function showChanges() {
  layers.settlements?.remove();
  layers.settlements = points(changesShown().filter((change) => change.lat !== null), {
    place: ({ lat, lon }) => [lat, lon], style: ({ change }) => ({ ...CHANGE_STYLES[change], color: "#ffffff", weight: 1, radius: 5 }),
    build: changePopup, title: ({ name }) => name || t("unnamed"),
  });
  if (chosen.settlements !== false) layers.settlements.addTo(map);
  for (const unit of page.units) unit.polygon.setStyle(netStyle(unit));
  showCards();
  list.show();
}

function showCards() {
  const cards = ["people", "settlements"].map((indicator) => {
    const technology = chosen.technology === "any" ? t("anyShort") : chosen.technology;
    const title = t("cardTitle", { indicator: t(indicator), technology }).replace(/\s+/g, " ").trim();
    const [a, b] = page.cards[chosen.technology]?.[indicator] ?? [null, null];
    const share = (figure) => (figure ? figure[0][languageIndex()] : t("notAvailable"));
    const [gained, lost] = indicator === "people" ? movesOf(page.people, "") : movesOf(page.counts, "");
    const value = el("dd", "", el("span", "share", `${share(a)} → ${share(b)}`),
      el("span", "good", `${t("gained")} ${number(gained)}, ${t("lost")} ${number(lost)} ${t(`${indicator}Unit`)}`));
    if (a && b) value.title = `${a[1][languageIndex()]} → ${b[1][languageIndex()]}`;
    return el("div", "", el("dt", "", title), value);
  });
  document.getElementById("cards").replaceChildren(...cards);
}

const LIST_KINDS = ["all", "gained", "lost", "better", "worse", "added", "removed"];
const ofKind = (kind) => changesShown().filter((change) => kind === "all" || change.change === kind);
const control = (name) => document.getElementById(`list-${name}`);

list.show = () => {
  for (const option of control("state").options) {
    option.textContent = option.value === "units" ? `${t("layerUnits")} (${number(page.units.length)})`
      : `${option.value === "all" ? t("changeAll") : capital(changeWord(option.value))} (${number(ofKind(option.value).length)})`;
  }
  for (const option of control("order").options) option.textContent = t(option.value);
  const wanted = plainText(control("search").value);
  const shown = control("state").value === "units" ? listedUnits(wanted) : listedChanges(wanted);
  document.getElementById("list").replaceChildren(...shown.map(listItem));
  control("count").textContent = shown.length ? t("itemCount", { n: number(shown.length) }) : t(changes.length ? "listEmpty" : "noChange");
};

function listedChanges(wanted) {
  const found = ofKind(control("state").value).filter(({ searchText }) => searchText.includes(wanted));
  if (control("order").value === "orderUnit") found.sort((one, other) => collator.compare(one.commune_name || "", other.commune_name || ""));
  return found.map((change) => ({
    symbol: symbolSvg({ ...CHANGE_STYLES[change.change], color: "#ffffff", weight: 1 }), title: change.name || t("unnamed"),
    where: dotted(change.commune_name ? layerText(change.commune_name) : null, changeWord(change.change)), open: () => openChange(change),
  }));
}

function listedUnits(wanted) {
  return page.units.filter(({ name }) => plainText(name || "").includes(wanted)).map((unit) => ({
    symbol: boxSvg(NET_COLOURS[netClass(unit)], { hatched: netClass(unit) === 0 }), title: unit.name || t("unnamed"),
    where: [`${t("gained")} ${number(movesOf(page.people, unit.code)[0])}, ${t("lost")} ${number(movesOf(page.people, unit.code)[1])} ${t("peopleUnit")}`],
    open: () => openUnit(unit),
  }));
}

function openChange(change) {
  if (!change.marker) {
    L.popup(popupOptions).setLatLng(map.getCenter()).setContent(changePopup(change)).openOn(map);
    focusPopup();
    return;
  }
  if (!map.hasLayer(layers.settlements)) setLayer("settlements", true);
  flyTo(change.marker.getLatLng(), () => openPopup(layers.settlements, change.marker, change.marker.getLatLng()));
}

function setLayer(name, visible) {
  chosen[name] = visible;
  if (name === "labels") showLabels();
  else if (visible) layers[name].addTo(map).bringToFront();
  else layers[name].remove();
  showLayers();
}

function showLabels() {
  if (chosen.labels && map.getZoom() >= LABEL_ZOOM) layers.labels.addTo(map); else layers.labels.remove();
}

function showLayers() {
  const symbols = { settlements: { ...CHANGE_STYLES.gained, color: "#fff", weight: 1 }, stations: STATION_STYLE, labels: null };
  const rows = Object.keys(symbols).filter((name) => layers[name]).map((name) => {
    const input = el("input");
    Object.assign(input, { type: "checkbox", name: "layer", value: name, checked: name === "labels" ? chosen.labels : map.hasLayer(layers[name]) });
    input.addEventListener("change", () => setLayer(name, input.checked));
    return el("label", "", input, symbols[name] && symbolSvg(symbols[name]), el("span", "", t(`layer${capital(name)}`)));
  });
  document.getElementById("layers").replaceChildren(...rows);
}

function showLegends() {
  const [one, some, many] = NET_EDGES.map((edge) => number(edge));
  const words = [`−${many} ${t("orLess")}`, `−${some} … −${many}`, `−${one} … −${some}`, "0", `+${one} … +${some}`, `+${some} … +${many}`, `+${many} ${t("orMore")}`];
  document.getElementById("theme-legend").replaceChildren(...words.map((text, place) => legendRow(boxSvg(NET_COLOURS[place], { hatched: place === 0 }), text)).reverse());
  document.getElementById("settlement-legend").replaceChildren(...Object.entries(CHANGE_STYLES).map(([change, style]) =>
    legendRow(symbolSvg({ ...style, color: "#ffffff", weight: 1 }), changeWord(change))));
}

function showAbout() {
  const line = (text) => el("p", "", text);
  const reason = page.notAvailable[0] ? [line(t("noFigure", { reason: page.notAvailable[languageIndex()] }))] : [];
  const runs = page.runs.map((run, place) => el("p", "", `${"AB"[place]}: `, ...phrase("runLine", { asOf: run.asOf[language], profile: run.profile, id: run.id }),
    ...(run.scenario ? [" · ", ...phrase("scenario", { name: run.scenario })] : [])));
  const causes = page.causes?.[""]?.[chosen.technology];
  document.getElementById("about-body").replaceChildren(el("h3", "", t("twoRuns")), ...runs, ...reason, el("h3", "", t("definitions")),
    ...page.strings[language].diffDefinitions.map(line), moveTable(""), ...(causes ? [el("h3", "", t("because")), causeTable(causes)] : []));
}

function showTechnologies() {
  document.getElementById("technologies").replaceChildren(...page.technologies.map((technology) => {
    const input = Object.assign(el("input"), { type: "radio", name: "technology", value: technology, checked: technology === chosen.technology });
    input.addEventListener("change", () => { chosen.technology = technology; map.closePopup(); showChanges(); showAbout(); });
    return el("label", "", input, el("span", "", technologyName(technology)));
  }));
}

function printedChanges() {
  const heads = ["#", t("settlements"), t("commune"), "A", "B", "", ...(isInternal ? [t("because")] : [])];
  return printedTable(t("listTitleDiff"), heads, changesShown().map((change, place) => [number(place + 1), layerText(change.name || t("unnamed")),
    layerText(change.commune_name || "–"), classOr(change.class_a), classOr(change.class_b), changeWord(change.change),
    ...(isInternal ? [el("span", "", ...causeNodes(change.cause, change.station_id))] : [])]));
}

function printedUnits() {
  const rows = page.units.filter((unit) => movesOf(page.people, unit.code).some(Boolean)).map((unit) =>
    [layerText(unit.name || t("unnamed")), ...movesOf(page.people, unit.code).map((value) => number(value))]);
  return printedTable(`${t("people")} – ${technologyName(chosen.technology)}`, [t("commune"), t("gained"), t("lost"), t("arrived"), t("left")], rows);
}

function translate() {
  translateWords();
  const [a, b] = page.runs;
  document.getElementById("run-line").replaceChildren(...phrase("diffLine", { a: a.scenario || a.asOf[language], b: b.scenario || b.asOf[language], idA: a.id, idB: b.id }));
  document.getElementById("list-title").textContent = t("listTitleDiff");
  translateFrame();
  showTechnologies();
  showLegends();
  showAbout();
  showChanges();
  showLayers();
}

for (const kind of [...LIST_KINDS, "units"]) control("state").append(new Option("", kind));
for (const order of ["orderName", "orderUnit"]) control("order").append(new Option("", order));
for (const [name, event] of [["state", "change"], ["order", "change"], ["search", "input"]]) control(name).addEventListener(event, () => list.show());
translateWords();
showCards();
frameMap();
drawUnits();
listenToFrame(translate);
listenToPrinting(() => [printedLegend(), printedUnits(), printedChanges(), ...printedAbout()]);
map.on("zoomend", showLabels);
translate();
showLabels();
