/** What the cashier hears and feels: a different figure for every outcome. */
import { preference } from "./preferences";

export type Figure = "done" | "reward" | "refused" | "waiting";

interface Note {
  hertz: number;
  at: number;
  seconds: number;
}

const NOTES: Record<Figure, Note[]> = {
  done: [{ hertz: 660, at: 0, seconds: 0.09 }, { hertz: 880, at: 0.1, seconds: 0.16 }],
  reward: [
    { hertz: 523, at: 0, seconds: 0.11 },
    { hertz: 659, at: 0.12, seconds: 0.11 },
    { hertz: 784, at: 0.24, seconds: 0.11 },
    { hertz: 1047, at: 0.36, seconds: 0.3 },
  ],
  refused: [{ hertz: 220, at: 0, seconds: 0.16 }, { hertz: 165, at: 0.2, seconds: 0.3 }],
  waiting: [{ hertz: 440, at: 0, seconds: 0.12 }],
};
const BUZZ: Record<Figure, number[]> = { done: [40], reward: [40, 60, 40, 60, 120], refused: [120, 80, 120], waiting: [30] };
const LOUDNESS = 0.16;

let context: AudioContext | undefined;

export function play(figure: Figure): void {
  // Before the first touch the browser would refuse and complain.
  if (!navigator.userActivation?.hasBeenActive) return;
  if (preference("vibration").get()) navigator.vibrate?.(BUZZ[figure]);
  if (!preference("sound").get() || !("AudioContext" in globalThis)) return;
  context ??= new AudioContext();
  void context.resume();
  for (const note of NOTES[figure]) sing(context, note);
}

function sing(audio: AudioContext, { hertz, at, seconds }: Note): void {
  const start = audio.currentTime + at;
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = hertz;
  volume.gain.setValueAtTime(LOUDNESS, start);
  volume.gain.exponentialRampToValueAtTime(0.001, start + seconds);
  tone.connect(volume).connect(audio.destination);
  tone.start(start);
  tone.stop(start + seconds);
}
