"use strict";
// What things look like: one place for colours, shapes and hatching, on the map (canvas) and in lists (SVG).

const SIGNAL_COLOURS = { none: "#96143c", weak: "#f0aa28", good: "#1e6eb4", unknown: "#8a949e" };
// share covered, worst class first (ColorBrewer "Purples", reversed); the worst is also hatched
const SHARE_COLOURS = ["#54278f", "#756bb1", "#9e9ac8", "#cbc9e2", "#f2f0f7"];
const SIGNAL_SHAPES = { none: "triangle", weak: "diamond", good: "circle", unknown: "square" };
const POWER_CORES = { yes: null, no: "#ffffff", unknown: "#9aa5b1" };
const BROADBAND_OUTLINES = {
  yes: { color: "#ffffff", weight: 1.2 },
  no: { color: "#111111", weight: 2 },
  unknown: { color: "#111111", weight: 1.3, dashArray: "2,2" },
};
const UNCERTAIN_COLOUR = "#00838f";
const MAST_COLOUR = "#26323d";
const FIBRE_COLOUR = "#007a5e";
const PLACE_COLOUR = "#8c4a00";
const CORE_SHARE = 0.42;
const RING_GAP_PX = 3.4;
const SVG = "http://www.w3.org/2000/svg";

/** Corners of a shape about (x, y); null for a circle. */
function corners(shape, x, y, radius) {
  const r = radius * 1.2;
  if (shape === "triangle") return [[x, y - r], [x + r, y + 0.8 * r], [x - r, y + 0.8 * r]];
  if (shape === "down") return [[x, y + r], [x + r, y - 0.8 * r], [x - r, y - 0.8 * r]];
  if (shape === "diamond") return [[x, y - r], [x + r, y], [x, y + r], [x - r, y]];
  if (shape === "square") return [[x - radius, y - radius], [x + radius, y - radius], [x + radius, y + radius], [x - radius, y + radius]];
  return null;
}

/** A point on the canvas in one of our shapes, with a core and a ring where it has them; Leaflet hits it as a circle. */
const ShapeMarker = L.CircleMarker.extend({
  _updateBounds() {
    L.CircleMarker.prototype._updateBounds.call(this);
    const reach = [RING_GAP_PX + 1, RING_GAP_PX + 1];
    if (this.options.ring) this._pxBounds = L.bounds(this._pxBounds.min.subtract(reach), this._pxBounds.max.add(reach));
  },
  _updatePath() {
    const renderer = this._renderer;
    if (!renderer._drawing || this._empty()) return;
    const { x, y } = this._point;
    const context = renderer._ctx;
    const points = corners(this.options.shape, x, y, this._radius);
    context.beginPath();
    if (points) points.forEach(([px, py], position) => (position ? context.lineTo(px, py) : context.moveTo(px, py)));
    else context.arc(x, y, this._radius, 0, 2 * Math.PI);
    context.closePath();
    renderer._fillStroke(context, this);
    context.setLineDash([]);
    if (this.options.core) {
      context.beginPath();
      context.arc(x, y, this._radius * CORE_SHARE, 0, 2 * Math.PI);
      context.fillStyle = this.options.core;
      context.fill();
    }
    if (this.options.ring) {
      context.beginPath();
      context.arc(x, y, this._radius + RING_GAP_PX, 0, 2 * Math.PI);
      context.strokeStyle = this.options.ring;
      context.lineWidth = 1.6;
      context.stroke();
    }
  },
});

function svgElement(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A small picture of a symbol for legends and lists. */
function symbolSvg({ shape, fill, color, weight, dashArray, core, ring, radius = 5 }) {
  const svg = svgElement("svg", { width: 18, height: 18, viewBox: "0 0 18 18", "aria-hidden": "true" });
  const paint = { fill, stroke: color, "stroke-width": weight };
  if (dashArray) paint["stroke-dasharray"] = dashArray;
  const points = corners(shape, 9, 9, radius);
  svg.append(points
    ? svgElement("polygon", { points: points.map((point) => point.join(",")).join(" "), ...paint })
    : svgElement("circle", { cx: 9, cy: 9, r: radius, ...paint }));
  if (core) svg.append(svgElement("circle", { cx: 9, cy: 9, r: radius * CORE_SHARE, fill: core }));
  if (ring) svg.append(svgElement("circle", { cx: 9, cy: 9, r: radius + RING_GAP_PX, fill: "none", stroke: ring, "stroke-width": 1.6 }));
  return svg;
}

/** A filled box for area legends, hatched when asked. */
function boxSvg(fill, { hatched = false, opacity = 1 } = {}) {
  const svg = svgElement("svg", { width: 22, height: 14, viewBox: "0 0 22 14", "aria-hidden": "true" });
  svg.append(svgElement("rect", { x: 0.5, y: 0.5, width: 21, height: 13, fill, "fill-opacity": opacity, stroke: "#55616e" }));
  if (hatched) {
    for (let x = -8; x < 22; x += 6) {
      svg.append(svgElement("line", { x1: x, y1: 13.5, x2: x + 13, y2: 0.5, stroke: "#fff", "stroke-width": 1.4 }));
    }
  }
  return svg;
}

/** The hatching of the worst class, as a canvas pattern. */
function hatchPattern(colour) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const context = tile.getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 8, 8);
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.4;
  context.beginPath();
  for (const shift of [-8, 0, 8]) { context.moveTo(shift, 8); context.lineTo(shift + 8, 0); }
  context.stroke();
  return context.createPattern(tile, "repeat");
}

/** How a settlement looks: shape and colour by signal, core by power, outline by broadband, a ring where uncertain. */
function settlementStyle({ signal, power, broadband, uncertain }) {
  const known = signal in SIGNAL_SHAPES ? signal : "unknown";
  return {
    shape: SIGNAL_SHAPES[known],
    fill: SIGNAL_COLOURS[known],
    core: power in POWER_CORES ? POWER_CORES[power] : POWER_CORES.unknown,
    ring: uncertain === "yes" ? UNCERTAIN_COLOUR : null,
    ...(BROADBAND_OUTLINES[broadband] || BROADBAND_OUTLINES.unknown),
  };
}

/** A path as a small picture: cover and ground, the ray from the antenna to the phone, the deciding obstacle. */
function profileSvg({ km, ground, top, ray, obstacle }) {
  const [width, height, left, bottom] = [400, 112, 46, 18];
  const total = km[km.length - 1];
  const low = Math.min(...ground);
  const high = Math.max(...top, ...ray);
  const x = (distance) => left + (width - left - 8) * distance / total;
  const y = (metres) => height - bottom - (height - bottom - 12) * (metres - low) / Math.max(high - low, 20);
  const line = (heights) => heights.map((metres, place) => `${x(km[place]).toFixed(1)},${y(metres).toFixed(1)}`).join(" ");
  const area = (heights, fill) => svgElement("polygon", { points: `${line(heights)} ${x(total)},${height - bottom} ${left},${height - bottom}`, fill });
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "profile" });
  const label = (px, py, anchor, text) => {
    const node = svgElement("text", { x: px, y: py, "text-anchor": anchor, "font-size": 10.5, fill: "#444" });
    node.textContent = text;
    return node;
  };
  const title = svgElement("title", {});
  title.textContent = t("profilePicture");
  const blocked = x(km[obstacle]);
  svg.append(title, area(top, "#6f9a58"), area(ground, "#b9a582"),
    svgElement("line", { x1: x(0), y1: y(ray[0]), x2: x(total), y2: y(ray[1]), stroke: "#1f4e8c", "stroke-width": 1.4 }),
    svgElement("line", { x1: x(0), y1: y(ground[0]), x2: x(0), y2: y(ray[0]), stroke: "#222", "stroke-width": 2 }),
    svgElement("path", { d: `M${blocked.toFixed(1)} ${y(top[obstacle]).toFixed(1)}l-4.5 -8h9z`, fill: "#b3123c" }),
    label(left - 4, y(high) + 4, "end", `${number(high)} m`), label(left - 4, height - bottom, "end", `${number(low)} m`),
    label(left, height - 4, "start", t("mast")), label(width - 8, height - 4, "end", `${number(total, 1)} km`));
  return svg;
}
