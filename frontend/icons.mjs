/** The Lucide icons the code names, taken out of the whole set so that a page inlines only those. */
import { globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Resvg } from "@resvg/resvg-js";

const SOURCES = ["app/**/*.html", "app/**/*.py", "frontend/**/*.ts"];
/** icon("check"), icon("check" if done else "circle", class="size-5") */
const CALL = /\bicon\(([^)]*)\)/g;
/** icon="stamp" in a menu entry, icon: "stamp" in TypeScript, {% set icon = "stamp" %} */
const FIELD = /\bicon["']?\s*[:=]\s*["']([a-z][a-z0-9-]*)["']/g;
/** A quoted name that is neither compared with something nor another argument's value. */
const NAME = /(?<![=]\s*)["']([a-z][a-z0-9-]*)["'](?!\s*[=!]=)/g;
/** Where the icons stand of which a merchant chooses one as the stamp. */
const STAMPS = "app/modules/loyalty/schemas/program.py";
const STAMP_PIXELS = 256;

/**
 * Return {name: inner SVG} for every icon named in templates, Python or TypeScript.
 * All are drawn on a 24 by 24 canvas in `currentColor`.
 *
 * @throws {Error} when a name is not a Lucide icon; it says where the name stands.
 */
export function usedIcons(root) {
  const lucide = allIcons();
  const icons = {};
  for (const file of globSync(SOURCES, { cwd: root }).sort()) {
    for (const name of namesIn(readFileSync(path.join(root, file), "utf8"))) {
      const body = bodyOf(lucide, name);
      if (!body) throw new Error(`${file}: "${name}" is not a Lucide icon.`);
      icons[name] = body;
    }
  }
  return Object.fromEntries(Object.entries(icons).sort());
}

/**
 * Return {name: PNG} for every icon a stamp can be: white on nothing, for pictures drawn in Python.
 * Lines are a little heavier than in pages: on a pass the icons are small.
 *
 * @throws {Error} when the list of stamps is not found or names something else.
 */
export function stampMasks(root) {
  const [list] = readFileSync(path.join(root, STAMPS), "utf8").match(/^class StampIcon\b.*\n(?:[ ].*\n|\n)*/m) ?? [];
  const names = [...(list ?? "").matchAll(/^ +[A-Z_]+ = "([a-z-]+)"$/gm)].map(([, name]) => name);
  if (names.length === 0) throw new Error(`${STAMPS}: no StampIcon found.`);
  const lucide = allIcons();
  return Object.fromEntries(names.map((name) => [name, mask(name, bodyOf(lucide, name))]));
}

function mask(name, body) {
  if (!body) throw new Error(`${STAMPS}: "${name}" is not a Lucide icon.`);
  const drawn = body.replaceAll("currentColor", "#fff").replaceAll('stroke-width="2"', 'stroke-width="2.4"');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${drawn}</svg>`;
  return new Resvg(svg, { fitTo: { mode: "width", value: STAMP_PIXELS }, font: { loadSystemFonts: false } })
    .render()
    .asPng();
}

function allIcons() {
  return JSON.parse(
    readFileSync(createRequire(import.meta.url).resolve("@iconify-json/lucide/icons.json"), "utf8"),
  );
}

function namesIn(text) {
  const calls = [...text.matchAll(CALL)].flatMap(([, inside]) => [...inside.matchAll(NAME)]);
  return new Set([...calls, ...text.matchAll(FIELD)].map((match) => match[1]));
}

function bodyOf(lucide, name) {
  const alias = lucide.aliases?.[name];
  return lucide.icons[name]?.body ?? (alias ? lucide.icons[alias.parent]?.body : undefined);
}
