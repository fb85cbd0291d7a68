/** What the server told the page, and what its API answers. */
import { dataOf } from "./dom";

export interface Facts {
  /** Names whose queue this is: another shop's or account's operations are not ours to send. */
  scope: string;
  store: { code: string; name: string; timezone: string };
  has_stamps: boolean;
  has_points: boolean;
  asks_for_pin: boolean;
  requires_order_reference: boolean;
  max_stamps_per_operation: number;
  points_per_euro: number;
  minimum_purchase_cents: number;
  currency: string;
  /** Decimals of the currency. */
  exponent: number;
  sign_in_url: string;
  service_worker_url: string;
}

export const facts = dataOf<Facts>("terminal");

/** A line of the points catalogue, as it stands for one card. */
export interface Reward {
  id: number;
  name: string;
  cost_points: number;
  affordable: boolean;
  points_missing: number;
}

/** A card as the look-up answers it. Counts are stamps and points, times ISO 8601. */
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
  points_balance: number;
  points_expire_on: string | null;
  rewards: Reward[];
  customer: { first_name: string | null; last_name: string | null };
}

/** The answer to any operation; the fields of another unit are simply not looked at. */
export interface OperationAnswer {
  transaction_id: number;
  customer_name: string;
  staff_name: string | null;
  duplicate: boolean;
  stamp_count: number;
  stamps_target: number;
  stamps_until_reward: number;
  rewards_available: number;
  reward_earned: boolean;
  reward_description: string;
  points_earned: number;
  points_redeemed: number;
  points_balance: number;
  /** Of a refund. */
  points_taken_back: number;
  stamps_taken_back: number;
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
