/** What waits for the line, and what this terminal did last. */
import { el, isolated, make, picture, setText, show } from "./dom";
import { facts } from "./facts";
import { clock, t } from "./i18n";
import { described, KINDS } from "./kinds";
import type { Done, Operation } from "./store";

interface Actions {
  undo: (done: Done) => void;
  enterPin: (operation: Operation) => void;
  retry: (operation: Operation) => void;
  discard: (operation: Operation) => void;
}

export function drawPending(operations: Operation[], actions: Actions): void {
  show("pending", operations.length > 0);
  setText("pending-title", t("loyalty.terminal.pending", { count: operations.length }));
  el("pending-list").replaceChildren(...operations.map((operation) => pendingItem(operation, actions)));
}

export function drawRecent(recent: Done[], isBusy: boolean, undo: Actions["undo"]): void {
  show("recent-empty", recent.length === 0);
  el("recent-list").replaceChildren(...recent.map((done) => recentItem(done, isBusy, undo)));
}

function pendingItem(operation: Operation, actions: Actions): HTMLElement {
  const words = make("div", "min-w-0 flex-1",
    make("p", "font-medium", described(operation), " · ", isolated(operation.name)),
    make("p", "text-sm text-base-content/80", reasonOf(operation)));
  const buttons = make("div", "flex flex-wrap gap-2", ...pendingButtons(operation, actions));
  return make("li", "flex flex-wrap items-center gap-x-3 gap-y-2 py-3", picture(KINDS[operation.kind].picture), words, buttons);
}

function reasonOf(operation: Operation): string {
  if (operation.state === "waiting") return t("loyalty.terminal.pending_waiting");
  if (operation.state === "asks_pin") return operation.problem?.detail ?? t("loyalty.terminal.pending_pin");
  return operation.problem?.detail ?? "";
}

function pendingButtons(operation: Operation, actions: Actions): Node[] {
  const discard = small(t("loyalty.terminal.discard"), "btn-ghost", () => actions.discard(operation));
  switch (operation.state) {
    case "waiting":
      return [];
    case "asks_pin":
      return [small(t("loyalty.terminal.enter_pin"), "btn-primary", () => actions.enterPin(operation)), discard];
    case "signed_out": {
      const link = make("a", "btn btn-primary min-h-14", t("loyalty.terminal.sign_in"));
      link.setAttribute("href", facts.sign_in_url);
      return [link];
    }
    case "refused":
      return [small(t("loyalty.terminal.retry"), "btn-primary", () => actions.retry(operation)), discard];
  }
}

function recentItem(done: Done, isBusy: boolean, undo: Actions["undo"]): HTMLElement {
  const time = clock(new Date(done.at), facts.store.timezone);
  const what = described(done);
  const words = make("div", "min-w-0 flex-1",
    make("p", "truncate font-medium", isolated(done.name || t("loyalty.terminal.nameless"))),
    make("p", `text-sm text-base-content/80${done.voided ? " line-through" : ""}`, isolated(time, "ltr"), " · ", what));
  const item = make("li", "flex min-h-16 items-center gap-3 py-2", make("span", "till-mark", picture(KINDS[done.kind].picture)), words);
  if (done.voided) item.append(make("span", "text-sm text-base-content/80", t("loyalty.terminal.undone")));
  else if (KINDS[done.kind].undoneBy) item.append(undoButton(done, isBusy, undo));
  return item;
}

function undoButton(done: Done, isBusy: boolean, undo: Actions["undo"]): HTMLElement {
  const button = small(t("loyalty.terminal.undo"), "btn-ghost", () => undo(done)) as HTMLButtonElement;
  button.disabled = isBusy;
  button.setAttribute("aria-label", t("loyalty.terminal.undo_of", { name: done.name || t("loyalty.terminal.nameless") }));
  return button;
}

function small(text: string, look: string, act: () => void): HTMLElement {
  const button = make("button", `btn ${look} min-h-14`, text);
  button.setAttribute("type", "button");
  button.addEventListener("click", act);
  return button;
}
