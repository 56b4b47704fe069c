// Estimate a job that is not submitted → look at a job's samples step by step → export its checkpoint → the service's state.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const picture = (page, name) => page.screenshot({ path: `${given.folder}/${name}.png`, fullPage: true });

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/jobs/new?from=${given.job}`);
  await page.getByText("Ready to run").waitFor();
  await page.getByRole("button", { name: "Estimate", exact: true }).click();
  await page.getByRole("button", { name: "Estimate again" }).waitFor();
  const result = page.locator(".estimate-result");
  assert.match(await result.innerText(), /Tokens\/s\s+[\d,]+/);
  assert.match(await result.innerText(), /Utilisation\s+[\d.]+%/);
  assert.match(await result.innerText(), /Fit at once\s+[\d,]+ samples/);
  await assertFits(page);
  await picture(page, "estimate");
  await page.getByRole("button", { name: "Preview", exact: true }).click();
  await page.getByRole("button", { name: "Preview again" }).waitFor();
  const previewed = page.locator(".preview-result");
  await previewed.locator("pre", { hasText: "── 4" }).waitFor();
  await page.getByLabel("Step to look at").fill("9");
  await page.getByLabel("Step to look at").press("Enter");
  await previewed.getByText("Step 9.").waitFor();
  await assertFits(page);
  await picture(page, "preview");
  await page.locator('[data-path="training.steps"] input').fill("13");
  for (const panel of [".estimate:not(.preview)", ".preview"])
    await page.locator(panel).getByText("Of the job before it was changed").waitFor();

  await page.goto(`${given.url}/jobs/${given.job}/samples`);
  // Beside what the task itself has shown.
  const text = page.locator(".sample", { hasText: "Continued text" }).locator("pre");
  const says = (step) => text.getByText(new RegExp(`^At step ${step} `)).waitFor();
  await page.locator(".sample", { hasText: "Continuations" }).waitFor();
  await page.locator(".samples-steps").getByText("3 of 3").waitFor();
  await page.waitForFunction(() => document.querySelector(".sample img")?.naturalWidth === 64);
  await says(12);
  const newest = await text.innerText();
  await assertFits(page);
  await picture(page, "samples");
  await page.getByRole("button", { name: "Earlier step" }).click();
  await page.locator(".samples-steps").getByText("2 of 3").waitFor();
  await page.getByRole("slider").press("Home");
  await page.locator(".samples-steps").getByText("1 of 3").waitFor();
  await says(4);
  const earlier = await text.innerText();

  await page.goto(`${given.url}/jobs/${given.job}/checkpoints`);
  await page.getByRole("button", { name: "Export as ONNX", exact: true }).click();
  const download = page.getByRole("link", { name: "Download the ONNX export", exact: true });
  await download.waitFor();
  await page.getByText(/computes the same to within/).waitFor();
  await assertFits(page);
  await picture(page, "export");
  const [saved] = await Promise.all([page.waitForEvent("download"), download.click()]);
  const zip = `${given.folder}/export.zip`;
  await saved.saveAs(zip);

  await page.getByRole("link", { name: "Events", exact: true }).click();
  await page.getByText("Checkpoint at step 12.").waitFor();
  assert.equal(await page.getByText("Sample at step").count(), 0, "samples have a tab of their own");

  await page.goto(`${given.url}/workers`);
  const service = page.locator(".system", { has: page.getByRole("heading", { name: "Service" }) });
  await service.getByText(/^\d+ queued, \d+ running, \d+ paused$/).waitFor();
  await service.getByText("Disk", { exact: true }).waitFor();
  const system = await service.innerText();
  await assertFits(page);
  await picture(page, "workers");
  return { newest, earlier, zip, system };
});
