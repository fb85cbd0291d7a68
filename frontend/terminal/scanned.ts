/** Tells a hand scanner from fingers: it types faster than anybody can, and ends with Enter. */

/** Between two keys of a scanner there is less. */
const GAP_MS = 35;
/** Shorter texts may be luck: "25" and Enter. */
const SHORTEST = 6;

export class Burst {
  private text = "";
  private lastAt = 0;

  /** Tell each key; returns what was scanned once its Enter comes. */
  key(key: string, at: number): string | undefined {
    const isFast = at - this.lastAt < GAP_MS;
    this.lastAt = at;
    if (key === "Enter") {
      const scanned = isFast && this.text.length >= SHORTEST ? this.text : undefined;
      this.text = "";
      return scanned;
    }
    if (key.length === 1) this.text = isFast ? this.text + key : key;
    return undefined;
  }

  /** Is this key the first of what may become a scan? */
  get hasJustBegun(): boolean {
    return this.text.length === 1;
  }
}
