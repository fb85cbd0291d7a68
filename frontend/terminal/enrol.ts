/** Enrolling somebody at the counter. Contacts stay in this form: nothing of it is kept on the device. */
import { post } from "./api";
import { announce, el, setText } from "./dom";
import { t } from "./i18n";
import { newKey } from "./store";

interface Enrolment {
  card_number: string;
  created: boolean;
}

export class EnrolSheet {
  private readonly dialog = el<HTMLDialogElement>("enrol");
  private readonly form = el<HTMLFormElement>("enrol-form");
  private readonly submit = el<HTMLButtonElement>("enrol-submit");
  /** One key for one content of the form: pressing again after a lost answer enrols nobody twice. */
  private key = "";

  constructor(private readonly onEnrolled: (cardNumber: string, isNew: boolean) => void) {
    this.form.addEventListener("input", () => (this.key = ""));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    el("enrol-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.form.reset());
  }

  get isOpen(): boolean {
    return this.dialog.open;
  }

  open(contact = ""): void {
    this.key = "";
    setText("enrol-error", "");
    this.dialog.showModal();
    el<HTMLInputElement>("enrol-contact").value = contact;
    el("enrol-contact").focus();
  }

  private async send(): Promise<void> {
    if (this.submit.disabled) return;
    this.key ||= newKey();
    this.busy(true);
    const answer = await post<Enrolment>("/cards/enroll", this.body(), this.key);
    this.busy(false);
    if (answer.kind === "ok") {
      this.dialog.close();
      this.onEnrolled(answer.body.card_number, answer.body.created);
    } else if (answer.kind === "refused") {
      this.fail([answer.problem.detail, ...(answer.problem.errors ?? []).map(({ message }) => message)].join(" "));
    } else {
      this.fail(t("loyalty.terminal.enrol_offline"));
    }
  }

  private body(): Record<string, string> {
    const data = new FormData(this.form);
    const [contact, firstName] = ["contact", "first_name"].map((name) => String(data.get(name) ?? "").trim());
    return {
      [contact?.includes("@") ? "email" : "phone"]: contact ?? "",
      ...(firstName ? { first_name: firstName } : {}),
    };
  }

  private busy(isBusy: boolean): void {
    this.submit.disabled = isBusy;
    setText("enrol-submit-word", t(isBusy ? "loyalty.terminal.sending" : "loyalty.terminal.enrol_submit"));
  }

  private fail(text: string): void {
    setText("enrol-error", text);
    announce(text);
  }
}
