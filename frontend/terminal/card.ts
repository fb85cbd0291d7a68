/** The card on the counter: what the customer has, and what can be done now. */
import { now } from "./api";
import { el, isolated, setText, show } from "./dom";
import { type Card, facts, filledSlots, fullName, grouped } from "./facts";
import { stampGrid } from "./grid";
import { canBuy, drawPoints, missingForReward } from "./points";
import { t, timer } from "./i18n";

/** What lies on the counter: a card, or (without a line) only the code that was read. */
export type OnCounter = { card: Card } | { unseen: { qr_code: string } | { card_number: string } };

let current: OnCounter | undefined;
let quantity = 1;
let isBusy = false;
let isSending = false;

export function onCounter(): OnCounter | undefined {
  return current;
}

export function chosenQuantity(): number {
  return quantity;
}

export function put(thing: OnCounter | undefined): void {
  current = thing;
  quantity = 1;
  el("till").dataset["card"] = thing ? "open" : "none";
  show("card", thing !== undefined);
  show("card-empty", thing === undefined);
  draw();
}

/** While an operation is asked about or on its way nothing on the card can be pressed. */
export function setBusy(busy: boolean, sending: boolean): void {
  isBusy = busy;
  isSending = sending;
  draw();
}

export function step(by: number): void {
  quantity = Math.min(Math.max(1, quantity + by), most());
  draw();
}

/** Called several times a second: the cooldown counts down. */
export function tick(): void {
  if (current) drawButtons();
}

export function draw(): void {
  if (!current) return;
  show("card-details", "card" in current);
  if ("card" in current) drawCard(current.card);
  else drawUnseen();
  drawButtons();
}

function drawCard(card: Card): void {
  const name = fullName(card) || t("loyalty.terminal.nameless");
  el("card-name").replaceChildren(isolated(name));
  el("card-number").replaceChildren(isolated(grouped(card.card_number), "ltr"));
  el("card-details").setAttribute("href", `/store/loyalty/cards/${card.card_id}`);
  drawPoints(card);
  drawStamps(card);
}

/** Stamps that are left from before stay to be seen and redeemed where only points are collected now. */
function drawStamps(card: Card): void {
  const hasStamps = facts.has_stamps || card.stamp_count !== 0;
  for (const id of ["card-count", "card-grid", "card-reward"]) show(id, hasStamps);
  const filled = filledSlots(card);
  el("card-count-now").textContent = String(filled);
  el("card-count-of").textContent = `/ ${card.stamps_target}`;
  redrawGrid(filled, card.stamps_target);
  const ready = card.rewards_available > 0;
  el("card-reward").dataset["ready"] = String(ready);
  setText("card-reward-word", ready
    ? t("loyalty.terminal.rewards_ready", { count: card.rewards_available })
    : t("loyalty.terminal.stamps_missing", { count: card.stamps_until_reward }));
  setText("card-reward-text", card.reward_description);
}

function drawUnseen(): void {
  el("card-name").replaceChildren(t("loyalty.terminal.unseen"));
  el("card-number").replaceChildren(t("loyalty.terminal.unseen_hint"));
  for (const id of ["card-count", "card-grid", "card-reward", "card-points"]) show(id, false);
}

let drawn = "";
function redrawGrid(filled: number, target: number): void {
  const wanted = `${filled}/${target}`;
  if (drawn === wanted && el("card-grid").firstChild) return;
  drawn = wanted;
  el("card-grid").replaceChildren(stampGrid(filled, target));
}

function drawButtons(): void {
  const card = current && "card" in current ? current.card : undefined;
  const obstacle = stampObstacle();
  setText("card-note", obstacle);
  show("card-note", obstacle !== "");
  button("add-points").disabled = isBusy || (card !== undefined && !isUsable(card));
  button("add").disabled = isBusy || obstacle !== "";
  setText("add-word", isSending ? t("loyalty.terminal.sending") : t("loyalty.terminal.add", { count: quantity }));
  button("fewer").disabled = isBusy || obstacle !== "" || quantity <= 1;
  button("more").disabled = isBusy || obstacle !== "" || quantity >= most();
  setText("quantity", String(quantity));
  const canRedeem = card !== undefined && isUsable(card) && (card.rewards_available > 0 || canBuy(card));
  button("redeem").disabled = isBusy || !canRedeem;
  button("redeem").dataset["ready"] = String(canRedeem);
  setText("redeem-why", canRedeem || !card ? "" : redeemObstacle(card));
}

/** Why no stamp can be given now; for a program without stamps only what concerns the whole card. */
export function stampObstacle(): string {
  if (!current || !("card" in current)) return "";
  const { card } = current;
  if (!isUsable(card)) return t("loyalty.terminal.card_inactive");
  if (!facts.has_stamps) return "";
  if (card.stamps_remaining_today <= 0) return t("loyalty.terminal.daily_limit");
  const next = card.next_stamp_available_at ? Date.parse(card.next_stamp_available_at) : 0;
  return next > now() ? t("loyalty.terminal.next_stamp_in", { time: timer(next - now()) }) : "";
}

function redeemObstacle(card: Card): string {
  if (!isUsable(card)) return "";
  return missingForReward(card) ?? t("loyalty.terminal.stamps_missing", { count: card.stamps_until_reward });
}

function isUsable(card: Card): boolean {
  return card.status === "active";
}

function most(): number {
  const today = current && "card" in current ? current.card.stamps_remaining_today : facts.max_stamps_per_operation;
  return Math.max(1, Math.min(facts.max_stamps_per_operation, today));
}

function button(id: string): HTMLButtonElement {
  return el<HTMLButtonElement>(id);
}
