/** Who is at the till: the open PIN session. Its token lives in this memory and nowhere else. */
import { now, type StaffSession } from "./api";
import { setText, show } from "./dom";
import { timer } from "./i18n";

let token: string | undefined;
let expiresAt = 0;
let name = "";

/** The token to send along, if the session is still open. */
export function sessionSecret(): { staff_session?: string } {
  return isOpen() && token ? { staff_session: token } : {};
}

export function isOpen(): boolean {
  return token !== undefined && now() < expiresAt;
}

/** Every answer carries a fresh one, or none where the program asks each time. */
export function renew(session: StaffSession | undefined, staffName: string | null): void {
  if (!session) return;
  ({ token, expiresAt } = session);
  name = staffName ?? name;
  draw();
}

export function lock(): void {
  token = undefined;
  expiresAt = 0;
  draw();
}

/** The chip in the corner; called every second. */
export function draw(): void {
  const open = isOpen();
  if (!open) token = undefined;
  show("session", open);
  if (!open) return;
  setText("session-name", name);
  setText("session-left", timer(expiresAt - now()));
}
