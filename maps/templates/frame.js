"use strict";
// The frame of every map: popups, zoom, panel, language, dialog and the rows of its list.

const map = window[page.map.name];
const GOTO_ZOOM = 13;
let openedPopup = null;
const SLOW_START = performance.now() > 700; // a weak machine: it goes to places without flying

const isWide = map.getSize().x > 700; // else the panel begins closed: it would hide the map
const popupOptions = {
  maxWidth: Math.min(460, map.getSize().x - 60), minWidth: Math.min(290, map.getSize().x - 60), maxHeight: Math.max(220, Math.round(0.74 * map.getSize().y)),
  autoPanPaddingTopLeft: [12, isWide ? 12 : 84], autoPanPaddingBottomRight: isWide ? [275, 12] : [12, 12],
};

/** Popups and tooltips of a group are made when they are asked for: `build` and `title` are given the layer's row. */
function interactive(group, build, title) {
  group.build = build;
  group.on("click", ({ layer, latlng }) => openPopup(group, layer, layer instanceof ShapeMarker ? layer.getLatLng() : latlng));
  if (title) {
    group.on("mouseover", ({ layer }) => tooltip.setLatLng(layer.getLatLng()).setContent(layerText(title(layer.row))).addTo(map));
    group.on("mouseout", () => tooltip.remove());
  }
  return group;
}

const tooltip = L.tooltip({ direction: "top", offset: [0, -6] });

function openPopup(group, layer, place) {
  tooltip.remove();
  L.popup(popupOptions).setLatLng(place).setContent(group.build(layer.row)).openOn(map);
}

/** Points of rows as one group; a row knows its marker. */
function points(rows, { place, style, build, title }) {
  return interactive(L.featureGroup(rows.map((row) => {
    const look = style(row);
    row.marker = new ShapeMarker(place(row), { fill: true, fillOpacity: 1, fillColor: look.fill, ...look });
    row.marker.row = row;
    return row.marker;
  })), build, title);
}

/** Names of units at their places; measuring none of them. */
function unitLabels(units) {
  return L.layerGroup(units.map(({ label, name }) => L.marker(label, {
    icon: L.divIcon({ className: "commune-label", html: el("span", "", layerText(name || "")), iconSize: null }), interactive: false, keyboard: false,
  })));
}

function unitPolygons(units, build) {
  return interactive(L.featureGroup(units.map((unit) => {
    unit.polygon = L.polygon(unit.rings, { color: "#3c4650", weight: 1, smoothFactor: 0.6 });
    unit.polygon.row = unit;
    return unit.polygon;
  })), build);
}

function legendRow(symbol, text) {
  return el("div", "legend-row", symbol, el("span", "", text));
}

let zoomControl = null;

function showZoomControl() {
  zoomControl?.remove();
  zoomControl = L.control.zoom({ zoomInTitle: t("zoomIn"), zoomOutTitle: t("zoomOut") }).addTo(map);
}

function flyTo(place, then) {
  map.closePopup();
  const zoom = Math.max(map.getZoom(), GOTO_ZOOM);
  const arrive = () => { then(); focusPopup(); };
  if (SLOW_START || matchMedia("(prefers-reduced-motion: reduce)").matches) {
    map.setView(place, zoom, { animate: false });
    arrive();
    return;
  }
  map.once("moveend", arrive);
  map.flyTo(place, zoom, { duration: 0.5 });
}

/** A popup that was opened from the list takes the focus; Escape closes it and gives the focus back to the list. */
function focusPopup() {
  const element = openedPopup.getElement();
  element.setAttribute("role", "dialog");
  element.setAttribute("aria-label", element.querySelector("h3")?.textContent || "");
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
  if (!isWide) map.getContainer().scrollIntoView({ block: "nearest" }); // the list stands below the map
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    map.closePopup();
    list.chosen?.focus();
  });
}

function openUnit(unit) {
  map.closePopup();
  map.fitBounds(unit.polygon.getBounds(), { animate: false, maxZoom: GOTO_ZOOM - 2 });
  openPopup(layers.communes, unit.polygon, unit.label);
  focusPopup();
}

function listenToFrame(translate) {
  listenToLanguage(translate);
  document.getElementById("panel-toggle").addEventListener("click", () => openPanel(document.getElementById("panel-body").hidden));
  openPanel(isWide);
  const about = document.getElementById("about");
  document.getElementById("about-open").addEventListener("click", () => {
    about.showModal();
    about.scrollTop = 0; // focus goes to the button at the end
  });
  map.on("popupopen", ({ popup }) => {
    openedPopup = popup;
    popup.getElement().querySelector(".leaflet-popup-close-button").setAttribute("aria-label", t("close"));
    const scrolled = popup.getElement().querySelector(".leaflet-popup-scrolled");
    if (scrolled) scrolled.tabIndex = 0; // so that it scrolls by keyboard
  });
  L.control.scale({ imperial: false, position: "bottomleft" }).addTo(map);
}

function translateFrame() {
  document.getElementById("panel-toggle").textContent = t("panel");
  map.closePopup();
  showZoomControl();
}

function openPanel(open) {
  document.getElementById("panel-body").hidden = !open;
  document.getElementById("panel-toggle").setAttribute("aria-expanded", String(open));
}

/** Fit the area beside the panel, and let nobody wander far from it. */
function frameMap() {
  const bounds = L.latLngBounds(page.map.bounds);
  map.invalidateSize({ animate: false });
  map.fitBounds(bounds, { animate: false, paddingTopLeft: [50, 10], paddingBottomRight: isWide ? [270, 10] : [10, 50] });
  map.setMinZoom(Math.floor(map.getZoom() * 4) / 4 - 0.5);
  map.setMaxBounds(bounds.pad(0.6));
}

/** Lower case without tone marks and diacritics; đ becomes d. */
function plainText(text) {
  return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[đð]/g, "d").replace(/\s+/g, " ").trim();
}

const collator = new Intl.Collator("vi");

/** A row of a side list; a click or Enter opens it. */
function listItem({ symbol, title, where, states, open }) {
  const text = el("span", "", layerText(title), el("span", "where", ...where));
  const button = el("button", "", symbol, text, states ? el("span", "hidden-label", states) : null);
  button.type = "button";
  if (states) button.title = states;
  button.addEventListener("click", () => {
    document.querySelector("#list [aria-current]")?.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    list.chosen = button;
    open();
  });
  return el("li", "", button);
}
