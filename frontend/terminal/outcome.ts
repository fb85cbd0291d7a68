/** Outcomes in words: what the screen says when operations are done, waiting or refused. */
import { now } from "./api";
import { filledSlots, type OperationAnswer, type Problem } from "./facts";
import { t } from "./i18n";
import { described, KINDS } from "./kinds";
import type { Shown } from "./result";
import type { Done } from "./store";

/** An operation that is done, and what the server answered. */
export interface Finished {
  done: Done;
  answer: OperationAnswer;
}

/** Refusals that name a moment, by the parameter that holds it. */
const MOMENTS = ["next_stamp_available_at", "resets_at", "retry_at"];

export function sentenceOf(problem: Problem): { detail: string; until?: number } {
  for (const moment of MOMENTS) {
    const until = Date.parse(String(problem.params[moment] ?? ""));
    if (until > now()) return { detail: problem.detail, until };
  }
  return { detail: problem.detail };
}

/** The result screen for everything that was done at once: stamps, points, or both. */
export function shownOf(finished: Finished[], undo: () => void): Shown {
  const [first, second] = finished as [Finished, Finished?];
  if (!second) return withUndo(shownAlone(first), [first], undo);
  const last = second.answer;
  const stamps = finished.find(({ done }) => done.kind === "stamp");
  const what = finished.map(({ done }) => described(done)).reverse();
  const word = first.done.kind === "stamp" ? t("loyalty.terminal.both", { points: what[0] ?? "", stamps: what[1] ?? "" }) : t("loyalty.terminal.undone");
  const shown: Shown = {
    tone: stamps?.answer.reward_earned ? "reward" : stamps ? "done" : "undone",
    word,
    name: first.done.name,
    stamps: last,
    detail: balance(last),
    key: second.done.key,
  };
  if (stamps?.answer.reward_earned) shown.detail = `${t("loyalty.terminal.reward_earned")} ${last.reward_description}`;
  return withUndo(shown, finished, undo);
}

function withUndo(shown: Shown, finished: Finished[], undo: () => void): Shown {
  const canUndo = finished.every(({ done, answer }) => KINDS[done.kind].undoneBy && !answer.duplicate);
  return canUndo ? { ...shown, undo } : shown;
}

function shownAlone({ done, answer }: Finished): Shown {
  const base = { name: done.name, key: done.key };
  switch (done.kind) {
    case "stamp":
      return { ...base, ...stamped(answer), stamps: answer };
    case "redeem":
      return { ...base, tone: "redeemed", word: described(done), stamps: answer };
    case "void":
      return { ...base, tone: "undone", word: described(done), stamps: answer };
    case "points":
      return { ...base, ...earned(answer, done.quantity) };
    case "points_redeem":
      return { ...base, tone: "redeemed", word: described(done), detail: balance(answer) };
    case "points_void":
      return { ...base, tone: "undone", word: described(done), detail: balance(answer) };
    case "refund":
      return { ...base, tone: "undone", word: t("loyalty.terminal.refunded"), detail: takenBack(answer) };
  }
}

function stamped(answer: OperationAnswer): Pick<Shown, "tone" | "word" | "detail"> {
  if (answer.duplicate) return { tone: "undone", word: t("loyalty.terminal.booked_before"), detail: whatNext(answer) };
  if (answer.reward_earned) {
    return { tone: "reward", word: t("loyalty.terminal.reward_earned"), detail: answer.reward_description };
  }
  const word = t("loyalty.terminal.stamp_of", { count: filledSlots(answer), target: answer.stamps_target });
  return { tone: "done", word, detail: whatNext(answer) };
}

function earned(answer: OperationAnswer, points: number): Pick<Shown, "tone" | "word" | "detail" | "picture"> {
  const word = t("loyalty.terminal.points", { count: points });
  if (!answer.duplicate) return { tone: "done", picture: "coins", word: `+${word}`, detail: balance(answer) };
  const before = t("loyalty.terminal.booked_before_detail", { what: word });
  return { tone: "undone", word: t("loyalty.terminal.booked_before"), detail: before };
}

/** The balance as a customer should hear it: never below zero, with a sentence where it is. */
function balance({ points_balance: points }: OperationAnswer): string {
  if (points < 0) return t("loyalty.terminal.points_owed", { count: -points });
  return t("loyalty.terminal.points_balance", { count: points });
}

function takenBack({ points_taken_back: points, stamps_taken_back: stamps }: OperationAnswer): string {
  const parts = [
    ...(points > 0 ? [t("loyalty.terminal.points", { count: points })] : []),
    ...(stamps > 0 ? [t("loyalty.terminal.stamps_added", { count: stamps })] : []),
  ];
  const [only = t("loyalty.terminal.points", { count: 0 }), more] = parts;
  return t("loyalty.terminal.taken_back", { what: more ? t("loyalty.terminal.both", { points: only, stamps: more }) : only });
}

/** A reward that waits is worth more words than the stamps of the next one. */
function whatNext({ rewards_available: ready, stamps_until_reward: missing, reward_description: reward }: OperationAnswer): string {
  if (ready > 0) return `${t("loyalty.terminal.rewards_ready", { count: ready })} ${reward}`;
  return t("loyalty.terminal.stamps_missing_for", { count: missing, reward });
}
