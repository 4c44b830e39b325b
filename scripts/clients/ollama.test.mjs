// ollama's client for JavaScript against pgcli serve: node --test, beside node_modules.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ollama } from "ollama";
import { picture, serve, want } from "./server.mjs";

const ask = (f) => serve([], (url) => f(new Ollama({ host: url })));
const message = { role: "user", content: "caption en", images: [picture.toString("base64")] };

test("generate and chat have the answer", () =>
  ask(async (client) => {
    const generated = await client.generate({ model: "tiny", prompt: "caption en", images: [picture] });
    const chatted = await client.chat({ model: "tiny:latest", messages: [message] });
    assert.deepEqual([generated.response, chatted.message.content], [want.text, want.text]);
    for (const got of [generated, chatted]) {
      assert.deepEqual([got.done, got.done_reason, got.eval_count, got.prompt_eval_count], [true, "stop", want.tokens.length, want.timings.prompt_tokens]);
    }
  }));

test("a stream makes the answer, and can be left", () =>
  ask(async (client) => {
    let text = "", last;
    for await (last of await client.generate({ model: "tiny", prompt: "caption en", images: [picture], stream: true })) text += last.response;
    assert.deepEqual([text, last.done], [want.text, true]);
    const left = await client.chat({ model: "tiny", messages: [message], stream: true });
    await assert.rejects(async () => {
      for await (const _ of left) left.abort();
    }, { name: "AbortError" });
    const short = await client.chat({ model: "tiny", messages: [message], options: { num_predict: 2 }, keep_alive: "5m", think: false });
    assert.deepEqual([short.message.content, short.done_reason, short.eval_count], ["a yellow", "length", 2]);
  }));

test("the model is listed and shown", () =>
  ask(async (client) => {
    for (const { models } of [await client.list(), await client.ps()]) {
      assert.deepEqual(models.map((m) => [m.model, m.details.quantization_level]), [["tiny", "Q8_0"]]);
    }
    assert.deepEqual((await client.show({ model: "tiny" })).capabilities, ["completion", "vision"]);
    assert.ok((await client.version()).version.length > 0);
  }));

test("errors have their status and say what is wrong", () =>
  ask(async (client) => {
    const fails = (call, status_code, message) => assert.rejects(call, { name: "ResponseError", status_code, message });
    await fails(client.generate({ model: "llama3", prompt: "x" }), 404, /llama3/);
    await fails(client.generate({ model: "tiny", prompt: "x", format: "json" }), 400, /format/);
    await fails(client.chat({ model: "tiny", messages: [message], think: true }), 400, /think/);
    await fails(client.generate({ model: "tiny", prompt: "x", images: [Buffer.from("no picture")] }), 400, /picture/);
    await fails(client.pull({ model: "tiny" }), 404, /path/);
  }));
