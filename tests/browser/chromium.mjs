// Headless Chromium over the DevTools protocol through two pipes: no package, no port.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The program: that of $CHROMIUM, or the first that the system has; undefined if there is none. */
export function findChromium() {
  const wanted = process.env.CHROMIUM ? [process.env.CHROMIUM] : NAMES;
  return wanted.find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
}

/** A browser with one page. */
export class Browser {
  #process;
  #profile;
  #next = 1;
  #waiting = new Map();
  #rest = "";
  #session;
  /** Requests that pages made, messages of their consoles, and exceptions. */
  requests = [];
  errors = [];
  #listeners = new Set();

  static async start(program) {
    const browser = new Browser();
    browser.#profile = mkdtempSync(join(tmpdir(), "retally-chromium-"));
    const words = [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", `--user-data-dir=${browser.#profile}`, "about:blank",
    ];
    browser.#process = spawn(program, words, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    browser.#process.stdio[4].setEncoding("utf8");
    browser.#process.stdio[4].on("data", (text) => browser.#hear(text));
    const { targetInfos } = await browser.#send("Target.getTargets", {}, false);
    const { targetId } = targetInfos.find((target) => target.type === "page");
    ({ sessionId: browser.#session } = await browser.#send("Target.attachToTarget", { targetId, flatten: true }, false));
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await browser.#send(`${domain}.enable`);
    await browser.#send("Emulation.setFocusEmulationEnabled", { enabled: true });
    return browser;
  }

  async close() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    await this.#send("Browser.close", {}, false).catch(() => {});
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #hear(text) {
    const parts = (this.#rest + text).split("\0");
    this.#rest = parts.pop();
    for (const part of parts) this.#take(JSON.parse(part));
  }

  #take(message) {
    if (message.id) {
      const { resolve, reject } = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result);
      return;
    }
    const { method, params } = message;
    if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
    if (method === "Runtime.exceptionThrown") this.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (method === "Runtime.consoleAPICalled" && ["error", "warning"].includes(params.type)) this.errors.push(params.args.map((word) => word.value).join(" "));
    if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) this.errors.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    for (const listener of [...this.#listeners]) listener(method);
  }

  #send(method, params = {}, inPage = true) {
    const id = this.#next++;
    const message = { id, method, params, ...(inPage && { sessionId: this.#session }) };
    this.#process.stdio[3].write(`${JSON.stringify(message)}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  send(method, params) {
    return this.#send(method, params);
  }

  #event(name) {
    return new Promise((resolve) => {
      const listener = (method) => {
        if (method !== name) return;
        this.#listeners.delete(listener);
        resolve();
      };
      this.#listeners.add(listener);
    });
  }

  /** Opens an address and waits until it is loaded; the milliseconds it took. */
  async open(address) {
    const loaded = this.#event("Page.loadEventFired");
    const start = performance.now();
    const { errorText } = await this.#send("Page.navigate", { url: address });
    if (errorText) throw new Error(`${address}: ${errorText}`);
    await loaded;
    await this.frame();
    return performance.now() - start;
  }

  /** Waits for what the page does after a click on a link. */
  async loads(action) {
    const loaded = this.#event("Page.loadEventFired");
    await action();
    await loaded;
  }

  /** The value of an expression in the page. */
  async value(expression) {
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  /** Waits until the page has drawn. */
  frame() {
    return this.value("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
  }

  size(width, height = 900) {
    return this.#send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 500 });
  }

  media(features) {
    const list = Object.entries(features).map(([name, value]) => ({ name, value }));
    return this.#send("Emulation.setEmulatedMedia", { features: list });
  }

  async key(key, code = key, text = undefined, modifiers = 0) {
    const codes = { Tab: 9, Enter: 13, Escape: 27, " ": 32 };
    const common = { key, code, modifiers, windowsVirtualKeyCode: codes[key] ?? key.toUpperCase().charCodeAt(0), ...(text && { text }) };
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", ...common });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", ...common });
  }

  async type(text) {
    for (const letter of text) await this.key(letter, "", letter);
  }

  async picture(whole = false) {
    const { data } = await this.#send("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole });
    return Buffer.from(data, "base64");
  }
}
