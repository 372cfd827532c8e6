"use strict";
// The side list of settlements: groups, search without diacritics, click to go there.

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

/** Lower case without tone marks and diacritics; đ becomes d. */
function plainText(text) {
  return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[đð]/g, "d").replace(/\s+/g, " ").trim();
}

function readSettlements({ columns, technologyColumns, rows }) {
  const named = (names, cells) => Object.fromEntries(names.map((column, position) => [column, cells[position]]));
  return rows.map((cells) => {
    const settlement = named(columns, cells);
    settlement.technologies = settlement.technologies.map((values) => named(technologyColumns, values));
    settlement.nameText = plainText(settlement.name || "");
    settlement.searchText = plainText([settlement.name, settlement.commune_name, settlement.district_name].filter(Boolean).join(" | "));
    return settlement;
  });
}

class SettlementList {
  constructor(settlements, onChoose) {
    this.settlements = settlements;
    this.onChoose = onChoose;
    this.state = document.getElementById("list-state");
    this.search = document.getElementById("list-search");
    this.list = document.getElementById("list");
    this.count = document.getElementById("list-count");
    this.eight = document.createElement("optgroup");
    for (const group of Object.keys(LIST_GROUPS)) (group.startsWith("eight-") ? this.eight : this.state).append(new Option("", group));
    this.state.append(this.eight);
    this.state.addEventListener("change", () => this.show());
    this.search.addEventListener("input", () => this.show());
  }

  translate() {
    this.eight.label = t("eightStates");
    for (const { key, ...state } of EIGHT_STATES) this.option(key).textContent = `${eightStateWords(state)} (${number(this.countOf(key))})`;
    for (const option of this.state.querySelectorAll("#list-state > option")) {
      option.textContent = t(option.value, { n: number(this.countOf(option.value)) });
    }
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
    const found = this.find(wanted);
    const shown = found.filter(LIST_GROUPS[this.state.value]);
    this.list.replaceChildren(...shown.map((settlement) => this.row(settlement)));
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

  row(settlement) {
    const text = el("span", "", layerText(settlement.name || t("unnamed")), el("span", "where", ...settlementPlace(settlement)));
    const states = [...["signal", "power", "broadband"].map((kind) => stateWord(kind, settlement[kind])),
      ...(settlement.uncertain === "yes" ? [t("uncertain")] : [])].join(", ");
    const button = el("button", "", symbolSvg({ ...settlementStyle(settlement), color: settlement.broadband === "yes" ? "#9aa5b1" : "#111" }), text,
      el("span", "hidden-label", states));
    button.type = "button";
    button.title = states;
    button.addEventListener("click", () => {
      this.list.querySelector("[aria-current]")?.removeAttribute("aria-current");
      button.setAttribute("aria-current", "true");
      this.onChoose(settlement);
    });
    return el("li", "", button);
  }
}
