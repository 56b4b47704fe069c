// A job on images that is not submitted → what its network would see → one picture closely → another step.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/jobs/new?from=${given.job}`);
  await page.getByText("Ready to run").waitFor();
  await page.getByRole("button", { name: "Preview", exact: true }).click();
  await page.getByRole("button", { name: "Preview again" }).waitFor();
  const shown = page.locator(".preview-thing img");
  // Two rows of four images, each pixel four by four.
  await page.waitForFunction(() => document.querySelector(".preview-thing img")?.naturalWidth === 2 + 4 * 66);
  assert.match(await shown.getAttribute("alt"), /^Image masked: what the networks see of 4 samples at step 1$/);
  assert.equal(await shown.evaluate((image) => getComputedStyle(image).imageRendering), "pixelated");
  const first = await shown.getAttribute("src");
  await assertFits(page);
  await page.screenshot({ path: `${given.folder}/preview.png`, fullPage: true });
  await page.getByTitle("Look closer").click();
  await page.getByRole("dialog").locator(".preview-large").waitFor();
  await page.screenshot({ path: `${given.folder}/closer.png` });
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByLabel("Step to look at").fill("2");
  await page.getByLabel("Step to look at").press("Enter");
  await page.locator(".preview-result").getByText("Step 2;").waitFor();
  await page.waitForFunction((was) => document.querySelector(".preview-thing img")?.getAttribute("src") !== was, first);
  assert.equal(new URL(page.url()).pathname, "/jobs/new", "Enter previews, and submits nothing");
  return { first: `${given.url}${first}`, second: `${given.url}${await shown.getAttribute("src")}` };
});
