// A leaderboard's site in a real browser: node tests/browser/leaderboard.mjs SITE [--pictures FOLDER]
//
// SITE is a folder that `retally leaderboard build` made (opened as files) or the address of a server. Prints one JSON document; the exit code
// is 0 if everything holds, 1 if not, and 77 without a Chromium (set CHROMIUM to its program).
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser, findChromium } from "./chromium.mjs";

const [site, ...options] = process.argv.slice(2);
const pictures = options[0] === "--pictures" ? options[1] : undefined;
const program = findChromium();
if (!site) {
  console.error("usage: node leaderboard.mjs SITE [--pictures FOLDER]");
  process.exit(2);
}
if (!program) {
  console.error("skipped: no Chromium (apt-get install chromium, or set CHROMIUM)");
  process.exit(77);
}

const root = /^https?:/.test(site) ? new URL(site.endsWith("/") ? site : `${site}/`) : pathToFileURL(`${resolve(site)}/`);
const address = (path) => new URL(path, root).href;
const failures = [];
const times = {};
const holds = (what, condition, found) => {
  if (!condition) failures.push(found === undefined ? what : `${what}: ${JSON.stringify(found)}`);
};

const browser = await Browser.start(program);
const table = (number) => `document.querySelectorAll("table.board")[${number}]`;
// Number of the largest table that has numbers.
const largest = `(() => {
  const all = [...document.querySelectorAll("table.board")];
  const lines = (one) => (one.tHead.querySelector("th.number") ? one.tBodies[0].rows.length : 0);
  return all.reduce((best, one, number) => (lines(one) > lines(all[best]) ? number : best), 0);
})()`;

async function check(name, action) {
  const before = failures.length;
  try {
    await action();
  } catch (error) {
    failures.push(`${name}: ${error.message}`);
  }
  if (failures.length > before) console.error(`${name}: FAILED`);
}

async function frontToSuite() {
  times.front_ms = await browser.open(address("index.html"));
  holds("the front page has a heading", (await browser.value("document.querySelectorAll('h1').length")) === 1);
  await browser.loads(() => browser.value("document.querySelector('table.board tbody a').click()"));
  return browser.value("location.href");
}

async function sorting(at) {
  times.suite_ms = await browser.open(at);
  const number = await browser.value(largest);
  const board = table(number);
  const column = await browser.value(`[...${board}.tHead.rows[0].cells].findIndex((cell) => cell.classList.contains("number"))`);
  const heading = column < 0 ? `${board}.tHead.rows[0].cells[0]` : `${board}.tHead.rows[0].cells[${column}]`;
  const keys = `[...${board}.tBodies[0].rows].map((row) => { const cell = row.cells[${Math.max(column, 0)}]; return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort); })`;
  const original = await browser.value(keys);
  const press = `${heading}.querySelector("button").click()`;
  await browser.value(press);
  const first = await browser.value(`${heading}.getAttribute("aria-sort")`);
  const sorted = await browser.value(keys);
  const sign = first === "descending" ? -1 : 1;
  const inOrder = (list) => list.every((key, index) => index === 0 || typeof key !== "number" || typeof list[index - 1] !== "number" || sign * (key - list[index - 1]) >= 0);
  holds("a press sorts", ["ascending", "descending"].includes(first) && inOrder(sorted), first);
  await browser.value(press);
  await browser.value(press);
  holds("the third press restores the order", JSON.stringify(await browser.value(keys)) === JSON.stringify(original));
  holds("and says so", (await browser.value(`${heading}.getAttribute("aria-sort")`)) === "none");
}

async function timeOfSorting(at) {
  times.row_page_ms = await browser.open(at);
  const number = await browser.value(largest);
  // As many as the file has; the script shows the first of them.
  times.row_page_lines = await browser.value(`parseInt(document.querySelector(".tools output")?.textContent.replaceAll(",", "") ?? "0", 10)`);
  times.row_page_sort_ms = await browser.value(`(async () => {
    const button = [...${table(number)}.tHead.rows[0].cells].at(-1).querySelector("button");
    if (!button) return 0;
    const start = performance.now();
    button.click();
    ${table(number)}.offsetHeight;
    return performance.now() - start;
  })()`);
}

async function longTables(at) {
  await browser.open(at);
  const number = await browser.value(largest);
  const shown = `${table(number)}.tBodies[0].rows.length`;
  const before = await browser.value(shown);
  const more = `${table(number)}.closest(".scroll").nextElementSibling`;
  if (await browser.value(`${more}.hidden`)) return;
  holds("a long table begins with its first lines", before === 200, before);
  await browser.value(`${more}.click()`);
  holds("all lines come when they are asked for", (await browser.value(shown)) === times.row_page_lines, before);
  holds("and the focus goes to the first of them", await browser.value(`document.activeElement.closest("tr")?.rowIndex === 201`));
}

async function filtering(at) {
  await browser.open(at);
  const input = await browser.value(`(() => { const input = document.querySelector(".tools input"); if (!input) return null; input.focus(); return { id: input.id, label: input.labels.length, name: input.getAttribute("aria-label") }; })()`);
  if (!input) return;
  holds("the filter is labelled", input.label === 1 && input.name, input);
  const board = `document.getElementById("${input.id}").closest(".tools").nextElementSibling.querySelector("table")`;
  const name = await browser.value(`${board}.tBodies[0].rows[1].cells[0].innerText.trim()`);
  const all = await browser.value(`${board}.tBodies[0].rows.length`);
  await browser.type(name.toUpperCase());
  await new Promise((done) => setTimeout(done, 200));
  const shown = await browser.value(`[...${board}.tBodies[0].rows].filter((row) => row.checkVisibility()).map((row) => row.textContent)`);
  const words = name.toLowerCase().split(/\s+/);
  holds("the filter shows fitting lines alone", shown.length > 0 && shown.every((text) => words.every((word) => text.toLowerCase().includes(word))), [name, shown.length]);
  holds("the count is said", (await browser.value("document.querySelector('.tools output').textContent")).startsWith(`${shown.length.toLocaleString("en")} of `));
  await browser.key("Escape");
  holds("Escape shows all again", (await browser.value(`[...${board}.tBodies[0].rows].filter((row) => row.checkVisibility()).length`)) === all);
}

async function evidence(at) {
  await browser.open(at);
  await browser.loads(() => browser.value(`document.querySelector("table.board td[data-sort] a[href*='#cell-']").click()`));
  const target = await browser.value(`(() => { const target = document.querySelector(":target"); if (!target) return null; const box = target.getBoundingClientRect(); return { tag: target.tagName, top: box.top, bottom: box.bottom, height: innerHeight }; })()`);
  holds("a number leads to its evidence", target && target.tag === "TR" && target.top >= 0 && target.bottom <= target.height, target);
  const page = await browser.value("location.href");
  holds("the bundle can be downloaded", await browser.value("document.querySelector('a[download]').getAttribute('href') === 'submission.retally'"));
  holds("every check is listed", (await browser.value("document.querySelector('#verification').closest('section').querySelectorAll('tbody tr').length")) > 0);
  return page.split("#")[0];
}

async function keyboard(at) {
  await browser.size(1280);
  await browser.open(at);
  await browser.key("Tab");
  holds("the first stop is the skip link", await browser.value("document.activeElement.className === 'skip' && document.activeElement.getBoundingClientRect().left >= 0"));
  let isSorted = false;
  const seen = [];
  for (let count = 0; count < 60 && !isSorted; count++) {
    await browser.key("Tab");
    const focus = await browser.value(`(() => { const element = document.activeElement; const style = getComputedStyle(element); return { tag: element.tagName, inHead: Boolean(element.closest("thead")), outline: style.outlineStyle, width: style.outlineWidth }; })()`);
    seen.push(focus.tag);
    holds("focus can be seen", focus.outline !== "none" && parseFloat(focus.width) >= 2, focus);
    if (focus.tag === "BUTTON" && focus.inHead) {
      await browser.key("Enter", "Enter", "\r");
      isSorted = await browser.value(`document.activeElement.closest("th").getAttribute("aria-sort") !== "none"`);
      holds("Enter sorts", isSorted);
      await browser.key(" ", "Space", " ");
      holds("the space bar sorts on", ["ascending", "descending"].includes(await browser.value(`document.activeElement.closest("th").getAttribute("aria-sort")`)));
    }
  }
  holds("a heading is reached by keys alone", isSorted, seen);
}

async function narrow(pages) {
  for (const width of [400, 320]) {
    await browser.size(width, 800);
    for (const at of pages) {
      await browser.open(at);
      const wide = await browser.value("document.documentElement.scrollWidth");
      holds(`no page is wider than ${width} pixels`, wide <= width, [at, wide]);
    }
  }
  await browser.size(1280);
}

async function schemes(pages) {
  for (const scheme of ["light", "dark"]) {
    await browser.media({ "prefers-color-scheme": scheme });
    for (const [name, at] of Object.entries(pages)) {
      for (const width of [1280, 400]) {
        await browser.size(width, width < 500 ? 860 : 900);
        await browser.open(at);
        const dark = await browser.value(`getComputedStyle(document.body).backgroundColor === "rgb(18, 23, 30)"`);
        holds(`${name} follows the ${scheme} scheme`, dark === (scheme === "dark"));
        if (pictures) writeFileSync(join(pictures, `${name}-${scheme}-${width}.png`), await browser.picture());
      }
    }
  }
  await browser.size(1280);
  await browser.open(Object.values(pages)[0]);
  const before = await browser.value("getComputedStyle(document.body).backgroundColor");
  await browser.value("document.getElementById('theme').click()");
  holds("the button changes the scheme", before !== (await browser.value("getComputedStyle(document.body).backgroundColor")));
}

async function motion(at) {
  await browser.media({ "prefers-reduced-motion": "reduce" });
  await browser.open(at);
  const moving = await browser.value(`[...document.querySelectorAll("*")].filter((element) => { const style = getComputedStyle(element); return style.scrollBehavior !== "auto" || style.animationName !== "none" || parseFloat(style.transitionDuration) > 0; }).length`);
  holds("nothing moves by itself for who does not want it", moving === 0, moving);
  await browser.media({});
}

if (pictures) mkdirSync(pictures, { recursive: true });
await browser.size(1280);
let suite, row, submission;
await check("front page", async () => { suite = await frontToSuite(); });
await check("sorting", () => sorting(suite));
await check("filtering", () => filtering(suite));
await check("evidence", async () => { submission = await evidence(suite); });
await check("row page", async () => {
  await browser.open(suite);
  row = await browser.value("document.querySelector(\"table.board tbody a[href*='/rows/']\").href");
  await timeOfSorting(row);
});
await check("long tables", () => longTables(row));
await check("keyboard", () => keyboard(suite));
await check("narrow screens", () => narrow([address("index.html"), suite, row, submission]));
await check("colour schemes", () => schemes({ front: address("index.html"), suite, row, submission }));
await check("motion", () => motion(suite));
holds("no console error", browser.errors.length === 0, [...new Set(browser.errors)].slice(0, 5));
const outside = browser.requests.filter((url) => !url.startsWith(root.href) && !url.startsWith("data:") && !url.startsWith("about:"));
holds("no request leaves the site", outside.length === 0, [...new Set(outside)].slice(0, 5));
await browser.close();
for (const name of Object.keys(times)) times[name] = Math.round(times[name] * 10) / 10;
console.log(JSON.stringify({ site: root.href, holds: failures.length === 0, failures, times, requests: browser.requests.length }, null, 2));
process.exit(failures.length === 0 ? 0 : 1);
