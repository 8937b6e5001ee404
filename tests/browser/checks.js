// The checks of the status pages in Chromium. Serves the files of a folder with the policy of `rollbook web`, so that a script,
// style or request that the policy forbids is a message in the console, which fails the check.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";

const [folder, ...options] = process.argv.slice(2);
const pictures = options[0] === "--pictures" ? options[1] : undefined;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const SIZES = { phone: { width: 320, height: 640 }, desktop: { width: 1200, height: 900 } };
const EVERY = 30_000;

let passed = 0;
const failures = [];
function check(is, what) {
  if (is) passed += 1;
  else failures.push(what);
}

// The pages that the fixture wrote, by address.
const pages = new Map(Object.entries(JSON.parse(await readFile(path.join(folder, "pages.json"), "utf8"))));
const icon = await readFile(path.join(folder, "icon.svg"));
let isDown = false;

function policy(text) {
  const hash = (tag) => {
    const found = text.match(new RegExp(`<${tag}>([^]*?)</${tag}>`));
    return found ? `'sha256-${createHash("sha256").update(found[1]).digest("base64")}'` : "'none'";
  };
  return `default-src 'none'; img-src 'self'; style-src ${hash("style")}; script-src ${hash("script")}; connect-src 'self'; ` +
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
}

const server = createServer((request, response) => {
  if (isDown) return response.writeHead(503).end();
  if (request.url === "/icon.svg") return response.writeHead(200, { "content-type": "image/svg+xml" }).end(icon);
  // A browser asks for it on behalf of the report, which is a file and links no icon.
  if (request.url === "/favicon.ico") return response.writeHead(204).end();
  const text = pages.get(request.url);
  if (text === undefined) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": policy(text) }).end(text);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});

async function open(address, context, where) {
  const page = await context.newPage();
  page.on("console", (message) => check(false, `${where}: console: ${message.text()}`));
  page.on("pageerror", (error) => check(false, `${where}: ${error}`));
  page.on("request", (request) => check(request.url().startsWith(origin), `${where}: request to ${request.url()}`));
  await page.goto(origin + address);
  return page;
}

// Nothing is wider than the page, but what scrolls in a region of its own.
const overflow = () => {
  const width = document.documentElement.clientWidth;
  const isInRegion = (element) => element.closest(".scroll:not(:scope)") || element.closest("svg");
  const wide = [...document.body.querySelectorAll("*")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.right > width + 1 && !isInRegion(element);
  });
  const labels = [...document.querySelectorAll("svg.chart text")].map((text) => text.getBoundingClientRect()).filter((box) => box.width > 0);
  const cut = labels.filter((box) => box.right > width + 1 || box.left < -1).length;
  let overlaps = 0;
  labels.forEach((one, index) => labels.slice(index + 1).forEach((other) => {
    const x = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const y = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
    if (x > 1 && y > 4) overlaps += 1;
  }));
  return { page: document.documentElement.scrollWidth - width, wide: wide.map((element) => element.outerHTML.slice(0, 80)), cut, overlaps };
};

async function look(address, size, colorScheme, javaScriptEnabled) {
  const where = `${address} ${size} ${colorScheme} ${javaScriptEnabled ? "" : "without script"}`;
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme, javaScriptEnabled, bypassCSP: false });
  const page = await open(address, context, where);
  check(await page.locator("h1").count() === 1, `${where}: one heading of the page`);
  check(address === "/report.html" || await page.locator("[aria-current=page]").count() === 1, `${where}: the current page is marked`);
  if (javaScriptEnabled) {
    const { page: wider, wide, cut, overlaps } = await page.evaluate(overflow);
    check(wider <= 0 && wide.length === 0, `${where}: ${wider} px too wide: ${wide}`);
    check(cut === 0, `${where}: ${cut} labels are cut`);
    check(overlaps === 0, `${where}: ${overlaps} labels overlap`);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    const found = violations.map((one) => `${one.id} (${one.impact}): ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120))}`);
    check(found.length === 0, `${where}: axe: ${found.join("; ")}`);
  }
  await context.close();
}

// Every link is reached by the keyboard, and its focus is visible.
async function walk(address) {
  const context = await browser.newContext({ viewport: SIZES.phone });
  const page = await open(address, context, `${address} keyboard`);
  const isHidden = "details:not([open]) .scroll";
  const wanted = await page.locator(`a[href], summary, [tabindex='0']:not(${isHidden})`).count();
  const reached = new Set();
  for (let step = 0; step < wanted + 5; step += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const all = [...document.querySelectorAll("a[href], summary, [tabindex='0']")];
      const style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      const isShown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      return { index: all.indexOf(element), isShown, isInView: box.bottom > 0 && box.top < innerHeight && box.left >= -1, html: element.outerHTML.slice(0, 80) };
    });
    if (!at || at.index < 0) continue;
    reached.add(at.index);
    check(at.isShown && at.isInView, `${address}: the focus is not visible: ${at.html}`);
  }
  check(reached.size === wanted, `${address}: the keyboard reaches ${reached.size} of ${wanted}`);
  await context.close();
}

// A refresh changes what differs and keeps focus, scroll and open details.
async function refresh() {
  const address = "/streams/webuntis/users";
  const context = await browser.newContext({ viewport: SIZES.phone });
  const page = await context.newPage();
  page.on("pageerror", (error) => check(false, `refresh: ${error}`));
  await page.clock.install();
  await page.goto(origin + address);
  await page.locator("summary").click();
  await page.locator("details .scroll").evaluate((region) => { region.scrollLeft = 120; });
  await page.locator("#held a").first().focus();
  await page.evaluate(() => scrollTo(0, 300));
  const state = () => page.evaluate(() => ({
    focus: document.activeElement.textContent,
    top: scrollY,
    left: document.querySelector("details .scroll").scrollLeft,
    open: document.querySelector("details").open,
  }));
  const before = await state();
  const text = pages.get(address);
  pages.set(address, text.replaceAll("1,178", "1,179").replace("<section id=\"facts\">", "<section id=\"more\"><h2>More</h2></section><section id=\"facts\">"));
  const tick = async () => {
    const answer = page.waitForResponse(origin + address);
    await page.clock.runFor(EVERY);
    await answer;
    await page.waitForTimeout(100);
  };
  await tick();
  check((await page.locator("#chart p").first().textContent()).startsWith("1,179 rows"), "refresh: the text changed");
  check(await page.locator("#more").count() === 1, "refresh: a new section is there");
  const after = await state();
  check(JSON.stringify(after) === JSON.stringify(before), `refresh: ${JSON.stringify(before)} became ${JSON.stringify(after)}`);
  pages.set(address, text);
  await page.evaluate(() => getSelection().selectAllChildren(document.querySelector("h1")));
  await page.clock.runFor(EVERY);
  check(await page.locator("#more").count() === 1, "refresh: nothing changes while text is selected");
  await page.evaluate(() => getSelection().removeAllRanges());
  isDown = true;
  for (let number = 0; number < 5; number += 1) await tick();
  const notice = await page.locator("#refresh").textContent();
  check(notice.includes("could not be refreshed") && notice.includes("Reload"), `refresh: it says that it is old: ${notice}`);
  let later = 0;
  page.on("request", () => { later += 1; });
  await page.clock.runFor(EVERY * 10);
  check(later === 0, "refresh: it stops after failures");
  isDown = false;
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.waitForTimeout(100);
  check(await page.locator("#refresh").textContent() === "", "refresh: it continues when the page is looked at again");
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  later = 0;
  await page.clock.runFor(EVERY * 3);
  check(later === 0, "refresh: a hidden page requests nothing");
  await context.close();
}

async function print(address) {
  const context = await browser.newContext({ viewport: { width: 700, height: 900 } });
  const page = await open(address, context, `${address} print`);
  await page.emulateMedia({ media: "print" });
  check(!(await page.locator("nav").isVisible()), `${address}: no navigation is printed`);
  const { page: wider, wide, cut } = await page.evaluate(overflow);
  check(wider <= 0 && wide.length === 0 && cut === 0, `${address}: ${wider} px are cut in print: ${wide}`);
  await context.close();
}

async function colours() {
  const context = await browser.newContext({ viewport: SIZES.desktop, forcedColors: "active" });
  const page = await open("/streams/webuntis/users", context, "forced colours");
  const [held, removed] = await page.evaluate(() => [".chart[role] path.held", ".chart[role] path.removed"]
    .map((selector) => getComputedStyle(document.querySelector(selector))).map((style) => style.stroke + style.fillOpacity + style.fill));
  check(held !== removed, "forced colours: held is not removed");
  await context.close();
}

async function picture(address, name, height) {
  const context = await browser.newContext({ viewport: { width: 1000, height } });
  const page = await open(address, context, name);
  await writeFile(path.join(pictures, `${name}.png`), await page.screenshot());
  await context.close();
}

try {
  const addresses = [...pages.keys()].filter((address) => address.startsWith("/"));
  // Each size, scheme and script occurs with the others, but not every one with every other.
  const looks = addresses.flatMap((address) => [
    [address, "phone", "light", true],
    [address, "desktop", "dark", true],
    [address, "phone", "dark", false],
    [address, "desktop", "light", false],
  ]);
  const workers = [0, 1, 2].map(async () => {
    for (let next = looks.pop(); next; next = looks.pop()) await look(...next);
  });
  await Promise.all(workers);
  for (const address of ["/", "/jobs/rosters", "/streams/webuntis/users", "/report.html"]) {
    await walk(address);
    await print(address);
  }
  await refresh();
  await colours();
  if (pictures) {
    await picture("/", "overview", 900);
    await picture("/streams/webuntis/users", "stream", 560);
  }
} catch (error) {
  failures.push(String(error));
} finally {
  await browser.close();
  server.close();
}
for (const failure of new Set(failures)) console.log(`not ok - ${failure}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length ? 1 : 0;
