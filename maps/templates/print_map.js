"use strict";
// The tables of the map on paper: its units, and the settlements of the list in hand.

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
