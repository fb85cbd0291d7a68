/** A form that says so (`data-once`) is sent once: its button rests until the next page is there. */
export function sendFormsOnce(): void {
  document.addEventListener("submit", (event) => {
    if (event.target instanceof HTMLFormElement && "once" in event.target.dataset) setResting(event.target, true);
  });
  // A page that comes back from the browser's memory is not waiting for anything any more.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-once]")) setResting(form, false);
  });
}

function setResting(form: HTMLFormElement, resting: boolean): void {
  for (const button of form.querySelectorAll<HTMLButtonElement>("button[type=submit]")) button.disabled = resting;
  form.setAttribute("aria-busy", String(resting));
}
