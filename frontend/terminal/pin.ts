/** The PIN pad: own keys, so that no keyboard covers the page; a till's number keys work as well. */
import { now } from "./api";
import { announce, el, setText, show } from "./dom";
import { t, timer } from "./i18n";

const SHORTEST = 4;
const LONGEST = 8;

/** Why the pad stays open; `until`: PIN entry is locked until then (milliseconds). */
export interface Refusal {
  text: string;
  until?: number;
}

export interface Request {
  title: string;
  detail: string;
  /** Try the PIN. Null closes the pad. */
  submit: (pin: string) => Promise<Refusal | null>;
}

export class PinPad {
  private readonly dialog = el<HTMLDialogElement>("pin");
  private request: Request | undefined;
  private digits = "";
  private isBusy = false;
  private lockedUntil = 0;
  private finish: (wasUsed: boolean) => void = () => undefined;

  constructor() {
    el("pin-keys").addEventListener("click", (event) => {
      const key = (event.target as Element).closest<HTMLButtonElement>("button")?.value;
      if (key) this.press(key);
    });
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("cancel", (event) => this.isBusy && event.preventDefault());
    this.dialog.addEventListener("close", () => this.isBusy || this.end(false));
    el("pin-close").addEventListener("click", () => this.isBusy || this.dialog.close());
  }

  get isOpen(): boolean {
    return this.dialog.open;
  }

  /** Ask for a PIN. Resolves when the pad is gone: true if the PIN did its work. */
  open(request: Request, first?: Refusal): Promise<boolean> {
    this.request = request;
    this.digits = "";
    this.lockedUntil = 0;
    setText("pin-title", request.title);
    setText("pin-detail", request.detail);
    this.refuse(first);
    this.dialog.showModal();
    el("pin-keys").focus();
    return new Promise((resolve) => (this.finish = resolve));
  }

  /** Called every second while PIN entry may be locked. */
  draw(): void {
    if (!this.isOpen) return;
    const isLocked = now() < this.lockedUntil;
    if (this.lockedUntil && !isLocked) {
      this.lockedUntil = 0;
      this.refuse();
    }
    show("pin-left", isLocked);
    if (isLocked) setText("pin-left", timer(this.lockedUntil - now()));
    for (const key of el("pin-keys").querySelectorAll("button")) {
      key.disabled = this.isBusy || isLocked || (key.value === "enter" && this.digits.length < SHORTEST);
    }
    this.drawDots();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = /^[0-9]$/.test(event.key) ? event.key : event.key.toLowerCase();
    if (!/^([0-9]|enter|backspace|delete)$/.test(key)) return;
    // On a pad key that has the focus, Enter presses that key.
    const onOther = event.target instanceof HTMLButtonElement && !event.target.closest("#pin-keys");
    if (key === "enter" && onOther) return;
    event.preventDefault();
    if (!event.repeat) this.press(key);
  }

  private press(key: string): void {
    if (this.isBusy || now() < this.lockedUntil) return;
    if (key === "enter") void this.submit();
    else if (key === "backspace") this.change(this.digits.slice(0, -1));
    else if (key === "delete") this.change("");
    // Nobody's PIN is longer: this is a hand scanner that typed a card number.
    else this.change(this.digits.length > LONGEST ? this.digits : this.digits + key);
  }

  private change(digits: string): void {
    this.digits = digits;
    if (digits && !this.lockedUntil) setText("pin-error", "");
    this.draw();
  }

  private async submit(): Promise<void> {
    const { request, digits } = this;
    if (digits.length > LONGEST) return this.refuse({ text: t("loyalty.terminal.pin_too_long") });
    if (!request || digits.length < SHORTEST) return;
    this.busy(true);
    try {
      const refusal = await request.submit(digits);
      if (!refusal) this.end(true);
      else if (this.isOpen) this.refuse(refusal);
      else this.end(false); // closed while the answer was on its way
    } finally {
      this.busy(false);
    }
  }

  private busy(isBusy: boolean): void {
    this.isBusy = isBusy;
    show("pin-busy", isBusy);
    this.draw();
  }

  private refuse(refusal?: Refusal): void {
    this.digits = "";
    this.lockedUntil = refusal?.until ?? 0;
    setText("pin-error", refusal?.text ?? "");
    if (refusal) {
      announce(refusal.text);
      this.shake();
    }
    this.draw();
  }

  private shake(): void {
    const dots = el("pin-dots");
    dots.classList.remove("shake");
    void dots.offsetWidth; // start the animation anew
    dots.classList.add("shake");
  }

  private drawDots(): void {
    const typed = Math.min(this.digits.length, LONGEST);
    const dots = [...el("pin-dots").children];
    dots.forEach((dot, index) => {
      (dot as HTMLElement).hidden = index >= Math.max(SHORTEST, typed);
      dot.classList.toggle("is-filled", index < typed);
    });
    el("pin-dots").setAttribute("aria-label", t("loyalty.terminal.pin_typed", { count: typed }));
  }

  private end(wasUsed: boolean): void {
    const finish = this.finish;
    this.finish = () => undefined;
    this.request = undefined;
    this.digits = "";
    if (this.dialog.open) this.dialog.close();
    finish(wasUsed);
  }
}
