// The tasks that PaliGemma was trained on: how a prompt is spelled, and which of our
// endpoints answers it.

// list returns the parts of a text with commas between them.
export const list = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);

const things = (f) => {
  const labels = list(f.labels);
  if (!labels.length) throw new Wrong("labels", "Name the things to look for.");
  const odd = labels.find((label) => /[;<>]/.test(label));
  if (odd) throw new Wrong("labels", `“${odd}” has one of ; < > in it: no name may have.`);
  return labels;
};

const question = (f) => {
  if (!f.question.trim()) throw new Wrong("question", "Write a question.");
  return f.question.trim();
};

const choices = (f) => {
  const texts = [...new Set(list(f.choices))];
  if (texts.length < 2) throw new Wrong("choices", "Write two or more possible answers.");
  return texts;
};

const language = (f) => f.language.trim() || "en";

// A Wrong is about a field of the form.
export class Wrong extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

// Each task has a name, a hint, the form's fields that it reads, the prompt, and the
// path and fields of the endpoint that answers the same from a shell.
export const tasks = {
  caption: {
    name: "Caption", go: "Describe", hint: "A sentence about the picture.", fields: ["language"],
    prompt: (f) => `caption ${language(f)}`, send: (f) => ({ language: language(f) }),
  },
  answer: {
    name: "Answer", go: "Answer", hint: "A short answer to a question.", fields: ["question", "language"],
    prompt: (f) => `answer ${language(f)} ${question(f)}`, send: (f) => ({ question: question(f), language: language(f) }),
  },
  ocr: {
    name: "Read", go: "Read", hint: "The text in the picture, in reading order.", fields: [],
    prompt: () => "ocr", send: () => ({}),
  },
  detect: {
    name: "Detect", go: "Find", hint: "Boxes around things that you name.", fields: ["labels"], finds: true,
    prompt: (f) => `detect ${things(f).join(" ; ")}`, send: (f) => ({ labels: things(f) }),
  },
  segment: {
    name: "Segment", go: "Outline", hint: "Outlines of things that you name.", fields: ["labels"], finds: true,
    prompt: (f) => `segment ${things(f).join(" ; ")}`, send: (f) => ({ labels: things(f) }),
  },
  choose: {
    name: "Choose", go: "Compare", hint: "How likely each of your answers is.", fields: ["question", "choices", "language"],
    prompt: (f) => `answer ${language(f)} ${question(f)}`,
    send: (f) => ({ question: question(f), choices: choices(f), language: language(f) }),
  },
};

// Pictures that come with the page, each with a question that suits it.
export const examples = [
  { file: "scene-75.jpg", alt: "A drawn star and two moons on sand", task: "segment", fields: { labels: "moon" }, says: "Segment", what: "moon" },
  { file: "scene-57.jpg", alt: "A drawn heart, a star and a ring on grass", task: "detect", fields: { labels: "heart, star" }, says: "Detect", what: "heart, star" },
  { file: "scene-94.jpg", alt: "A drawn sign, a circle and a heart on grass", task: "ocr", fields: {}, says: "Read", what: "the sign" },
  { file: "scene-90.jpg", alt: "A drawn star, a circle, a moon and a square on wood", task: "answer", fields: { question: "which shape is yellow?" }, says: "Answer", what: "which shape is yellow?" },
];
