/** Taking back what an order earned, the whole of it or a part. */
import { announce, el, setText, show } from "./dom";
import { t } from "./i18n";
import { example, money, parsed } from "./money";
import { newKey } from "./store";

export interface Refund {
  order_reference: string;
  refund_reference: string;
  amount_cents?: number;
}

export class RefundSheet {
  private readonly dialog = el<HTMLDialogElement>("refund");
  private readonly form = el<HTMLFormElement>("refund-form");
  private readonly button = el<HTMLButtonElement>("refund-submit");
  private readonly amount = el<HTMLInputElement>("refund-amount");
  /** One reference for one content of the form: sent twice, it is one refund. */
  private reference = "";

  /** `submit` answers whether the sheet has done its work. */
  constructor(private readonly submit: (refund: Refund, detail: string) => Promise<boolean>) {
    this.form.addEventListener("input", () => this.draw());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    el("refund-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("cancel", (event) => this.button.disabled && event.preventDefault());
  }

  get isOpen(): boolean {
    return this.dialog.open;
  }

  open(): void {
    this.form.reset();
    this.draw();
    this.dialog.showModal();
    el("refund-order").focus();
  }

  private draw(): void {
    this.reference = "";
    setText("refund-error", "");
    show("refund-part", this.isPart);
  }

  private get isPart(): boolean {
    return el<HTMLInputElement>("refund-in-part").checked;
  }

  private async send(): Promise<void> {
    const order = el<HTMLInputElement>("refund-order").value.trim();
    const cents = this.isPart ? parsed(this.amount.value) : undefined;
    if (this.button.disabled) return;
    if (!order) return this.fail(t("loyalty.terminal.refund_which"), "refund-order");
    if (this.isPart && cents === undefined) {
      return this.fail(t("loyalty.terminal.amount_bad", { example: example() }), "refund-amount");
    }
    this.reference ||= newKey();
    this.button.disabled = true;
    const part = cents === undefined ? {} : { amount_cents: cents };
    const detail = cents === undefined ? t("loyalty.terminal.refund_whole") : money(cents);
    const isDone = await this.submit({ order_reference: order, refund_reference: this.reference, ...part }, detail);
    this.button.disabled = false;
    if (isDone) this.dialog.close();
  }

  private fail(text: string, field: string): void {
    setText("refund-error", text);
    announce(text);
    el(field).focus();
  }
}
