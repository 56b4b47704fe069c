// A dataset's page → a new version with one file → what it added and all versions → the form of the job that goes on → that job.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const NARROW = { width: 375, height: 800 };

async function pictures(page, name) {
  const wide = page.viewportSize();
  for (const size of [wide, NARROW]) {
    await page.setViewportSize(size);
    await assertFits(page);
    await page.screenshot({ path: `${given.folder}/${name}-${size.width}.png`, fullPage: true });
  }
  await page.setViewportSize(wide);
}

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/datasets/${given.dataset}`);
  await page.getByText("Ready", { exact: true }).waitFor();
  assert.equal(await page.getByRole("heading", { name: "Versions" }).count(), 0, "there is one alone");
  await page.getByRole("button", { name: "Add a version" }).click();

  await page.getByText("Open", { exact: true }).first().waitFor();
  await page.getByText("Version 2", { exact: true }).first().waitFor();
  const complete = page.getByRole("button", { name: "Complete", exact: true });
  assert.equal(await complete.isDisabled(), true, "it has added nothing yet");
  assert.equal(await page.getByRole("button", { name: /^Remove / }).count(), 0, "a file of the parent stays");
  await page.getByLabel("Choose files").setInputFiles([given.same, given.more]);
  await page.getByText(/another name/).waitFor();
  await page.getByRole("button", { name: "Remove june.jsonl" }).waitFor();
  await pictures(page, "open");
  await complete.click();

  await page.getByText("Ready", { exact: true }).waitFor();
  await page.getByRole("heading", { name: "Versions" }).waitFor();
  const go = page.getByRole("link", { name: "New data came: continue" });
  await go.waitFor();
  await page.locator(".preview-head", { hasText: "june.jsonl" }).first().waitFor();
  const facts = await page.locator("dl.tiles").innerText();
  const rows = await page.locator(".versions tbody tr").allInnerTexts();
  await pictures(page, "version");
  const version = new URL(page.url()).pathname.split("/")[2];
  await go.click();

  await page.getByRole("link", { name: `from step ${given.step} of ${given.title}` }).waitFor();
  await page.getByText("Ready to run").waitFor();
  const files = page.locator('[data-path="data.files"]');
  assert.equal(await files.getByLabel("new", { exact: true }).isChecked(), true);
  assert.equal(await page.locator('[data-path="continual.replay.share"]').isVisible(), true);
  await pictures(page, "form");
  await page.getByRole("button", { name: "Start the job" }).click();
  await page.waitForURL(/\/jobs\/job_/);
  const job = new URL(page.url()).pathname.split("/")[2];

  await page.goto(`${given.url}/datasets/${given.dataset}`);
  await page.getByRole("link", { name: "Version 2" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "New data came: continue" }).count(), 0);
  await page.goto(`${given.url}/datasets`);
  await page.getByText("version 2", { exact: true }).first().waitFor();
  await pictures(page, "list");
  return { facts, rows, version, job };
});
