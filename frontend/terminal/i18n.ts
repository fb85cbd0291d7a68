/** Words, numbers and times in the page's language. The texts come with the page. */
import { dataOf } from "./dom";

type Text = string | Record<string, string>;
type Values = Record<string, string | number>;

const texts = dataOf<Record<string, Text>>("i18n");
const language = document.documentElement.lang;
// Browsers know no Luxembourgish numbers and would silently write American ones; German's are the same.
// English is Europe's, as on the server.
const formats = [{ lb: "de", en: "en-GB" }[language] ?? language];
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(formats);

/** What stands between units and decimals. */
export const decimalSign = numbers.formatToParts(1.5).find(({ type }) => type === "decimal")?.value ?? ".";

/** The text of a key with its places filled. A plural is chosen by `count`, or by the value its "param" names. */
export function t(key: string, values: Values = {}): string {
  const found = texts[key];
  if (found === undefined) throw new Error(`No text ${key}.`);
  const text = typeof found === "string" ? found : form(found, values);
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${key} needs ${name}.`);
    return typeof value === "number" ? numbers.format(value) : value;
  });
}

function form(forms: Record<string, string>, values: Values): string {
  const count = Number(values[forms["param"] ?? "count"]);
  return forms[plurals.select(count)] ?? forms["other"] ?? "";
}

/** An amount in minor units of a currency with `exponent` decimals. */
export function money(cents: number, currency: string, exponent: number): string {
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent };
  return new Intl.NumberFormat(formats, { style: "currency", currency, ...digits }).format(cents / 10 ** exponent);
}

/** A calendar day, "2027-03-12". Browsers know no Luxembourgish months: there it is all digits. */
export function day(iso: string): string {
  const style = language === "lb" ? "short" : "medium";
  return new Intl.DateTimeFormat(formats, { dateStyle: style, timeZone: "UTC" }).format(new Date(`${iso}T00:00:00Z`));
}

/** Hours and minutes in the store's time zone. */
export function clock(at: Date, timeZone: string): string {
  return new Intl.DateTimeFormat(formats, { hour: "numeric", minute: "2-digit", timeZone }).format(at);
}

/** What is left, as people read a kitchen timer: 4:12, or 1:04:12 from an hour on. */
export function timer(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
