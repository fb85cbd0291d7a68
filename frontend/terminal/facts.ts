/** What the server told the page, and what its API answers. */
import { dataOf } from "./dom";

export interface Facts {
  /** Names whose queue this is: another shop's or account's operations are not ours to send. */
  scope: string;
  store: { code: string; name: string; timezone: string };
  asks_for_pin: boolean;
  max_stamps_per_operation: number;
  sign_in_url: string;
  service_worker_url: string;
}

export const facts = dataOf<Facts>("terminal");

/** A card as the look-up answers it. Counts are stamps, times ISO 8601. */
export interface Card {
  card_id: number;
  card_number: string;
  status: string;
  stamp_count: number;
  stamps_target: number;
  stamps_until_reward: number;
  rewards_available: number;
  reward_description: string;
  next_stamp_available_at: string | null;
  stamps_remaining_today: number;
  customer: { first_name: string | null; last_name: string | null };
}

/** The answer to a stamp, a redemption or a void. */
export interface StampAnswer {
  transaction_id: number;
  card_id: number;
  card_number: string;
  stamp_count: number;
  stamps_target: number;
  stamps_until_reward: number;
  rewards_available: number;
  reward_earned: boolean;
  reward_description: string;
  customer_name: string;
  staff_name: string | null;
}

/** A refusal (RFC 9457). `detail` is a sentence in the reader's language. */
export interface Problem {
  status: number;
  code: string;
  detail: string;
  params: Record<string, unknown>;
  errors?: { message: string }[] | null;
}

/** Slots of the grid that are filled: a full card shows full until its reward is taken. */
export function filledSlots(card: { stamp_count: number; stamps_target: number }): number {
  const count = Math.max(0, card.stamp_count);
  const inCycle = count % card.stamps_target;
  return inCycle === 0 && count > 0 ? card.stamps_target : inCycle;
}

/** First name and initial, as the server masks it: all that this device may keep. */
export function maskedName(card: Card): string {
  const { first_name: first, last_name: last } = card.customer;
  const initial = [...(last ?? "")][0];
  return [first, initial && `${initial}.`].filter(Boolean).join(" ");
}

export function fullName(card: Card): string {
  return [card.customer.first_name, card.customer.last_name].filter(Boolean).join(" ");
}

/** 4-4-4, as it is printed on cards. */
export function grouped(cardNumber: string): string {
  return cardNumber.replace(/(.{4})(?=.)/g, "$1 ");
}
