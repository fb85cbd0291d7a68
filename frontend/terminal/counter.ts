/** What somebody wants done, from the press of a button to its result: who, sending, and what to show. */
import { now } from "./api";
import { drawPending, drawRecent } from "./activity";
import * as card from "./card";
import { announce, el, setText } from "./dom";
import { facts, type Problem } from "./facts";
import { History } from "./history";
import { t } from "./i18n";
import { described, KINDS } from "./kinds";
import { type Finished, sentenceOf, shownOf } from "./outcome";
import { PinPad, type Refusal } from "./pin";
import { asksForPin, type Outcome, Queue } from "./queue";
import { Result } from "./result";
import * as session from "./session";
import { play } from "./sound";
import { type Done, newKey, type Operation } from "./store";

/** Operations to be done one after the other under one PIN, and the words under which it is asked for. */
export interface Plan {
  operations: Pick<Operation, "kind" | "body" | "quantity" | "reward">[];
  name: string;
  title: string;
  detail: string;
}

type Completed = Extract<Outcome, { kind: "done" }>;

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

  /** Each operation has its key before any is sent. Returns how each ended: none where nobody gave a PIN. */
  async perform(plan: Plan): Promise<Outcome[]> {
    const common = { name: plan.name, scope: facts.scope, createdAt: Date.now(), state: "waiting" } as const;
    return this.run(plan, plan.operations.map((operation) => ({ ...operation, ...common, key: newKey() })));
  }

  undo(dones: Done[]): void {
    const operations = [...dones].reverse().flatMap(({ kind, transactionId }) => {
      const { undoneBy } = KINDS[kind];
      const body = { transaction_id: transactionId, reason: t("loyalty.terminal.undo_reason") };
      return undoneBy ? [{ kind: undoneBy, body, quantity: 0, reward: "" }] : [];
    });
    const name = dones[0]?.name ?? "";
    const detail = [...dones.map(described), name].filter(Boolean).join(" · ");
    void this.perform({ operations, name, title: t("loyalty.terminal.undo_title"), detail });
  }

  private async run(plan: Pick<Plan, "title" | "detail">, operations: Operation[]): Promise<Outcome[]> {
    if (this.isBusy) return [];
    this.setBusy(true, !this.needsPin);
    try {
      const outcomes = this.needsPin ? await this.withPin(plan, operations) : await this.directly(plan, operations);
      await this.settle(outcomes);
      return outcomes;
    } finally {
      this.setBusy(false);
    }
  }

  private async directly(plan: Pick<Plan, "title" | "detail">, operations: Operation[]): Promise<Outcome[]> {
    const outcomes = await this.send(operations);
    const last = outcomes.at(-1);
    if (last?.kind !== "refused" || !asksForPin(last.problem)) return outcomes;
    // The session has ended, or this one thing needs the PIN itself.
    const before = outcomes.slice(0, -1);
    return [...before, ...(await this.withPin(plan, operations.slice(before.length), refusalOf(last.problem)))];
  }

  private async withPin(plan: Pick<Plan, "title" | "detail">, operations: Operation[], first?: Refusal): Promise<Outcome[]> {
    const ended: Outcome[] = [];
    const submit = async (pin: string): Promise<Refusal | null> => {
      let outcomes = await this.send(operations.slice(ended.length), pin);
      // That was the last try: asked again, which costs nothing now, the server says until when it is locked.
      if (wasLastTry(outcomes.at(-1))) outcomes = await this.send(operations.slice(ended.length), pin);
      const last = outcomes.at(-1);
      const isPin = last?.kind === "refused" && asksForPin(last.problem);
      ended.push(...(isPin ? outcomes.slice(0, -1) : outcomes));
      return isPin ? (refusalOf(last.problem) ?? { text: last.problem.detail }) : null;
    };
    await this.pad.open({ title: plan.title, detail: plan.detail, submit }, first);
    // Refused for want of a PIN means: not done before either, since a repeat asks for none.
    for (const { key } of operations.slice(ended.length)) await this.queue.discard(key);
    return ended;
  }

  /** One after the other; what a refusal stands before is not tried. */
  private async send(operations: Operation[], pin?: string): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const operation of operations) {
      const outcome = await this.queue.submit(operation, pin);
      outcomes.push(outcome);
      if (outcome.kind === "refused") break;
    }
    return outcomes;
  }

  private async settle(outcomes: Outcome[]): Promise<void> {
    const finished: Finished[] = [];
    for (const outcome of outcomes) if (outcome.kind === "done") finished.push(await this.remember(outcome));
    const refused = outcomes.find(({ kind }) => kind === "refused") as Extract<Outcome, { kind: "refused" }> | undefined;
    const waiting = outcomes.findLast(({ kind }) => kind === "waiting");
    if (refused) return this.onRefused(refused, finished);
    if (waiting) return this.onWaiting(waiting);
    if (finished.length === 0) return;
    card.put(undefined);
    this.result.open(shownOf(finished, () => this.undo(finished.map(({ done }) => done))));
  }

  private onWaiting({ operation }: Outcome): void {
    card.put(undefined);
    this.result.open({
      tone: "waiting",
      word: t("loyalty.terminal.no_line"),
      name: operation.name,
      detail: t("loyalty.terminal.no_line_detail"),
      key: operation.key,
    });
  }

  private async onRefused({ problem, operation }: Extract<Outcome, { kind: "refused" }>, before: Finished[]): Promise<void> {
    if (problem.status !== 401) await this.queue.discard(operation.key);
    this.hooks.onRefused();
    const { detail, ...until } = sentenceOf(problem);
    const given = before.map(({ done }) => described(done)).join(", ");
    this.result.open({
      tone: "refused",
      word: given ? t("loyalty.terminal.half_done") : t("loyalty.terminal.refused"),
      name: operation.name,
      detail: given ? t("loyalty.terminal.half_done_detail", { what: given, why: detail }) : detail,
      ...until,
    });
  }

  private async onLate(outcome: Outcome): Promise<void> {
    if (outcome.kind === "refused") {
      play("refused");
      announce(outcome.problem.detail);
    }
    if (outcome.kind !== "done") return;
    const isWatched = this.result.key === outcome.operation.key;
    const finished = await this.remember(outcome);
    if (isWatched) {
      card.put(undefined);
      this.result.open(shownOf([finished], () => this.undo([finished.done])));
    } else {
      this.hooks.onNotice(t("loyalty.terminal.sent_late", { what: described(finished.done), name: finished.done.name }));
      play("done");
    }
  }

  private async remember({ operation, answer, session: opened }: Completed): Promise<Finished> {
    session.renew(opened, answer.staff_name);
    const { key, scope, kind, quantity, reward, body } = operation;
    const done: Done = {
      key,
      scope,
      kind,
      transactionId: answer.transaction_id,
      name: answer.customer_name || operation.name,
      quantity: kind === "points" ? answer.points_earned : quantity,
      reward: kind === "redeem" ? answer.reward_description : reward,
      at: now(),
      voided: false,
    };
    if (kind === "void" || kind === "points_void") await this.history.markVoided(Number(body["transaction_id"]));
    else if (!answer.duplicate) await this.history.add(done);
    await this.drawRecent();
    return { done, answer };
  }

  private drawPending(operations: Operation[]): void {
    // What is being asked about right now stands in the PIN pad already.
    const waiting = this.pad.isOpen ? operations.filter(({ state }) => state !== "asks_pin") : operations;
    const again = (operation: Operation) => void this.run(wordsFor(operation), [operation]);
    drawPending(this.isBusy ? waiting.filter(({ state }) => state !== "refused") : waiting, {
      undo: (done) => this.undo([done]),
      enterPin: again,
      retry: again,
      discard: (operation) => void this.queue.discard(operation.key),
    });
  }

  private async drawRecent(): Promise<void> {
    drawRecent(await this.history.list(), this.isBusy, (done) => this.undo([done]));
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
function wordsFor(operation: Operation): Pick<Plan, "title" | "detail"> {
  return { title: t("loyalty.terminal.pending_pin"), detail: [described(operation), operation.name].join(" · ") };
}

function wasLastTry(outcome: Outcome | undefined): boolean {
  return outcome?.kind === "refused" && outcome.problem.params["attempts_left"] === 0;
}

function refusalOf(problem: Problem): Refusal | undefined {
  if (problem.code === "staff_pin_required") return undefined;
  const { detail: text, until } = sentenceOf(problem);
  return until === undefined ? { text } : { text, until };
}
