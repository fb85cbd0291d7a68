/** Asks every two seconds whether the card changed, while somebody is looking. */
import type { FullSizeCode } from "./qr";

const EVERY_MS = 2_000;
const AT_MOST_MS = 30_000;
const PATIENCE_MS = 10_000;
const ADDRESS = "/loyalty/dashboard/card";

export function keepCardLive(code: FullSizeCode): void {
  if (!document.querySelector("#live-card")) return;
  let wait = EVERY_MS;
  let timer: number | undefined;
  let asking = false;

  async function ask(): Promise<void> {
    window.clearTimeout(timer);
    if (asking || document.hidden) return;
    asking = true;
    try {
      await refresh(code);
      wait = EVERY_MS;
      showOffline(false);
    } catch {
      wait = Math.min(wait * 2, AT_MOST_MS);
      showOffline(true);
    } finally {
      asking = false;
      timer = window.setTimeout(() => void ask(), wait);
    }
  }

  function askAtOnce(): void {
    wait = EVERY_MS;
    void ask();
  }
  document.addEventListener("visibilitychange", askAtOnce);
  window.addEventListener("online", askAtOnce);
  window.addEventListener("offline", () => {
    showOffline(true);
  });
  timer = window.setTimeout(() => void ask(), EVERY_MS);
}

/** One question. Throws when no usable answer came. */
async function refresh(code: FullSizeCode): Promise<void> {
  const shown = document.querySelector<HTMLElement>("#live-card");
  if (!shown) return;
  const answer = await fetch(ADDRESS, {
    headers: { "If-None-Match": shown.dataset["etag"] ?? "", "HX-Request": "true" },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (answer.status === 304) return;
  if (answer.status === 401 || answer.status === 404) {
    location.reload(); // signed out elsewhere: the page itself says what to do
    return;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector<HTMLElement>("#live-card");
  if (!fresh) throw new Error("no card in the answer");
  if (fresh.dataset["code"] !== shown.dataset["code"]) {
    location.reload(); // new codes: the full-size one has to change as well
    return;
  }
  replace(shown, document.importNode(fresh, true), code);
}

function replace(shown: HTMLElement, fresh: HTMLElement, code: FullSizeCode): void {
  const before = numbersOf(shown);
  const after = numbersOf(fresh);
  const focused = shown.contains(document.activeElement);
  if (after.points > before.points) {
    code.close();
    fresh.querySelector(".points-meter")?.classList.add("points-land");
  }
  if (after.earned > before.earned) {
    code.close();
    const first = after.filled > before.filled ? before.filled + 1 : 1;
    for (let slot = first; slot <= after.filled; slot += 1) {
      fresh.querySelector(`[data-slot="${slot}"]`)?.classList.add("stamp-lands");
    }
  }
  shown.replaceWith(fresh);
  if (focused) fresh.querySelector<HTMLElement>("[data-show-qr]")?.focus({ preventScroll: true });
  const hasChanged = (["earned", "filled", "points"] as const).some((name) => after[name] !== before[name]);
  if (hasChanged) announce(fresh.dataset["news"] ?? "");
}

function numbersOf(card: HTMLElement): { filled: number; earned: number; points: number } {
  const { filled, earned, points } = card.dataset;
  return { filled: Number(filled), earned: Number(earned), points: Number(points) };
}

function announce(text: string): void {
  const announcer = document.querySelector<HTMLElement>("[data-announcer]");
  if (announcer) announcer.textContent = text;
}

function showOffline(offline: boolean): void {
  const banner = document.querySelector<HTMLElement>(".storefront-banner[data-offline]");
  if (banner) banner.hidden = !offline;
}
