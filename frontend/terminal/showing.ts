/** When does a code in the picture count? Once per showing: held still it is one, taken away and shown again two. */

/** A code must be gone this long before it counts again… */
const AWAY_MS = 1000;
/** …and be missed in as many pictures, since a slow device may look once a second only. */
const MISSED_PICTURES = 3;

interface Seen {
  lastAt: number;
  missed: number;
}

export class Showings {
  private readonly seen = new Map<string, Seen>();

  /** Tell what one picture showed at `at` (milliseconds); returns the codes that are new. */
  look(codes: string[], at: number): string[] {
    for (const [code, seen] of this.seen) {
      if (codes.includes(code)) continue;
      seen.missed += 1;
      if (seen.missed >= MISSED_PICTURES && at - seen.lastAt >= AWAY_MS) this.seen.delete(code);
    }
    const fresh = codes.filter((code) => !this.seen.has(code));
    for (const code of codes) this.seen.set(code, { lastAt: at, missed: 0 });
    return [...new Set(fresh)];
  }

  /** Let a code count at its next picture, because nobody could attend to it. */
  forget(code: string): void {
    this.seen.delete(code);
  }
}

/** Could this be a card? Posters, menus and payment codes never reach the server. */
export function looksLikeCard(text: string): boolean {
  return /^[A-Z0-9][A-Z0-9-]{3,63}$/i.test(text.trim());
}
