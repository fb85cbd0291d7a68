/** The camera: on while somebody looks at the page, off otherwise, and never silently broken. */
import { type Detector, newDetector } from "./detector";
import { Showings } from "./showing";

export type CameraState =
  | "starting"
  | "asking"
  | "on"
  | "off"
  | "insecure"
  | "unsupported"
  | "denied"
  | "missing"
  | "busy"
  /** The camera works, but what reads its pictures could not be loaded. */
  | "blind";

interface Options {
  video: HTMLVideoElement;
  onState: (state: CameraState) => void;
  /** Return false when nobody can attend to the code now: it then counts later. */
  onCode: (text: string) => boolean;
}

/** Silence longer than this needs a sentence. */
const PATIENCE_MS = 2000;
const PAUSE_MS = 90;
/** A square of this size is enough for a code that fills a third of it, and quick to read. */
const PICTURE_PX = 640;

export class Scanner {
  private stream: MediaStream | undefined;
  private detector: Promise<Detector> | undefined;
  private readonly showings = new Showings();
  private readonly canvas = document.createElement("canvas");
  private attempt = 0;
  private wanted = false;

  constructor(private readonly options: Options) {
    this.canvas.width = this.canvas.height = PICTURE_PX;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.release() : this.resume()));
    addEventListener("pagehide", () => this.release());
    addEventListener("pageshow", (event) => (event as PageTransitionEvent).persisted && this.resume());
  }

  /** Turn the camera on; also what the retry button does. */
  async start(): Promise<void> {
    this.wanted = true;
    this.release();
    const attempt = ++this.attempt;
    const isCurrent = () => attempt === this.attempt;
    this.options.onState("starting");
    const patience = setTimeout(() => isCurrent() && this.options.onState("asking"), PATIENCE_MS);
    try {
      const stream = await openCamera();
      if (!isCurrent()) return stop(stream);
      await this.play(stream);
      if (isCurrent()) this.watch(attempt);
    } catch (error) {
      if (isCurrent()) this.fail(error);
    } finally {
      clearTimeout(patience);
    }
  }

  /** Turn it off because the user said so. */
  stop(): void {
    this.wanted = false;
    this.release();
    this.options.onState("off");
  }

  private resume(): void {
    if (this.wanted && !this.stream) void this.start();
  }

  private release(): void {
    this.attempt += 1;
    if (this.stream) stop(this.stream);
    this.stream = undefined;
    this.options.video.srcObject = null;
  }

  private fail(error: unknown): void {
    this.release();
    this.options.onState(stateOf(error));
  }

  private async play(stream: MediaStream): Promise<void> {
    this.stream = stream;
    this.options.video.srcObject = stream;
    stream.getVideoTracks()[0]?.addEventListener("ended", () => {
      if (stream === this.stream) this.fail(new DOMException("The camera went away.", "NotReadableError"));
    });
    await this.options.video.play();
    this.options.onState("on");
  }

  private async watch(attempt: number): Promise<void> {
    this.detector ??= newDetector();
    let detector: Detector;
    try {
      detector = await this.detector;
    } catch {
      this.detector = undefined; // the line may be better at the next try
      if (attempt !== this.attempt) return;
      this.release();
      this.options.onState("blind");
      return;
    }
    while (attempt === this.attempt) {
      for (const code of this.showings.look(await this.read(detector), performance.now())) {
        if (attempt === this.attempt && !this.options.onCode(code)) this.showings.forget(code);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** The codes in the square that the finder shows; a damaged picture has none. */
  private async read(detector: Detector): Promise<string[]> {
    const { videoWidth: width, videoHeight: height } = this.options.video;
    const side = Math.min(width, height);
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!side || !context) return [];
    context.drawImage(
      this.options.video,
      (width - side) / 2, (height - side) / 2, side, side,
      0, 0, PICTURE_PX, PICTURE_PX,
    );
    try {
      return (await detector.detect(this.canvas)).map(({ rawValue }) => rawValue).filter(Boolean);
    } catch {
      return [];
    }
  }
}

async function openCamera(): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) {
    const name = globalThis.isSecureContext ? "NotSupportedError" : "SecureContextError";
    throw new DOMException("No camera for this page.", name);
  }
  return navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
  });
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function stateOf(error: unknown): CameraState {
  switch (error instanceof DOMException ? error.name : "") {
    case "SecureContextError":
      return "insecure";
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "unsupported";
  }
}
