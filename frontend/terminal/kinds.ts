/** The kinds of operations: where each is sent, how it looks, and what undoes it. */
import { t } from "./i18n";
import type { Kind } from "./store";

interface About {
  path: string;
  /** One of the pictures in the page's <template id="icons">. */
  picture: string;
  undoneBy?: Kind;
  /** It may be told later, with the time when it happened. */
  keepsTime?: boolean;
}

export const KINDS: Record<Kind, About> = {
  stamp: { path: "/stamp", picture: "stamp", undoneBy: "void", keepsTime: true },
  redeem: { path: "/stamp/redeem", picture: "gift", undoneBy: "void" },
  void: { path: "/stamp/void", picture: "undo-2" },
  points: { path: "/points", picture: "coins", undoneBy: "points_void", keepsTime: true },
  points_redeem: { path: "/points/redeem", picture: "gift", undoneBy: "points_void" },
  points_void: { path: "/points/void", picture: "undo-2" },
  refund: { path: "/refund", picture: "receipt" },
};

/** What an operation does, in words: "2 stamps", "250 points", "Redeemed: free coffee". */
export function described({ kind, quantity = 1, reward = "" }: { kind: Kind; quantity?: number; reward?: string }): string {
  switch (kind) {
    case "stamp":
      return t("loyalty.terminal.stamps_added", { count: quantity });
    case "points":
      return t("loyalty.terminal.points", { count: quantity });
    case "redeem":
    case "points_redeem":
      return reward ? t("loyalty.terminal.redeemed", { reward }) : t("loyalty.terminal.redeem");
    case "refund":
      return t("loyalty.terminal.refund_of", { reference: reward });
    case "void":
    case "points_void":
      return t("loyalty.terminal.undone");
  }
}
