// How things look: numbers, times, sparklines, tables. Nothing here knows the API.

export function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") made.className = value;
    else if (name === "onclick") made.addEventListener("click", value);
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function badge(text, mood) {
  return element("span", { class: `badge ${mood}` }, text);
}

const SCALES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** Three digits that count: 950, 1.23k, 12.3M. */
export function short(value) {
  const number = Number(value ?? 0);
  for (const [scale, letter] of SCALES) {
    if (number >= scale) return `${(number / scale).toPrecision(3)}${letter}`;
  }
  return number === 0 || number >= 10 ? number.toFixed(0) : number.toFixed(1);
}

export const whole = (value) => Number(value ?? 0).toLocaleString("en");

export function duration(seconds) {
  const value = Math.max(0, Number(seconds));
  if (value < 120) return `${value.toFixed(0)} s`;
  if (value < 7200) return `${(value / 60).toFixed(0)} min`;
  return value < 172800 ? `${(value / 3600).toFixed(0)} h` : `${(value / 86400).toFixed(0)} d`;
}

const SVG = "http://www.w3.org/2000/svg";

export function spark(values) {
  const svg = document.createElementNS(SVG, "svg");
  const top = Math.max(...values, 1e-9);
  const step = 100 / Math.max(values.length - 1, 1);
  const path = document.createElementNS(SVG, "path");
  const points = values.map((value, place) => `${(place * step).toFixed(1)},${(21 - (value / top) * 20).toFixed(1)}`);
  path.setAttribute("d", points.length > 1 ? `M${points.join("L")}` : "M0,21L100,21");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 22");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

/** `columns`: [heading, class, of(row)]. */
export function table(columns, rows) {
  const head = element("tr", {}, ...columns.map(([name, kind]) => element("th", { class: kind, scope: "col" }, name)));
  const lines = rows.map((row) =>
    element("tr", {}, ...columns.map(([, kind, of]) => element("td", { class: kind }, of(row) ?? ""))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines));
}

const LENGTH = 60;
const histories = new Map();

/** The last values of `name`. */
export const past = (name) => histories.get(name) ?? [];

/** The same, with `value` as the newest. */
export function history(name, value) {
  const known = histories.get(name) ?? [];
  known.push(Number(value ?? 0));
  if (known.length > LENGTH) known.shift();
  histories.set(name, known);
  return known;
}
