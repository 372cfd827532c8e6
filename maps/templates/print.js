"use strict";
// A page on paper: the map as it stands, then what its tables say.

const PRINT_WIDTH_PX = 660; // of A4 between its margins, at 96 dpi

/** `parts` gives what stands on paper below the map. */
function listenToPrinting(parts) {
  const frame = document.querySelector(".map-frame");
  addEventListener("beforeprint", () => {
    const { width, height } = frame.getBoundingClientRect();
    Object.assign(frame.style, { width: `${width}px`, height: `${height}px`, flex: "none", zoom: String(PRINT_WIDTH_PX / width) });
    document.getElementById("print").replaceChildren(...parts());
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

/** Definitions and sources, copied from the dialog. */
function printedAbout() {
  return [...document.getElementById("about-body").childNodes].map((node) => node.cloneNode(true));
}
