/**
 * Builds frontend/ into app/static, every file under a name that carries its content's hash.
 *
 *   app.css            Tailwind over the templates     → app-<hash>.css, font beside it
 *   *.ts               one entry each, shared chunks   → <name>-<hash>.js
 *   sw.ts              the service worker              → sw.js (its address must never change)
 *   assets/*           favicon and the like            → <name>-<hash>.<ext>
 *   public/*           files whose address is fixed    → <name>.<ext>
 *   manifest.json      logical name → hashed name, e.g. {"app.css": "app-1A2B3C4D.css"}
 *   icons.json         name → inner SVG of the Lucide icons that templates, Python and scripts name
 *   stamps/<icon>.png  the icons a stamp can be, for pictures on passes
 *
 * Everything is built beside the old folder and moved into place at the end: a failed build changes nothing.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { stampMasks, usedIcons } from "./icons.mjs";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const STATIC = path.join(ROOT, "app", "static");
const OUT = path.join(ROOT, "app", `.static-${process.pid}`);
const PUBLIC = "/static/";

process.chdir(ROOT);
rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
try {
  const manifest = { ...(await styles()), ...(await scripts()), ...assets() };
  await serviceWorker(manifest);
  writeJson("manifest.json", manifest);
  writeJson("icons.json", usedIcons(ROOT));
  stamps();
  rmSync(STATIC, { recursive: true, force: true });
  renameSync(OUT, STATIC);
} catch (error) {
  rmSync(OUT, { recursive: true, force: true });
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

/** Tailwind writes one plain style sheet; esbuild hashes it and the font it names. */
async function styles() {
  const plain = path.join(OUT, "app.css");
  execFileSync(
    process.execPath,
    ["node_modules/@tailwindcss/cli/dist/index.mjs", "-i", "frontend/app.css", "-o", plain, "--minify"],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const result = await build({
    ...common(),
    entryPoints: { app: plain },
    loader: { ".woff2": "file" },
    // node_modules is not above the intermediate file's imports: say where packages are.
    nodePaths: [path.join(ROOT, "node_modules")],
  });
  rmSync(plain);
  return logicalNames(result.metafile);
}

/** Every frontend/*.ts is an entry of its own; what they share goes into common chunks. */
async function scripts() {
  const entryPoints = globSync("frontend/*.ts").filter((file) => !/(\.d|\/sw)\.ts$/.test(file));
  if (entryPoints.length === 0) return {};
  const result = await build({
    ...common(),
    entryPoints,
    format: "esm",
    splitting: true,
    target: "es2022",
    chunkNames: "chunk-[hash]",
    loader: { ".wasm": "file" },
  });
  return logicalNames(result.metafile);
}

/** Files that are copied as they are: assets/ under a hashed name, public/ under their own. */
function assets() {
  const names = {};
  for (const file of globSync("frontend/assets/*").sort()) {
    const { name, ext, base } = path.parse(file);
    names[base] = `${name}-${hashOf(readFileSync(file))}${ext}`;
    copyFileSync(file, path.join(OUT, names[base]));
  }
  for (const file of globSync("frontend/public/*").sort()) {
    const { base } = path.parse(file);
    names[base] = base;
    copyFileSync(file, path.join(OUT, base));
  }
  return names;
}

/** Under their own names: Python looks for them, not a browser. */
function stamps() {
  mkdirSync(path.join(OUT, "stamps"));
  for (const [name, png] of Object.entries(stampMasks(ROOT))) {
    writeFileSync(path.join(OUT, "stamps", `${name}.png`), png);
  }
}

/** The service worker is built last: it is told which files make up the shell. */
async function serviceWorker(manifest) {
  if (!existsSync("frontend/sw.ts")) return;
  const shell = Object.values(manifest)
    .filter((file) => /\.(css|js|woff2)$/.test(file))
    .sort();
  await build({
    ...common(),
    entryPoints: ["frontend/sw.ts"],
    entryNames: "[name]",
    format: "iife",
    target: "es2022",
    define: {
      SHELL_ASSETS: JSON.stringify(shell.map((file) => PUBLIC + file)),
      BUILD_ID: JSON.stringify(hashOf(shell.join())),
    },
  });
}

function common() {
  return {
    bundle: true,
    minify: true,
    metafile: true,
    legalComments: "none",
    logLevel: "warning",
    outdir: OUT,
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
  };
}

/** Map "terminal.js" → "terminal-<hash>.js" for each output; shared chunks keep their own name. */
function logicalNames(metafile) {
  const names = {};
  for (const output of Object.keys(metafile.outputs).sort()) {
    const file = path.basename(output);
    names[file.startsWith("chunk-") ? file : file.replace(/-[A-Z0-9]{8}(?=\.\w+$)/, "")] = file;
  }
  return names;
}

function hashOf(content) {
  return createHash("sha256").update(content).digest("hex").slice(0, 8).toUpperCase();
}

function writeJson(name, value) {
  writeFileSync(path.join(OUT, name), `${JSON.stringify(value, null, 2)}\n`);
}
