/** What this device remembers between two loads of the page: operations under way and the last ones done.
 *
 * Never a PIN, a session or a customer's contact: only ids, amounts and a masked name. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Problem } from "./facts";

export type Kind = "stamp" | "redeem" | "void" | "points" | "points_redeem" | "points_void" | "refund";

export interface Operation {
  /** The idempotency key: made before the first try, the same at every one. */
  key: string;
  kind: Kind;
  body: Record<string, string | number>;
  name: string;
  /** What it gives or takes, as far as the page knows: a count, and the name of a reward. */
  quantity: number;
  reward: string;
  scope: string;
  /** By this device's clock, which may be wrong: good for an order and an age. */
  createdAt: number;
  state: "waiting" | "asks_pin" | "refused" | "signed_out";
  problem?: Problem;
}

export interface Done {
  key: string;
  scope: string;
  kind: Kind;
  transactionId: number;
  name: string;
  quantity: number;
  reward: string;
  at: number;
  voided: boolean;
}

interface Schema extends DBSchema {
  pending: { key: string; value: Operation };
  recent: { key: string; value: Done };
}

type Name = "pending" | "recent";

/** A new idempotency key. Without https there is no `randomUUID`, but randomness there is. */
export function newKey(): string {
  if ("randomUUID" in crypto) return crypto.randomUUID();
  const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One of the two lists. Where the browser keeps nothing (private mode), it lives with the page. */
export class Shelf<T extends { key: string; scope: string }> {
  private readonly items = new Map<string, T>();
  private readonly loaded: Promise<void>;

  constructor(private readonly name: Name, private readonly scope: string) {
    this.loaded = this.load();
  }

  async all(): Promise<T[]> {
    await this.loaded;
    return [...this.items.values()];
  }

  async put(item: T): Promise<void> {
    await this.loaded;
    this.items.set(item.key, item);
    await database().then((db) => db.put(this.name, item as never)).catch(() => undefined);
  }

  async delete(key: string): Promise<void> {
    await this.loaded;
    this.items.delete(key);
    await database().then((db) => db.delete(this.name, key)).catch(() => undefined);
  }

  private async load(): Promise<void> {
    const found = await database().then((db) => db.getAll(this.name)).catch(() => []);
    for (const item of found as unknown as T[]) {
      if (item.scope === this.scope) this.items.set(item.key, item);
    }
  }
}

let opened: Promise<IDBPDatabase<Schema>> | undefined;

function database(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>("orion-terminal", 1, {
    upgrade(db) {
      db.createObjectStore("pending", { keyPath: "key" });
      db.createObjectStore("recent", { keyPath: "key" });
    },
  });
  return opened;
}
