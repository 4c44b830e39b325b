// The answers of this session, the newest first.

import { make, seconds } from "./answer.js";

const most = 50; // answers that are kept, with their pictures
const entries = [];

// remember adds an answer; recall is called with an entry that is chosen again.
export function remember(entry, recall) {
  entry.picture.keep();
  entries.unshift(entry);
  const button = make("button", { type: "button" },
    make("img", { src: entry.picture.url, alt: "", width: 56, height: 56 }),
    make("span", { className: "asked" }, ...entry.title()),
    make("span", { className: "words", textContent: entry.words() }),
    make("span", { className: "took", textContent: seconds(entry.took) }));
  button.addEventListener("click", () => recall(entry));
  const section = document.getElementById("history"), list = section.lastElementChild;
  list.prepend(make("li", {}, button));
  section.hidden = false;
  if (entries.length > most) {
    entries.pop().picture.release();
    list.lastElementChild.remove();
  }
}
