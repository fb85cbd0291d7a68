/** The answer that fills the screen: colour, picture and word, readable from across the counter. */
import { now } from "./api";
import { announce, el, isolated, setPicture, setText, show } from "./dom";
import { filledSlots } from "./facts";
import { t, timer } from "./i18n";
import { stampGrid } from "./grid";
import { type Figure, play } from "./sound";

export type Tone = "done" | "reward" | "redeemed" | "undone" | "refused" | "waiting";

export interface Shown {
  tone: Tone;
  word: string;
  name: string;
  detail?: string;
  /** Another picture than the tone's. */
  picture?: string;
  stamps?: { stamp_count: number; stamps_target: number };
  /** What the sentence counts down to (milliseconds). */
  until?: number;
  /** Offered for ten seconds. */
  undo?: () => void;
  /** The operation this is about. */
  key?: string;
}

const PICTURES: Record<Tone, string> = {
  done: "stamp",
  reward: "party-popper",
  redeemed: "gift",
  undone: "undo-2",
  refused: "octagon-x",
  waiting: "wifi-off",
};
const FIGURES: Record<Tone, Figure> = {
  done: "done",
  reward: "reward",
  redeemed: "reward",
  undone: "done",
  refused: "refused",
  waiting: "waiting",
};
/** How long undo is offered, and how long the result stands. */
const SECONDS: Record<Tone, number> = { done: 10, reward: 10, redeemed: 10, undone: 4, refused: 0, waiting: 6 };

export class Result {
  private readonly dialog = el<HTMLDialogElement>("result");
  private shown: Shown | undefined;
  private endsAt = 0;

  constructor(private readonly onClose: (shown: Shown) => void) {
    el("result-next").addEventListener("click", () => this.close());
    el("result-undo").addEventListener("click", () => {
      const undo = this.shown?.undo;
      this.close();
      undo?.();
    });
    this.dialog.addEventListener("close", () => {
      const { shown } = this;
      this.shown = undefined;
      if (shown) this.onClose(shown);
    });
  }

  get isOpen(): boolean {
    return this.dialog.open;
  }

  /** The key of the operation on show. */
  get key(): string | undefined {
    return this.shown?.key;
  }

  open(shown: Shown): void {
    this.shown = shown;
    const seconds = SECONDS[shown.tone];
    this.endsAt = seconds ? performance.now() + seconds * 1000 : 0;
    this.dialog.dataset["tone"] = shown.tone;
    setPicture("result-picture", shown.picture ?? PICTURES[shown.tone], "size-full");
    setText("result-word", shown.word);
    el("result-name").replaceChildren(isolated(shown.name));
    setText("result-detail", shown.detail ?? "");
    el("result-grid").replaceChildren(...(shown.stamps ? [stampGrid(filledSlots(shown.stamps), shown.stamps.stamps_target)] : []));
    show("result-undo", shown.undo !== undefined);
    setText("result-next", t(shown.tone === "refused" ? "loyalty.terminal.back" : "loyalty.terminal.next"));
    this.draw();
    if (!this.dialog.open) this.dialog.showModal();
    el("result-next").focus();
    play(FIGURES[shown.tone]);
    announce([shown.word, shown.name, shown.detail].filter(Boolean).join(". "));
  }

  /** Called several times a second. */
  draw(): void {
    const { shown } = this;
    if (!shown) return;
    show("result-left", shown.until !== undefined);
    if (shown.until !== undefined) {
      setText("result-left", timer(shown.until - now()));
      if (now() >= shown.until) return this.close();
    }
    if (!this.endsAt) return;
    const left = this.endsAt - performance.now();
    setText("result-undo-left", String(Math.max(0, Math.ceil(left / 1000))));
    if (left <= 0) this.close();
  }

  close(): void {
    if (this.dialog.open) this.dialog.close();
  }
}
