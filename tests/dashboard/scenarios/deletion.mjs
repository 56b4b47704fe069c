// See what the storage holds → delete a checkpoint → be refused the newest of a job that waits → give a job more time → delete jobs.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const picture = (page, name) =>
  page.screenshot({ path: `${given.folder}/${name}.png`, fullPage: true });
const toast = (page, text) => page.getByText(text).first().waitFor();

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/datasets`);
  const storage = page.getByRole("region", { name: "Storage" });
  await storage.getByText("Checkpoints").waitFor();
  await storage.getByText(/of 20.0 GB/).waitFor();
  const before = await storage.innerText();
  await assertFits(page);
  await picture(page, "usage");

  await page.goto(`${given.url}/jobs/${given.job}/checkpoints`);
  const rows = page.locator(".checkpoint");
  await rows.nth(1).waitFor();
  const kept = await rows.count();
  await rows.nth(1).locator(".checkpoint-toggle").click();
  await rows
    .nth(1)
    .getByRole("button", { name: "Delete", exact: true })
    .click();
  await page
    .getByRole("dialog")
    .getByText(/are freed for good/)
    .waitFor();
  await assertFits(page);
  await picture(page, "delete-checkpoint");
  await page.getByRole("button", { name: "Delete the checkpoint" }).click();
  await toast(page, /Deleted the checkpoint of step/);
  await page.waitForFunction(
    (count) => document.querySelectorAll(".checkpoint").length === count,
    kept - 1,
  );

  await page.goto(`${given.url}/jobs/${given.paused}/checkpoints`);
  await page.getByText("There is no room here.").waitFor();
  await page.getByText("quota_exceeded").waitFor();
  await assertFits(page);
  await picture(page, "paused");
  await page
    .locator(".checkpoint")
    .first()
    .getByRole("button", { name: "Delete", exact: true })
    .click();
  await page.getByRole("button", { name: "Delete the checkpoint" }).click();
  await toast(page, /its newest checkpoint/);

  await page.goto(`${given.url}/jobs/${given.late}`);
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  const field = page.getByLabel(/Seconds in all attempts/);
  assert.equal(await field.inputValue(), "0.002");
  await field.fill("0");
  await page.getByText(/More than the/).waitFor();
  await field.fill("");
  await assertFits(page);
  await picture(page, "more-time");
  await page
    .getByRole("dialog")
    .getByRole("button", { name: "Retry", exact: true })
    .click();
  await toast(page, /Back in the queue/);

  await page.goto(`${given.url}/jobs/${given.job}`);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page
    .getByRole("dialog")
    .getByText(/go for good/)
    .waitFor();
  await assertFits(page);
  await picture(page, "delete-job");
  await page.getByRole("button", { name: "Delete the job" }).click();
  await toast(page, /Deleted “/);
  await page.waitForURL(`${given.url}/jobs`);
  return { before };
});
