/** Amounts of money: minor units inside, the page's language outside. */
import { facts } from "./facts";
import { decimalSign, money as written } from "./i18n";

/** As on the server: no purchase is larger. */
const LARGEST_CENTS = 10_000_000;

const { currency, exponent, points_per_euro } = facts;

/** An amount in minor units, with the sign of its currency. */
export function money(cents: number): string {
  return written(cents, currency, exponent);
}

/** Points a purchase earns: always rounded down, in whole numbers all the way, as the server counts. */
export function pointsFor(cents: number): number {
  return Number((BigInt(cents) * BigInt(points_per_euro)) / 10n ** BigInt(exponent));
}

/** What was typed on the keypad so far: digits, and at most one decimal point. */
export type Typed = string;

/**
 * One more key. Digits fill up from the right, as at a card reader: 2 5 0 0 is 25.00. With the
 * decimal sign what was typed counts as whole units: 2 5 , is 25.00 as well.
 */
export function press(typed: Typed, key: string): Typed {
  const next = pressed(typed, key);
  return centsOf(next) <= LARGEST_CENTS ? next : typed;
}

function pressed(typed: Typed, key: string): Typed {
  if (key === "backspace") return typed.slice(0, -1);
  if (key === "delete") return "";
  if (key === "decimal") return exponent && !typed.includes(".") ? `${typed || "0"}.` : typed;
  const decimals = typed.split(".")[1];
  if (decimals !== undefined && decimals.length >= exponent) return typed;
  return `${typed}${key}`.replace(/^0+(?=\d)/, "");
}

/** The amount on the keypad in minor units. */
export function centsOf(typed: Typed): number {
  const [whole = "", decimals] = typed.split(".");
  if (decimals === undefined) return Number(whole || 0);
  return Number(whole || 0) * 10 ** exponent + Number(decimals.padEnd(exponent, "0") || 0);
}

/** An amount written by hand, with a point or a comma: minor units, or undefined where it is none. */
export function parsed(text: string): number | undefined {
  const found = /^(\d{1,8})(?:[.,](\d+))?$/.exec(text.replace(/[\s\u00a0\u202f]/g, ""));
  const decimals = found?.[2] ?? "";
  if (!found || decimals.length > exponent) return undefined;
  const cents = Number(found[1]) * 10 ** exponent + Number(decimals.padEnd(exponent, "0") || 0);
  return cents > 0 && cents <= LARGEST_CENTS ? cents : undefined;
}

/** An amount such as people type it here, without the currency. */
export function example(): string {
  return exponent ? `12${decimalSign}${"50".padEnd(exponent, "0").slice(0, exponent)}` : "1250";
}
