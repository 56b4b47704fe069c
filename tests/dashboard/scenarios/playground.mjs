// A mask filled → a text continued as it comes → an image reconstructed → its neighbours → images generated → a refusal.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

await play(async ({ page, context }) => {
  await haveSession(context);
  const result = page.getByRole("region", { name: "Result" });
  const keep = async (name) => {
    await assertFits(page);
    await page.screenshot({ path: `${given.folder}/${name}.png`, fullPage: true });
  };

  await page.goto(`${given.url}/jobs/${given.masked}/checkpoints`);
  await page.getByRole("link", { name: /^Try out the checkpoint of step/ }).first().click();
  await page.getByLabel("Text").fill("The [MASK] statement returns a [MASK].");
  await page.getByRole("button", { name: "Fill a mask", exact: true }).last().click();
  await result.getByRole("listitem").nth(4).waitFor();
  assert.equal(await result.getByRole("group", { name: "Mask" }).getByRole("button").count(), 2);
  await keep("fill-mask");

  await page.getByLabel("Text").fill("no mask");
  await page.getByRole("button", { name: "Fill a mask", exact: true }).last().click();
  await result.getByRole("alert").getByText("mask_missing").waitFor();
  await keep("refused");

  await page.getByRole("button", { name: "Nearest neighbours" }).first().click();
  await page.getByLabel("Text").fill("A statement returns a value.");
  await page.getByRole("button", { name: "Nearest neighbours" }).last().click();
  await result.getByText("samples of the dataset were searched").waitFor();
  await keep("neighbours-text");

  await page.goto(`${given.url}/jobs/${given.causal}/playground`);
  await page.getByLabel("Seed").fill("3");
  await page.getByLabel("Temperature").fill("1.2");
  await page.getByRole("button", { name: "Continue a text", exact: true }).last().click();
  await result.getByText(/tokens; the/).waitFor();
  const written = await result.locator("mark").innerText();
  assert.ok(written.length > 0);
  await keep("continue");

  await page.goto(`${given.url}/jobs/${given.image}/playground`);
  await page.locator("input[type=file]").setInputFiles(given.picture);
  await page.getByRole("button", { name: "Reconstruct an image", exact: true }).last().click();
  await result.getByAltText("reconstruction").waitFor();
  assert.equal(await result.getByRole("img").count(), 3);
  await keep("reconstruct");
  await page.getByRole("button", { name: "Nearest neighbours" }).first().click();
  await page.getByRole("button", { name: "Nearest neighbours" }).last().click();
  await result.getByText("samples of the dataset were searched").waitFor();
  await keep("neighbours-image");

  await page.goto(`${given.url}/jobs/${given.gan}/playground`);
  await page.getByRole("button", { name: "Generate images", exact: true }).click();
  await result.getByAltText("15").waitFor();
  await keep("generate");
  return { written };
});
