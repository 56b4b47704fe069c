// A table that a wrong delimiter refuses → the right one, sent again → its text; an archive of images → what of it was not read.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 375, height: 800 };

async function look(page, name) {
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size);
    await assertFits(page);
    await page.screenshot({ path: `${given.folder}/${name}-${size.width}.png`, fullPage: true });
  }
}

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/datasets/new`);
  assert.equal(await page.getByLabel("Delimiter").count(), 0, "only where there is a table");
  await page.getByLabel("Choose files").setInputFiles(given.table);
  const delimiter = page.getByLabel("Delimiter");
  assert.equal(await delimiter.inputValue(), "", "the service detects it");
  await delimiter.selectOption({ label: "semicolon ;" });
  await page.getByLabel("Quotes").selectOption({ label: "none" });
  await look(page, "dialect");
  await page.getByRole("button", { name: "Upload 1 file" }).click();
  const refused = page.locator(".upload-failed");
  await refused.getByRole("alert").waitFor();
  assert.match(await refused.innerText(), /not stored[^]*2 fields and the header 1[^]*set `delimiter`/);
  await look(page, "refused");
  await delimiter.selectOption({ label: "tab" });
  await page.getByRole("button", { name: /^Try .* again$/ }).click();
  await page.getByRole("button", { name: "Complete with 1 file" }).click();
  await page.getByText("Ready", { exact: true }).waitFor();
  await page.getByText('"Lorem" ipsum; 0', { exact: true }).waitFor();
  await look(page, "table");
  const dataset = new URL(page.url()).pathname.split("/").at(-1);

  await page.goto(`${given.url}/datasets/new`);
  await page.getByLabel("Choose files").setInputFiles(given.images);
  await page.getByRole("radio", { name: "Images" }).and(page.locator(":checked")).waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Upload 1 file" }).click();
  await page.getByRole("button", { name: "Complete with 1 file" }).click();
  await page.getByText("Ready", { exact: true }).waitFor();
  await page.getByText(/Not read: .*2 \.docx/).waitFor();
  const notes = await page.locator(".notice-list").innerText();
  assert.match(notes, /train/, "what a class called train was taken for is told");
  await look(page, "archive");
  return { dataset, notes };
});
