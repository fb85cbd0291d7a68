/** Words, numbers and times in the page's language. The texts come with the page. */
import { dataOf } from "./dom";

type Text = string | Record<string, string>;
type Values = Record<string, string | number>;

const texts = dataOf<Record<string, Text>>("i18n");
const language = document.documentElement.lang;
// Browsers know no Luxembourgish numbers and would silently write American ones; German's are the same.
const formats = language === "lb" ? ["de"] : [language];
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(formats);

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
