"use strict";
// The index of runs: a table of them, and links to the pages beside this one.

const INDICATORS = ["people", "residential_cells", "settlements"];

/** The time of a computation in UTC, to the minute. */
const computedAt = (text) => `${page.strings[language].locale === "vi-VN" ? text.slice(0, 10).split("-").reverse().join("/") : text.slice(0, 10)} ${text.slice(11, 16)} UTC`;

function runRow(run) {
  const state = run.isCurrent ? el("strong", "", t("published")) : run.scenario ? el("span", "", ...phrase("scenario", { name: run.scenario })) : "";
  return [el("code", "", run.id), run.asOf[language], computedAt(run.computed), layerText(run.profile), state,
    ...INDICATORS.map((indicator) => run.shares[indicator]?.[languageIndex()] ?? "–")];
}

function pageLink({ file, title, kind, audience, runs }) {
  const link = el("a", "", t(`page${capital(kind)}`), ": ", layerText(title));
  link.href = `./${encodeURIComponent(file)}`;
  return el("li", "", link, el("span", "where", layerText(file), ` · ${t(audience)} · `, runs.length ? el("code", "", runs.join(" → ")) : ""));
}

function translate() {
  translateWords();
  const heads = [t("run"), t("asOf"), t("computed"), t("profile"), t("state"), ...INDICATORS.map((indicator) => t("cardTitle", { indicator: t(indicator), technology: "" }).trim())];
  document.getElementById("runs").replaceChildren(page.runs.length ? table(heads, page.runs.map(runRow)) : el("p", "", t("noRuns")));
  document.getElementById("pages").replaceChildren(page.pages.length ? el("ul", "", ...page.pages.map(pageLink)) : el("p", "", t("noPages")));
}

listenToLanguage(translate);
translate();
