// A job's page → take its encoder → choose among the tasks that fit → a refusal at its field → the new job says where it began.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const picture = (page, name) => page.screenshot({ path: `${given.folder}/${name}.png`, fullPage: true });

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/jobs/${given.job}`);
  await page.getByRole("button", { name: "Fork" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Changes to the spec").waitFor();
  await dialog.getByLabel(/Take its encoder/).check();
  await dialog.getByLabel("Changes to the spec").waitFor({ state: "detached" });
  await assertFits(page);
  await picture(page, "dialog");
  await dialog.getByRole("button", { name: "Choose the task" }).click();

  const origin = `encoder of step ${given.step} of ${given.title}`;
  await page.getByRole("link", { name: origin }).waitFor();
  await page.getByText("Ready to run").waitFor();
  const task = page.locator("select#task");
  const kinds = await task.locator("option").evaluateAll((options) => options.map(({ value }) => value));
  assert.ok(["masked_autoencoder", "rotation", "colorization"].every((kind) => kinds.includes(kind)), kinds.join());
  assert.ok(!kinds.some((kind) => ["gan", "masked_lm", "wav2vec2"].includes(kind)), kinds.join());
  assert.equal(await page.getByRole("group", { name: "Start from" }).count(), 0, "a recipe is no start from a checkpoint");

  await task.selectOption("colorization");
  await page.locator('[data-path="data.image.channels"] .field-error', { hasText: "encoder is made for 3" }).waitFor();
  await assertFits(page);
  await picture(page, "refused");

  await task.selectOption("rotation");
  await page.getByText("Ready to run").waitFor();
  assert.equal(await page.locator('[data-path="start.scope"] select').inputValue(), "encoder");
  await picture(page, "form");
  await page.getByRole("button", { name: "Start the job" }).click();

  await page.waitForURL(/\/jobs\/job_/);
  await page.getByRole("link", { name: origin }).waitFor();
  await page.getByRole("link", { name: "Events" }).first().waitFor();
  await assertFits(page);
  await picture(page, "job");
  return { job: new URL(page.url()).pathname.split("/")[2] };
});
