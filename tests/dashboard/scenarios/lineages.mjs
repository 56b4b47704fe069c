// A job's spec → a new lineage of three stages → its page while the stages run → the forgetting matrix, there and on the job's page.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const picture = (page, name) => page.screenshot({ path: `${given.folder}/${name}.png`, fullPage: true });

/** Fits into a telephone's window too, where nothing leaves its cell or its card. */
async function assertNarrow(page) {
  const wide = page.viewportSize();
  await assertFits(page);
  await page.setViewportSize({ width: 375, height: 800 });
  await assertFits(page);
  const beyond = await page.evaluate(() => {
    const right = (element) => element.getBoundingClientRect().right;
    const parts = document.querySelectorAll(".table-stages td > *, .lineage-datasets li, .stage-list li");
    return [...parts].filter((part) => right(part) > right(part.parentElement) + 1).map((part) => part.outerHTML);
  });
  assert.deepEqual(beyond, []);
  await page.setViewportSize(wide);
}

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/jobs/${given.job}/spec`);
  await page.getByRole("link", { name: "New lineage from this" }).click();
  await page.getByRole("heading", { name: "Stages" }).waitFor();
  const next = page.locator("#add-stage");
  for (const dataset of given.datasets.slice(1)) await next.selectOption(dataset);
  await page.getByRole("button", { name: "Move stage 3 up" }).click();
  await page.getByRole("button", { name: "Move stage 2 down" }).click();
  assert.equal(await page.locator(".lineage-datasets li").count(), 3);
  await page.getByLabel("Replay").uncheck();
  await page.getByLabel("Learning without forgetting").check();
  await page.getByLabel("Name", { exact: true }).fill("three subjects, and a name that takes two lines");
  await assertNarrow(page);
  await picture(page, "new");
  await page.getByRole("button", { name: "Submit 3 stages" }).click();

  await page.waitForURL(/\/lineages\/lin_/);
  const rows = page.locator(".table-stages tbody tr");
  await rows.nth(2).getByText("Waiting").waitFor();
  assert.equal(await rows.count(), 3);
  await rows.nth(1).getByText("Running").waitFor();
  await page.locator("td.forgetting-own").first().filter({ hasText: /\d/ }).waitFor();
  await picture(page, "running");
  await page.locator(".lineage-facts").getByText("Succeeded").waitFor();
  await page.locator("td.forgetting-own").nth(2).filter({ hasText: /\d/ }).waitFor();
  const cells = page.locator(".forgetting-matrix tbody tr:not(.forgetting-fresh) td");
  const matrix = await cells.allInnerTexts();
  assert.equal(matrix.length, 9);
  assert.equal(matrix.filter((text) => /^\d/.test(text)).length, 8, matrix.join(" "));
  for (const title of ["Average", "Backward transfer", "Forward transfer", "Forgetting"])
    assert.match(
      await page.locator(".forgetting-tiles > div", { hasText: title }).first().innerText(),
      /[-+]?\d/,
    );
  await assertNarrow(page);
  await picture(page, "lineage");

  const before = await cells.first().innerText();
  await page.getByRole("combobox", { name: "Measure" }).selectOption("eval/loss");
  await page.waitForFunction(
    (was) => document.querySelector(".forgetting-matrix tbody td").textContent !== was,
    before,
  );
  await rows.nth(2).getByRole("link").last().click();
  await page.waitForURL(/\/jobs\/job_/);
  await page.getByRole("link", { name: "Stages" }).click();
  await page.locator("td.forgetting-own").nth(2).waitFor();
  const learned = await page.locator(".stage-list li > .name").allInnerTexts();
  await assertNarrow(page);
  await picture(page, "stages");
  await page.getByRole("link", { name: "The lineage of this stage" }).click();
  await page.waitForURL(/\/lineages\/lin_/);
  await page.getByRole("link", { name: "Lineages" }).first().click();
  await page.getByRole("link", { name: "three subjects" }).first().waitFor();
  await assertFits(page);
  await picture(page, "list");
  return { matrix, learned };
});
