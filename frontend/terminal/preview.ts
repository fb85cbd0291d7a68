/** What the server says a purchase earns. */
import { post } from "./api";

/** The server's points or its refusal, or nothing where it was not reached: then the page's own count stands. */
export async function confirmedPoints(
  cardId: number,
  cents: number,
): Promise<{ points: number } | { refusal: string } | undefined> {
  const body = { card_id: cardId, purchase_amount_cents: cents };
  const answer = await post<{ points_earned: number }>("/points/preview", body);
  if (answer.kind === "ok") return { points: answer.body.points_earned };
  return answer.kind === "refused" && answer.problem.status < 429 ? { refusal: answer.problem.detail } : undefined;
}
