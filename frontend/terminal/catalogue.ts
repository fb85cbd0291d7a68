/** What the card's points (and stamps) buy: affordable rewards first, the others with what is missing. */
import { el, isolated, make, picture, setText, show } from "./dom";
import { type Card, facts, fullName, type Reward } from "./facts";
import { t } from "./i18n";

/** What was chosen: the stamp card's reward, or a line of the catalogue. */
export type Choice = { stamps: true } | { reward: Reward };

export class Catalogue {
  private readonly dialog = el<HTMLDialogElement>("catalogue");

  constructor(private readonly onChosen: (choice: Choice) => void) {
    el("catalogue-close").addEventListener("click", () => this.dialog.close());
  }

  open(card: Card): void {
    const lines = linesOf(card, this.choose);
    setText("catalogue-name", fullName(card) || t("loyalty.terminal.nameless"));
    setText("catalogue-balance", t("loyalty.terminal.points", { count: Math.max(0, card.points_balance) }));
    show("catalogue-empty", lines.length === 0);
    el("catalogue-list").replaceChildren(...lines.map((button) => make("li", "", button)));
    this.dialog.showModal();
    (el("catalogue-list").querySelector<HTMLButtonElement>("button:enabled") ?? el("catalogue-close")).focus();
  }

  private readonly choose = (choice: Choice): void => {
    this.dialog.close();
    this.onChosen(choice);
  };
}

/** Affordable ones first, the dearest of them on top; then what is nearest. What nobody may redeem is left out. */
export function sorted(rewards: Reward[]): Reward[] {
  const cost = (reward: Reward) => (reward.affordable ? -reward.cost_points : reward.cost_points);
  const possible = rewards.filter(({ affordable, points_missing }) => affordable || points_missing > 0);
  return possible.sort((a, b) => Number(b.affordable) - Number(a.affordable) || cost(a) - cost(b));
}

/** The stamp card's own reward is on top when it is ready, and stands before what is missing otherwise. */
function linesOf(card: Card, choose: (choice: Choice) => void): HTMLElement[] {
  const stamps = stampLines(card, choose);
  const [have, lack] = [true, false].map((affordable) =>
    sorted(card.rewards).filter((reward) => reward.affordable === affordable).map((reward) => line(reward, choose)));
  const isReady = card.rewards_available > 0;
  return [...(isReady ? stamps : []), ...(have ?? []), ...(isReady ? [] : stamps), ...(lack ?? [])];
}

function stampLines(card: Card, choose: (choice: Choice) => void): HTMLElement[] {
  if (!facts.has_stamps && card.rewards_available < 1) return [];
  const name = card.reward_description || t("loyalty.terminal.stamp_card");
  const cost = t("loyalty.terminal.stamps_added", { count: card.stamps_target });
  const missing = t("loyalty.terminal.stamps_missing", { count: card.stamps_until_reward });
  return [row("stamp", name, cost, card.rewards_available > 0 ? "" : missing, () => choose({ stamps: true }))];
}

function line(reward: Reward, choose: (choice: Choice) => void): HTMLElement {
  const cost = t("loyalty.terminal.points", { count: reward.cost_points });
  const missing = t("loyalty.terminal.points_short", { count: reward.points_missing });
  return row("gift", reward.name, cost, reward.affordable ? "" : missing, () => choose({ reward }));
}

function row(icon: string, name: string, cost: string, obstacle: string, choose: () => void): HTMLElement {
  const words = make("span", "min-w-0 flex-1 text-start", make("span", "block font-semibold wrap-anywhere", isolated(name)));
  if (obstacle) words.append(make("span", "block text-sm", obstacle));
  const button = make("button", "catalogue-line", picture(icon, "size-6 shrink-0"), words, make("span", "catalogue-cost", cost));
  button.setAttribute("type", "button");
  (button as HTMLButtonElement).disabled = obstacle !== "";
  button.addEventListener("click", choose);
  return button;
}
