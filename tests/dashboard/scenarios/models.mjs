// A folder with a pickle is refused → a model is uploaded → a job goes on with it.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/checkpoints`);
  const folder = page.getByLabel("Choose the folder of a model");
  await folder.setInputFiles(given.harmful);
  await page.getByRole("alert").getByText("a pickle can run any program").waitFor();
  await page.screenshot({ path: `${given.folder}/refused.png`, fullPage: true });
  await folder.setInputFiles(given.model);
  const row = page.getByRole("row", { name: /somebody/ }).first();
  await row.waitFor();
  await assertFits(page);
  const [name] = await row.locator("bdi").all();
  assert.ok((await name.boundingBox()).width > 100, "the name is read beside the buttons");
  await page.screenshot({ path: `${given.folder}/models.png`, fullPage: true });
  await row.getByRole("link", { name: "New job" }).click();
  await page.getByText("It goes on with the same task").waitFor();
  await assertFits(page);
  await page.goto(`${page.url()}&dataset=${given.dataset}`);
  await page.getByText("It goes on with the same task").waitFor();
  await page.getByLabel("Add tokens").fill("kubernetes\n<user>\n");
  await assertFits(page);
  await page.screenshot({ path: `${given.folder}/words.png`, fullPage: true });
  await page.getByRole("button", { name: "Start the job" }).click();
  await page.waitForURL(/\/jobs\/job_/);
  await page.getByText("the uploaded").waitFor();
  await page.screenshot({ path: `${given.folder}/job.png`, fullPage: true });
  const job = page.url().match(/job_[0-9a-z]+/)[0];
  assert.ok(job);
  return { job };
});
