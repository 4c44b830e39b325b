// The server's endpoints that the page calls. Addresses are relative to the page, which
// may be mounted below a path.

let key = ""; // in memory only

export const useKey = (text) => { key = text.trim(); };
export const hasKey = () => key !== "";

// A Failure is an answer that is an error. status is 0 if no answer came.
export class Failure extends Error {
  constructor(status, message, after = 0) {
    super(message);
    this.status = status;
    this.after = after; // seconds until it is of use to ask again; 0 if not known
  }
}

const gone = () => new Failure(0, "The server does not answer. Is pgcli serve still running?");

// send sends a request, and throws a Failure unless the answer is a good one.
async function send(path, options) {
  const headers = { ...options?.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    throw error.name === "AbortError" ? error : gone();
  }
  if (response.ok) return response;
  let message = `The server answered with status ${response.status}.`;
  try {
    message = sentence((await response.json()).error.message);
  } catch { /* not an answer of ours: a proxy's, perhaps */ }
  throw new Failure(response.status, message, Number(response.headers.get("Retry-After")) || 0);
}

// sentence makes a sentence of a message.
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");

// facts returns what the server tells of model and limits.
export const facts = async () => (await send("props")).json();

const post = (path, body, signal) =>
  send(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });

// choose returns the probabilities of given answers.
export const choose = async (image, fields, signal) => (await post("v1/choose", { image, ...fields }, signal)).json();

// ask asks a prompt about a picture, and returns the answer's details with its text. It
// calls stage with what is being done, and text with all of the answer so far.
export async function ask(image, prompt, { stage, text }, signal) {
  const response = await post("v1/chat/completions", {
    messages: [{ role: "user", content: [{ type: "text", text: prompt }, { type: "image_url", image_url: { url: image } }] }],
    stream: true, stream_options: { include_progress: true }, paligemma: { masks: "polygon,rle" },
  }, signal);
  let soFar = "", details;
  for await (const event of events(response)) {
    if (event.error) throw new Failure(500, sentence(event.error.message));
    if (event.paligemma) stage(event.paligemma.stage);
    for (const { delta } of event.choices) {
      if (delta.content) text(soFar += delta.content);
      details = delta.paligemma ?? details;
    }
  }
  if (!details) throw new Failure(0, "The answer broke off: the server may have ended.");
  return { text: soFar, ...details };
}

// events yields the values of server-sent events.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      let part;
      try {
        part = await reader.read();
      } catch (error) {
        throw error.name === "AbortError" ? error : gone();
      }
      if (part.done) return;
      const parts = (rest + part.value).split("\n\n");
      rest = parts.pop();
      for (const event of parts) {
        if (event.startsWith("data: ") && event !== "data: [DONE]") yield JSON.parse(event.slice(6));
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // frees the server's slot if the page has had enough
  }
}
