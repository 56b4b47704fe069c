// Evaluate a checkpoint from the dashboard → read its report → print it → tables and pictures of a classifier's job.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const picture = (page, name) => page.screenshot({ path: `${given.folder}/${name}.png`, fullPage: true });

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/jobs/${given.job}/checkpoints`);
  await page.getByRole("button", { name: "Evaluate", exact: true }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Samples").selectOption("all");
  await dialog.getByLabel("Compare with the checkpoint").fill(given.against);
  await picture(page, "evaluate");
  await dialog.getByRole("button", { name: "Evaluate", exact: true }).click();
  await page.waitForURL(/\/evaluations\/eval_/);
  await page.getByRole("heading", { name: "Language model" }).waitFor();
  const language = await page.locator(".evaluation-section").first().innerText();
  assert.match(language, /Every one of [\d,]+ tokens/);
  assert.match(language, /Bits per byte/);
  await assertFits(page);
  await picture(page, "report");
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("header.top").isVisible(), false);
  assert.equal(await page.getByRole("button", { name: "Print" }).isVisible(), false);
  await picture(page, "printed");
  await page.emulateMedia({ media: "screen" });

  await page.goto(`${given.url}/jobs/${given.job}/reports`);
  await page.getByRole("img", { name: /Confusion matrix of/ }).waitFor();
  await page.getByRole("img", { name: /Reliability diagram/ }).waitFor();
  await page.waitForFunction(() => document.querySelector(".mistakes img")?.naturalWidth > 0);
  const sound = page.locator(".mistakes audio").first();
  await sound.evaluate((audio) => audio.play());
  await page.waitForFunction(() => document.querySelector(".mistakes audio").duration > 0.4);
  await assertFits(page);
  await picture(page, "reports");
  if (given.further) {
    for (const title of [
      "Predicted against true",
      "By type of entity",
      "Worst sentences",
      "Worst transcripts",
    ])
      await page.locator("figcaption", { hasText: title }).waitFor();
    assert.match(
      await page.locator(".report", { hasText: "Predicted against true" }).innerText(),
      /R²\s*0\.\d/,
    );
    assert.equal(await page.locator(".scatter-point").count(), 40);
    const marks = page.locator(".sentences mark");
    assert.deepEqual(await marks.evaluateAll((all) => all.map((mark) => mark.className)), [
      "span-right",
      "span-wrong",
      "span-right",
    ]);
    const wrong = await page.locator(".alignment .word-wrong").allInnerTexts();
    assert.deepEqual(
      wrong.map((word) => word.replace(/[\u2068\u2069]/g, "")),
      ["cat", "–", "hat", "down"],
    );
  }
  await page.locator(".report", { hasText: "Confusion matrix" }).getByRole("button").click();
  await page.getByRole("columnheader", { name: "True class" }).waitFor();
  await assertFits(page);
  await picture(page, "reports-table");
  return { language };
});
