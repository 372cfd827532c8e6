"use strict";
// The what-if page: a planner puts a station on the map, and the service that sent the page says what it would change.

const whatif = { form: document.getElementById("whatif-form"), picking: false, answer: null, station: null, picture: null };

/** A picture whose four corners are given: the analysis grid stands slightly turned on the map. */
const SkewOverlay = L.ImageOverlay.extend({
  initialize(url, corners, options) {
    this.corners = corners.map(([lon, lat]) => L.latLng(lat, lon));
    L.ImageOverlay.prototype.initialize.call(this, url, L.latLngBounds(this.corners), options);
  },
  _reset() { this.place((corner) => this._map.latLngToLayerPoint(corner)); },
  _animateZoom({ zoom, center }) { this.place((corner) => this._map._latLngToNewLayerPoint(corner, zoom, center)); },
  place(project) {
    const [nw, ne, se, sw] = this.corners.map(project);
    const { naturalWidth: width, naturalHeight: height } = this._image;
    if (!width) { this._image.addEventListener("load", () => this._map && this._reset(), { once: true }); return; }
    // both edges of a direction, averaged: the corners make no exact parallelogram
    const [right, down] = [ne.add(se).subtract(nw).subtract(sw).divideBy(2 * width), sw.add(se).subtract(nw).subtract(ne).divideBy(2 * height)];
    Object.assign(this._image.style, { width: `${width}px`, height: `${height}px`, transformOrigin: "0 0",
      transform: `matrix(${right.x},${right.y},${down.x},${down.y},${nw.x},${nw.y})` });
  },
});

function field(name) { return whatif.form.elements[name]; }

function fillWhatif() {
  const bandWords = ([technology, band]) => `${technology} · ${number(band)} MHz`;
  const keep = [field("operator").value, field("band").value];
  field("operator").replaceChildren(...page.whatif.operators.map((operator) => new Option(operator, operator)));
  field("band").replaceChildren(...page.whatif.bands.map((band, place) => new Option(bandWords(band), place)));
  if (keep[0]) [field("operator").value, field("band").value] = keep; else useBand();
  if (!page.whatif.bands.length) say("noBands");
  showAnswer();
}

/** The values that stations of the band have, as a beginning. */
function useBand() {
  const [, , , height, power] = page.whatif.bands[field("band").value] ?? [];
  if (height) field("height").value = height;
  if (power !== undefined && power !== null) field("power").value = power;
}

function say(key, values) { document.getElementById("whatif-status").textContent = key ? t(key, values) : ""; }

function setPlace({ lat, lng }) {
  field("lat").value = lat.toFixed(6);
  field("lon").value = lng.toFixed(6);
  whatif.station?.remove();
  whatif.station = new ShapeMarker([lat, lng], { shape: "triangle", radius: 7, fill: true, fillOpacity: 1, fillColor: "#d81b60", color: "#ffffff", weight: 2, interactive: false }).addTo(map);
}

function pick(active) {
  whatif.picking = active;
  document.getElementById("whatif-pick").setAttribute("aria-pressed", String(active));
  map.getContainer().classList.toggle("picking", active);
  say(active ? "pickHint" : "");
  if (active) map.getContainer().scrollIntoView({ block: "nearest" });
}

function asked() {
  const [technology, band, bandwidth] = page.whatif.bands[field("band").value];
  return {
    new: [{
      station_id: "WHAT-IF", operator: field("operator").value, technology, band_mhz: band, bandwidth_mhz: bandwidth,
      height_agl_m: field("height").valueAsNumber, eirp_dbm: [field("power").valueAsNumber],
      azimuths_deg: field("antenna").value ? field("antenna").value.split(",").map(Number) : null,
      lon: field("lon").valueAsNumber, lat: field("lat").valueAsNumber,
    }],
  };
}

async function ask() {
  const button = whatif.form.querySelector("[type=submit]");
  button.disabled = true;
  say("asking");
  try {
    const headers = { "Content-Type": "application/json", "Accept-Language": language };
    const { csrf_token: token } = await answerOf(await fetch("me", { headers: { Accept: "application/json" } }));
    if (token) headers["X-CSRF-Token"] = token;
    const body = JSON.stringify(asked());
    whatif.answer = await answerOf(await fetch(`v1/whatif?run=${encodeURIComponent(page.run.id)}`, { method: "POST", headers, body }));
    say("");
    document.querySelector("input[name=theme][value=none]").click(); // colours of communes would tint the picture
    showPicture();
    showAnswer();
    document.getElementById("whatif-result").scrollIntoView({ block: "nearest" });
  } catch (error) {
    document.getElementById("whatif-status").textContent = error instanceof TypeError ? t("noService") : error.message;
  } finally {
    button.disabled = false;
  }
}

/** The JSON of a response; what the service says against it becomes the error. */
async function answerOf(response) {
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(said.detail || `${t("noService")} (${response.status})`);
  return said;
}

function showPicture() {
  whatif.picture?.remove();
  const { picture } = whatif.answer;
  whatif.picture = picture && new SkewOverlay(picture.data_url, picture.corners, { pane: "signal", opacity: 0.75 }).addTo(map);
}

function showAnswer() {
  const { answer } = whatif;
  if (!answer) { document.getElementById("whatif-result").replaceChildren(); return; }
  const rows = answer.people.filter(({ level, gained, lost }) => level === "province" && (gained >= 0.5 || lost >= 0.5))
    .map((row) => [`${technologyName(row.technology)}, ${t(row.service === "weak" ? "atLeastWeak" : "classGood")}`, number(Math.round(row.gained)), number(Math.round(row.lost))]);
  const changed = answer.settlements.filter(({ technology }) => technology === "signal");
  const entries = changed.map((change) => listItem({
    symbol: symbolSvg({ shape: SIGNAL_SHAPES[change.class_b] || "square", fill: SIGNAL_COLOURS[change.class_b] || "#8a949e", color: "#9aa5b1", weight: 1 }),
    title: change.name || t("unnamed"), where: dotted(layerText(change.commune_name || "–"), `${t(`change${capital(change.change)}`)}: ${stateWord("signal", change.class_b)}`),
    open: () => goTo(settlements.find((one) => one.settlement_id === change.settlement_id)),
  }));
  document.getElementById("whatif-result").replaceChildren(
    el("h3", "", t("whatifPeople")), rows.length ? table([t("people"), t("gained"), t("lost")], rows) : el("p", "", t("nobodyChanges")),
    el("h3", "", t("whatifSettlements", { n: number(changed.length) })), el("ul", "entries", ...entries),
    ...answer.warnings.map((warning) => el("p", "note", warning[language])));
}

function clearAnswer() {
  for (const name of ["picture", "station"]) { whatif[name]?.remove(); whatif[name] = null; }
  whatif.answer = null;
  say("");
  showAnswer();
}

field("band").addEventListener("change", useBand);
for (const name of ["lat", "lon"]) field(name).addEventListener("change", () => {
  if (field("lat").checkValidity() && field("lon").checkValidity()) setPlace({ lat: field("lat").valueAsNumber, lng: field("lon").valueAsNumber });
});
whatif.form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
document.getElementById("whatif-pick").addEventListener("click", () => pick(!whatif.picking));
document.getElementById("whatif-centre").addEventListener("click", () => setPlace(map.getCenter()));
document.getElementById("whatif-clear").addEventListener("click", clearAnswer);
// before Leaflet: what lies under the click is not to open its popup
map.getContainer().addEventListener("click", (event) => {
  if (!whatif.picking || map.dragging.moved() || !(event.target instanceof HTMLCanvasElement || event.target === map.getContainer())) return;
  event.stopPropagation();
  setPlace(map.mouseEventToLatLng(event));
  pick(false);
}, { capture: true });
document.getElementById("language").addEventListener("click", fillWhatif);
fillWhatif();
