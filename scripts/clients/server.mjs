// What tests of clients for JavaScript share. PGCLI is the command, PICTURE a picture.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export const { PGCLI, PICTURE } = process.env;
export const picture = readFileSync(PICTURE);

// want is the answer of pgcli run to "caption en".
export const want = JSON.parse(execFileSync(PGCLI, ["run", "--json", "--image", PICTURE, "-p", "caption en"], { stdio: ["ignore", "pipe", "ignore"] }));

// serve calls f with the address of a server with more flags.
export async function serve(flags, f) {
  const server = spawn(PGCLI, ["serve", "--listen", "127.0.0.1:0", "--alias", "tiny", ...flags], { stdio: ["ignore", "pipe", "ignore"] });
  const [url] = await once(createInterface(server.stdout), "line");
  try {
    await f(url);
  } finally {
    server.kill("SIGTERM");
    const [status] = await once(server, "exit");
    assert.equal(status, 0, "the server did not end well");
  }
}
