// Pretrain → fine-tune by the checkpoint's button → the confusion matrix → an answer in the playground → the checkpoint as a zip.
import assert from "node:assert/strict";
import { assertFits, chartReaches, given, haveSession, play } from "./browser.mjs";

await play(async ({ page, context }) => {
  await haveSession(context);
  const keep = async (name) => {
    await assertFits(page);
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({ path: `${given.folder}/${name}.png`, fullPage: true });
  };
  const fill = (path, text) => page.locator(`[data-path="${path}"] input`).fill(text);
  const tab = (name) => page.getByRole("navigation", { name: "Job" }).getByRole("link", { name }).click();
  const succeed = async (steps) => {
    await page.getByText("Ready to run").waitFor();
    await page.getByRole("button", { name: "Start the job" }).click();
    await page.waitForURL(/\/jobs\/job_/);
    await page.getByText("Succeeded", { exact: true }).first().waitFor();
    assert.equal(await chartReaches(page, steps), steps);
  };

  await page.goto(`${given.url}/datasets/${given.dataset}`);
  await page.getByRole("heading", { name: "Classes" }).waitFor();
  await keep("1-dataset");
  await page.getByRole("link", { name: "Train on this" }).click();
  await page.getByRole("button", { name: /Smoke test/ }).click();
  await fill("name", "questions, pretrained");
  await succeed(60);
  await keep("2-pretrained");

  await tab(/^Checkpoints/);
  await page.getByRole("link", { name: /^Fine-tune the checkpoint of step 60/ }).click();
  await page.getByRole("link", { name: "encoder of step 60 of questions, pretrained" }).waitFor();
  assert.equal(await page.locator("select#task").inputValue(), "text_classification");
  await fill("training.steps", "60");
  await page.getByText("Ready to run").waitFor();
  await keep("3-form");
  await succeed(60);
  await page.getByRole("link", { name: "encoder of step 60 of questions, pretrained" }).waitFor();
  await page.getByRole("button", { name: "Did pretraining help?" }).waitFor();
  await keep("4-fine-tuned");

  await tab("Reports");
  await page.getByRole("img", { name: /Confusion matrix of 3 classes/ }).waitFor();
  await page.getByRole("img", { name: /Reliability diagram/ }).waitFor();
  await keep("5-reports");

  await tab("Try it out");
  await page.getByLabel("Text").fill(given.question);
  await page.getByRole("button", { name: "Classify", exact: true }).last().click();
  const rows = page.getByRole("region", { name: "Result" }).getByRole("listitem");
  await rows.nth(given.classes.length - 1).waitFor();
  await keep("6-answer");
  const first = (await rows.first().innerText()).split("\n").filter(Boolean);

  await tab(/^Checkpoints/);
  await keep("7-checkpoints");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: /as a zip/ }).first().click(),
  ]);
  const zip = `${given.folder}/checkpoint.zip`;
  await download.saveAs(zip);
  return { zip, best: first[0], share: parseFloat(first.at(-1)) / 100 };
});
