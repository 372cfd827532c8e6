"use strict";
// The page on paper: the map as it stands, then tables of the units and of the settlements of the list, and what stands behind them.

const PRINT_WIDTH_PX = 660; // of A4 between its margins, at 96 dpi

function listenToPrinting() {
  const frame = document.querySelector(".map-frame");
  addEventListener("beforeprint", () => {
    const { width, height } = frame.getBoundingClientRect();
    Object.assign(frame.style, { width: `${width}px`, height: `${height}px`, flex: "none", zoom: String(PRINT_WIDTH_PX / width) });
    document.getElementById("print").replaceChildren(printedLegend(), printedUnits(), printedSettlements(), ...printedAbout());
  });
  addEventListener("afterprint", () => {
    frame.removeAttribute("style");
    document.getElementById("print").replaceChildren();
  });
}

function printedTable(title, heads, rows) {
  const shown = table(heads, rows);
  shown.prepend(el("caption", "", title));
  return shown;
}

/** The legends of the panel, beside one another. */
function printedLegend() {
  const copies = ["theme-legend", "settlement-legend"].map((id) => document.getElementById(id).cloneNode(true));
  return el("div", "printed-legend", ...copies.flatMap((copy) => [...copy.childNodes]).filter((node) => node.tagName === "DIV"));
}

function printedUnits() {
  const heads = [t("level" + capital(chosen.level)), ...INDICATORS.map((indicator) => t(indicator))];
  const rows = page.units[chosen.level].map((unit) => [layerText(unit.name || t("unnamed")),
    ...INDICATORS.map((indicator) => shareText(unit.shares[chosen.technology], indicator, "weak"))]);
  return printedTable(`${t("themeCommunes")} – ${technologyName(chosen.technology)}`, heads, rows);
}

function printedSettlements() {
  const group = list.state.value.startsWith("layer-") ? "stateUncovered" : list.state.value;
  const shown = settlements.filter(LIST_GROUPS[group]);
  const heads = ["#", t("settlements"), t("unitLevel"), t("signalHead"), t("power"), t("broadband"), t("population")];
  const rows = shown.map((one, place) => [number(place + 1), layerText(one.name || t("unnamed")), el("span", "", ...settlementPlace(one)),
    el("span", "", symbolSvg(settlementStyle(one)), stateWord("signal", one.signal), one.uncertain === "yes" ? `, ${t("uncertain")}` : ""),
    stateWord("power", one.power), stateWord("broadband", one.broadband), one.population === null ? t("unknown") : number(one.population)]);
  const title = group.startsWith("eight-") ? list.option(group).textContent : t(group, { n: number(shown.length) });
  return printedTable(`${t("listTitle")}: ${title}`, heads, rows);
}

/** Definitions and sources, copied from the dialog. */
function printedAbout() {
  return [...document.getElementById("about-body").childNodes].map((node) => node.cloneNode(true));
}
