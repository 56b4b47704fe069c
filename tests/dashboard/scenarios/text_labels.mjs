// A table with classes and a file with tags of words → classes with counts and examples, tags, the split that the files bring.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 375, height: 800 };

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/datasets/new`);
  await page
    .getByLabel("Choose files")
    .setInputFiles([given.table, given.tagged]);
  await page.getByRole("button", { name: "Upload 2 files" }).click();
  await page.getByRole("button", { name: "Complete with 2 files" }).click();
  await page.getByText("Ready", { exact: true }).waitFor();
  await page.getByRole("heading", { name: "Classes" }).waitFor();
  await page.getByRole("heading", { name: "Tags of words" }).waitFor();
  for (const summary of await page
    .locator("summary", { hasText: "Examples of each" })
    .all())
    await summary.click();
  const text = await page.locator("section.stack").first().innerText();
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size);
    await assertFits(page);
    await page.screenshot({
      path: `${given.folder}/labels-${size.width}.png`,
      fullPage: true,
    });
  }
  assert.match(text, /Of the column label\. 1 document without a class\./);
  assert.match(text, /scheme IOB2/);
  return { text };
});
