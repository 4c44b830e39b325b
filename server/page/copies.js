// Forms in which an answer is copied. Each returns text or a blob, or a promise of one.

import { draw, element } from "./overlay.js";
import { tasks } from "./tasks.js";

// shownOf returns an answer's objects that are shown.
const shownOf = (entry) => (entry.answer.objects ?? []).filter((_, i) => entry.shown(i));

export function json(entry) {
  const { answer, picture, prompt } = entry;
  const image = { name: picture.name, width: picture.width, height: picture.height };
  if (answer.choices) return JSON.stringify({ image, ...answer }, null, 2);
  return JSON.stringify({ image, prompt, ...answer, objects: shownOf(entry) }, null, 2);
}

// coco returns COCO's results, as /v1/detect and pgcli detect --coco have them.
export function coco(entry) {
  const { picture, labels } = entry;
  const stem = picture.name.replace(/\.[^.]*$/, "");
  const all = [...labels];
  const number = (label) => (all.includes(label) ? all.indexOf(label) : all.push(label) - 1) + 1;
  const cents = (v) => Math.round(v * 100) / 100;
  return JSON.stringify(shownOf(entry).map((o) => {
    const { x0, y0, x1, y1 } = o.box, { width, height } = picture;
    return {
      image_id: /^\d{1,15}$/.test(stem) ? Number(stem) : picture.name, category_id: number(o.label), category_name: o.label,
      bbox: [x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height].map(cents), score: o.score,
      ...(o.mask?.rle && { segmentation: o.mask.rle }),
    };
  }), null, 2);
}

// sheet returns an SVG of the answer's overlay, over the picture if there is one.
function sheet(entry, href) {
  const { width, height } = entry.picture;
  const svg = element("svg", { width, height });
  draw(svg, shownOf(entry), entry.picture, Math.max(1, Math.max(width, height) / 800));
  if (href) svg.prepend(element("image", { width, height, href }));
  return new XMLSerializer().serializeToString(svg);
}

export const svg = async (entry) => sheet(entry, await entry.picture.data());

export async function png(entry) {
  const { width, height, url } = entry.picture;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  const drawing = URL.createObjectURL(new Blob([sheet(entry)], { type: "image/svg+xml" }));
  try {
    for (const source of [url, drawing]) {
      const image = new Image();
      image.src = source;
      await image.decode();
      pen.drawImage(image, 0, 0, width, height);
    }
  } finally {
    URL.revokeObjectURL(drawing);
  }
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large for a PNG"))), "image/png"));
}

// shell quotes a word for a POSIX shell.
const shell = (text) => (/^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

// curl returns the command that asks the same from a shell.
export function curl(entry, secret) {
  const path = new URL(`v1/${entry.task}`, document.baseURI).href;
  const words = ["curl", shell(path)];
  if (secret) words.push("-H", '"Authorization: Bearer $PGCLI_API_KEY"');
  words.push("-F", shell(`image=@"${entry.picture.name.replace(/["\\]/g, "\\$&")}"`));
  for (const [name, value] of Object.entries(tasks[entry.task].send(entry.fields))) {
    words.push("--form-string", shell(`${name}=${[value].flat().join(",")}`));
  }
  return words.join(" ");
}

// copy puts text or a PNG on the clipboard. Where a browser has none for the page, as
// over plain HTTP from another machine, the answer becomes a file. It says which.
export async function copy(name, made) {
  const picture = name.endsWith(".png");
  const type = picture ? "image/png" : "text/plain";
  const blob = Promise.resolve(made).then((data) => (data instanceof Blob ? data : new Blob([data], { type })));
  if (navigator.clipboard?.write && window.ClipboardItem) {
    try {
      await navigator.clipboard.write([new ClipboardItem({ [type]: blob })]);
      return "Copied.";
    } catch (error) {
      if (error.name !== "NotAllowedError") throw error;
    }
  }
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return `Saved as ${name}.`;
}

// What the forms are called, the files that they may become, and whether they need objects.
const forms = [
  ["JSON", "answer.json", json], ["COCO", "coco.json", coco, true], ["SVG", "answer.svg", svg, true], ["PNG", "answer.png", png, true],
  ["curl", "ask.sh", curl],
];

// offer adds a button for each form of entry(). say and fail tell how it went.
export function offer(area, { entry, secret, say, fail }) {
  for (const [name, file, form, needs] of forms) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: name });
    if (needs) button.dataset.objects = "";
    button.addEventListener("click", async () => {
      try {
        say(await copy(file, form(entry(), secret())));
        button.classList.add("done");
        setTimeout(() => button.classList.remove("done"), 1500);
      } catch (error) {
        fail(`It cannot be copied: ${error.message}`);
      }
    });
    area.append(button);
  }
}
