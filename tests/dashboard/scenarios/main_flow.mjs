// Upload → submit → the curve grows live → the checkpoint, with a pointer.
import assert from "node:assert/strict";
import { assertFits, chartReaches, given, play, sha256, signIn } from "./browser.mjs";

await play(async ({ page }) => {
  await signIn(page);
  await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
  await assertFits(page);

  await page.getByRole("link", { name: "Datasets" }).click();
  await page.getByRole("link", { name: /New dataset|Upload files/ }).first().click();
  await page.getByLabel("Choose files").setInputFiles(given.corpus);
  await page.getByLabel("Name").fill(`docs at ${given.width}`);
  await assertFits(page);
  await page.getByRole("button", { name: "Upload 1 file" }).click();
  await page.getByRole("button", { name: "Complete with 1 file" }).click();

  await page.getByText("Ready", { exact: true }).waitFor();
  await page.getByText("document 1").first().waitFor();
  await page.getByRole("heading", { name: "Length of documents" }).waitFor();
  await assertFits(page);

  await page.getByRole("link", { name: "Train on this" }).click();
  await page.getByRole("button", { name: /Smoke test/ }).click();
  await page.locator('[data-path="name"] input').fill(`smoke at ${given.width}`);
  await page.locator('[data-path="training.steps"] input').fill("40");
  await page.getByText("Ready to run").waitFor();
  assert.match(await page.locator(".estimates").innerText(), /Parameters\s+[\d.,]+/);
  await assertFits(page);
  await page.getByRole("button", { name: "Start the job" }).click();

  await page.getByRole("heading", { name: `smoke at ${given.width}` }).waitFor();
  const first = await chartReaches(page, 1);
  const later = await chartReaches(page, first + 1);
  assert.ok(later > first, "the curve grows without a reload");
  await page.getByText("Succeeded", { exact: true }).first().waitFor();
  assert.equal(await chartReaches(page, 40), 40);
  await assertFits(page);

  await page.getByRole("link", { name: /^Checkpoints/ }).click();
  const file = page.locator(".files li", { hasText: "model.safetensors" });
  await file.waitFor();
  await assertFits(page);
  const expected = await file.locator(".files-hash").getAttribute("title");
  const model = await save(page, () => file.getByRole("link").click(), "model.safetensors");
  assert.equal(sha256(model), expected);
  const zip = await save(page, () => page.getByRole("link", { name: /as a zip/ }).click(), "checkpoint.zip");
  for (const tab of ["Events", "Log", "Spec"]) {
    await page.getByRole("link", { name: tab, exact: true }).click();
    await assertFits(page);
  }
  return { zip, model: expected };
});

async function save(page, click, name) {
  const [download] = await Promise.all([page.waitForEvent("download"), click()]);
  const path = `${given.folder}/${name}`;
  await download.saveAs(path);
  return path;
}
