// The form of a fine-tuning job: choose what is trained, see the share that is, a refusal at its field; a pretraining task asks nothing.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const picture = (page, name) => page.screenshot({ path: `${given.folder}/${name}.png`, fullPage: true });

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/jobs/new?dataset=${given.dataset}`);
  const task = page.locator("select#task");
  const method = page.locator("select#adaptation");
  await task.selectOption("masked_autoencoder");
  await page.getByText("Ready to run").waitFor();
  assert.equal(await method.count(), 0, "a pretraining task trains its whole network");

  await task.selectOption("image_classification");
  await method.waitFor();
  await page.getByText("Ready to run").waitFor();
  assert.equal(await method.inputValue(), "full");
  const names = await method.locator("option").allTextContents();
  assert.deepEqual(names, ["Full", "Frozen", "Gradual", "LoRA", "IA³", "Adapters"]);
  await method.selectOption("lora");
  await page.getByText("% trained").waitFor();
  await page.getByLabel("Rank").fill("4");
  await page.getByText("Ready to run").waitFor();
  await assertFits(page);
  await picture(page, "lora");

  await page.getByLabel("Targets").fill('["querry"]');
  await page.locator('[data-path="adaptation.targets"] .field-error', { hasText: "matches no map" }).waitFor();
  await assertFits(page);
  await picture(page, "refused");

  await method.selectOption("gradual");
  await page.locator('[data-path="adaptation.unfreeze"]').waitFor();
  await page.getByLabel("Unfreeze").fill('[{"step": 0, "blocks": 0}, {"step": 10, "blocks": 1}]');
  await page.getByText("Ready to run").waitFor();
  await assertFits(page);
  await picture(page, "gradual");
});
