/** The keypad for a purchase: own keys, the points while typing, and the receipt's number if there is one. */
import { announce, el, setText, show } from "./dom";
import { type Card, facts } from "./facts";
import { decimalSign, t } from "./i18n";
import { centsOf, money, pointsFor, press, type Typed } from "./money";
import { confirmedPoints } from "./preview";
import { Burst } from "./scanned";

export interface Purchase {
  cents: number;
  points: number;
  reference: string;
  /** Stamps given along with it. */
  stamps: number;
}

/** What the sheet is about: whose card, and the stamps that could be given too (or why not). */
export interface Customer {
  card: Card | undefined;
  name: string;
  stamps: number;
  stampsObstacle: () => string;
}

/** How it ended: the sheet goes away, stays as it is, or stays for the points alone. */
export type Ended = "close" | "stay" | "points_left";

const PREVIEW_AFTER_MS = 250;

export class AmountSheet {
  private readonly dialog = el<HTMLDialogElement>("amount");
  private readonly reference = el<HTMLInputElement>("amount-reference");
  private readonly along = el<HTMLInputElement>("amount-stamps");
  private burst = new Burst();
  private customer: Customer | undefined;
  private typed: Typed = "";
  private beforeBurst: Typed = "";
  /** What the server said, for exactly this amount. */
  private confirmed: { cents: number; points?: number; refusal?: string } | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isBusy = false;

  constructor(private readonly submit: (purchase: Purchase) => Promise<Ended>) {
    el("amount-keys").addEventListener("click", (event) => {
      const key = (event.target as Element).closest<HTMLButtonElement>("button")?.value;
      if (key) this.change(press(this.typed, key));
    });
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("cancel", (event) => this.isBusy && event.preventDefault());
    this.dialog.addEventListener("close", () => clearTimeout(this.timer));
    this.reference.addEventListener("input", () => this.draw());
    this.along.addEventListener("change", () => this.draw());
    el("amount-close").addEventListener("click", () => this.isBusy || this.dialog.close());
    el("amount-submit").addEventListener("click", () => void this.send());
    setText("amount-decimal", decimalSign);
  }

  /** Go on typing, if the sheet is open. */
  focus(): boolean {
    if (this.dialog.open) el("amount-keys").focus();
    return this.dialog.open;
  }

  open(customer: Customer): void {
    this.customer = customer;
    this.burst = new Burst();
    this.reference.value = "";
    this.along.checked = false;
    this.dialog.showModal();
    this.change("");
    el("amount-keys").focus();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target === this.reference) return this.onReferenceKey(event);
    const scanned = this.burst.key(event.key, event.timeStamp);
    if (this.burst.hasJustBegun) this.beforeBurst = this.typed;
    if (scanned !== undefined) {
      event.preventDefault();
      this.reference.value = scanned;
      this.change(this.beforeBurst);
      announce(`${t("loyalty.terminal.order_reference")}: ${scanned}`);
      return;
    }
    const key = keyOf(event.key);
    if (key === undefined) return;
    // On a button that has the focus, Enter presses that button.
    if (key === "enter" && event.target instanceof HTMLButtonElement && event.target.id !== "amount-submit") return;
    event.preventDefault();
    if (key === "enter") void this.send();
    else this.change(press(this.typed, key));
  }

  private onReferenceKey(event: KeyboardEvent): void {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (this.typed) void this.send();
    else el("amount-keys").focus(); // the number came first: now the amount
  }

  private change(typed: Typed): void {
    this.typed = typed;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.confirm(), PREVIEW_AFTER_MS);
    this.draw();
  }

  /** Let the server count too: its number is the one that will be booked. */
  private async confirm(): Promise<void> {
    const { card } = this.customer ?? {};
    const cents = centsOf(this.typed);
    if (!card || !cents || cents < facts.minimum_purchase_cents) return;
    const answer = await confirmedPoints(card.card_id, cents);
    if (!answer || cents !== centsOf(this.typed)) return;
    this.confirmed = { cents, ...answer };
    this.draw();
  }

  /** Also called several times a second: a cooldown counts down. */
  draw(): void {
    const { customer } = this;
    if (!customer || !this.dialog.open) return;
    const cents = centsOf(this.typed);
    setText("amount-name", customer.name);
    setText("amount-value", money(cents));
    setText("amount-hint", this.hint(cents));
    el("amount-hint").dataset["problem"] = String(!this.isReady(cents) && cents > 0);
    const obstacle = customer.stampsObstacle();
    show("amount-along", facts.has_stamps);
    this.along.disabled = this.isBusy || obstacle !== "";
    setText("amount-along-word", obstacle || t("loyalty.terminal.with_stamps", { count: customer.stamps }));
    for (const key of el("amount-keys").querySelectorAll("button")) {
      key.disabled = this.isBusy || (key.value === "decimal" && !facts.exponent);
    }
    el<HTMLButtonElement>("amount-submit").disabled = this.isBusy || !this.isReady(cents);
    setText("amount-submit-word", this.isBusy ? t("loyalty.terminal.sending") : this.promise(cents));
  }

  private hint(cents: number): string {
    const { minimum_purchase_cents: minimum, requires_order_reference: needsReference } = facts;
    if (cents > 0 && cents < minimum) return t("loyalty.terminal.minimum_purchase", { amount: money(minimum) });
    const refusal = this.confirmed?.cents === cents ? this.confirmed.refusal : undefined;
    if (refusal) return refusal;
    if (cents > 0 && needsReference && !this.reference.value.trim()) return t("loyalty.terminal.reference_needed");
    return `= ${t("loyalty.terminal.points", { count: this.points(cents) })}`;
  }

  private isReady(cents: number): boolean {
    const isRefused = this.confirmed?.cents === cents && this.confirmed.refusal !== undefined;
    const lacksReference = facts.requires_order_reference && !this.reference.value.trim();
    return cents > 0 && cents >= facts.minimum_purchase_cents && !isRefused && !lacksReference;
  }

  private points(cents: number): number {
    return (this.confirmed?.cents === cents ? this.confirmed.points : undefined) ?? pointsFor(cents);
  }

  private stamps(): number {
    return this.customer && this.along.checked && !this.customer.stampsObstacle() ? this.customer.stamps : 0;
  }

  /** The button says what will happen. */
  private promise(cents: number): string {
    if (!this.isReady(cents)) return t("loyalty.terminal.add_points");
    const points = t("loyalty.terminal.points", { count: this.points(cents) });
    const count = this.stamps();
    if (!count) return t("loyalty.terminal.give", { what: points });
    const both = { points, stamps: t("loyalty.terminal.stamps_added", { count }) };
    return t("loyalty.terminal.give", { what: t("loyalty.terminal.both", both) });
  }

  private async send(): Promise<void> {
    const cents = centsOf(this.typed);
    if (this.isBusy || !this.customer || !this.isReady(cents)) return;
    this.busy(true);
    const ended = await this.submit({
      cents,
      points: this.points(cents),
      reference: this.reference.value.trim(),
      stamps: this.stamps(),
    });
    this.busy(false);
    if (ended === "close") return this.dialog.close();
    if (ended === "points_left") this.along.checked = false;
    this.draw();
    this.focus();
  }

  private busy(isBusy: boolean): void {
    this.isBusy = isBusy;
    this.draw();
  }
}

/** A till's number keys send a point or a comma, whatever the country writes. */
function keyOf(key: string): string | undefined {
  if (/^[0-9]$/.test(key)) return key;
  if (key === "." || key === ",") return "decimal";
  return { Enter: "enter", Backspace: "backspace", Delete: "delete" }[key];
}
