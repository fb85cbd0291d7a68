/** One operation from the press of a button to its result: who, sending, and what to show. */
import { now } from "./api";
import { described, drawPending, drawRecent } from "./activity";
import * as card from "./card";
import { announce, el, setText } from "./dom";
import { facts, filledSlots, type Problem, type StampAnswer } from "./facts";
import { History } from "./history";
import { t } from "./i18n";
import { PinPad, type Refusal } from "./pin";
import { asksForPin, type Outcome, Queue } from "./queue";
import { Result, type Shown } from "./result";
import * as session from "./session";
import { play } from "./sound";
import { type Done, type Kind, newKey, type Operation } from "./store";

/** What somebody wants done, with the words under which the PIN is asked for. */
export interface Plan {
  kind: Kind;
  body: Operation["body"];
  name: string;
  title: string;
  detail: string;
}

type Completed = Extract<Outcome, { kind: "done" }>;

/** Refusals that name a moment, by the parameter that holds it. */
const MOMENTS = ["next_stamp_available_at", "resets_at", "retry_at"];

export class Counter {
  readonly pad = new PinPad();
  readonly result: Result;
  private readonly history = new History(facts.scope);
  private readonly queue: Queue;
  private isBusy = false;

  constructor(private readonly hooks: { onReady: () => void; onRefused: () => void; onNotice: (text: string) => void }) {
    this.result = new Result(() => hooks.onReady());
    this.queue = new Queue({
      scope: facts.scope,
      session: session.sessionSecret,
      onChange: (operations) => this.drawPending(operations),
      onLateOutcome: (outcome) => void this.onLate(outcome),
    });
  }

  get busy(): boolean {
    return this.isBusy;
  }

  /** Look at what an earlier load of the page left behind, and send it. */
  async start(): Promise<void> {
    await this.queue.changed();
    await this.drawRecent();
    await this.queue.flush();
  }

  flush(): void {
    void this.queue.flush();
  }

  /** Will the next operation ask for a PIN? */
  get needsPin(): boolean {
    return facts.asks_for_pin && !session.isOpen();
  }

  async perform(plan: Plan): Promise<void> {
    await this.run(plan, {
      key: newKey(),
      kind: plan.kind,
      body: plan.body,
      name: plan.name,
      scope: facts.scope,
      createdAt: Date.now(),
      state: "waiting",
    });
  }

  undo(done: Pick<Done, "transactionId" | "name" | "kind" | "quantity" | "reward">): void {
    void this.perform({
      kind: "void",
      body: { transaction_id: done.transactionId, reason: t("loyalty.terminal.undo_reason") },
      name: done.name,
      title: t("loyalty.terminal.undo_title"),
      detail: [described(done.kind, done.quantity, done.reward), done.name].filter(Boolean).join(" · "),
    });
  }

  private async run(plan: Plan, operation: Operation): Promise<void> {
    if (this.isBusy) return;
    this.setBusy(true, !this.needsPin);
    try {
      if (this.needsPin) await this.withPin(plan, operation);
      else await this.directly(plan, operation);
    } finally {
      this.setBusy(false);
    }
  }

  private async directly(plan: Plan, operation: Operation): Promise<void> {
    const outcome = await this.queue.submit(operation);
    if (outcome.kind === "refused" && asksForPin(outcome.problem)) {
      // The session has ended, or this one thing needs the PIN itself.
      await this.withPin(plan, operation, refusalOf(outcome.problem));
    } else {
      await this.settle(outcome);
    }
  }

  private async withPin(plan: Plan, operation: Operation, first?: Refusal): Promise<void> {
    let outcome: Outcome | undefined;
    const submit = async (pin: string): Promise<Refusal | null> => {
      outcome = await this.queue.submit(operation, pin);
      // That was the last try: asked again, which costs nothing now, the server says until when it is locked.
      if (wasLastTry(outcome)) outcome = await this.queue.submit(operation, pin);
      if (outcome.kind !== "refused" || !asksForPin(outcome.problem)) return null;
      return refusalOf(outcome.problem) ?? { text: outcome.problem.detail };
    };
    const wasUsed = await this.pad.open({ title: plan.title, detail: plan.detail, submit }, first);
    if (wasUsed && outcome) await this.settle(outcome);
    // Refused for want of a PIN means: not done before either, since a repeat asks for none.
    else await this.queue.discard(operation.key);
  }

  private async settle(outcome: Outcome): Promise<void> {
    if (outcome.kind === "done") return this.onDone(outcome, true);
    if (outcome.kind === "waiting") {
      card.put(undefined);
      return this.result.open({
        tone: "waiting",
        word: t("loyalty.terminal.no_line"),
        name: outcome.operation.name,
        detail: t("loyalty.terminal.no_line_detail"),
        key: outcome.operation.key,
      });
    }
    const { problem, operation } = outcome;
    if (problem.status !== 401) await this.queue.discard(operation.key);
    this.hooks.onRefused();
    this.result.open({ tone: "refused", word: t("loyalty.terminal.refused"), name: operation.name, ...sentenceOf(problem) });
  }

  private async onLate(outcome: Outcome): Promise<void> {
    if (outcome.kind === "done") {
      await this.onDone(outcome, this.result.key === outcome.operation.key);
    } else if (outcome.kind === "refused") {
      play("refused");
      announce(outcome.problem.detail);
    }
  }

  private async onDone({ operation, answer, session: opened }: Completed, isWatched: boolean): Promise<void> {
    session.renew(opened, answer.staff_name);
    const done = await this.remember(operation, answer);
    if (isWatched) {
      card.put(undefined);
      this.result.open(shownOf(done, answer, () => this.undo(done)));
    } else {
      this.hooks.onNotice(t("loyalty.terminal.sent_late", { what: described(done.kind, done.quantity, done.reward), name: done.name }));
      play("done");
    }
  }

  private async remember(operation: Operation, answer: StampAnswer): Promise<Done> {
    const done: Done = {
      key: operation.key,
      scope: operation.scope,
      kind: operation.kind,
      transactionId: answer.transaction_id,
      name: answer.customer_name,
      quantity: Number(operation.body["quantity"] ?? 1),
      reward: operation.kind === "redeem" ? answer.reward_description : "",
      at: now(),
      voided: false,
    };
    if (done.kind === "void") await this.history.markVoided(Number(operation.body["transaction_id"]));
    else await this.history.add(done);
    await this.drawRecent();
    return done;
  }

  private drawPending(operations: Operation[]): void {
    // What is being asked about right now stands in the PIN pad already.
    const waiting = this.pad.isOpen ? operations.filter(({ state }) => state !== "asks_pin") : operations;
    drawPending(this.isBusy ? waiting.filter(({ state }) => state !== "refused") : waiting, {
      undo: (done) => this.undo(done),
      enterPin: (operation) => void this.run(planOf(operation), operation),
      retry: (operation) => void this.run(planOf(operation), operation),
      discard: (operation) => void this.queue.discard(operation.key),
    });
  }

  private async drawRecent(): Promise<void> {
    drawRecent(await this.history.list(), this.isBusy, (done) => this.undo(done));
  }

  private setBusy(isBusy: boolean, isSending = false): void {
    this.isBusy = isBusy;
    card.setBusy(isBusy, isSending);
    el("till").setAttribute("aria-busy", String(isBusy));
    setText("sending", isSending ? t("loyalty.terminal.sending") : "");
    void this.drawRecent();
    void this.queue.changed();
  }
}

/** An operation from the waiting list, asked for again. */
function planOf(operation: Operation): Plan {
  const { kind, body, name } = operation;
  return { kind, body, name, title: t("loyalty.terminal.pending_pin"), detail: [described(kind, Number(body["quantity"] ?? 1), ""), name].join(" · ") };
}

function wasLastTry(outcome: Outcome): boolean {
  return outcome.kind === "refused" && outcome.problem.params["attempts_left"] === 0;
}

function refusalOf(problem: Problem): Refusal | undefined {
  if (problem.code === "staff_pin_required") return undefined;
  const { detail: text, until } = sentenceOf(problem);
  return until === undefined ? { text } : { text, until };
}

function sentenceOf(problem: Problem): { detail: string; until?: number } {
  for (const moment of MOMENTS) {
    const until = Date.parse(String(problem.params[moment] ?? ""));
    if (until > now()) return { detail: problem.detail, until };
  }
  return { detail: problem.detail };
}

/** A reward that waits is worth more words than the stamps of the next one. */
function whatNext({ rewards_available: ready, stamps_until_reward: missing, reward_description: reward }: StampAnswer): string {
  if (ready > 0) return `${t("loyalty.terminal.rewards_ready", { count: ready })} ${reward}`;
  return t("loyalty.terminal.stamps_missing_for", { count: missing, reward });
}

function shownOf(done: Done, answer: StampAnswer, undo: () => void): Shown {
  const base = { name: done.name, stamps: answer, key: done.key };
  if (done.kind === "void") return { ...base, tone: "undone", word: t("loyalty.terminal.undone") };
  if (done.kind === "redeem") {
    return { ...base, tone: "redeemed", word: t("loyalty.terminal.redeemed", { reward: done.reward }), undo };
  }
  if (answer.reward_earned) {
    return { ...base, tone: "reward", word: t("loyalty.terminal.reward_earned"), detail: answer.reward_description, undo };
  }
  return {
    ...base,
    tone: "done",
    word: t("loyalty.terminal.stamp_of", { count: filledSlots(answer), target: answer.stamps_target }),
    detail: whatNext(answer),
    undo,
  };
}
