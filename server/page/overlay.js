// Boxes, masks and labels as SVG. Looks are attributes, not CSS, so that a copy of an
// overlay looks the same anywhere.

const space = "http://www.w3.org/2000/svg";

// Colours of labels, in the order in which they are first seen, as pgcli draws them.
export const palette = [
  "#ff3b5c", "#1f9dff", "#ffc81f", "#2ec45a", "#b15cff", "#ff8a1f", "#1fd8dc", "#ff6fd8",
  "#b8e92f", "#0f8f8a", "#a85a1e", "#4650d8", "#f7b5a1", "#8c143c", "#c9c4ff", "#6b751c",
];

// colours gives each object the colour of its label.
export function colours(objects) {
  const labels = [...new Set(objects.map((o) => o.label))];
  return objects.map((o) => palette[labels.indexOf(o.label) % palette.length]);
}

// ink is black or white, whichever is easier to read on a colour (WCAG 2.2).
function ink(colour) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return 1.05 / (light + 0.05) > (light + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

// element returns an SVG element.
export function element(name, attributes, ...children) {
  const e = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...children);
  return e;
}

// caption is a label with its score, as it is shown.
export const caption = (o) => `${o.label || "?"} ${o.score.toFixed(2)}`;

// path returns the path of polygons.
const path = (polygons) => polygons.map((p) => "M" + p.map(([x, y]) => `${round(x)} ${round(y)}`).join("L") + "Z").join("");

const round = (v) => Math.round(v * 10) / 10;

const families = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif";
const pen = document.createElement("canvas").getContext("2d");

// draw fills an SVG with objects of a picture. unit is the length of a screen's pixel, in
// pixels of the picture. shown(i) says whether object i is drawn.
export function draw(svg, objects, { width, height }, unit, shown = () => true) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const tints = colours(objects);
  const area = ({ box }) => (box.x1 - box.x0) * (box.y1 - box.y0);
  const order = objects.map((_, i) => i).filter(shown).sort((a, b) => area(objects[b]) - area(objects[a])); // small ones can be pointed at
  const taken = [];
  svg.replaceChildren(...order.map((i) => {
    const o = objects[i], colour = tints[i];
    const x = o.box.x0 * width, y = o.box.y0 * height;
    const w = (o.box.x1 - o.box.x0) * width, h = (o.box.y1 - o.box.y0) * height;
    const group = element("g", { class: "object", "data-object": i }, element("title", {}, caption(o)));
    if (o.mask?.polygons) {
      group.append(element("path", { class: "mask", d: path(o.mask.polygons), fill: colour, "fill-opacity": 0.38, "fill-rule": "evenodd",
        stroke: colour, "stroke-width": round(1.5 * unit), "stroke-linejoin": "round" }));
    }
    group.append(
      element("rect", { class: "shade", x, y, width: w, height: h, fill: "none", stroke: "#000000", "stroke-opacity": 0.35, "stroke-width": 4 * unit }),
      element("rect", { class: "box", x, y, width: w, height: h, fill: "#000000", "fill-opacity": 0, stroke: colour, "stroke-width": 2 * unit }));
    group.append(chip(caption(o), { x, y, w, h }, colour, { width, height }, unit, taken));
    return group;
  }));
}

// chip returns a label beside a box, where it hides no other label if there is room.
function chip(text, box, colour, sheet, unit, taken) {
  const size = 12.5 * unit, high = 19 * unit, pad = 6 * unit;
  pen.font = `600 100px ${families}`;
  const wide = Math.min((pen.measureText(text).width / 100) * size + 2 * pad, sheet.width);
  const x = Math.max(0, Math.min(box.x - unit, sheet.width - wide));
  const places = [box.y - high - unit, box.y + unit, box.y + box.h + unit, box.y + box.h - high - unit];
  for (let k = 2; k < 6; k++) places.push(box.y + unit + (k - 1) * high);
  const inside = (y) => y >= 0 && y + high <= sheet.height;
  const free = (y) => taken.every((t) => x >= t.x + t.wide || t.x >= x + wide || y >= t.y + high || t.y >= y + high);
  const y = places.find((at) => inside(at) && free(at)) ?? places.find(inside) ?? 0;
  taken.push({ x, y, wide });
  return element("g", { class: "label" },
    element("rect", { x, y, width: wide, height: high, rx: 4 * unit, fill: colour }),
    element("text", { x: x + pad, y: y + 13.6 * unit, "font-family": families, "font-size": size, "font-weight": 600, fill: ink(colour),
      textLength: wide - 2 * pad, lengthAdjust: "spacingAndGlyphs" }, text));
}
