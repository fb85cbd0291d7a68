/** This device's own choices: sound, vibration, camera. On unless switched off. */

type Name = "sound" | "vibration" | "camera";

export interface Preference {
  get(): boolean;
  set(value: boolean): void;
}

// Where the browser keeps nothing for pages, a choice lives as long as the page.
const unkept = new Map<string, string>();

export function preference(name: Name): Preference {
  const key = `terminal.${name}`;
  return {
    get: () => (unkept.get(key) ?? kept(key)) !== "off",
    set(value) {
      unkept.set(key, value ? "on" : "off");
      try {
        localStorage.setItem(key, value ? "on" : "off");
      } catch {
        // private mode
      }
    },
  };
}

function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
