/** Sends operations exactly once over a line that may be bad.
 *
 * An operation is kept before it is sent, and let go only when the server has said yes or no. Until then it is
 * sent again under its own key, which the server answers with the first answer. */
import { type Answer, now, post, type StaffSession } from "./api";
import type { OperationAnswer, Problem } from "./facts";
import { KINDS } from "./kinds";
import { type Operation, Shelf } from "./store";

export type Secret = { staff_pin?: string; staff_session?: string };

export type Outcome =
  | { kind: "done"; operation: Operation; answer: OperationAnswer; session?: StaffSession | undefined }
  | { kind: "refused"; operation: Operation; problem: Problem }
  | { kind: "waiting"; operation: Operation };

interface Options {
  scope: string;
  /** The open PIN session, if there is one. */
  session: () => Secret;
  onChange: (operations: Operation[]) => void;
  /** The end of an operation that nobody is waiting for any more. */
  onLateOutcome: (outcome: Outcome) => void;
}

/** Older than this, an operation says when it happened; older than a day the server would not believe it. */
const A_MOMENT_MS = 60_000;
const A_DAY_MS = 24 * 3600 * 1000;
const PAUSES_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];
const ASKS_PIN = new Set(["staff_pin_required", "invalid_staff_pin", "staff_pin_locked", "terminal_locked"]);
const SIGNED_OUT = new Set(["unauthenticated", "csrf_failed"]);

export function asksForPin(problem: Problem): boolean {
  return ASKS_PIN.has(problem.code);
}

export class Queue {
  private readonly shelf: Shelf<Operation>;
  /** PINs of operations on their way: in memory only, gone with the page. */
  private readonly pins = new Map<string, string>();
  private readonly sending = new Set<string>();
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: Options) {
    this.shelf = new Shelf("pending", options.scope);
    addEventListener("online", () => void this.flush());
    document.addEventListener("visibilitychange", () => document.hidden || void this.flush());
  }

  /** Keep it, send it, and say how the first try ended. */
  async submit(operation: Operation, pin?: string): Promise<Outcome> {
    if (pin) this.pins.set(operation.key, pin);
    this.sending.add(operation.key); // from here on, so that no flush takes it up as well
    await this.keep({ ...operation, state: "waiting" });
    return this.attempt(operation);
  }

  /** Let an operation go that the server has refused. */
  async discard(key: string): Promise<void> {
    this.pins.delete(key);
    await this.shelf.delete(key);
    await this.changed();
  }

  /** Send what waits, oldest first. What the server has refused waits for somebody's decision. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    for (const operation of await this.inOrder()) {
      if (operation.state !== "waiting" && operation.state !== "signed_out") continue;
      if (this.sending.has(operation.key)) continue;
      const outcome = await this.attempt(operation);
      if (outcome.kind === "waiting") return; // the next would fare no better
      this.options.onLateOutcome(outcome);
    }
  }

  /** What waits, for the page's list. */
  async changed(): Promise<void> {
    this.options.onChange(await this.inOrder());
  }

  private async inOrder(): Promise<Operation[]> {
    return (await this.shelf.all()).sort((a, b) => a.createdAt - b.createdAt);
  }

  private async keep(operation: Operation): Promise<void> {
    await this.shelf.put(operation);
    await this.changed();
  }

  private async attempt(operation: Operation): Promise<Outcome> {
    this.sending.add(operation.key);
    try {
      const answer = await post<OperationAnswer>(
        KINDS[operation.kind].path,
        { ...operation.body, ...timeOf(operation), ...this.secretOf(operation) },
        operation.key,
      );
      return await this.conclude(operation, answer);
    } finally {
      this.sending.delete(operation.key);
    }
  }

  private secretOf(operation: Operation): Secret {
    const pin = this.pins.get(operation.key);
    return pin ? { staff_pin: pin } : this.options.session();
  }

  private async conclude(operation: Operation, answer: Answer<OperationAnswer>): Promise<Outcome> {
    if (answer.kind === "unreachable") return this.waitFor(operation, answer.retryAfterMs);
    if (answer.kind === "ok") {
      this.failures = 0;
      await this.discard(operation.key);
      this.flushSoon();
      return { kind: "done", operation, answer: answer.body, session: answer.session };
    }
    const { problem } = answer;
    if (problem.status === 429) return this.waitFor(operation, secondsOf(problem) * 1000);
    this.pins.delete(operation.key);
    const state = SIGNED_OUT.has(problem.code) ? "signed_out" : asksForPin(problem) ? "asks_pin" : "refused";
    await this.keep({ ...operation, state, problem });
    return { kind: "refused", operation, problem };
  }

  private async waitFor(operation: Operation, retryAfterMs: number): Promise<Outcome> {
    const pause = PAUSES_MS[Math.min(this.failures, PAUSES_MS.length - 1)] ?? 0;
    this.failures += 1;
    this.again(Math.max(pause, retryAfterMs));
    await this.changed();
    return { kind: "waiting", operation };
  }

  private flushSoon(): void {
    this.again(0);
  }

  private again(afterMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), afterMs);
  }
}

/** When an operation happened that waited for its line. By the server's clock: only its age is ours. */
function timeOf({ kind, createdAt }: Operation): { occurred_at?: string } {
  const age = Date.now() - createdAt;
  if (!KINDS[kind].keepsTime || age < A_MOMENT_MS || age >= A_DAY_MS) return {};
  return { occurred_at: new Date(now() - age).toISOString() };
}

function secondsOf(problem: Problem): number {
  return Number(problem.params["retry_after_seconds"]) || 1;
}
