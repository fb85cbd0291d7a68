/** Reads QR codes: with the browser's own reader where there is one, else with ours (loaded only then). */

export interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}

interface NativeDetector {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

/** @throws where the reader can't be loaded; the next call tries anew. */
export async function newDetector(): Promise<Detector> {
  const native = (globalThis as { BarcodeDetector?: NativeDetector }).BarcodeDetector;
  if (native && (await native.getSupportedFormats()).includes("qr_code")) {
    return new native({ formats: ["qr_code"] });
  }
  const [{ BarcodeDetector, prepareZXingModule }, { default: wasm }] = await Promise.all([
    import("barcode-detector/ponyfill"),
    import("zxing-wasm/reader/zxing_reader.wasm"),
  ]);
  const overrides = { locateFile: () => new URL(wasm, import.meta.url).href };
  await prepareZXingModule({ overrides, fireImmediately: true });
  return new BarcodeDetector({ formats: ["qr_code"] }) as Detector;
}
