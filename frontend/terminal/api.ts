/** Calls to the server: always with a time limit, and three ends only — done, refused, not reached. */
import { facts, type Problem } from "./facts";

/** An open PIN session; it travels in headers, so that no answer that is kept holds it. */
export interface StaffSession {
  token: string;
  expiresAt: number;
}

export type Answer<T> =
  | { kind: "ok"; body: T; session?: StaffSession }
  | { kind: "refused"; problem: Problem }
  /** Nobody knows whether the server did it: ask again under the same key. */
  | { kind: "unreachable"; retryAfterMs: number };

const TIME_LIMIT_MS = 4000;
const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
let clockOffsetMs = 0;
let reached = true;
const watchers: ((reached: boolean) => void)[] = [];

/** The server's time: a till's own clock may be minutes off. */
export function now(): number {
  return Date.now() + clockOffsetMs;
}

/** Be told whenever the line is lost or found. */
export function onLine(watcher: (reached: boolean) => void): void {
  watchers.push(watcher);
  watcher(isOnline());
}

export function isOnline(): boolean {
  return reached && navigator.onLine;
}

/** POST to the store's API, `path` below /api/v1/store/loyalty. */
export async function post<T>(path: string, body: object, key?: string): Promise<Answer<T>> {
  const headers: Record<string, string> = {
    "Content-Type": "application/json",
    "X-CSRF-Token": token,
    "X-Store-Code": facts.store.code,
  };
  if (key) headers["Idempotency-Key"] = key;
  try {
    const response = await fetch(`/api/v1/store/loyalty${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    });
    return report(await read<T>(response));
  } catch {
    return report({ kind: "unreachable", retryAfterMs: 0 });
  }
}

/** Is the server there again? */
export async function knock(): Promise<void> {
  try {
    const response = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(TIME_LIMIT_MS) });
    note(response.ok);
  } catch {
    note(false);
  }
}

async function read<T>(response: Response): Promise<Answer<T>> {
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (!Number.isNaN(date)) noteClock(date);
  const isJson = /[/+]json\b/.test(response.headers.get("Content-Type") ?? "");
  const seconds = Number(response.headers.get("Retry-After")) || 0;
  // A café's sign-in page answers 200 with HTML: that is no line either.
  if (!isJson || response.status >= 500) return { kind: "unreachable", retryAfterMs: seconds * 1000 };
  const body: unknown = await response.json();
  if (!response.ok) return { kind: "refused", problem: body as Problem };
  const session = sessionIn(response.headers);
  return session ? { kind: "ok", body: body as T, session } : { kind: "ok", body: body as T };
}

function sessionIn(headers: Headers): StaffSession | undefined {
  const token = headers.get("X-Staff-Session");
  const expiresAt = Date.parse(headers.get("X-Staff-Session-Expires-At") ?? "");
  return token && expiresAt ? { token, expiresAt } : undefined;
}

function noteClock(date: number): void {
  const offset = date - Date.now();
  // The header has whole seconds: a smaller difference is none.
  clockOffsetMs = Math.abs(offset) < 2000 ? 0 : offset;
}

function report<T>(answer: Answer<T>): Answer<T> {
  note(answer.kind !== "unreachable");
  return answer;
}

function note(isReached: boolean): void {
  reached = isReached;
  for (const watcher of watchers) watcher(isOnline());
}

addEventListener("online", () => void knock());
addEventListener("offline", () => note(false));
