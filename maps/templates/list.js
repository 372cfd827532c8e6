"use strict";
// The side list: settlements by group, and the other layers; search without diacritics, order, a click or Enter goes there.

/** The eight states of signal, power and broadband, the worst first: key, and what it asks for. */
const EIGHT_STATES = [false, true].flatMap((served) => ["no", "yes"].flatMap((power) => ["no", "yes"].map((broadband) => ({
  key: `eight-${served ? "served" : "none"}-${power}-${broadband}`, served, power, broadband,
}))));
const isServed = ({ signal }) => signal === "weak" || signal === "good";

const LIST_GROUPS = {
  stateUncovered: (settlement) => settlement.signal === "none" || settlement.signal === "weak",
  stateNone: (settlement) => settlement.signal === "none",
  stateWeak: (settlement) => settlement.signal === "weak",
  stateUncertain: (settlement) => settlement.uncertain === "yes",
  stateUnknown: (settlement) => !["none", "weak", "good"].includes(settlement.signal),
  stateAll: () => true,
  ...Object.fromEntries(EIGHT_STATES.map(({ key, served, power, broadband }) => [key, (settlement) =>
    (served ? isServed(settlement) : settlement.signal === "none") && settlement.power === power && settlement.broadband === broadband])),
};

function eightStateWords({ served, power, broadband }) {
  return [t(served ? "served" : "notServed"), t("power" + capital(power)), t("broadband" + capital(broadband))].join(" · ");
}

function readSettlements({ columns, technologyColumns, rows }) {
  const named = (names, cells) => Object.fromEntries(names.map((column, position) => [column, cells[position]]));
  return rows.map((cells) => {
    const settlement = named(columns, cells);
    settlement.technologies = settlement.technologies.map((values) => named(technologyColumns, values));
    settlement.nameText = plainText(settlement.name || "");
    settlement.searchText = plainText([settlement.name, settlement.commune_name, settlement.district_name, settlement.old_commune_name].filter(Boolean).join(" | "));
    return settlement;
  });
}

const ORDERS = {
  orderName: null, // as they come: by name
  orderUnit: (one, other) => collator.compare(unitName(one), unitName(other)),
  orderPeople: (one, other) => (other.population ?? -1) - (one.population ?? -1),
};
const unitName = (settlement) => (chosen.level === "commune" ? settlement.commune_name
  : `${settlement.district_name || ""} ${settlement.old_commune_name || ""}`) || "";

class PlaceList {
  /** `others`: per layer its `rows`, and `entry`, which makes one {symbol, title, where, searchText, open}. */
  constructor(settlements, others, onChoose) {
    this.settlements = settlements;
    this.others = others;
    this.onChoose = onChoose;
    this.state = document.getElementById("list-state");
    this.order = document.getElementById("list-order");
    this.search = document.getElementById("list-search");
    this.list = document.getElementById("list");
    this.count = document.getElementById("list-count");
    this.eight = document.createElement("optgroup");
    this.layers = document.createElement("optgroup");
    for (const group of Object.keys(LIST_GROUPS)) (group.startsWith("eight-") ? this.eight : this.state).append(new Option("", group));
    for (const name of Object.keys(others)) this.layers.append(new Option("", `layer-${name}`));
    for (const name of Object.keys(ORDERS)) this.order.append(new Option("", name));
    this.state.append(this.eight, this.layers);
    this.state.addEventListener("change", () => this.show());
    this.order.addEventListener("change", () => this.show());
    this.search.addEventListener("input", () => this.show());
  }

  translate() {
    this.eight.label = t("eightStates");
    this.layers.label = t("otherLayers");
    for (const { key, ...state } of EIGHT_STATES) this.option(key).textContent = `${eightStateWords(state)} (${number(this.countOf(key))})`;
    for (const option of this.state.querySelectorAll("#list-state > option")) {
      option.textContent = t(option.value, { n: number(this.countOf(option.value)) });
    }
    for (const [name, { rows }] of Object.entries(this.others)) this.option(`layer-${name}`).textContent = `${t("layer" + capital(name))} (${number(rows().length)})`;
    for (const option of this.order.options) option.textContent = t(option.value);
    this.show();
  }

  option(group) { return [...this.state.options].find((option) => option.value === group); }

  countOf(group) { return this.settlements.filter(LIST_GROUPS[group]).length; }

  choose(group) {
    this.state.value = group;
    this.search.value = "";
    this.show();
  }

  show() {
    const wanted = plainText(this.search.value);
    const group = this.state.value;
    this.order.disabled = group.startsWith("layer-");
    if (this.order.disabled) {
      const { rows, entry } = this.others[group.slice("layer-".length)];
      const shown = rows().map(entry).filter(({ searchText }) => searchText.includes(wanted));
      this.list.replaceChildren(...shown.map(listItem));
      this.count.replaceChildren(shown.length ? t("itemCount", { n: number(shown.length) }) : t("listEmpty"));
      return;
    }
    const found = this.find(wanted);
    const shown = found.filter(LIST_GROUPS[group]);
    if (ORDERS[this.order.value]) shown.sort(ORDERS[this.order.value]);
    this.list.replaceChildren(...shown.map((settlement) => listItem(this.entry(settlement))));
    this.count.replaceChildren(shown.length ? t("listCount", { n: number(shown.length) }) : t("listEmpty"));
    if (wanted && found.length > shown.length) this.count.append(this.elsewhere(found.length - shown.length));
  }

  /** Settlements whose own name holds the words, then those of such a commune or district. */
  find(wanted) {
    const found = this.settlements.filter((settlement) => settlement.searchText.includes(wanted));
    const own = (settlement) => settlement.nameText.includes(wanted);
    return [...found.filter(own), ...found.filter((settlement) => !own(settlement))];
  }

  elsewhere(found) {
    const button = el("button", "plain elsewhere", t("elsewhere", { n: number(found) }));
    button.type = "button";
    button.addEventListener("click", () => { this.state.value = "stateAll"; this.show(); this.search.focus(); });
    return button;
  }

  entry(settlement) {
    const states = [...["signal", "power", "broadband"].map((kind) => stateWord(kind, settlement[kind])),
      ...(settlement.uncertain === "yes" ? [t("uncertain")] : [])].join(", ");
    return {
      symbol: symbolSvg({ ...settlementStyle(settlement), color: settlement.broadband === "yes" ? "#9aa5b1" : "#111" }),
      title: settlement.name || t("unnamed"), where: settlementPlace(settlement), states, open: () => this.onChoose(settlement),
    };
  }
}
