// Builds and signs the same pass again and again with passkit-generator. In: {files, certificates,
// seconds} as JSON, files in base64. Out, for each line of seconds: {passes, wall_s, cpu_s, bytes}.

import { createInterface } from "node:readline";
import { PKPass } from "passkit-generator";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const given = JSON.parse((await lines.next()).value);
const files = Object.fromEntries(
  Object.entries(given.files).map(([path, content]) => [path, Buffer.from(content, "base64")]),
);

function build(number) {
  const serial = number.toString(16).padStart(32, "0");
  const pass = Buffer.from(JSON.stringify({ ...given.pass, serialNumber: serial }));
  return new PKPass({ ...files, "pass.json": pass }, given.certificates).getAsBuffer().length;
}

function measure(seconds) {
  const before = process.cpuUsage();
  const start = performance.now();
  let passes = 0;
  let bytes = 0;
  while (performance.now() - start < seconds * 1000) {
    bytes = build(passes);
    passes += 1;
  }
  const { user, system } = process.cpuUsage(before);
  return { passes, wall_s: (performance.now() - start) / 1000, cpu_s: (user + system) / 1e6, bytes };
}

build(0);
for await (const line of lines) process.stdout.write(`${JSON.stringify(measure(Number(line)))}\n`);
