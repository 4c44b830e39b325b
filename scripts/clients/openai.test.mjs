// OpenAI's client for JavaScript against pgcli serve: node --test, beside node_modules.
// EXAMPLE is examples/chat.mjs beside this file.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import OpenAI from "openai";
import { PICTURE, picture, serve, want } from "./server.mjs";

const uri = `data:image/jpeg;base64,${picture.toString("base64")}`;
const ask = (flags, f) => serve(flags, (url) => f(new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 })));

const question = (prompt, more) => ({
  model: "tiny",
  messages: [{ role: "user", content: [{ type: "text", text: prompt }, { type: "image_url", image_url: { url: uri } }] }],
  ...more,
});

test("an answer has its text, usage and log-probabilities", () =>
  ask([], async (client) => {
    const got = await client.chat.completions.create(question("caption en", { logprobs: true, top_logprobs: 1 }));
    assert.equal(got.choices[0].message.content, want.text);
    assert.equal(got.usage.completion_tokens, want.tokens.length);
    got.choices[0].logprobs.content.forEach((token, i) => assert.ok(Math.abs(token.logprob - want.tokens[i].logprob) < 1e-6));
    assert.deepEqual((await client.models.list()).data.map((m) => m.id), ["tiny"]);
  }));

test("a stream makes the answer, and can be left", () =>
  ask([], async (client) => {
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
  ask([], async (client) => {
    await assert.rejects(client.chat.completions.create(question("x", { model: "gpt-9" })), (e) => e instanceof OpenAI.NotFoundError && e.param === "model");
    await assert.rejects(client.chat.completions.create(question("x", { n: 99 })), (e) => e instanceof OpenAI.BadRequestError && e.param === "n");
    await assert.rejects(client.chat.completions.create(question("caption en"), { timeout: 1 }), OpenAI.APIConnectionTimeoutError);
  }));

test("a full queue is tried again", () =>
  ask(["--parallel", "1", "--queue", "-1"], async (client) => {
    const long = question("caption en", { stream: true, temperature: 5, max_tokens: 500, logit_bias: { 1: -100 }, logprobs: true, top_logprobs: 20 });
    const stream = await client.chat.completions.create(long);
    await stream[Symbol.asyncIterator]().next();
    await assert.rejects(client.chat.completions.create(question("caption en")), OpenAI.RateLimitError);
    setTimeout(() => stream.controller.abort(), 300);
    const got = await client.chat.completions.create(question("caption en"), { maxRetries: 5 });
    assert.equal(got.choices[0].message.content, want.text);
  }));

test("the example prints the answer", () =>
  serve([], async (url) => {
    const program = spawn(process.execPath, [process.env.EXAMPLE, PICTURE, "caption en"], { env: { ...process.env, PGCLI_URL: url }, stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    program.stdout.on("data", (data) => (out += data));
    await once(program, "close");
    assert.equal(out, `${want.text}\n`);
  }));
