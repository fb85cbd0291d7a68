/** The terminal: one page at the counter, from the scan to the stamp. */
import { Acts } from "./terminal/acts";
import { isOnline, knock, onLine, post } from "./terminal/api";
import * as card from "./terminal/card";
import { Counter } from "./terminal/counter";
import { announce, el, setPicture, setText, show } from "./terminal/dom";
import { EnrolSheet } from "./terminal/enrol";
import { type Card, facts, fullName } from "./terminal/facts";
import { t } from "./terminal/i18n";
import { preference } from "./terminal/preferences";
import { type CameraState, Scanner } from "./terminal/scan";
import * as session from "./terminal/session";
import { looksLikeCard } from "./terminal/showing";
import { play } from "./terminal/sound";

const TICK_MS = 250;
const KNOCK_MS = 5000;
const CAMERA_TEXTS: Partial<Record<CameraState, string>> = {
  asking: "loyalty.terminal.camera_asking",
  insecure: "loyalty.terminal.camera_insecure",
  unsupported: "loyalty.terminal.camera_unsupported",
  denied: "loyalty.terminal.camera_denied",
  missing: "loyalty.terminal.camera_missing",
  busy: "loyalty.terminal.camera_busy",
  blind: "loyalty.terminal.camera_blind",
  off: "loyalty.terminal.camera_off",
};

const entry = el<HTMLInputElement>("entry-text");
let lookUpNumber = 0;
let unknownContact = "";

const counter = new Counter({ onReady: focusEntry, onRefused: () => void refresh(), onNotice: (text) => notice(text) });
const enrolSheet = new EnrolSheet((cardNumber, isNew) => {
  notice(t(isNew ? "loyalty.terminal.enrolled" : "loyalty.terminal.enrolled_before"));
  void lookUp(cardNumber, { keepNotice: true });
});
const acts = new Acts(counter);
const scanner = new Scanner({ video: el<HTMLVideoElement>("video"), onState: drawCamera, onCode: onCode });

// Looking up ----------------------------------------------------------------------------------

async function lookUp(text: string, { keepNotice = false, typed = false } = {}): Promise<void> {
  const number = ++lookUpNumber;
  if (!keepNotice) notice("");
  el("till").dataset["looking"] = "true";
  const answer = await post<Card>("/cards/lookup", { query: text });
  if (number !== lookUpNumber) return; // a newer look-up is under way
  el("till").dataset["looking"] = "false";
  if (answer.kind === "ok") {
    unknownContact = "";
    showCard(answer.body);
  } else if (answer.kind === "refused") {
    card.put(undefined);
    notice(answer.problem.detail, true);
    giveBack(text, typed);
    if (answer.problem.status === 401) location.assign(facts.sign_in_url);
  } else {
    offline(text, typed);
  }
}

function showCard(found: Card): void {
  card.put({ card: found });
  announce(t("loyalty.terminal.card_found", { name: fullName(found) || t("loyalty.terminal.nameless") }));
  el("card").scrollIntoView({ block: "nearest" });
}

/** Without a line the code alone must do: the stamp is sent when the line is back. */
function offline(text: string, typed: boolean): void {
  const code = text.replace(/[\s-]/g, "");
  if (/^\d{12}$/.test(code)) card.put({ unseen: { card_number: code } });
  else if (/^[A-Z]{30}$/i.test(code)) card.put({ unseen: { qr_code: code } });
  else giveBack(text, typed);
  notice(t("loyalty.terminal.lookup_offline"), true);
}

/** What was typed and not found stays in the field, marked, so that a slip is quickly mended. */
function giveBack(text: string, typed: boolean): void {
  if (!typed) return;
  unknownContact = /@|^\+?[\d\s./()-]{6,}$/.test(text) ? text : "";
  if (entry.value) return;
  entry.value = text;
  entry.select();
}

/** The card's facts have changed under us: ask again, silently. */
async function refresh(): Promise<void> {
  const before = card.onCounter();
  if (!before || !("card" in before)) return;
  const answer = await post<Card>("/cards/lookup", { card_number: before.card.card_number });
  if (answer.kind === "ok" && card.onCounter() === before) card.put({ card: answer.body });
}

function onCode(text: string): boolean {
  if (counter.busy || document.querySelector("dialog[open]:not(#result)")) return false;
  counter.result.close();
  if (looksLikeCard(text)) void lookUp(text);
  else notice(t("loyalty.terminal.not_a_card"), true);
  return true;
}

function enrol(): void {
  if (!counter.busy) enrolSheet.open(unknownContact);
}

// The page ------------------------------------------------------------------------------------

function notice(text: string, isProblem = false): void {
  el("notice").dataset["problem"] = String(isProblem);
  setText("notice", text);
  if (text && isProblem) play("refused");
}

function focusEntry(): void {
  if (!acts.focusSheet()) entry.focus({ preventScroll: true });
}

function drawCamera(state: CameraState): void {
  el("finder").dataset["camera"] = state;
  const text = CAMERA_TEXTS[state];
  show("camera-problem", text !== undefined);
  show("camera-wait", state === "starting");
  show("finder-hint", state === "on");
  setText("camera-text", text ? t(text) : "");
  setText("camera-retry-word", t(state === "off" ? "loyalty.terminal.camera_turn_on" : "loyalty.terminal.retry"));
  setPicture("camera-picture", state === "asking" ? "camera" : "camera-off", "size-8");
}

function drawLine(): void {
  const online = isOnline();
  el("line").dataset["online"] = String(online);
  setText("line-word", t(online ? "loyalty.terminal.online" : "loyalty.terminal.offline"));
  setPicture("line-picture", online ? "wifi" : "wifi-off", "size-5");
}

/** On a touch screen the field has the focus without a keyboard over half the page, until it is tapped. */
function keepKeyboardAway(): void {
  if (!matchMedia("(pointer: coarse)").matches) return;
  entry.inputMode = "none";
  entry.addEventListener("pointerdown", () => {
    if (entry.inputMode !== "none") return;
    entry.blur();
    entry.inputMode = "text";
  });
  entry.addEventListener("blur", () => (entry.inputMode = "none"));
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const isPrintable = event.key.length === 1 && event.key !== " ";
  if (counter.result.isOpen) {
    if (!isPrintable) return;
    counter.result.close(); // somebody types or a hand scanner does: the next customer is there
  } else if (document.querySelector("dialog[open], :popover-open")) {
    return;
  }
  if (act(event)) event.preventDefault();
  else if (isPrintable && event.target !== entry) focusEntry();
}

function act(event: KeyboardEvent): boolean {
  switch (event.key) {
    case "F2":
      acts.addStamp();
      return true;
    case "F3":
      acts.addPoints();
      return true;
    case "F4":
      acts.redeem();
      return true;
    case "F8":
      enrol();
      return true;
    case "/":
      if (event.target === entry && entry.value) return false;
      focusEntry();
      return true;
    case "Escape":
      if (entry.value) entry.value = "";
      else card.put(undefined);
      focusEntry();
      return true;
    default:
      return false;
  }
}

function onClick(id: string, act: () => void): void {
  el(id).addEventListener("click", act);
}

function bindSwitch(name: "sound" | "vibration" | "camera", onChange: (on: boolean) => void = () => undefined): void {
  const box = el<HTMLInputElement>(`switch-${name}`);
  box.checked = preference(name).get();
  box.addEventListener("change", () => {
    preference(name).set(box.checked);
    onChange(box.checked);
  });
}

function turnCamera(on: boolean): void {
  if (on) void scanner.start();
  else scanner.stop();
}

function backOnLine(): void {
  counter.flush();
  if (el("finder").dataset["camera"] === "blind") void scanner.start();
}

function bind(): void {
  el("entry").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = entry.value.trim();
    entry.value = "";
    if (text) void lookUp(text, { typed: true });
  });
  onClick("add", () => acts.addStamp());
  onClick("add-points", () => acts.addPoints());
  onClick("redeem", () => acts.redeem());
  onClick("fewer", () => card.step(-1));
  onClick("more", () => card.step(1));
  onClick("card-close", () => {
    card.put(undefined);
    focusEntry();
  });
  onClick("open-enrol", enrol);
  onClick("open-refund", () => {
    el("menu").hidePopover();
    acts.refund();
  });
  onClick("session", session.lock);
  onClick("camera-retry", () => {
    const box = el<HTMLInputElement>("switch-camera");
    box.checked = true;
    preference("camera").set(true);
    void scanner.start();
  });
  bindSwitch("sound", (on) => on && play("done"));
  bindSwitch("vibration");
  bindSwitch("camera", turnCamera);
  el("sign-out").addEventListener("submit", () => void globalThis.caches?.delete("terminal-page"));
  document.addEventListener("keydown", onKey, true);
}

function start(): void {
  bind();
  keepKeyboardAway();
  let wasOnline = true;
  onLine((online) => {
    drawLine();
    if (online && !wasOnline) backOnLine();
    wasOnline = online;
  });
  setInterval(() => {
    session.draw();
    card.tick();
    acts.tick();
    counter.pad.draw();
    counter.result.draw();
  }, TICK_MS);
  setInterval(() => isOnline() || document.hidden || void knock(), KNOCK_MS);
  turnCamera(preference("camera").get());
  focusEntry();
  el("till").dataset["ready"] = "true";
  void counter.start();
  void navigator.serviceWorker?.register(facts.service_worker_url, { scope: "/store/loyalty/" }).catch(() => undefined);
}

start();
