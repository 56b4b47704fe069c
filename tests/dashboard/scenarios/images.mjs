// A folder of images → its page → every task's starting points → a job that shows pictures; and a dataset of recordings.
import assert from "node:assert/strict";
import { assertFits, chartReaches, given, haveSession, play } from "./browser.mjs";

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 400, height: 800 };

/** At both widths nobody scrolls sideways. */
async function look(page, name) {
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size);
    // Charts are drawn anew once they know their size.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await assertFits(page);
    await page.screenshot({ path: `${given.folder}/${name}-${size.width}.png`, fullPage: true });
  }
}

const isDrawn = (page, selector) =>
  page.waitForFunction((name) => document.querySelector(name)?.naturalWidth > 64, selector);

/** What the form would submit for each task that learns from the dataset, in each size. */
async function starts(page, dataset) {
  await page.goto(`${given.url}/jobs/new?dataset=${dataset}`);
  await page.getByRole("button", { name: "JSON" }).click();
  const select = page.locator("select#task");
  const kinds = await select
    .locator("optgroup")
    .first()
    .locator("option")
    .evaluateAll((options) => options.map((option) => option.value));
  const found = [];
  for (const kind of kinds) {
    await select.selectOption(kind);
    const cards = page.getByRole("group", { name: "Start from" }).getByRole("button");
    for (let card = 0; card < (await cards.count()); card += 1) {
      await cards.nth(card).click();
      assert.equal(await cards.nth(card).getAttribute("aria-pressed"), "true", `${kind}, start ${card}`);
      found.push(JSON.parse(await page.getByLabel("job as JSON", { exact: true }).innerText()));
    }
  }
  return found;
}

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/datasets/new`);
  await page.getByLabel("Choose a folder").setInputFiles(given.images);
  await page.getByRole("radio", { name: "Images" }).and(page.locator(":checked")).waitFor({ state: "attached" });
  await look(page, "new-dataset");
  await page.getByRole("button", { name: "Upload 1 file" }).click();
  await page.getByRole("button", { name: "Complete with 1 file" }).click();
  await page.getByText("Ready", { exact: true }).waitFor();
  const bars = page.locator(".bars").first();
  assert.match(await bars.innerText(), /bright\s+24\s+dark\s+24/, "folders are classes");
  await page.getByText("Not read: 1 .pdf").waitFor();
  await isDrawn(page, ".contact-sheet img");
  await look(page, "image-dataset");
  const images = new URL(page.url()).pathname.split("/").at(-1);

  await page.goto(`${given.url}/datasets/${given.audio}`);
  await page.getByRole("heading", { name: "Length of recordings" }).waitFor();
  assert.match(await page.locator(".tiles").innerText(), /Recordings\s+6[^]*Duration\s+3s/);
  await isDrawn(page, ".contact-sheet img");
  await look(page, "audio-dataset");

  const specs = [];
  for (const dataset of [given.text, images, given.audio]) specs.push(...(await starts(page, dataset)));

  // A text task is not left silently: an untouched start follows the dataset, a changed one is told not to fit.
  await page.goto(`${given.url}/jobs/new?dataset=${given.text}`);
  const task = page.locator("select#task");
  await page.locator('[data-path="dataset"] select').selectOption(images);
  assert.equal(await task.inputValue(), "contrastive");
  await page.goto(`${given.url}/jobs/new?dataset=${given.text}`);
  await page.locator('[data-path="training.steps"] input').fill("7");
  await page.locator('[data-path="dataset"] select').selectOption(images);
  assert.equal(await task.inputValue(), "masked_lm");
  await page.getByText(/Masked language model learns from text, and .* holds images/).waitFor();
  await page.getByRole("button", { name: "Start with Contrastive learning" }).click();
  assert.equal(await task.inputValue(), "contrastive");

  await task.selectOption("masked_autoencoder");
  await page.getByRole("button", { name: /Smoke test/ }).click();
  for (const [field, value] of Object.entries({ steps: 6, batch_size: 8, evaluate_every: 3 }))
    await page.locator(`[data-path="training.${field}"] input`).fill(String(value));
  await page.locator('[data-path="name"] input').fill("painted in");
  await page.locator(".estimates > div", { hasText: /Images read\s*48/ }).waitFor();
  await page.getByText("Ready to run").waitFor();
  await look(page, "new-image-job");
  await page.getByRole("button", { name: "Start the job" }).click();
  await page.getByText("Succeeded", { exact: true }).first().waitFor();
  assert.equal(await chartReaches(page, 6), 6);
  await chartReaches(page, 6, "health/rankme");
  await chartReaches(page, 6, "probe/linear_accuracy");
  await page.getByRole("heading", { name: "Representation" }).waitFor();
  assert.equal(await page.locator('[data-chart="tokens_per_s"]').count(), 0, "images are no tokens");
  assert.match(await page.locator(".tiles").innerText(), /Images seen\s+48/);
  await look(page, "image-job");
  await page.getByRole("link", { name: "Samples", exact: true }).click();
  await page.getByText("Original, what the network sees, reconstruction").waitFor();
  await isDrawn(page, ".sample img");
  await look(page, "image-samples");
  return { specs };
});
