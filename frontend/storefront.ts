/** A customer's pages: joining, and the card that stays up to date. Every page works without this. */
import { sendJoinFormOnce } from "./storefront/join";
import { keepCardLive } from "./storefront/live";
import { showCodeOnTap } from "./storefront/qr";

sendJoinFormOnce();
const code = showCodeOnTap();
keepCardLive(code);
