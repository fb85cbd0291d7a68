/** Keeps the terminal's shell on the device, so that a reload without a line still shows it.
 *
 * Styles, scripts and the font are kept by their hashed names. The page itself is asked for each time and the
 * last good copy is shown only when nobody answers; it is dropped with the sign-in. Data is never kept here. */

const worker = globalThis as unknown as ServiceWorkerGlobalScope;
const SHELL = `terminal-shell-${BUILD_ID}`;
const PAGE = "terminal-page";
const PAGE_PATH = "/store/loyalty/terminal";

worker.addEventListener("install", (event) => {
  event.waitUntil(keepShell());
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(dropOldShells());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== worker.location.origin) return;
  if (address.pathname.startsWith("/static/")) event.respondWith(kept(request));
  else if (request.mode === "navigate" && address.pathname === PAGE_PATH) event.respondWith(page(request));
});

async function keepShell(): Promise<void> {
  const cache = await caches.open(SHELL);
  await cache.addAll(SHELL_ASSETS);
  await worker.skipWaiting();
}

async function dropOldShells(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith("terminal-shell-") && name !== SHELL);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** Hashed files never change: from the device first; the QR reader joins them when it is first needed. */
async function kept(request: Request): Promise<Response> {
  const found = await caches.match(request);
  if (found) return found;
  const response = await fetch(request);
  if (response.ok && /-[A-Z0-9]{8}\.\w+$/.test(new URL(request.url).pathname)) {
    await (await caches.open(SHELL)).put(request, response.clone());
  }
  return response;
}

async function page(request: Request): Promise<Response> {
  const cache = await caches.open(PAGE);
  try {
    const response = await fetch(request);
    if (response.ok && !response.redirected) await cache.put(PAGE_PATH, response.clone());
    else if (response.status < 500) await cache.delete(PAGE_PATH); // signed out, or another page
    return response;
  } catch {
    return (await cache.match(PAGE_PATH)) ?? Response.error();
  }
}
