/** The last operations of this terminal: a day long, twenty at most, under masked names. */
import { type Done, Shelf } from "./store";

const MOST = 20;
const A_DAY_MS = 24 * 3600 * 1000;

export class History {
  private readonly shelf: Shelf<Done>;

  constructor(scope: string) {
    this.shelf = new Shelf("recent", scope);
  }

  /** Newest first. */
  async list(): Promise<Done[]> {
    const oldest = Date.now() - A_DAY_MS;
    const all = (await this.shelf.all()).sort((a, b) => b.at - a.at);
    const kept = all.filter(({ at }) => at > oldest).slice(0, MOST);
    for (const done of all) if (!kept.includes(done)) await this.shelf.delete(done.key);
    return kept;
  }

  async add(done: Done): Promise<void> {
    await this.shelf.put(done);
  }

  async markVoided(transactionId: number): Promise<void> {
    for (const done of await this.shelf.all()) {
      if (done.transactionId === transactionId) await this.shelf.put({ ...done, voided: true });
    }
  }
}
