/** The code in full size: white, as large as the screen allows, and the screen stays on. */
export interface FullSizeCode {
  /** Close it, if it is open: a stamp has just landed on the card behind it. */
  close(): void;
}

export function showCodeOnTap(): FullSizeCode {
  const dialog = document.querySelector<HTMLDialogElement>("dialog[data-qr-dialog]");
  if (!dialog) return { close: () => undefined };
  let awake: WakeLockSentinel | undefined;

  async function keepAwake(): Promise<void> {
    try {
      const lock = await navigator.wakeLock.request("screen");
      if (dialog?.open) awake = lock;
      else await lock.release();
    } catch {
      // Not offered, or refused by a low battery: the code shows all the same.
    }
  }

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-show-qr]")) {
      dialog.showModal();
      void keepAwake();
    } else if (event.target === dialog) {
      dialog.close(); // beside the code
    }
  });
  dialog.addEventListener("close", () => {
    void awake?.release();
    awake = undefined;
  });
  // The browser lets the lock go whenever the page is hidden.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && dialog.open) void keepAwake();
  });
  return {
    close: () => {
      if (dialog.open) dialog.close();
    },
  };
}
