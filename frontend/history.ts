/** A card's history, for its holder or staff: older days come below. Without this the links still lead there. */
import htmx from "htmx.org";

const days = () => document.querySelectorAll<HTMLElement>(".history-day > [tabindex]");
let shown = days().length;

// The link is gone with the click: who uses a keyboard goes on at the first day that came.
htmx.on("htmx:afterSwap", () => {
  days()[shown]?.focus({ preventScroll: true });
  shown = days().length;
});
