/** What a cashier does with the card on the counter: stamps, points, rewards; and refunds of orders. */
import { AmountSheet, type Ended, type Purchase } from "./amount";
import * as card from "./card";
import { Catalogue, type Choice } from "./catalogue";
import type { Counter, Plan } from "./counter";
import { el, setText } from "./dom";
import { type Card, facts, fullName, maskedName } from "./facts";
import { t } from "./i18n";
import { described } from "./kinds";
import { money } from "./money";
import { type Refund, RefundSheet } from "./refund";
import type { Operation } from "./store";

/** Whom an operation is for, as the server needs it and as people read it. */
interface Who {
  by: Operation["body"];
  card: Card | undefined;
  short: string;
  full: string;
}

export class Acts {
  private readonly amount = new AmountSheet((purchase) => this.givePoints(purchase));
  private readonly catalogue = new Catalogue((choice) => this.choose(choice));
  private readonly refunds = new RefundSheet((refund, detail) => this.takeBack(refund, detail));
  private readonly confirmation = el<HTMLDialogElement>("confirm");
  private chosen: Choice | undefined;

  constructor(private readonly counter: Counter) {
    el("confirm-yes").addEventListener("click", () => this.redeemNow());
    el("confirm-no").addEventListener("click", () => this.confirmation.close());
  }

  /** Back to the sheet that is still open after a refusal, if there is one. */
  focusSheet(): boolean {
    return this.amount.focus() || this.refunds.isOpen;
  }

  /** Called several times a second. */
  tick(): void {
    this.amount.draw();
  }

  addStamp(): void {
    const who = onCounter();
    if (!who || !isPressable("add")) return;
    const quantity = card.chosenQuantity();
    void this.counter.perform({
      operations: [{ kind: "stamp", body: { ...who.by, quantity }, quantity, reward: "" }],
      name: who.short,
      title: t("loyalty.terminal.add", { count: quantity }),
      detail: who.full,
    });
  }

  addPoints(): void {
    const who = onCounter();
    if (!who || !isPressable("add-points")) return;
    const { stampObstacle: stampsObstacle } = card;
    this.amount.open({ card: who.card, name: who.full, stamps: card.chosenQuantity(), stampsObstacle });
  }

  /** From a list where points buy things; the one reward of a stamp card needs none. */
  redeem(): void {
    const found = onCounter()?.card;
    if (!found || !isPressable("redeem")) return;
    if (facts.has_points || found.rewards.length > 0) this.catalogue.open(found);
    else this.choose({ stamps: true });
  }

  refund(): void {
    if (!this.counter.busy) this.refunds.open();
  }

  /** Stamps first, since they are refused more often: then nothing has happened yet. */
  private async givePoints({ cents, points, reference, stamps }: Purchase): Promise<Ended> {
    const who = onCounter();
    if (!who) return "close";
    const order: Operation["body"] = reference ? { order_reference: reference } : {};
    const purchase = { ...who.by, ...order, purchase_amount_cents: cents };
    const operations: Plan["operations"] = [{ kind: "points", body: purchase, quantity: points, reward: "" }];
    if (stamps) {
      operations.unshift({ kind: "stamp", body: { ...who.by, ...order, quantity: stamps }, quantity: stamps, reward: "" });
    }
    const outcomes = await this.counter.perform({
      operations,
      name: who.short,
      title: t("loyalty.terminal.give", { what: operations.map(described).reverse().join(" + ") }),
      detail: `${money(cents)} · ${who.full}`,
    });
    const given = outcomes.filter(({ kind }) => kind !== "refused");
    if (given.length === operations.length) return "close";
    return given.length > 0 ? "points_left" : "stay";
  }

  private choose(choice: Choice): void {
    const who = onCounter();
    if (!who?.card) return;
    this.chosen = choice;
    // The PIN sheet names reward and customer: it is the confirmation where it is asked for.
    if (this.counter.needsPin) return this.redeemNow();
    const { reward, cost } = wordsFor(choice, who.card);
    setText("confirm-reward", reward);
    setText("confirm-cost", cost);
    setText("confirm-name", who.full);
    this.confirmation.showModal();
    el("confirm-yes").focus();
  }

  private redeemNow(): void {
    this.confirmation.close();
    const { chosen } = this;
    const who = onCounter();
    if (!who?.card || !chosen) return;
    const { reward, cost } = wordsFor(chosen, who.card);
    const operation: Plan["operations"][number] =
      "reward" in chosen
        ? { kind: "points_redeem", body: { ...who.by, reward_id: chosen.reward.id }, quantity: chosen.reward.cost_points, reward }
        : { kind: "redeem", body: { ...who.by, quantity: 1 }, quantity: 1, reward };
    void this.counter.perform({
      operations: [operation],
      name: who.short,
      title: t("loyalty.terminal.redeem_title", { reward }),
      detail: [cost, who.full].filter(Boolean).join(" · "),
    });
  }

  private async takeBack(refund: Refund, detail: string): Promise<boolean> {
    const reference = refund.order_reference;
    const outcomes = await this.counter.perform({
      operations: [{ kind: "refund", body: { ...refund }, quantity: 0, reward: reference }],
      name: reference,
      title: t("loyalty.terminal.refund_of", { reference }),
      detail,
    });
    return outcomes.length > 0 && outcomes.every(({ kind }) => kind !== "refused");
  }
}

function onCounter(): Who | undefined {
  const thing = card.onCounter();
  if (!thing) return undefined;
  const unseen = t("loyalty.terminal.unseen");
  if ("unseen" in thing) return { by: { ...thing.unseen }, card: undefined, short: unseen, full: unseen };
  const full = fullName(thing.card) || t("loyalty.terminal.nameless");
  return { by: { card_id: thing.card.card_id }, card: thing.card, short: maskedName(thing.card), full };
}

function wordsFor(choice: Choice, found: Card): { reward: string; cost: string } {
  if ("stamps" in choice) return { reward: found.reward_description, cost: "" };
  return { reward: choice.reward.name, cost: t("loyalty.terminal.points", { count: choice.reward.cost_points }) };
}

function isPressable(id: string): boolean {
  const button = el<HTMLButtonElement>(id);
  return !button.hidden && !button.disabled;
}
