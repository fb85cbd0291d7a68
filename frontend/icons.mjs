/** The Lucide icons the code names, taken out of the whole set so that a page inlines only those. */
import { globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const SOURCES = ["app/**/*.html", "app/**/*.py", "frontend/**/*.ts"];
/** icon("check"), icon("check" if done else "circle", class="size-5") */
const CALL = /\bicon\(([^)]*)\)/g;
/** icon="stamp" in a menu entry, icon: "stamp" in TypeScript, {% set icon = "stamp" %} */
const FIELD = /\bicon["']?\s*[:=]\s*["']([a-z][a-z0-9-]*)["']/g;
/** A quoted name that is neither compared with something nor another argument's value. */
const NAME = /(?<![=]\s*)["']([a-z][a-z0-9-]*)["'](?!\s*[=!]=)/g;

/**
 * Return {name: inner SVG} for every icon named in templates, Python or TypeScript.
 * All are drawn on a 24 by 24 canvas in `currentColor`.
 *
 * @throws {Error} when a name is not a Lucide icon; it says where the name stands.
 */
export function usedIcons(root) {
  const lucide = JSON.parse(
    readFileSync(createRequire(import.meta.url).resolve("@iconify-json/lucide/icons.json"), "utf8"),
  );
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

function namesIn(text) {
  const calls = [...text.matchAll(CALL)].flatMap(([, inside]) => [...inside.matchAll(NAME)]);
  return new Set([...calls, ...text.matchAll(FIELD)].map((match) => match[1]));
}

function bodyOf(lucide, name) {
  const alias = lucide.aliases?.[name];
  return lucide.icons[name]?.body ?? (alias ? lucide.icons[alias.parent]?.body : undefined);
}
