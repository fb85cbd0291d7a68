/** The few things every part of the terminal does with the page. Text only ever goes in as text. */

export function el<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}.`);
  return found as T;
}

export function setText(id: string, text: string): void {
  const target = el(id);
  if (target.textContent !== text) target.textContent = text;
}

export function show(id: string, visible: boolean): void {
  el(id).hidden = !visible;
}

/** A new element; `children` may be texts. */
export function make(tag: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

/** A name or number that keeps its own direction, so that what stands beside it keeps its place. */
export function isolated(text: string, direction: "auto" | "ltr" = "auto"): HTMLElement {
  const node = document.createElement("bdi");
  node.dir = direction;
  node.textContent = text;
  return node;
}

/** A copy of one of the icons in the page's <template id="icons">. */
export function picture(name: string, className = "size-5"): Node {
  const template = el<HTMLTemplateElement>("icons");
  const found = template.content.querySelector(`[data-icon="${name}"]`);
  if (!found) throw new Error(`The page has no picture ${name}.`);
  const copy = found.cloneNode(true) as SVGElement;
  copy.setAttribute("class", className);
  return copy;
}

export function setPicture(id: string, name: string, className?: string): void {
  el(id).replaceChildren(picture(name, className));
}

/** The content of a <script type="application/json">. */
export function dataOf<T>(id: string): T {
  return JSON.parse(el(id).textContent ?? "null") as T;
}

/** Tell screen readers without moving anything. */
export function announce(text: string): void {
  const place = el("announcer");
  place.textContent = "";
  requestAnimationFrame(() => (place.textContent = text));
}
