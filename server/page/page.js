// The page: a form that asks about a picture, and the answers of this session.

import { Entry, begin, drawOver, light, make, progress, refresh, seconds, show, watch } from "./answer.js";
import * as copies from "./copies.js";
import { remember } from "./history.js";
import { Picture, receive } from "./pictures.js";
import * as server from "./server.js";
import { Wrong, examples, tasks } from "./tasks.js";

const $ = (id) => document.getElementById(id);
const fieldNames = ["question", "labels", "choices", "language"];

let picture; // on the stage
let entry; // whose answer is shown
let running; // an AbortController while a question is asked
let retry; // asks again what failed
let facts; // of the server, once it has told them

// say tells those who do not see the page what happens.
const say = (text) => { $("said").textContent = text; };

// fail shows what went wrong. again repeats it; without, there is no use in that.
function fail(message, again) {
  $("failure").firstElementChild.textContent = message;
  $("failure").hidden = false;
  $("again").hidden = !again;
  retry = again;
}

// task is the name of the chosen task.
const task = () => new FormData($("ask")).get("task");

// choose sets the task and shows its fields.
function choose(name) {
  $(`task-${name}`).checked = true;
  $("hint").textContent = tasks[name].hint + (name === "segment" && facts && !facts.paligemma.masks ? " This model has no mask decoder: it finds boxes." : "");
  for (const field of fieldNames) $(`${field}-field`).hidden = !tasks[name].fields.includes(field);
  $("go").textContent = tasks[name].go;
}

// put puts a picture on the stage.
function put(next) {
  if (picture === next) return;
  next.keep();
  picture?.release();
  picture = next;
  $("drop").hidden = true;
  $("sheet").hidden = false;
  $("picture").src = next.url;
  $("picture").alt = next.name;
  $("frame").style.setProperty("--width", next.width);
  $("frame").style.setProperty("--height", next.height);
  $("name").textContent = next.name;
  $("size").textContent = `${next.width} × ${next.height}`;
  document.body.classList.add("has-picture");
}

// take takes a file that came from the user.
async function take(file, name) {
  try {
    const next = await new Picture(file, name).load();
    running?.abort();
    put(next);
    entry = undefined;
    $("answer").hidden = $("failure").hidden = true;
    drawOver(null);
    say(`${next.name} is on the page.`);
    return true;
  } catch (error) {
    fail(error.message);
    return false;
  }
}

// fits refuses a picture that is too large for the server.
function fits({ file, name }) {
  const most = facts?.paligemma.max_body ?? Infinity;
  if (file.size * 4 / 3 + 4096 > most) { // base64
    throw new Error(`${name} has ${(file.size / 2 ** 20).toFixed(1)} MB, and the server takes ${(most / 2 ** 20 * 0.75).toFixed(1)} MB. Make it smaller.`);
  }
}

// ask asks what the form says.
async function ask() {
  const fields = Object.fromEntries(fieldNames.map((name) => [name, $(name).value]));
  let next;
  try {
    if (!picture) throw new Error("Choose a picture first.");
    fits(picture);
    next = new Entry(picture, task(), fields);
    tasks[task()].send(fields); // checks all of its fields
  } catch (error) {
    fail(error.message);
    (error instanceof Wrong ? $(error.field) : picture ? $("other-file") : $("choose-file")).focus();
    return;
  }
  await answer(next);
}

// answer asks a question and shows the answer as it comes.
async function answer(next) {
  running?.abort();
  const control = running = new AbortController();
  const mine = () => running === control;
  next.picture.keep(); // while it is asked about
  entry = undefined;
  begin(next);
  $("stop").hidden = false;
  $("panel").ariaBusy = "true";
  const clock = watch(mine, say);
  try {
    const image = await next.picture.data();
    next.answer = next.task === "choose"
      ? await (clock.stage("answering"), server.choose(image, tasks.choose.send(next.fields), control.signal))
      : await server.ask(image, next.prompt, { stage: clock.stage, text: (text) => mine() && progress(next, text) }, control.signal);
    next.took = clock.total();
    if (!mine()) return;
    entry = next;
    show(next);
    remember(next, recall);
    say(`${next.words()}. ${seconds(next.took)}.`);
  } catch (error) {
    if (!mine()) return;
    $("answer").hidden = true;
    if (error.name === "AbortError") return say("Stopped.");
    refused(error, () => answer(next));
  } finally {
    clock.stop();
    next.picture.release();
    if (mine()) {
      running = undefined;
      $("stop").hidden = true;
      $("panel").ariaBusy = "false";
    }
  }
}

// refused shows why the server did not answer; it asks for a key if one is missing.
function refused(error, again) {
  if (error.status === 401) {
    $("key-form").hidden = false;
    retry = again;
    if (server.hasKey()) fail("The server does not know this key.");
    $("key").focus();
    return;
  }
  fail(error.status === 429 && error.after ? `${error.message} Try again in ${error.after} s.` : error.message, again);
}

// recall shows an earlier answer, with its picture and question.
function recall(old) {
  running?.abort();
  put(old.picture);
  choose(old.task);
  for (const name of fieldNames) $(name).value = old.fields[name];
  entry = old;
  show(old);
  say(`${old.prompt}: ${old.words()}.`);
  $("stage").scrollIntoView({ block: "nearest" });
}

// greet asks the server which model it has.
async function greet() {
  try {
    facts = await server.facts();
  } catch (error) {
    return refused(error, greet);
  }
  const { model_path: name, paligemma: { image_size: side } } = facts;
  $("model").replaceChildren(make("b", { textContent: name }), `, which sees ${side} × ${side} pixels`);
  choose(task());
}

// example asks one of the questions that come with the page.
async function example({ file, task: name, fields }) {
  let blob;
  try {
    blob = await (await fetch(`page/${file}`)).blob();
  } catch {
    return fail("The server does not answer. Is pgcli serve still running?", () => example({ file, task: name, fields }));
  }
  choose(name);
  for (const [field, value] of Object.entries(fields)) $(field).value = value;
  if (!await take(blob, file)) return;
  $("stage").scrollIntoView({ block: "nearest" });
  await ask();
}

copies.offer($("copies"), { entry: () => entry, secret: server.hasKey, say, fail });

for (const [name, { name: text }] of Object.entries(tasks)) {
  const radio = make("input", { type: "radio", name: "task", value: name, id: `task-${name}` });
  radio.addEventListener("change", () => choose(name));
  $("tasks").append(make("label", {}, radio, make("span", { textContent: text })));
}
choose("caption");

for (const e of examples) {
  const button = make("button", { type: "button" }, make("img", { src: `page/${e.file}`, alt: e.alt, width: 336, height: 336 }),
    make("span", {}, make("b", { textContent: e.says }), ` ${e.what}`));
  button.addEventListener("click", () => example(e));
  $("examples").lastElementChild.append(make("li", {}, button));
}

receive(take, { file: $("file"), camera: $("camera"), openers: [$("choose-file"), $("other-file")], photographers: [$("take-photo"), $("other-photo")] });
$("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
$("stop").addEventListener("click", () => running?.abort());
$("again").addEventListener("click", () => { $("failure").hidden = true; retry?.(); });
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  server.useKey($("key").value);
  $("key-form").hidden = $("failure").hidden = true;
  const then = retry;
  greet().then(() => { if (then && then !== greet && $("key-form").hidden) then(); });
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") running?.abort(); });

$("least").addEventListener("input", () => { entry.least = Number($("least").value); refresh(entry); });
for (const area of [$("overlay"), $("objects")]) {
  const target = (event) => event.target.closest?.("[data-object]")?.dataset.object ?? null;
  for (const kind of ["pointerover", "focusin"]) area.addEventListener(kind, (event) => light(target(event)));
  for (const kind of ["pointerleave", "focusout"]) area.addEventListener(kind, () => light(null));
}
new ResizeObserver(() => { if (entry) drawOver(entry); }).observe($("picture"));
greet();
