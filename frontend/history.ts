/** The history page: older days come below without a new page. Without this the link still leads there. */
import htmx from "htmx.org";

const days = () => document.querySelectorAll<HTMLElement>(".history-day h2");
let shown = days().length;

// The link is gone with the click: who uses a keyboard goes on at the first day that came.
htmx.on("htmx:afterSwap", () => {
  days()[shown]?.focus({ preventScroll: true });
  shown = days().length;
});
