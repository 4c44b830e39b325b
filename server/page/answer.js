// Shows an answer: its text, the things that it points at, probabilities, and times.

import { caption, colours, draw } from "./overlay.js";
import { tasks } from "./tasks.js";

const $ = (id) => document.getElementById(id);

// make returns an element with properties and children.
export function make(name, properties = {}, ...children) {
  const e = Object.assign(document.createElement(name), properties);
  e.append(...children);
  return e;
}

// seconds spells a time in milliseconds.
export const seconds = (ms) => (ms < 1 ? "< 1 ms" : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

// An Entry is a question about a picture, and its answer once there is one.
export class Entry {
  constructor(picture, task, fields) {
    Object.assign(this, { picture, task, fields, prompt: tasks[task].prompt(fields) });
    this.labels = tasks[task].finds ? tasks[task].send(fields).labels : [];
    this.least = 0; // score of objects that are shown
    this.hidden = new Set(); // numbers of objects that are not shown
  }

  shown(i) { return this.answer.objects[i].score >= this.least && !this.hidden.has(i); }

  // title names the task, and the prompt after its first word.
  title() { return [make("b", { textContent: tasks[this.task].name }), this.prompt.replace(/^\w+/, "")]; }

  // words says the answer in a line.
  words() {
    const { answer } = this;
    if (answer.choices) return `${answer.best}, ${percent(answer.choices.find((c) => c.text === answer.best).probability)}`;
    if (!answer.objects?.length) return tasks[this.task].finds ? "Nothing found" : answer.text || "No words";
    const counts = new Map();
    for (const { label } of answer.objects) counts.set(label, (counts.get(label) ?? 0) + 1);
    return [...counts].map(([label, n]) => (n > 1 ? `${n} × ${label || "?"}` : label || "?")).join(", ");
  }
}

const percent = (p) => (p < 0.001 ? "< 0.1 %" : p > 0.999 ? "> 99.9 %" : `${(100 * p).toFixed(1)} %`);

// begin clears the last answer and names the question.
export function begin(entry) {
  $("answer").hidden = false;
  $("failure").hidden = true;
  $("asked").replaceChildren(...entry.title());
  $("text").textContent = "";
  $("text").classList.remove("words");
  for (const id of ["objects", "chosen", "remarks"]) $(id).replaceChildren();
  for (const id of ["raw", "copies", "least-field"]) $(id).hidden = true;
  reach("seeing", {});
  lit = null;
  drawOver(null);
}

// progress shows the text of an answer so far.
export function progress(entry, text) {
  $("text").classList.toggle("words", tasks[entry.task].finds ?? false);
  $("text").textContent = text;
}

// reach marks a stage, and the ones before it, with times in milliseconds; "" is the end.
export function reach(name, times) {
  let done = true;
  for (const li of $("stages").children) {
    const { stage } = li.dataset;
    if (stage === name) done = false;
    li.className = stage === name ? "now" : done ? "done" : "";
    li.hidden = !name && times[stage] === undefined;
    li.lastChild.textContent = times[stage] === undefined ? "" : seconds(times[stage]);
  }
}

// show shows an answer.
export function show(entry) {
  begin(entry);
  const { answer } = entry, objects = answer.objects ?? [];
  $("text").textContent = entry.words();
  if (answer.timings) {
    const { encode_ns: see, prefill_ns: read, decode_ns: write } = answer.timings;
    reach("", { seeing: see / 1e6, reading: read / 1e6, answering: write / 1e6 });
  } else {
    reach("", { answering: entry.took });
  }
  const tints = colours(objects);
  $("objects").append(...objects.map((o, i) => thing(entry, i, tints[i])));
  $("least-field").hidden = objects.length === 0;
  $("least").value = entry.least;
  $("chosen").append(...(answer.choices ?? []).map((c) => make("li", { className: c.text === answer.best ? "best" : "" },
    make("span", { textContent: c.text }), make("meter", { value: c.probability, ariaHidden: "true" }), make("b", { textContent: percent(c.probability) }))));
  $("remarks").textContent = remarks(answer).join(" ");
  $("raw").hidden = objects.length === 0 && !answer.problems?.length;
  $("raw").lastChild.textContent = answer.text ?? "";
  $("copies").hidden = false;
  for (const button of $("copies").querySelectorAll("[data-objects]")) button.hidden = objects.length === 0;
  refresh(entry);
}

// thing returns the row of an object, which hides it and shows it again.
function thing(entry, i, colour) {
  const o = entry.answer.objects[i];
  const swatch = make("i", { className: "swatch" });
  swatch.style.background = colour;
  const row = make("button", { type: "button" }, swatch, make("span", { textContent: o.label || "?" }),
    make("meter", { value: o.score, ariaHidden: "true" }), make("b", { textContent: o.score.toFixed(2) }));
  row.dataset.object = i;
  row.title = "The score estimates how well the box fits. Press to hide or show.";
  row.addEventListener("click", () => {
    if (!entry.hidden.delete(i)) entry.hidden.add(i);
    refresh(entry);
  });
  return make("li", {}, row);
}

// refresh shows the objects above the least score that are not hidden.
export function refresh(entry) {
  const objects = entry.answer.objects ?? [];
  $("least-value").textContent = entry.least.toFixed(2);
  for (const row of $("objects").querySelectorAll("button")) {
    row.ariaPressed = String(!entry.hidden.has(Number(row.dataset.object)));
    row.parentElement.hidden = objects[row.dataset.object].score < entry.least;
  }
  drawOver(entry);
}

// drawOver draws an entry's objects over the picture, in lines as thick on any screen.
export function drawOver(entry) {
  const svg = $("overlay"), objects = entry?.answer?.objects ?? [];
  const shown = objects.filter((_, i) => entry.shown(i));
  svg.ariaLabel = shown.length ? `Marked: ${shown.map(caption).join(", ")}` : "Nothing is marked";
  const size = entry?.picture ?? { width: 1, height: 1 };
  draw(svg, objects, size, size.width / ($("picture").clientWidth || size.width), (i) => entry.shown(i));
  light(lit);
}

let lit = null; // the number of the object that is pointed at, as text

// light marks an object and its row while one of the two is pointed at; null is none.
export function light(number) {
  lit = number;
  const marks = [...document.querySelectorAll("#overlay .object")];
  $("overlay").classList.toggle("dim", marks.some((e) => e.dataset.object === lit));
  for (const e of [...marks, ...$("objects").querySelectorAll("button")]) e.classList.toggle("lit", e.dataset.object === lit);
}

// remarks says what is odd about an answer.
function remarks({ stop, problems }) {
  const odd = {
    length: "The answer is longer than the server allows, and was cut.", context: "The answer was cut: the model has no room for more.",
    repeat: "The answer ended where it only repeated itself.",
  };
  const list = (problems ?? []).map((p) => `A part of the answer is no object: ${p.reason}.`);
  return odd[stop] ? [odd[stop], ...list] : list;
}

// watch measures how long each stage takes, and shows it while it runs.
export function watch(mine, say) {
  const start = performance.now(), times = {};
  let now, since = start;
  const tick = () => {
    if (!now || !mine()) return;
    times[now] = performance.now() - since;
    reach(now, times);
  };
  const timer = setInterval(tick, 100);
  const says = { seeing: "Seeing the picture.", reading: "Reading the question.", answering: "Answering." };
  return {
    stage(name) {
      tick();
      if (!(name in says)) return; // it waits for its turn
      [now, since] = [name, performance.now()];
      tick();
      if (mine()) say(says[name]);
    },
    total: () => performance.now() - start,
    stop: () => clearInterval(timer),
  };
}
