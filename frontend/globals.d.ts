/** What the build puts in place of imports and names TypeScript does not know. */

declare module "*.wasm" {
  /** Address of the hashed copy, relative to the importing script. */
  const address: string;
  export default address;
}

declare module "*.css";

/** The package brings no types; this is the part of it we use. */
declare module "@alpinejs/csp" {
  const Alpine: {
    data(name: string, component: (...args: never[]) => object): void;
    store(name: string, value: object): void;
    start(): void;
  };
  export default Alpine;
}

/** Hashed addresses ("/static/…") of styles, scripts and font: what a service worker keeps for offline use. */
declare const SHELL_ASSETS: readonly string[];

/** Changes with every change of the shell: a name for the service worker's cache. */
declare const BUILD_ID: string;
