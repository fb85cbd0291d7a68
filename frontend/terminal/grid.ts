/** The stamps of a card, slot by slot; the last one is the reward's. */
import { make, picture } from "./dom";
import { t } from "./i18n";

const WIDEST = 10;

export function stampGrid(filled: number, target: number, fresh = 0): HTMLElement {
  const grid = make("div", "stamp-slots");
  grid.style.setProperty("--slots", String(target <= WIDEST ? target : Math.ceil(target / Math.ceil(target / WIDEST))));
  grid.setAttribute("role", "img");
  grid.setAttribute("aria-label", t("loyalty.terminal.stamps_of", { count: filled, target }));
  for (let slot = 1; slot <= target; slot += 1) {
    const mark = make("span", "stamp-slot");
    if (slot <= filled) mark.classList.add("is-filled");
    if (slot <= filled && slot > filled - fresh) mark.classList.add("is-fresh");
    if (slot === target) mark.append(picture("gift", "size-1/2"));
    else if (slot <= filled) mark.append(picture("check", "size-1/2"));
    grid.append(mark);
  }
  return grid;
}
