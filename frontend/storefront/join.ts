/**
 * The join form is sent once: the button is off while the answer is awaited and on again after a fault.
 * Every try of one page view carries the same key, so that a lost answer never makes a second card.
 */
const PATIENCE_MS = 20_000;

export function sendJoinFormOnce(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.id !== "join-form") return;
    event.preventDefault();
    if (!isSending(form)) void send(form);
  });
  // A page that comes back from the browser's memory is not waiting for anything any more.
  window.addEventListener("pageshow", () => {
    const form = document.querySelector<HTMLFormElement>("#join-form");
    if (form) setSending(form, false);
  });
}

async function send(form: HTMLFormElement): Promise<void> {
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
  setSending(form, true);
  showOffline(form, false);
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body,
      redirect: "manual",
      headers: { "HX-Request": "true" }, // a part of the page is wanted, not the whole
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.type === "opaqueredirect") {
      location.assign(form.dataset["done"] ?? "/loyalty/dashboard");
      return; // the button stays off until the next page is there
    }
    showAnswer(form, await answer.text());
  } catch {
    setSending(form, false);
    showOffline(form, true);
  }
}

/** Put the answered form where the old one was, or the refusal above it. */
function showAnswer(form: HTMLFormElement, html: string): void {
  if (html.includes("<html")) {
    location.assign(form.action); // there is nothing to join any more: that page says why
    return;
  }
  const answer = new DOMParser().parseFromString(html, "text/html");
  const answered = answer.querySelector<HTMLFormElement>("#join-form");
  if (!answered) {
    setSending(form, false);
    document.querySelector("#problem")?.replaceChildren(...document.importNode(answer.body, true).childNodes);
    return;
  }
  const shown = document.importNode(answered, true);
  form.replaceWith(shown);
  (shown.querySelector<HTMLElement>("[aria-invalid]") ?? buttonOf(shown))?.focus();
}

function buttonOf(form: HTMLFormElement): HTMLButtonElement | null {
  return form.querySelector<HTMLButtonElement>("button[type=submit]");
}

function isSending(form: HTMLFormElement): boolean {
  return buttonOf(form)?.disabled ?? false;
}

function setSending(form: HTMLFormElement, sending: boolean): void {
  const button = buttonOf(form);
  const label = button?.querySelector<HTMLElement>("[data-label]");
  if (!button || !label) return;
  button.dataset["ready"] ??= label.textContent ?? "";
  label.textContent = (sending ? button.dataset["sending"] : button.dataset["ready"]) ?? "";
  button.disabled = sending;
  form.setAttribute("aria-busy", String(sending));
}

function showOffline(form: HTMLFormElement, offline: boolean): void {
  const note = form.querySelector<HTMLElement>("[data-offline]");
  if (note) note.hidden = !offline;
}
