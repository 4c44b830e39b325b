// OpenAI's client for JavaScript against pgcli serve: node --test, beside node_modules.
// PGCLI is the command, PICTURE a picture, EXAMPLE examples/chat.mjs beside this file.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import OpenAI from "openai";

const { PGCLI, PICTURE, EXAMPLE } = process.env;
const uri = `data:image/jpeg;base64,${readFileSync(PICTURE).toString("base64")}`;
const want = JSON.parse(execFileSync(PGCLI, ["run", "--json", "--image", PICTURE, "-p", "caption en"], { stdio: ["ignore", "pipe", "ignore"] }));

// serve calls f with the address of a server and a client of it.
async function serve(flags, f) {
  const server = spawn(PGCLI, ["serve", "--listen", "127.0.0.1:0", "--alias", "tiny", ...flags], { stdio: ["ignore", "pipe", "ignore"] });
  const [url] = await once(createInterface(server.stdout), "line");
  try {
    await f(new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 }), url);
  } finally {
    server.kill("SIGTERM");
    const [status] = await once(server, "exit");
    assert.equal(status, 0, "the server did not end well");
  }
}

const question = (prompt, more) => ({
  model: "tiny",
  messages: [{ role: "user", content: [{ type: "text", text: prompt }, { type: "image_url", image_url: { url: uri } }] }],
  ...more,
});

test("an answer has its text, usage and log-probabilities", () =>
  serve([], async (client) => {
    const got = await client.chat.completions.create(question("caption en", { logprobs: true, top_logprobs: 1 }));
    assert.equal(got.choices[0].message.content, want.text);
    assert.equal(got.usage.completion_tokens, want.tokens.length);
    got.choices[0].logprobs.content.forEach((token, i) => assert.ok(Math.abs(token.logprob - want.tokens[i].logprob) < 1e-6));
    assert.deepEqual((await client.models.list()).data.map((m) => m.id), ["tiny"]);
  }));

test("a stream makes the answer, and can be left", () =>
  serve([], async (client) => {
    const stream = client.chat.completions.stream(question("caption en", { n: 2, stream_options: { include_usage: true } }));
    assert.equal(await stream.finalContent(), want.text);
    assert.equal((await stream.totalUsage()).completion_tokens, 2 * want.tokens.length);
    let parts = 0;
    const left = await client.chat.completions.create(question("caption en", { stream: true }));
    for await (const _ of left) {
      parts++;
      left.controller.abort();
    }
    assert.ok(parts > 0);
  }));

test("errors have their class and parameter", () =>
  serve([], async (client) => {
    await assert.rejects(client.chat.completions.create(question("x", { model: "gpt-9" })), (e) => e instanceof OpenAI.NotFoundError && e.param === "model");
    await assert.rejects(client.chat.completions.create(question("x", { n: 99 })), (e) => e instanceof OpenAI.BadRequestError && e.param === "n");
    await assert.rejects(client.chat.completions.create(question("caption en"), { timeout: 1 }), OpenAI.APIConnectionTimeoutError);
  }));

test("a full queue is tried again", () =>
  serve(["--parallel", "1", "--queue", "-1"], async (client) => {
    const long = question("caption en", { stream: true, temperature: 5, max_tokens: 500, logit_bias: { 1: -100 }, logprobs: true, top_logprobs: 20 });
    const stream = await client.chat.completions.create(long);
    await stream[Symbol.asyncIterator]().next();
    await assert.rejects(client.chat.completions.create(question("caption en")), OpenAI.RateLimitError);
    setTimeout(() => stream.controller.abort(), 300);
    const got = await client.chat.completions.create(question("caption en"), { maxRetries: 5 });
    assert.equal(got.choices[0].message.content, want.text);
  }));

test("the example prints the answer", () =>
  serve([], async (_, url) => {
    const program = spawn(process.execPath, [EXAMPLE, PICTURE, "caption en"], { env: { ...process.env, PGCLI_URL: url }, stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    program.stdout.on("data", (data) => (out += data));
    await once(program, "close");
    assert.equal(out, `${want.text}\n`);
  }));
