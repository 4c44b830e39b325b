// Asks about a picture with OpenAI's client: node chat.mjs photo.jpg "caption en"
import { readFile } from "node:fs/promises";
import OpenAI from "openai";

const [path, prompt] = process.argv.slice(2);
const url = process.env.PGCLI_URL ?? "http://127.0.0.1:9931";
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none" });
const picture = `data:image/jpeg;base64,${(await readFile(path)).toString("base64")}`;
const [model] = (await client.models.list()).data;
const content = [
  { type: "text", text: prompt },
  { type: "image_url", image_url: { url: picture } },
];
const chunks = await client.chat.completions.create({ model: model.id, messages: [{ role: "user", content }], stream: true });
for await (const chunk of chunks) {
  process.stdout.write(chunk.choices[0].delta.content ?? "");
}
console.log();
