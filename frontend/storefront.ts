/** A customer's pages: joining, and the card that stays up to date. Every page works without this. */
import { sendJoinFormOnce } from "./storefront/join";
import { keepCardLive } from "./storefront/live";
import { sendFormsOnce } from "./storefront/once";
import { showCodeOnTap } from "./storefront/qr";

sendJoinFormOnce();
sendFormsOnce();
const code = showCodeOnTap();
keepCardLive(code);
