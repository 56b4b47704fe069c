// A browser for one scenario: what every scenario needs, and what must hold in each of them.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

export const given = JSON.parse(process.env.SCENARIO);
const { chromium } = createRequire(given.packages)("playwright-core");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// Long enough for a slow machine to train a little; nothing here proves speed.
const PATIENCE_MS = 120_000;

export const sha256 = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Counts layout shifts from the very first paint, and keeps what moved. */
function watchShifts() {
  window.shifts = { score: 0, moved: [] };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      window.shifts.score += entry.value;
      window.shifts.moved.push(...entry.sources.map((source) => source.node?.className ?? String(source.node)));
    }
  }).observe({ type: "layout-shift", buffered: true });
}

export const shifts = (page) => page.evaluate(() => window.shifts);

/** A page as wide as the window: nobody scrolls sideways. */
export async function assertFits(page) {
  const [content, window_, wide] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const beyond = [...document.querySelectorAll("body *")].filter(
      (element) => element.getBoundingClientRect().right > clientWidth + 1,
    );
    const names = beyond.map((element) => `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""}`);
    return [scrollWidth, clientWidth, names.slice(0, 12)];
  });
  assert.ok(
    content <= window_,
    `${page.url()} is ${content} px wide in a window of ${window_} px, by ${wide.join(", ")}`,
  );
}

export async function signIn(page, path = "/") {
  await page.goto(given.url + path);
  await page.getByLabel("API key").fill(given.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}

/** A session without the form, for scenarios about something else. */
export async function haveSession(context) {
  const answer = await context.request.post(`${given.url}/v1/session`, { data: { key: given.key } });
  assert.equal(answer.status(), 200, await answer.text());
}

const chart = (page, id = "loss") => page.locator(`[data-chart="${id}"]`);

/** Waits until the chart has reached the step; tells which step it has then. */
export async function chartReaches(page, step, id = "loss") {
  await page.waitForFunction(
    ([name, least]) => Number(document.querySelector(`[data-chart="${name}"]`)?.dataset.lastStep ?? 0) >= least,
    [id, step],
  );
  return Number(await chart(page, id).getAttribute("data-last-step"));
}

export { chart };

/** Opens a browser, runs the scenario, and sees to it that the page never complained. */
export async function play(run, options = {}) {
  const browser = await chromium.launch({ executablePath: given.chromium, args: FLAGS });
  const context = await browser.newContext({
    viewport: { width: given.width ?? 1440, height: given.height ?? 900 },
    colorScheme: given.theme ?? "light",
    reducedMotion: "reduce",
    acceptDownloads: true,
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(watchShifts);
  const complaints = [];
  context.on("page", (page) => {
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      // The browser itself reports each answer that is an error; the scenario knows which it asked for.
      const network = message.text().startsWith("Failed to load resource");
      if (["error", "warning"].includes(message.type()) && !network) complaints.push(message.text());
    });
  });
  const page = await context.newPage();
  try {
    const found = await run({ page, context, browser });
    assert.deepEqual(complaints, [], "the console must stay empty");
    writeFileSync(given.result, JSON.stringify(found ?? {}));
  } catch (error) {
    const picture = `${given.folder}/failure.png`;
    await page.screenshot({ path: picture }).catch(() => undefined);
    console.error(error, "\nat", page.url(), "\nconsole:", complaints, "\npicture:", picture);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}
