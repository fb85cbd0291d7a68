/** The points of the card on the counter: the balance, and what it buys or will buy next. */
import { sorted } from "./catalogue";
import { el, setText, show } from "./dom";
import { type Card, facts } from "./facts";
import { day, t } from "./i18n";

const SOON_DAYS = 30;
const A_DAY_MS = 24 * 3600 * 1000;

/** Is there a reward that the points are enough for? */
export function canBuy(card: Card): boolean {
  return card.rewards.some(({ affordable }) => affordable);
}

/** What is missing for the nearest reward, in words; undefined where points buy nothing here. */
export function missingForReward(card: Card): string | undefined {
  const nearest = sorted(card.rewards)[0];
  if (!nearest || nearest.affordable) return undefined;
  return t("loyalty.terminal.points_short", { count: nearest.points_missing });
}

/** The line of the card; points from before show where only stamps are collected now. */
export function drawPoints(card: Card): void {
  show("card-points", facts.has_points || card.points_balance !== 0);
  const isReady = canBuy(card);
  el("card-points").dataset["ready"] = String(isReady);
  setText("card-points-word", t("loyalty.terminal.points", { count: Math.max(0, card.points_balance) }));
  setText("card-points-next", nextOf(card));
  setText("card-points-more", moreAbout(card));
  show("card-points-more", moreAbout(card) !== "");
}

function nextOf(card: Card): string {
  const first = sorted(card.rewards)[0];
  if (!first) return "";
  if (first.affordable) return t("loyalty.terminal.possible_now", { reward: first.name });
  return t("loyalty.terminal.points_missing_for", { count: first.points_missing, reward: first.name });
}

/** Why there are none, or that they run out soon. */
function moreAbout(card: Card): string {
  if (card.points_balance < 0) return t("loyalty.terminal.points_owed", { count: -card.points_balance });
  const on = card.points_expire_on;
  if (!on || Date.parse(on) - Date.now() > SOON_DAYS * A_DAY_MS) return "";
  return t("loyalty.terminal.points_expire", { count: card.points_balance, date: day(on) });
}
